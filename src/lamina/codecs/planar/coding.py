# SPDX-License-Identifier: Apache-2.0
"""Parts <-> units: the walk over groups, layers and frames. What is inside a layer's payload is its method's business.

Units leave group by group, in a group layer by layer, in a layer frame by frame; so the encoder holds one group.
The decoder
takes any order in which a layer's frames come one after the other and a level's layers from the base up.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace

import torch

from lamina.bitstream.integers import canonical_integers
from lamina.codec import HEADER_LAYER, Unit, UnitKey
from lamina.codecs.planar.method import Method
from lamina.codecs.planar.model import FramePart, LayerState, PlanarModel
from lamina.codecs.planar.syntax import MethodId, PlanarHeader
from lamina.errors import BitstreamError

HIGHEST_QUALITY_DB = 100.0
"""What a picture without any error is said to have, here as in `metrics.finite_db`."""


def method_of(method: MethodId) -> Method:
    """The functions behind a method's number."""
    if method == MethodId.LATTICE:
        from lamina.codecs.planar.lattice.method import METHOD

        return METHOD
    from lamina.codecs.planar.pgsvc.method import METHOD as PGSVC

    return PGSVC


def encode(parts: Iterable[FramePart]) -> Iterator[Unit]:
    """Header unit, then each group's units."""
    group: list[FramePart] = []
    for part in parts:
        if part.frame == 0:
            yield Unit(UnitKey(0, HEADER_LAYER, 0), part.header.pack())
        if group and part.group != group[0].group:
            yield from encode_group(group)
            group = []
        group.append(part)
    if group:
        yield from encode_group(group)


def encode_group(parts: list[FramePart]) -> Iterator[Unit]:
    """Units of one group, layer by layer."""
    header = parts[0].header
    method = method_of(header.method)
    for layer in range(header.levels):
        previous: LayerState | None = None
        for part in parts:
            state = part.layers[layer]
            reference = None if part.is_key else previous
            payload = method.encode_layer(header, state, reference, part.layers[:layer])
            yield Unit(UnitKey(part.group, layer, part.frame), payload, min(part.quality_db[layer], HIGHEST_QUALITY_DB))
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
        if unit.key.layer == HEADER_LAYER:
            memory = DecoderState(PlanarHeader.unpack(unit.payload)[0])
            continue
        if memory is None:
            raise BitstreamError("a layer came before the stream's header unit", str(unit.key))
        memory.enter(unit.key.group)
        try:
            states = decode_unit(memory, unit)
        except BitstreamError as error:
            if not error.unit.startswith("group"):
                error.problem = f"{error.unit or 'payload'}{'.' + error.field if error.field else ''}: {error.problem}"
                error.unit, error.field = str(unit.key), ""
            raise
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
    state = method_of(header.method).decode_layer(header, unit.payload, previous, below)
    memory.layers[frame, layer] = state
    return (*below, state)


def decode(units: Iterable[Unit]) -> Iterator[PlanarModel]:
    """A complete model after each unit that refines a frame."""
    for header, key, states in decode_states(units):
        yield model_of(header, key.frame, states)


def model_of(header: PlanarHeader, frame: int, states: tuple[LayerState, ...]) -> PlanarModel:
    """Decoded layers -> something that renders."""
    level = len(states) - 1
    level_width, level_height = header.level_size(level)
    return PlanarModel(
        frame=frame,
        level=level,
        width=header.width,
        height=header.height,
        level_width=level_width,
        level_height=level_height,
        gaussians=method_of(header.method).gaussians(header, states),
        background=torch.tensor(header.background, dtype=torch.float32) / 255.0,
    )


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
