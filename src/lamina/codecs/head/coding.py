# SPDX-License-Identifier: Apache-2.0
"""Parts <-> units: the head's layers once, then runs of frames, a unit a layer. Integers only; no torch here."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

import numpy as np
from jaxtyping import Int32

from lamina.bitstream.integers import canonical_integers
from lamina.bitstream.placing import placed_in_unit
from lamina.codecs.head.attributes import joined, pack_gaussians, unpack_gaussians
from lamina.codecs.head.background import StillLayer, integers_of, still_of
from lamina.codecs.head.columns import column_layers
from lamina.codecs.head.model import Head, HeadModel, HeadPart, LayerState, RunPart
from lamina.codecs.head.networked.sections import pack_network, unpack_network
from lamina.codecs.head.networked.syntax import NetworkHead
from lamina.codecs.head.networked.values import named_arrays
from lamina.codecs.head.parameters import pack_run, unpack_run
from lamina.codecs.head.person import unpack_person
from lamina.codecs.head.syntax import SHARES, HeadFacts, LayerHead, RunHead
from lamina.data.faces.template import face_template
from lamina.errors import BitstreamError
from lamina.metrics.psnr import finite_db
from lamina.units import HEADER_LAYER, STREAM_GROUP, STREAM_HEADER, Unit, UnitKey


def encode(parts: Iterable[HeadPart | RunPart]) -> Iterator[Unit]:
    """Header unit and layers of the head, then a unit a layer for each run."""
    for part in parts:
        yield from encode_head(part) if isinstance(part, HeadPart) else encode_run(part)


def encode_head(part: HeadPart) -> Iterator[Unit]:
    """What is sent once."""
    yield Unit(STREAM_HEADER, part.facts.pack())
    for number, layer in enumerate(part.layers):
        below = joined(tuple(other.gaussians for other in part.layers[:number]))
        stream, share = pack_gaussians(part.facts, layer.gaussians, below)
        still = layer.background
        head = LayerHead(False, round(SHARES * share), still.codec, still.header, still.payload, layer.tracker)
        own = b""
        if part.facts.network is not None and layer.network is not None:
            own = pack_network(part.facts.network, layer.network).pack()
        yield Unit(UnitKey(STREAM_GROUP, number, 0), head.pack() + own + stream)


def encode_run(part: RunPart) -> Iterator[Unit]:
    """A unit a layer."""
    head = RunHead(False, part.scale, len(part.values)).pack()
    for layer, columns in enumerate(column_layers(part.facts.torso, part.facts.dimensions, part.facts.layers)):
        payload = head + pack_run(part.facts, columns, part.values[:, columns.start : columns.stop])
        quality_db = part.quality_db[layer]
        measured = None if quality_db is None else finite_db(quality_db)
        yield Unit(UnitKey(part.group, layer, part.frame), payload, measured, len(part.values))


@dataclass(frozen=True, eq=False)
class RunState:
    """What is known of a run."""

    values: Int32[np.ndarray, "t c"]
    """All columns; those of layers that have not come are 0."""
    scale: int
    layers: int
    """That have come."""


@dataclass(eq=False)
class Decoder:
    """What a decoder has: the head, and of the newest run the columns that have come."""

    head: Head
    group: int = -1
    runs: dict[int, RunState] = field(default_factory=dict)
    """Of the newest group, by first frame."""

    @classmethod
    def opened(cls, payload: bytes) -> Decoder:
        """From a header unit.

        Raises:
            BitstreamError: it is damaged, of another version, or of a template that is not here.
        """
        facts = HeadFacts.unpack_whole(payload)
        if facts.template != face_template().digest:
            raise BitstreamError(
                f"made for the mean head {facts.template.hex()}, this lamina has {face_template().digest.hex()}: "
                "upgrade lamina",
                "head facts",
                "template",
            )
        return cls(Head(facts, ()))

    def take_layer(self, key: UnitKey, payload: bytes) -> LayerState:
        """A layer of the head.

        Raises:
            BitstreamError: it is damaged, or the one below has not come.
        """
        facts = self.head.facts
        if key.frame or not 0 <= key.layer < facts.layers:
            raise BitstreamError(f"the stream's header says {facts.layers} layers", str(key))
        below = self.head.layers[: key.layer]
        if len(below) < key.layer:
            raise BitstreamError(f"layer {len(below)} of the head is missing", str(key))
        head, end = LayerHead.unpack(payload)
        known = joined(tuple(layer.gaussians for layer in below))
        network = None
        if facts.network is not None:
            network_head, end = NetworkHead.unpack(payload, end)
            network = unpack_network(facts.network, network_head, facts.mesh_counts[0], facts.dimensions)
            unpack_person(head.tracker)
        gaussians = unpack_gaussians(facts, key.layer, payload[end:], known)
        still = StillLayer(head.background_codec, head.background_header, head.background)
        state = LayerState(gaussians, still, head.tracker, network)
        still_of(tuple(layer.background for layer in (*below, state)))
        self.head = Head(facts, (*below, state))
        return state

    def take_run(self, unit: Unit) -> RunState:
        """A layer of a run.

        Raises:
            BitstreamError: it is damaged, or what it needs has not come.
        """
        key, facts = unit.key, self.head.facts
        if not 0 <= key.layer < facts.layers or key.group < 0:
            raise BitstreamError(f"the stream's header says {facts.layers} layers", str(key))
        if len(self.head.layers) <= key.layer:
            raise BitstreamError(f"layer {len(self.head.layers)} of the head is missing", str(key))
        if key.group != self.group:
            self.group, self.runs = key.group, {}
        head, end = RunHead.unpack(unit.payload)
        if head.frames != unit.frame_count:
            raise BitstreamError(f"a run of {head.frames} frames in a unit of {unit.frame_count}", str(key))
        below = self.runs.get(key.frame)
        if key.layer and (below is None or below.layers < key.layer):
            raise BitstreamError("the layer below is missing", str(key))
        if key.layer == 0 or below is None:
            below = RunState(np.zeros((head.frames, facts.columns), np.int32), head.scale, 0)
        if len(below.values) != head.frames or below.scale != head.scale:
            raise BitstreamError("another count of frames or scale than the layer below", str(key))
        columns = column_layers(facts.torso, facts.dimensions, facts.layers)[key.layer]
        values = below.values.copy()
        values[:, columns.start :] = 0
        values[:, columns.start : columns.stop] = unpack_run(facts, columns, head.frames, unit.payload[end:])
        self.runs[key.frame] = RunState(values, head.scale, key.layer + 1)
        return self.runs[key.frame]


def decode_states(units: Iterable[Unit]) -> Iterator[tuple[Unit, Decoder, LayerState | RunState]]:
    """What is known after each unit but the header.

    Raises:
        BitstreamError: a payload is damaged, or what it needs has not come.
    """
    decoder: Decoder | None = None
    for unit in units:
        if unit.key == STREAM_HEADER:
            decoder = Decoder.opened(unit.payload)
            continue
        if decoder is None:
            raise BitstreamError("a unit came before the stream's header unit", str(unit.key))
        if unit.key.layer == HEADER_LAYER:
            raise BitstreamError("a head stream has one header unit", str(unit.key))
        with placed_in_unit(unit.key):
            if unit.key.group == STREAM_GROUP:
                state = decoder.take_layer(unit.key, unit.payload)
            else:
                state = decoder.take_run(unit)
        yield unit, decoder, state


def decode(units: Iterable[Unit]) -> Iterator[HeadModel]:
    """A complete model of each frame after each unit of its run."""
    for unit, decoder, state in decode_states(units):
        if isinstance(state, RunState):
            head = decoder.head.at(unit.key.layer)
            for number, values in enumerate(state.values):
                yield HeadModel(head, unit.key.frame + number, values, state.scale)


def integers(units: Iterable[Unit]) -> Iterator[tuple[UnitKey, bytes]]:
    """The integers of each unit in one canonical spelling: the same bytes on every machine."""
    for unit, decoder, state in decode_states(units):
        if isinstance(state, RunState):
            yield unit.key, canonical_integers({"values": state.values, "scale": np.array([state.scale], np.int32)})
            continue
        still = integers_of(decoder.head.background)
        own = {} if state.network is None else named_arrays(state.network)
        named = {"mesh": state.gaussians.mesh, "free": state.gaussians.free, "still": np.frombuffer(still, np.uint8)}
        yield unit.key, canonical_integers(named | own | {"tracker": np.frombuffer(state.tracker, np.uint8)})
