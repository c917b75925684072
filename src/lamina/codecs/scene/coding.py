# SPDX-License-Identifier: Apache-2.0
"""Parts <-> units: one header unit with all networks, then one unit a layer, base first.

    header unit    facts · generators · context networks · hash grid        header_coding.py
    layer unit     tree · masks · features · scalings · offsets             layer_coding.py

Level l needs the header unit and layers 0...l, and nothing else.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np
from jaxtyping import Float32

from lamina.anchors.anchors import Anchors
from lamina.bitstream.integers import canonical_integers
from lamina.codec import HEADER_LAYER, Unit, UnitKey
from lamina.codecs.scene.header_coding import SceneHeader, pack_header, unpack_header
from lamina.codecs.scene.layer_coding import decode_layer, encode_layer
from lamina.codecs.scene.model import SceneLayer, SceneModel, ScenePart, anchors_of, heads_of, missing_of
from lamina.errors import BitstreamError

HIGHEST_QUALITY_DB = 100.0
"""What a picture without any error is said to have, here as in `metrics.finite_db`."""


def encode(parts: Iterable[ScenePart]) -> Iterator[Unit]:
    """Header unit, then a unit a layer."""
    for part in parts:
        yield Unit(UnitKey(0, HEADER_LAYER, 0), pack_header(part.facts, part.heads, part.context))
        for layer, state in enumerate(part.layers):
            payload = encode_layer(part.facts, part.context, state, part.layers[:layer])
            quality_db = part.quality_db[layer]
            yield Unit(
                UnitKey(0, layer, 0), payload, None if quality_db is None else min(quality_db, HIGHEST_QUALITY_DB)
            )


def decode_states(units: Iterable[Unit]) -> Iterator[tuple[SceneHeader, UnitKey, tuple[SceneLayer, ...]]]:
    """Units -> header, key, and the layers 0..l.

    Raises:
        BitstreamError: a payload is damaged, or what it needs has not come.
    """
    header: SceneHeader | None = None
    layers: tuple[SceneLayer, ...] = ()
    for unit in units:
        if unit.key.layer == HEADER_LAYER:
            header, layers = unpack_header(unit.payload), ()
            continue
        if header is None:
            raise BitstreamError("a layer came before the stream's header unit", str(unit.key))
        layers = (*needed(header, unit.key, layers), decoded(header, unit, layers[: unit.key.layer]))
        yield header, unit.key, layers


def needed(header: SceneHeader, key: UnitKey, layers: tuple[SceneLayer, ...]) -> tuple[SceneLayer, ...]:
    """The layers below a unit's.

    Raises:
        BitstreamError: one has not come, or the stream has no such layer.
    """
    if key.group or key.frame:
        raise BitstreamError("a scene has one group and one frame", str(key))
    if key.layer >= header.facts.layers:
        raise BitstreamError(f"the stream's header says {header.facts.layers} layers", str(key))
    if len(layers) < key.layer:
        raise BitstreamError(f"layer {len(layers)} is missing", str(key))
    return layers[: key.layer]


def decoded(header: SceneHeader, unit: Unit, below: tuple[SceneLayer, ...]) -> SceneLayer:
    """One layer; errors name the unit.

    Raises:
        BitstreamError: the payload is damaged.
    """
    try:
        return decode_layer(header.facts, header.context, unit.payload, below)
    except BitstreamError as error:
        error.problem = f"{error.unit or 'payload'}{'.' + error.field if error.field else ''}: {error.problem}"
        error.unit, error.field = str(unit.key), ""
        raise


def decode(units: Iterable[Unit]) -> Iterator[SceneModel]:
    """A complete model after each layer."""
    anchors: tuple[Anchors, ...] = ()
    missing: tuple[Float32[np.ndarray, " m"], ...] = ()
    for header, key, layers in decode_states(units):
        anchors = (*anchors[: key.layer], anchors_of(header.facts, key.layer, layers[-1]))
        missing = (*missing[: key.layer], missing_of(header.facts, layers))
        yield SceneModel(header.facts, heads_of(header.facts, header.heads), anchors, missing)


def model_of(part: ScenePart) -> SceneModel:
    """What decoding all of a part's units gives."""
    anchors = tuple(anchors_of(part.facts, layer, state) for layer, state in enumerate(part.layers))
    missing = tuple(missing_of(part.facts, part.layers[: level + 1]) for level in range(len(part.layers)))
    return SceneModel(part.facts, heads_of(part.facts, part.heads), anchors, missing)


def integers(units: Iterable[Unit]) -> Iterator[tuple[UnitKey, bytes]]:
    """The integers of each unit in one canonical spelling: the same bytes on every machine."""
    for _, key, layers in decode_states(units):
        state = layers[-1]
        names = ("indices", "goes_on", "masks", "symbols", "values")
        arrays = {name: getattr(state, name) for name in names}
        yield key, canonical_integers(arrays)
