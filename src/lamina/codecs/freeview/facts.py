# SPDX-License-Identifier: Apache-2.0
"""What tools ask of freeview units without decoding them: facts of the header, where bytes go. No torch."""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction

from lamina.anchors.breakdown import layer_bytes, network_bytes
from lamina.codec import StreamInfo
from lamina.codecs.freeview.networked.syntax import NetworkedHead, Representation
from lamina.codecs.freeview.syntax import CameraSection, FreeviewFacts, MotionHead
from lamina.units import STREAM_GROUP, STREAM_HEADER, QualityMetric, SeenBy, Unit


def inspect(payload: bytes) -> StreamInfo:
    """Header unit -> facts.

    Raises:
        BitstreamError: the header is damaged.
    """
    facts, _ = FreeviewFacts.unpack(payload)
    anchors = facts.anchors
    details: dict[str, object] = {
        "features": anchors.feature_count,
        "Gaussians per anchor": f"up to {anchors.offset_count}",
        "tree": f"depths {anchors.base_depth}...{anchors.base_depth + anchors.layer_count} of a box of side "
        f"{anchors.side:g}",
        "moved by": _movers(facts),
        "nearest": f"{facts.near:.3g} world units",
        "background": "#{:02x}{:02x}{:02x}".format(*facts.background),
    }
    return StreamInfo(
        "free view",
        facts.width,
        facts.height,
        anchors.layers,
        SeenBy.CAMERA,
        Fraction(facts.rate_numerator, facts.rate_denominator),
        QualityMetric.VIEW_PSNR,
        details=details,
    )


def _movers(facts: FreeviewFacts) -> str:
    """What carries motion."""
    if facts.networks is None:
        return ", ".join([*(f"cells of depth {depth}" for depth in facts.motion.depths), "anchors"])
    kinds = {
        Representation.POINTS: f"latents of {len(facts.networks.grid_sizes) + 1} scales",
        Representation.TRIPLANE: "a tri-plane",
        Representation.HASH_GRID: "a hash grid",
    }
    return f"{kinds[facts.networks.representation]} and networks of {facts.networks.network_bits} bits"


def breakdown(header_payload: bytes, unit: Unit) -> Mapping[str, int]:
    """Bytes of the networks, tree, motion, ... of a unit; they sum to its payload's length.

    Raises:
        BitstreamError: the unit's head is damaged.
    """
    if unit.key == STREAM_HEADER:
        _, end = FreeviewFacts.unpack(unit.payload)
        return network_bytes(unit.payload, end)
    if unit.key.group == STREAM_GROUP:
        cameras, start = 0, 0
        if unit.key.layer == 0:
            section, start = CameraSection.unpack(unit.payload)
            cameras = len(section.cameras)
        parts = layer_bytes(unit.payload, start)
        return {"cameras": cameras, **parts, "headers": parts["headers"] - cameras}
    if FreeviewFacts.unpack(header_payload)[0].has_networks:
        networked, end = NetworkedHead.unpack(unit.payload)
        parts = {"networks": len(networked.networks), "tables": len(networked.tables)}
        return {"headers": end - sum(parts.values()), **parts, "latents": len(unit.payload) - end}
    head, end = MotionHead.unpack(unit.payload)
    guests = {"births": len(head.births or b""), "guest motion": len(head.guest_motion or b"")}
    motion = "key motion" if head.is_absolute else "motion"
    return {"headers": end - sum(guests.values()), motion: len(unit.payload) - end, **guests}
