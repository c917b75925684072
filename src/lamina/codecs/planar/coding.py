# SPDX-License-Identifier: Apache-2.0
"""Parts <-> units: the walk over groups, layers and frames. What is inside a layer's payload is its packing's business.

Units leave group by group, in a group layer by layer, in a layer frame by frame; so the encoder holds one group.
The decoder
takes any order in which a layer's frames come one after the other and a level's layers from the base up.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace

from lamina.bitstream.integers import canonical_integers
from lamina.bitstream.placing import placed_in_unit
from lamina.codecs.planar.model import FramePart, PlanarModel
from lamina.codecs.planar.packing import LayerState, packing_of
from lamina.codecs.planar.syntax import PlanarHeader
from lamina.errors import BitstreamError
from lamina.metrics.psnr import finite_db
from lamina.units import HEADER_LAYER, STREAM_GROUP, STREAM_HEADER, Unit, UnitKey


def encode(parts: Iterable[FramePart]) -> Iterator[Unit]:
    """Header unit, then each group's units, as soon as a group ends."""
    group: list[FramePart] = []
    for part in parts:
        if part.frame == 0:
            yield Unit(STREAM_HEADER, part.header.pack())
        if group and part.group != group[0].group:
            yield from encode_group(group)
            group = []
        group.append(part)
        if part.ends_group:
            yield from encode_group(group)
            group = []
    if group:
        yield from encode_group(group)


def encode_group(parts: list[FramePart]) -> Iterator[Unit]:
    """Units of one group, layer by layer."""
    header = parts[0].header
    packing = packing_of(header.method)
    for layer in range(header.levels):
        previous: LayerState | None = None
        for part in parts:
            state = part.layers[layer]
            reference = None if part.is_key else previous
            payload = packing.encode_layer(header, state, reference, part.layers[:layer])
            yield Unit(UnitKey(part.group, layer, part.frame), payload, finite_db(part.quality_db[layer]))
            previous = state


@dataclass
class DecoderState:
    """What a decoder remembers: the header, and the newest group's layers."""

    header: PlanarHeader
    group: int = -1
    layers: dict[tuple[int, int], LayerState] = field(default_factory=dict)
    """(frame, layer) -> state, of the newest group."""

    def enter(self, group: int) -> None:
        """Forgets the group before."""
        if group != self.group:
            self.group = group
            self.layers = {}


def decode_states(units: Iterable[Unit]) -> Iterator[tuple[PlanarHeader, UnitKey, tuple[LayerState, ...]]]:
    """Units -> header, key, and the layers 0..l of that frame.

    Raises:
        BitstreamError: a payload is damaged, or what it needs has not come.
    """
    memory: DecoderState | None = None
    for unit in units:
        if unit.key == STREAM_HEADER:
            memory = DecoderState(PlanarHeader.unpack(unit.payload)[0])
            continue
        if memory is None:
            raise BitstreamError("a layer came before the stream's header unit", str(unit.key))
        if unit.key.group == STREAM_GROUP or unit.key.layer == HEADER_LAYER:
            raise BitstreamError("a planar stream has one header unit, and no groups of another kind", str(unit.key))
        memory.enter(unit.key.group)
        with placed_in_unit(unit.key):
            states = decode_unit(memory, unit)
        yield memory.header, unit.key, states


def decode_unit(memory: DecoderState, unit: Unit) -> tuple[LayerState, ...]:
    """Decodes one unit and remembers its layer."""
    _, layer, frame = unit.key
    header = memory.header
    if layer >= header.levels:
        raise BitstreamError(f"the stream's header says {header.levels} layers", str(unit.key))
    below = tuple(memory.layers[frame, lower] for lower in range(layer) if (frame, lower) in memory.layers)
    if len(below) < layer:
        raise BitstreamError(f"layer {len(below)} of this frame is missing", str(unit.key))
    previous = memory.layers.get((frame - 1, layer))
    state = packing_of(header.method).decode_layer(header, unit.payload, previous, below)
    memory.layers[frame, layer] = state
    return (*below, state)


def decode(units: Iterable[Unit]) -> Iterator[PlanarModel]:
    """A complete model after each unit that refines a frame."""
    for header, key, states in decode_states(units):
        yield PlanarModel(header, key.frame, states)


def integers(units: Iterable[Unit]) -> Iterator[tuple[UnitKey, bytes]]:
    """The integers of each unit in one canonical spelling: the same bytes on every machine."""
    for _, key, states in decode_states(units):
        yield key, canonical_integers(states[-1].integers)


def fingerprint(state: LayerState) -> str:
    """SHA-256 of the canonical spelling of its integers."""
    return hashlib.sha256(canonical_integers(state.integers)).hexdigest()


def with_header(part: FramePart, header: PlanarHeader) -> FramePart:
    """The same part under another header."""
    return replace(part, header=header)
