# SPDX-License-Identifier: Apache-2.0
"""What tools ask of scene units without decoding them: facts of the header, where the bytes of a unit go. No torch."""

from __future__ import annotations

from collections.abc import Mapping

from lamina.anchors.breakdown import layer_bytes, network_bytes
from lamina.anchors.syntax import LayerHead
from lamina.codec import StreamInfo
from lamina.codecs.scene.syntax import SceneFacts
from lamina.units import STREAM_GROUP, STREAM_HEADER, QualityMetric, SeenBy, Unit


def inspect(payload: bytes) -> StreamInfo:
    """Header unit -> facts.

    Raises:
        BitstreamError: the header is damaged.
    """
    facts, _ = SceneFacts.unpack(payload)
    anchors, shape = facts.anchors, facts.anchors.context
    inputs = {
        "parent": shape.uses_parent,
        "neighbors": shape.uses_neighbors,
        "hash grid": shape.uses_hash_grid,
        "own channels": shape.is_chained or shape.feature_groups > 1,
    }
    box = f"a box of side {anchors.side:g}"
    if anchors.radius is not None:
        box += f", contracted beyond {anchors.radius:.3g} from the cameras' middle"
    details: dict[str, object] = {
        "features": anchors.feature_count,
        "Gaussians per anchor": f"up to {anchors.offset_count}",
        "tree": f"depths {anchors.base_depth}...{anchors.base_depth + anchors.layer_count} of {box}",
        "predicted from": ", ".join(name for name, is_used in inputs.items() if is_used) or "nothing",
        "background": "#{:02x}{:02x}{:02x}".format(*facts.background),
    }
    return StreamInfo(
        "scene",
        facts.width,
        facts.height,
        anchors.layers,
        SeenBy.CAMERA,
        quality_metric=QualityMetric.VIEW_PSNR,
        details=details,
    )


def anchor_count(unit: Unit) -> int:
    """Anchors of a layer's unit.

    Raises:
        BitstreamError: its head is damaged.
    """
    return LayerHead.unpack(unit.payload)[0].count


def breakdown(header_payload: bytes, unit: Unit) -> Mapping[str, int]:
    """Bytes of the tree, features, networks, ... of a unit; they sum to its payload's length.

    Inside a layer's stream the split is the encoder's measurement.

    Raises:
        BitstreamError: the unit's head is damaged.
    """
    del header_payload
    if unit.key == STREAM_HEADER:
        _, end = SceneFacts.unpack(unit.payload)
        return network_bytes(unit.payload, end)
    if unit.key.group == STREAM_GROUP:
        return {"cameras": len(unit.payload)}
    return layer_bytes(unit.payload)
