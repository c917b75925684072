# SPDX-License-Identifier: Apache-2.0
"""What tools ask of head units without decoding them: facts of the header, where bytes go. No torch."""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction

from lamina.codec import StreamInfo
from lamina.codecs.head.syntax import SHARES, HeadFacts, LayerHead, RunHead
from lamina.units import STREAM_GROUP, STREAM_HEADER, QualityMetric, SeenBy, Unit


def inspect(payload: bytes) -> StreamInfo:
    """Header unit -> facts.

    Raises:
        BitstreamError: the header is damaged.
    """
    facts = HeadFacts.unpack_whole(payload)
    details: dict[str, object] = {
        "Gaussians": f"{sum(facts.mesh_counts)} on the head, {sum(facts.free_counts)} beside it",
        "moved by": f"pose, gaze, {facts.torso} components of the torso, {facts.dimensions} of expressions",
        "focal length": f"{facts.focal_px:.0f} px",
        "mean head": facts.template.hex(),
    }
    return StreamInfo(
        "talking head",
        facts.width,
        facts.height,
        facts.layers,
        SeenBy.SIZE,
        Fraction(facts.rate_numerator, facts.rate_denominator),
        QualityMetric.FRAME_PSNR,
        has_cameras=True,
        details=details,
    )


def breakdown(header_payload: bytes, unit: Unit) -> Mapping[str, int]:
    """Bytes of the head, what is behind it, motion, ... of a unit; they sum to its payload's length.

    Raises:
        BitstreamError: the unit's head is damaged.
    """
    del header_payload
    if unit.key == STREAM_HEADER:
        return {"headers": len(unit.payload)}
    if unit.key.group == STREAM_GROUP:
        head, end = LayerHead.unpack(unit.payload)
        still = len(head.background) + len(head.background_header)
        stream = len(unit.payload) - end
        free = stream * head.free_share // SHARES
        headers = end - still - len(head.tracker)
        return {
            "headers": headers, "background": still, "tracker": len(head.tracker), "on the head": stream - free,
            "beside the head": free,
        }  # fmt: skip
    _, end = RunHead.unpack(unit.payload)
    return {"headers": end, "motion": len(unit.payload) - end}
