# SPDX-License-Identifier: Apache-2.0
"""Parts <-> units: the scene at rest once, layer by layer; then a unit a (frame, layer).

    stream header          facts · generators · context networks         anchors/coding/networks.py
    stream layer l         (cameras ·) tree, masks, attributes           anchors/coding/layer.py
    group g, frame, l      guests · differences of scale l               frame_coding.py

Level l of a frame needs layers 0...l of the stream group and of its own frame, and those of all frames back to an
absolute one. Nothing else: a level has no drift that depends on levels above it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from lamina.anchors.coding.layer import decode_layer, encode_layer
from lamina.anchors.coding.networks import pack_networks, unpack_networks
from lamina.anchors.context.fixed import FixedContext
from lamina.bitstream.integers import canonical_integers
from lamina.bitstream.placing import placed_in_unit
from lamina.cameras.coding import pack_cameras, unpack_cameras
from lamina.codecs.freeview.frame_coding import ScaleState, pack_scale, unpack_scale
from lamina.codecs.freeview.model import FirstPart, FrameModel, FramePart, FreeviewModel, NetworkedPart
from lamina.codecs.freeview.networked.frame_coding import pack_frame
from lamina.codecs.freeview.networked.frames import NetworkedFrames, NetworkedState
from lamina.codecs.freeview.rest import Rest
from lamina.codecs.freeview.syntax import CameraSection, FreeviewFacts
from lamina.errors import BitstreamError
from lamina.metrics.psnr import finite_db
from lamina.units import STREAM_GROUP, STREAM_HEADER, GroupFacts, QualityMetric, SeenBy, StreamFacts, Unit, UnitKey

WIRE_ID = 3
"""Number of the codec in a container's header."""


def stream_facts(facts: FreeviewFacts) -> StreamFacts:
    """What the container says of a stream."""
    rate = Fraction(facts.rate_numerator, facts.rate_denominator)
    return StreamFacts(WIRE_ID, SeenBy.CAMERA, rate, QualityMetric.VIEW_PSNR)


def encode(parts: Iterable[FirstPart | FramePart | NetworkedPart]) -> Iterator[Unit]:
    """Header unit and layers of the first frame, then a unit a scale for each frame."""
    for part in parts:
        if isinstance(part, FirstPart):
            yield from encode_first(part)
        elif isinstance(part, FramePart):
            yield from encode_frame(part)
        else:
            yield encode_networked(part)


def encode_first(part: FirstPart) -> Iterator[Unit]:
    """What is sent once."""
    yield Unit(STREAM_HEADER, part.facts.pack() + pack_networks(part.facts.anchors, part.heads, part.context))
    for layer, state in enumerate(part.layers):
        payload = encode_layer(part.facts.anchors, part.context, state, part.layers[:layer])
        if layer == 0:
            payload = CameraSection(pack_cameras(part.cameras) if part.cameras else b"").pack() + payload
        yield Unit(UnitKey(STREAM_GROUP, layer, 0), payload)


def encode_frame(part: FramePart) -> Iterator[Unit]:
    """A unit a scale."""
    group, above = GroupFacts(is_chained=part.is_chained), None
    for scale, (changes, before) in enumerate(zip(part.changes, part.before, strict=True)):
        payload, above = pack_scale(part.rest, part.context, scale, changes, before, above)
        quality_db = part.quality_db[scale]
        key = UnitKey(part.group, scale, part.frame)
        yield Unit(key, payload, None if quality_db is None else finite_db(quality_db), group=group)


def encode_networked(part: NetworkedPart) -> Unit:
    """A unit a frame."""
    quality_db = None if part.quality_db is None else finite_db(part.quality_db)
    group = GroupFacts(is_chained=part.group > 0)
    return Unit(UnitKey(part.group, 0, part.frame), pack_frame(part.facts, part.changes), quality_db, group=group)


@dataclass(eq=False)
class CellFrames:
    """Of each scale the states of frames that are still needed."""

    states: list[dict[int, ScaleState]]
    """Of each scale, by frame."""
    groups: list[int]
    """Of each scale, the group that it is in."""

    @classmethod
    def of(cls, scales: int) -> CellFrames:
        """Before any frame."""
        return cls([{} for _ in range(scales)], [0] * scales)

    def take(self, rest: Rest, context: FixedContext, key: UnitKey, payload: bytes) -> ScaleState:
        """A scale of a frame.

        Raises:
            BitstreamError: it is damaged, or what it builds on has not come.
        """
        scale = key.layer
        if len(rest.layers) <= scale:
            raise BitstreamError(f"layer {len(rest.layers)} of the first frame is missing", str(key))
        above = self.states[scale - 1].get(key.frame) if scale else None
        if scale and above is None:
            raise BitstreamError("the layer below is missing", str(key))
        before = self.states[scale].get(key.frame - 1)
        state = unpack_scale(rest, context, scale, payload, before, above)
        self.states[scale][key.frame] = state
        self._forget(key)
        return state

    def _forget(self, key: UnitKey) -> None:
        """Of the unit's scale, what no unit needs any more: streams come group by group, in a group in any order.

        A finer scale may come after all frames of its group, so that a coarser one keeps these.
        """
        own = self.states[key.layer]
        if key.group != self.groups[key.layer] or key.layer == len(self.states) - 1:
            for old in [known for known in own if known < key.frame - 1]:
                del own[old]
        self.groups[key.layer] = key.group

    def model(self, rest: Rest, frame: int, level: int) -> FreeviewModel:
        """What is known of a frame."""
        states = tuple(self.states[scale][frame] for scale in range(level + 1))
        sums, guests = tuple(state.sums for state in states), tuple(state.guests for state in states)
        return FreeviewModel(rest, frame, level, sums, guests)


@dataclass(eq=False)
class Decoder:
    """What a decoder has: the scene at rest, and what is needed of frames."""

    facts: FreeviewFacts
    rest: Rest
    context: FixedContext
    frames: CellFrames | NetworkedFrames

    @classmethod
    def opened(cls, payload: bytes) -> Decoder:
        """From a header unit.

        Raises:
            BitstreamError: it is damaged, or of another version.
        """
        facts, end = FreeviewFacts.unpack(payload)
        heads, context = unpack_networks(facts.anchors, payload[end:])
        frames = CellFrames.of(facts.anchors.layers) if facts.networks is None else NetworkedFrames(facts.networks)
        return cls(facts, Rest(facts, heads, ()), context, frames)

    def take_layer(self, key: UnitKey, payload: bytes) -> None:
        """A layer of the first frame.

        Raises:
            BitstreamError: it is damaged, or the one below has not come.
        """
        if key.frame or not 0 <= key.layer < self.facts.anchors.layers:
            raise BitstreamError(f"the stream's header says {self.facts.anchors.layers} layers", str(key))
        below = self.rest.layers[: key.layer]
        if len(below) < key.layer:
            raise BitstreamError(f"layer {len(below)} of the first frame is missing", str(key))
        cameras = self.rest.cameras
        if key.layer == 0:
            section, end = CameraSection.unpack(payload)
            cameras = unpack_cameras(section.cameras) if section.cameras else ()
            payload = payload[end:]
        layer = decode_layer(self.facts.anchors, self.context, payload, below)
        self.rest = Rest(self.facts, self.rest.heads, (*below, layer), cameras)

    def take_frame(self, key: UnitKey, payload: bytes) -> ScaleState | NetworkedState:
        """A layer of a frame.

        Raises:
            BitstreamError: it is damaged, or what it builds on has not come.
        """
        if not 0 <= key.layer < self.facts.anchors.layers or key.group < 0:
            raise BitstreamError(f"the stream's header says {self.facts.anchors.layers} layers", str(key))
        if isinstance(self.frames, NetworkedFrames):
            return self.frames.take(self.rest, key, payload)
        return self.frames.take(self.rest, self.context, key, payload)

    def model(self, frame: int, level: int) -> FrameModel:
        """What is known of a frame."""
        return self.frames.model(self.rest, frame, level)


def decode_states(units: Iterable[Unit]) -> Iterator[tuple[Unit, Decoder, ScaleState | NetworkedState | None]]:
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
        with placed_in_unit(unit.key):
            state = None
            if unit.key.group == STREAM_GROUP:
                decoder.take_layer(unit.key, unit.payload)
            else:
                state = decoder.take_frame(unit.key, unit.payload)
        yield unit, decoder, state


def decode(units: Iterable[Unit]) -> Iterator[FrameModel]:
    """A complete model after each unit of a frame."""
    for unit, decoder, state in decode_states(units):
        if state is not None:
            yield decoder.model(unit.key.frame, unit.key.layer)


def integers(units: Iterable[Unit]) -> Iterator[tuple[UnitKey, bytes]]:
    """The integers of each unit in one canonical spelling: the same bytes on every machine."""
    for unit, decoder, state in decode_states(units):
        yield unit.key, canonical_integers(_integers_of(unit, decoder, state))


def _integers_of(unit: Unit, decoder: Decoder, state: ScaleState | NetworkedState | None) -> Mapping[str, np.ndarray]:
    if isinstance(state, NetworkedState):
        return state.integers
    layer = decoder.rest.layers[-1] if state is None else state.guests.layer
    named = {"indices": layer.indices, "masks": layer.masks, "values": layer.values}
    if state is not None:
        return named | {"differences": state.differences, "sums": state.sums, "guest_sums": state.guests.sums}
    cameras = CameraSection.unpack(unit.payload)[0].cameras if unit.key.layer == 0 else b""
    named |= {"has_children": layer.has_children, "symbols": layer.symbols}
    return named | {"cameras": np.frombuffer(cameras, np.uint8)}
