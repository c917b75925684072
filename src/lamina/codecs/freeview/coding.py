# SPDX-License-Identifier: Apache-2.0
"""Parts <-> units: the scene at rest once, layer by layer; then a unit a (frame, layer).

    stream header          facts · generators · context networks         anchors/coding/networks.py
    stream layer l         (cameras ·) tree, masks, attributes           anchors/coding/layer.py
    group g, frame, l      differences of scale l                        walk.py

Level l of a frame needs layers 0...l of the stream group and of its own frame, and those of all frames back to an
absolute one. Nothing else: a level has no drift that depends on levels above it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from fractions import Fraction

import numpy as np
from jaxtyping import Int32, UInt8

from lamina.anchors.coding.layer import decode_layer, encode_layer
from lamina.anchors.coding.networks import pack_networks, unpack_networks
from lamina.anchors.context.fixed import FixedContext
from lamina.bitstream.integers import canonical_integers
from lamina.bitstream.placing import placed_in_unit
from lamina.cameras.coding import pack_cameras, unpack_cameras
from lamina.codecs.freeview.model import FirstPart, FramePart, FreeviewModel
from lamina.codecs.freeview.motion import Sums, added
from lamina.codecs.freeview.rest import Rest
from lamina.codecs.freeview.syntax import CameraSection, FreeviewFacts, MotionHead
from lamina.codecs.freeview.walk import Memory, code_scale, fresh_memory
from lamina.entropy.walk import Coder, expect_end, open_reader, write_stream
from lamina.errors import BitstreamError
from lamina.metrics.psnr import finite_db
from lamina.units import STREAM_GROUP, STREAM_HEADER, GroupFacts, QualityMetric, SeenBy, StreamFacts, Unit, UnitKey

WIRE_ID = 3
"""Number of the codec in a container's header."""

UNIT = "frame"


def stream_facts(facts: FreeviewFacts) -> StreamFacts:
    """What the container says of a stream."""
    rate = Fraction(facts.rate_numerator, facts.rate_denominator)
    return StreamFacts(WIRE_ID, SeenBy.CAMERA, rate, QualityMetric.VIEW_PSNR)


def encode(parts: Iterable[FirstPart | FramePart]) -> Iterator[Unit]:
    """Header unit and layers of the first frame, then a unit a scale for each frame."""
    for part in parts:
        if isinstance(part, FirstPart):
            yield from encode_first(part)
        else:
            yield from encode_frame(part)


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
    group = GroupFacts(is_chained=part.is_chained)
    above, above_flags = no_cells(part.rest)
    for scale, differences in enumerate(part.differences):
        payload, above_flags, _ = pack_scale(
            part.rest, scale, differences, part.is_absolute, above, above_flags, part.memories[scale]
        )
        above = differences
        quality_db = part.quality_db[scale]
        key = UnitKey(part.group, scale, part.frame)
        yield Unit(key, payload, None if quality_db is None else finite_db(quality_db), group=group)


def no_cells(rest: Rest) -> tuple[Int32[np.ndarray, "0 c"], UInt8[np.ndarray, " 0"]]:
    """What is above the coarsest scale."""
    return np.zeros((0, rest.channels.count), np.int32), np.zeros(0, np.uint8)


def pack_scale(
    rest: Rest,
    scale: int,
    differences: Int32[np.ndarray, "n c"],
    is_absolute: bool,
    above: Int32[np.ndarray, "a c"],
    above_flags: UInt8[np.ndarray, " a"],
    memory: Memory,
) -> tuple[bytes, UInt8[np.ndarray, " n"], Memory]:
    """Payload of a unit, which groups its cells have, and what the coder knows afterwards."""
    own, sent, ranges = rest.hierarchy(scale).scales[scale], rest.is_sent(scale), rest.column_ranges(scale)
    found: list[tuple[UInt8[np.ndarray, " n"], Memory]] = []

    def walk(coder: Coder) -> None:
        found.append(code_scale(coder, memory.copied(), own, ranges, sent, above, above_flags, differences.copy()))

    stream = write_stream(walk)
    flags, after = found[-1]
    is_still = not flags.any()
    if is_absolute:
        after = after_absolute(rest, after)
    payload = MotionHead(False, is_absolute, is_still, 0).pack() + (b"" if is_still else stream)
    return payload, flags, memory_after_still(memory, is_absolute, rest) if is_still else after


def after_absolute(rest: Rest, memory: Memory) -> Memory:
    """What is known after a frame that begins anew: which cells had moved, and nothing of how."""
    fresh = fresh_memory(len(memory.history), rest.channels)
    return fresh._replace(history=memory.history & 1)


def memory_after_still(memory: Memory, is_absolute: bool, rest: Rest) -> Memory:
    """What is known after a frame in which nothing moved; contexts learn nothing from it."""
    if is_absolute:
        return fresh_memory(len(memory.history), rest.channels)
    return memory._replace(past=np.zeros_like(memory.past), history=memory.history << 1)


@dataclass(frozen=True, eq=False)
class ScaleState:
    """Of one scale after a frame."""

    frame: int
    sums: Sums
    differences: Int32[np.ndarray, "n c"]
    flags: UInt8[np.ndarray, " n"]
    memory: Memory


@dataclass(eq=False)
class Decoder:
    """What a decoder has: the scene at rest, and of each scale the states of frames that are still needed."""

    facts: FreeviewFacts
    rest: Rest
    context: FixedContext
    states: list[dict[int, ScaleState]] = field(default_factory=list)
    """Of each scale, by frame."""

    @classmethod
    def opened(cls, payload: bytes) -> Decoder:
        """From a header unit.

        Raises:
            BitstreamError: it is damaged, or of another version.
        """
        facts, end = FreeviewFacts.unpack(payload)
        heads, context = unpack_networks(facts.anchors, payload[end:])
        states: list[dict[int, ScaleState]] = [{} for _ in range(facts.anchors.layers)]
        return cls(facts, Rest(facts, heads, ()), context, states)

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

    def take_frame(self, key: UnitKey, payload: bytes) -> ScaleState:
        """A scale of a frame.

        Raises:
            BitstreamError: it is damaged, or what it builds on has not come.
        """
        scale = key.layer
        if not 0 <= scale < self.facts.anchors.layers or key.group < 0:
            raise BitstreamError(f"the stream's header says {self.facts.anchors.layers} layers", str(key))
        if len(self.rest.layers) <= scale:
            raise BitstreamError(f"layer {len(self.rest.layers)} of the first frame is missing", str(key))
        head, end = MotionHead.unpack(payload)
        above = None
        if scale:
            above = self.states[scale - 1].get(key.frame)
            if above is None:
                raise BitstreamError("the layer below is missing", str(key))
        before = None if head.is_absolute else self.states[scale].get(key.frame - 1)
        if before is None and not head.is_absolute:
            raise BitstreamError("the frame before, on which it builds, is missing", str(key))
        state = unpack_scale(self.rest, key, head, payload[end:], before, above)
        self.states[scale][key.frame] = state
        self._forget(scale, key.frame)
        return state

    def _forget(self, scale: int, frame: int) -> None:
        """Of the scale above, whose frames may all come first, what is not needed any more."""
        own = self.states[scale]
        for old in [known for known in own if known < frame - 1]:
            if scale == len(self.states) - 1 or (old in self.states[scale + 1] and old < frame - 1):
                del own[old]

    def model(self, frame: int, level: int) -> FreeviewModel:
        """What is known of a frame."""
        sums = tuple(self.states[scale][frame].sums for scale in range(level + 1))
        return FreeviewModel(self.rest, frame, level, sums)


def unpack_scale(
    rest: Rest, key: UnitKey, head: MotionHead, stream: bytes, before: ScaleState | None, above: ScaleState | None
) -> ScaleState:
    """A frame's unit -> the state of its scale.

    Raises:
        BitstreamError: the stream is damaged.
    """
    scale = key.layer
    own = rest.hierarchy(scale).scales[scale]
    memory = before.memory if before is not None else fresh_memory(own.count, rest.channels)
    differences = np.zeros((own.count, rest.channels.count), np.int32)
    if head.is_still:
        if stream:
            raise BitstreamError(f"{len(stream)} bytes follow a frame that stands still", UNIT)
        flags, after = np.zeros(own.count, np.uint8), memory_after_still(memory, head.is_absolute, rest)
    else:
        coder = open_reader(stream, unit=UNIT)
        cells = (above.differences, above.flags) if above is not None else no_cells(rest)
        flags, after = code_scale(
            coder, memory.copied(), own, rest.column_ranges(scale), rest.is_sent(scale), *cells, differences
        )
        expect_end(coder, unit=UNIT)
        after = after_absolute(rest, after) if head.is_absolute else after
    sums = differences.copy() if before is None else added(before.sums, differences)
    return ScaleState(key.frame, sums, differences, flags, after)


def decode_states(units: Iterable[Unit]) -> Iterator[tuple[Unit, Decoder, ScaleState | None]]:
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
            if unit.key.group == STREAM_GROUP:
                decoder.take_layer(unit.key, unit.payload)
                yield unit, decoder, None
            else:
                state = decoder.take_frame(unit.key, unit.payload)
                yield unit, decoder, state


def decode(units: Iterable[Unit]) -> Iterator[FreeviewModel]:
    """A complete model after each unit of a frame."""
    for unit, decoder, state in decode_states(units):
        if state is not None:
            yield decoder.model(unit.key.frame, unit.key.layer)


def integers(units: Iterable[Unit]) -> Iterator[tuple[UnitKey, bytes]]:
    """The integers of each unit in one canonical spelling: the same bytes on every machine."""
    for unit, decoder, state in decode_states(units):
        if state is not None:
            yield unit.key, canonical_integers({"differences": state.differences, "sums": state.sums})
            continue
        layer = decoder.rest.layers[-1]
        named = {"indices": layer.indices, "has_children": layer.has_children, "masks": layer.masks}
        cameras = CameraSection.unpack(unit.payload)[0].cameras if unit.key.layer == 0 else b""
        named |= {"symbols": layer.symbols, "values": layer.values, "cameras": np.frombuffer(cameras, np.uint8)}
        yield unit.key, canonical_integers(named)
