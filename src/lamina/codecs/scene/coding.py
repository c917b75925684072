# SPDX-License-Identifier: Apache-2.0
"""Parts <-> units: one header unit with all networks, one of cameras, then one unit a layer, base first.

    stream header      facts · generators · context networks · hash grid     anchors/coding/networks.py
    stream layer 0     cameras for viewers; nothing is decoded by them        cameras/coding.py
    layer unit         tree · masks · features · scalings · offsets           anchors/coding/layer.py

Level l needs the header unit and layers 0...l of group 0, and nothing else.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float32

from lamina.anchors.anchors import Anchors
from lamina.anchors.coding.layer import decode_layer, encode_layer
from lamina.anchors.coding.networks import pack_networks, unpack_networks
from lamina.anchors.context.fixed import FixedContext
from lamina.anchors.layers import AnchorLayer, Generators, anchors_of, heads_of, missing_of
from lamina.bitstream.integers import canonical_integers
from lamina.bitstream.placing import placed_in_unit
from lamina.cameras.camera import Camera
from lamina.cameras.coding import pack_cameras, unpack_cameras
from lamina.codecs.scene.model import SceneModel, ScenePart
from lamina.codecs.scene.syntax import SceneFacts
from lamina.errors import BitstreamError
from lamina.metrics.psnr import finite_db
from lamina.units import STREAM_GROUP, STREAM_HEADER, QualityMetric, SeenBy, StreamFacts, Unit, UnitKey

WIRE_ID = 2
"""Number of the codec in a container's header."""

CAMERAS = UnitKey(STREAM_GROUP, 0, 0)
"""Key of the unit of cameras."""


@dataclass(frozen=True, eq=False)
class SceneHeader:
    """What every layer needs."""

    facts: SceneFacts
    heads: Generators
    context: FixedContext


def stream_facts(facts: SceneFacts) -> StreamFacts:
    """What the container says of any scene."""
    del facts
    return StreamFacts(WIRE_ID, SeenBy.CAMERA, None, QualityMetric.VIEW_PSNR)


def encode(parts: Iterable[ScenePart]) -> Iterator[Unit]:
    """Header unit, cameras if there are any, then a unit a layer."""
    for part in parts:
        header = part.facts.pack() + pack_networks(part.facts.anchors, part.heads, part.context)
        yield Unit(STREAM_HEADER, header)
        if part.cameras:
            yield Unit(CAMERAS, pack_cameras(part.cameras))
        for layer, state in enumerate(part.layers):
            payload = encode_layer(part.facts.anchors, part.context, state, part.layers[:layer])
            quality_db = part.quality_db[layer]
            yield Unit(UnitKey(0, layer, 0), payload, None if quality_db is None else finite_db(quality_db))


def unpack_header(payload: bytes) -> SceneHeader:
    """The header unit's payload as a record.

    Raises:
        BitstreamError: it is damaged, or of another version.
    """
    facts, end = SceneFacts.unpack(payload)
    heads, context = unpack_networks(facts.anchors, payload[end:])
    return SceneHeader(facts, heads, context)


@dataclass(frozen=True, eq=False)
class Decoded:
    """What a decoder has after a unit."""

    header: SceneHeader
    key: UnitKey
    payload: bytes
    """Of the unit that came last."""
    cameras: tuple[Camera, ...] = ()
    layers: tuple[AnchorLayer, ...] = ()


def decode_states(units: Iterable[Unit]) -> Iterator[Decoded]:
    """What is known after each unit but the header.

    Raises:
        BitstreamError: a payload is damaged, or what it needs has not come.
    """
    state: Decoded | None = None
    for unit in units:
        if unit.key == STREAM_HEADER:
            state = Decoded(unpack_header(unit.payload), unit.key, unit.payload)
            continue
        if state is None:
            raise BitstreamError("a unit came before the stream's header unit", str(unit.key))
        with placed_in_unit(unit.key):
            if unit.key == CAMERAS:
                state = replace(state, key=unit.key, payload=unit.payload, cameras=unpack_cameras(unit.payload))
            else:
                below = needed(state.header, unit.key, state.layers)
                layer = decode_layer(state.header.facts.anchors, state.header.context, unit.payload, below)
                state = replace(state, key=unit.key, payload=unit.payload, layers=(*below, layer))
        yield state


def needed(header: SceneHeader, key: UnitKey, layers: tuple[AnchorLayer, ...]) -> tuple[AnchorLayer, ...]:
    """The layers below a unit's.

    Raises:
        BitstreamError: one has not come, or the stream has no such layer.
    """
    if key.group or key.frame or key.layer < 0:
        raise BitstreamError("a scene has one group without a header unit, and one frame", str(key))
    if key.layer >= header.facts.anchors.layers:
        raise BitstreamError(f"the stream's header says {header.facts.anchors.layers} layers", str(key))
    if len(layers) < key.layer:
        raise BitstreamError(f"layer {len(layers)} is missing", str(key))
    return layers[: key.layer]


def decode(units: Iterable[Unit]) -> Iterator[SceneModel]:
    """A complete model after each layer."""
    anchors: tuple[Anchors, ...] = ()
    missing: tuple[Float32[np.ndarray, " m"], ...] = ()
    for state in decode_states(units):
        facts = state.header.facts
        if state.key == CAMERAS:
            continue
        layer = state.key.layer
        anchors = (*anchors[:layer], anchors_of(facts.anchors, layer, state.layers[-1]))
        missing = (*missing[:layer], missing_of(facts.anchors, state.layers))
        yield SceneModel(facts, heads_of(facts.anchors, state.header.heads), anchors, missing, state.cameras)


def model_of(part: ScenePart) -> SceneModel:
    """What decoding all of a part's units gives."""
    facts = part.facts.anchors
    anchors = tuple(anchors_of(facts, layer, state) for layer, state in enumerate(part.layers))
    missing = tuple(missing_of(facts, part.layers[: level + 1]) for level in range(len(part.layers)))
    return SceneModel(part.facts, heads_of(facts, part.heads), anchors, missing, part.cameras)


def integers(units: Iterable[Unit]) -> Iterator[tuple[UnitKey, bytes]]:
    """The integers of each unit in one canonical spelling: the same bytes on every machine."""
    for state in decode_states(units):
        if state.key == CAMERAS:
            yield state.key, canonical_integers({"payload": np.frombuffer(state.payload, np.uint8)})
            continue
        layer = state.layers[-1]
        # Digests are of these names too: they never change, whatever the fields are called.
        named = {"indices": layer.indices, "goes_on": layer.has_children, "masks": layer.masks}
        yield state.key, canonical_integers(named | {"symbols": layer.symbols, "values": layer.values})
