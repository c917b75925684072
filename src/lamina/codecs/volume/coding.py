# SPDX-License-Identifier: Apache-2.0
"""Parts <-> units: a header, and group by group a header of its own and a unit a (level, frame).

    stream header          facts · cameras
    group header           steps · network that shades
    group g, level, frame  cells, vectors, symbols                        frame_coding.py

Level l of a frame needs levels 0...l of the frame, and of all frames back to the group's first; no other group.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from fractions import Fraction

import numpy as np

from lamina.bitstream.integers import canonical_integers
from lamina.bitstream.placing import placed_in_unit
from lamina.cameras.camera import Camera
from lamina.cameras.coding import pack_cameras, unpack_cameras
from lamina.codecs.volume.frame_coding import LevelState, Place, pack_level, unpack_level
from lamina.codecs.volume.model import FramePart, GroupPart, HeadPart, Part, VolumeModel
from lamina.codecs.volume.shading import network_sizes
from lamina.codecs.volume.syntax import STEP_KINDS, CameraSection, GroupHead, LevelHead, VolumeFacts
from lamina.errors import BitstreamError
from lamina.metrics.psnr import finite_db
from lamina.networks.coding import unpack_quantized
from lamina.networks.quantized import QuantizedMlp
from lamina.units import (
    HEADER_LAYER,
    STREAM_GROUP,
    STREAM_HEADER,
    QualityMetric,
    SeenBy,
    StreamFacts,
    Unit,
    UnitKey,
)

WIRE_ID = 4
"""Number of the codec in a container's header."""


def stream_facts(facts: VolumeFacts) -> StreamFacts:
    """What the container says of a stream."""
    rate = Fraction(facts.rate_numerator, facts.rate_denominator)
    return StreamFacts(WIRE_ID, SeenBy.CAMERA, rate, QualityMetric.VIEW_PSNR)


def encode(parts: Iterable[Part]) -> Iterator[Unit]:
    """Header units, then a unit a level for each frame."""
    for part in parts:
        if isinstance(part, HeadPart):
            section = CameraSection(pack_cameras(part.cameras) if part.cameras else b"")
            yield Unit(STREAM_HEADER, part.facts.pack() + section.pack())
        elif isinstance(part, GroupPart):
            yield Unit(UnitKey(part.group, HEADER_LAYER, part.frame), part.head.pack())
        else:
            yield from encode_frame(part)


def encode_frame(part: FramePart) -> Iterator[Unit]:
    """A unit a level."""
    above: LevelState | None = None
    for level, content in enumerate(part.contents):
        before = None if part.before is None else part.before[level]
        payload, above = pack_level(Place(part.facts, part.head, level, before, above), content)
        quality_db = part.quality_db[level]
        yield Unit(
            UnitKey(part.group, level, part.frame), payload, None if quality_db is None else finite_db(quality_db)
        )


@dataclass(eq=False)
class Decoder:
    """What a decoder has: of each level the states of frames that are still needed."""

    facts: VolumeFacts
    cameras: tuple[Camera, ...]
    group: int = STREAM_GROUP
    head: GroupHead | None = None
    network: QuantizedMlp | None = None
    states: list[dict[int, LevelState]] = field(default_factory=list)
    """Of each level, by frame."""

    @classmethod
    def opened(cls, payload: bytes) -> Decoder:
        """From a stream's header unit.

        Raises:
            BitstreamError: it is damaged, or of another version.
        """
        facts, end = VolumeFacts.unpack(payload)
        section, end = CameraSection.unpack(payload, end)
        _expect_end(payload, end, "volume header")
        cameras = unpack_cameras(section.cameras) if section.cameras else ()
        return cls(facts, cameras, states=[{} for _ in range(facts.level_count)])

    def take_head(self, key: UnitKey, payload: bytes) -> None:
        """A group's header unit.

        Raises:
            BitstreamError: it is damaged.
        """
        head, end = GroupHead.unpack(payload)
        _expect_end(payload, end, "group")
        if len(head.steps) != STEP_KINDS * self.facts.level_count:
            raise BitstreamError(f"{len(head.steps)} steps for {self.facts.level_count} levels", "group", "steps")
        network: QuantizedMlp | None = None
        if self.facts.hidden:
            sizes = network_sizes(self.facts.channel_count, self.facts.hidden)
            (network,) = unpack_quantized(head.network, [sizes], unit="network")
        elif head.network:
            raise BitstreamError("a network, where the stream's header says that there is none", "group", "network")
        self.group, self.head, self.network = key.group, head, network
        self.states = [{} for _ in self.states]

    def take_level(self, key: UnitKey, payload: bytes) -> LevelState:
        """A level of a frame.

        Raises:
            BitstreamError: it is damaged, or what it builds on has not come.
        """
        level = key.layer
        if not 0 <= level < self.facts.level_count or key.group < 0:
            raise BitstreamError(f"the stream's header says {self.facts.level_count} levels", str(key))
        if self.head is None or key.group != self.group:
            raise BitstreamError("the header unit of its group has not come", str(key))
        above = self.states[level - 1].get(key.frame) if level else None
        if level and above is None:
            raise BitstreamError("the level above is missing", str(key))
        is_key = LevelHead.unpack(payload)[0].is_key
        before = None if is_key else self.states[level].get(key.frame - 1)
        if not is_key and before is None:
            raise BitstreamError("the frame before, on which it builds, is missing", str(key))
        if above is not None and above.is_key != is_key:
            raise BitstreamError("one level is of a key frame, another is not", str(key))
        state = unpack_level(Place(self.facts, self.head, level, before, above), payload)
        self._forget(level, key.frame)
        self.states[level][key.frame] = state
        return state

    def _forget(self, level: int, frame: int) -> None:
        """Of a level, what no unit needs any more: finer levels may come after all frames of their group."""
        if level == len(self.states) - 1:
            own = self.states[level]
            for old in [known for known in own if known < frame - 1]:
                del own[old]

    def model(self, frame: int, level: int) -> VolumeModel:
        """What is known of a frame."""
        red, green, blue = self.facts.background
        state = self.states[level][frame]
        return VolumeModel(self.facts, self.network, frame, level, state, self.cameras, (red, green, blue))


def _expect_end(payload: bytes, end: int, unit: str) -> None:
    if end != len(payload):
        raise BitstreamError(f"{len(payload) - end} bytes are left at its end, expected none", unit, position=end)


def decode_states(units: Iterable[Unit]) -> Iterator[tuple[Unit, Decoder, LevelState | None]]:
    """What is known after each unit but the stream's header; None after that of a group.

    Raises:
        BitstreamError: a payload is damaged, or what it needs has not come.
    """
    decoder: Decoder | None = None
    for unit in units:
        if unit.key == STREAM_HEADER:
            with placed_in_unit(unit.key):
                decoder = Decoder.opened(unit.payload)
            continue
        if decoder is None:
            raise BitstreamError("a unit came before the stream's header unit", str(unit.key))
        state = None
        with placed_in_unit(unit.key):
            if unit.key.group == STREAM_GROUP:
                raise BitstreamError("the stream group has a header unit only", str(unit.key))
            if unit.key.layer == HEADER_LAYER:
                decoder.take_head(unit.key, unit.payload)
            else:
                state = decoder.take_level(unit.key, unit.payload)
        yield unit, decoder, state


def decode(units: Iterable[Unit]) -> Iterator[VolumeModel]:
    """A complete model after each unit of a frame."""
    for unit, decoder, state in decode_states(units):
        if state is not None:
            yield decoder.model(unit.key.frame, unit.key.layer)


def integers(units: Iterable[Unit]) -> Iterator[tuple[UnitKey, bytes]]:
    """The integers of each unit in one canonical spelling: the same bytes on every machine."""
    for unit, decoder, state in decode_states(units):
        if state is not None:
            named: dict[str, np.ndarray] = {
                "cells": state.level.cells,
                "symbols": state.symbols,
                "sent_vectors": state.sent_vectors,
                "vectors": state.vectors,
                "values": state.values,
            }
        else:
            named = _head_integers(decoder)
        yield unit.key, canonical_integers(named)


def _head_integers(decoder: Decoder) -> dict[str, np.ndarray]:
    head, network = decoder.head, decoder.network
    named: dict[str, np.ndarray] = {"steps": np.array(head.steps if head else (), np.int32)}
    if network is not None:
        for number, (weight, bias) in enumerate(zip(network.weights, network.biases, strict=True)):
            named |= {f"weights {number}": weight, f"biases {number}": bias}
        named["network steps"] = np.array((*network.weight_steps, *network.bias_steps), np.int32)
    return named
