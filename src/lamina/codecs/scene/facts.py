# SPDX-License-Identifier: Apache-2.0
"""What tools ask of scene units without decoding them: facts of the header, where the bytes of a unit go. No torch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from lamina.codec import HEADER_LAYER, StreamInfo, Unit
from lamina.codecs.scene.syntax import SHARES, SceneFacts, SceneLayerHead, SceneNetworks

STREAM_PARTS = ("tree", "masks", "features", "scalings")
"""What a layer's stream holds, in order; offsets are the rest."""


def inspect(payload: bytes) -> StreamInfo:
    """Header unit -> facts.

    Raises:
        BitstreamError: the header is damaged.
    """
    facts, _ = SceneFacts.unpack(payload)
    shape = facts.context
    inputs = {
        "parent": shape.uses_parent,
        "neighbors": shape.uses_neighbors,
        "hash grid": shape.uses_hash_grid,
        "own channels": shape.is_chained or shape.feature_groups > 1,
    }
    box = f"a box of side {facts.side:g}"
    if facts.radius is not None:
        box += f", contracted beyond {facts.radius:.3g} from the cameras' middle"
    details: dict[str, object] = {
        "features": facts.feature_count,
        "Gaussians per anchor": f"up to {facts.offset_count}",
        "tree": f"depths {facts.base_depth}...{facts.base_depth + facts.layer_count} of {box}",
        "predicted from": ", ".join(name for name, is_used in inputs.items() if is_used) or "nothing",
        "background": "#{:02x}{:02x}{:02x}".format(*facts.background),
        "views": len(facts.views),
    }
    return StreamInfo("scene", facts.width, facts.height, facts.layers, None, details)


def anchor_count(unit: Unit) -> int:
    """Anchors of a layer's unit.

    Raises:
        BitstreamError: its head is damaged.
    """
    return SceneLayerHead.unpack(unit.payload)[0].count


def breakdown(header_payload: bytes, unit: Unit) -> Mapping[str, int]:
    """Bytes of the tree, features, networks, ... of a unit; they sum to its payload's length.

    Inside a layer's stream the split is the encoder's measurement.

    Raises:
        BitstreamError: the unit's head is damaged.
    """
    del header_payload
    if unit.key.layer == HEADER_LAYER:
        facts, end = SceneFacts.unpack(unit.payload)
        networks = SceneNetworks.unpack(unit.payload, end)[0]
        parts = {
            "views": end - replace(facts, views=()).size_bytes,
            "generators": len(networks.heads),
            "context networks": len(networks.context),
            "hash grid": len(networks.hash_grid),
        }
        return {"headers": len(unit.payload) - sum(parts.values()), **parts}
    head, end = SceneLayerHead.unpack(unit.payload)
    stream = len(unit.payload) - end
    parts = {name: stream * share // SHARES for name, share in zip(STREAM_PARTS, head.shares, strict=True)}
    return {"headers": end, **parts, "offsets": stream - sum(parts.values())}
