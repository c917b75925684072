# SPDX-License-Identifier: Apache-2.0
"""What tools ask of head units without decoding them: facts of the header, where bytes go. No torch."""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction

from lamina.codec import StreamInfo
from lamina.codecs.head.networked.syntax import NetworkHead
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
    if facts.network is not None:
        details["network"] = (
            f"{facts.network.hidden_layers} hidden layers of {facts.network.width}; parameters of "
            f"{facts.network.parameter_bits} bits"
        )
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
    if unit.key == STREAM_HEADER:
        return {"headers": len(unit.payload)}
    if unit.key.group == STREAM_GROUP:
        head, end = LayerHead.unpack(unit.payload)
        own: dict[str, int] = {}
        if HeadFacts.unpack(header_payload)[0].has_network:
            network, after = NetworkHead.unpack(unit.payload, end)
            own = {"on the head": len(network.attributes), "network": len(network.network)}
            end = after
        still = len(head.background) + len(head.background_header)
        stream = len(unit.payload) - end
        free = stream * head.free_share // SHARES if not own else stream
        headers = end - still - len(head.tracker) - own.get("on the head", 0) - own.get("network", 0)
        parts = {
            "headers": headers, "background": still, "tracker": len(head.tracker),
            "on the head": own.get("on the head", stream - free), "beside the head": free,
        }  # fmt: skip
        return parts | ({"network": own["network"]} if own else {})
    _, end = RunHead.unpack(unit.payload)
    return {"headers": end, "motion": len(unit.payload) - end}
