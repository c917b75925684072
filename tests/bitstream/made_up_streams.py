# SPDX-License-Identifier: Apache-2.0
"""Streams of every kind that the container knows, with made-up payloads."""

from dataclasses import replace
from fractions import Fraction

from lamina.times import FrameTimes, UnitTimes
from lamina.units import STREAM_HEADER, GroupFacts, QualityMetric, SeenBy, StreamFacts, Unit, UnitKey

HEADER = Unit(STREAM_HEADER, b"header")
STILL_FACTS = StreamFacts(1)
CLIP_FACTS = StreamFacts(3, SeenBy.SIZE, Fraction(25))
CAMERA_FACTS = StreamFacts(7, SeenBy.CAMERA, Fraction(30000, 1001), QualityMetric.VIEW_PSNR)

STILL = [HEADER, *(Unit(UnitKey(0, layer, 0), bytes([layer]) * (100 + layer), 30.0 + layer) for layer in range(3))]


def payload_of(group: int, layer: int, frame: int, size_bytes: int) -> bytes:
    return bytes((group + 7 * layer + 31 * frame + k) % 256 for k in range(size_bytes))


CLIP = [
    HEADER,
    *(
        Unit(UnitKey(group, layer, 3 * group + t), payload_of(group, layer, t, 20 + 10 * layer + group), 30.0)
        for group in range(4)
        for layer in range(3)
        for t in range(3)
    ),
]
"""Four groups of three frames, three layers."""

LARGE = [
    HEADER,
    *(
        Unit(UnitKey(group, layer, 2 * group + t), payload_of(group, layer, t, 5000), 30.0 + t)
        for group in range(2)
        for layer in range(2)
        for t in range(2)
    ),
]
"""Every unit is a run of its own."""


def chained() -> list[Unit]:
    """A model that is sent once in layers; groups with networks of their own; the second builds on the first."""
    units = [HEADER, *(Unit(UnitKey(-1, layer, 0), payload_of(0, layer, 9, 40)) for layer in range(2))]
    for group in range(4):
        facts = GroupFacts(is_chained=group in (1, 3))
        units.append(Unit(UnitKey(group, -1, 2 * group), b"networks", group=facts))
        for layer in range(2):
            for t in range(2):
                key = UnitKey(group, layer, 2 * group + t)
                units.append(Unit(key, payload_of(*key, 12), 25.0, group=facts))
    return units


def tiles() -> list[Unit]:
    """A still of three parts in space, two layers each."""
    units = [HEADER]
    for group in range(3):
        facts = GroupFacts(box=(float(group), 0.0, 0.0, group + 1.0, 1.0, 0.5))
        units += [
            Unit(UnitKey(group, layer, 0), payload_of(group, layer, 0, 30), 28.0, group=facts) for layer in (0, 1)
        ]
    return units


def spans() -> list[Unit]:
    """Units of eight frames each, as small parameters want them; the last is shorter."""
    units = [HEADER, Unit(UnitKey(-1, 0, 0), b"a model")]
    for start, count in ((0, 8), (8, 8), (16, 3)):
        units += [Unit(UnitKey(0, layer, start), payload_of(0, layer, start, 60), None, count) for layer in range(2)]
    return units


def odd() -> list[Unit]:
    """All that does not follow: gaps in groups, layers and frames, qualities that are known of some units only."""
    chained_facts = GroupFacts(is_chained=True, box=(-1.0, -0.5, 0.0, 1.0, 0.5, 2.5))
    units = [HEADER, *(Unit(UnitKey(0, 0, frame), payload_of(0, 0, frame, 9), 31.25) for frame in (5, 6))]
    units += [
        Unit(UnitKey(0, 0, 7), b"no quality"),
        Unit(UnitKey(0, 2, 6), b"layer 2", 40.0),
        Unit(UnitKey(2, 1, 8), b""),
    ]
    later = [Unit(UnitKey(6, -1, 30), b"later", group=chained_facts)]
    return (
        units
        + later
        + [Unit(UnitKey(6, 0, frame), payload_of(6, 0, frame, 8), None, group=chained_facts) for frame in (30, 33)]
    )


TIMED_FACTS = StreamFacts(3, SeenBy.SIZE, Fraction(20), ticks_per_second=Fraction(90000))
TIMES = FrameTimes(TIMED_FACTS.ticks_per_second, (0, 3003, 6006, 126006, 126007, 1126007, 1129010))
"""Steps of NTSC, 1.3 s, a tick, 11 s."""


def timed() -> list[Unit]:
    """Two groups of three frames with times of their own, in two layers."""
    units = [HEADER]
    for group in range(2):
        for layer in range(2):
            for frame in range(3 * group, 3 * group + 3):
                times = TIMES.of_unit(frame, 1) if layer == 0 else None
                payload = payload_of(group, layer, frame, 20 + 9 * frame)
                units.append(Unit(UnitKey(group, layer, frame), payload, 30.0 + layer, times=times))
    return units


def timed_spans() -> list[Unit]:
    """Units of four frames each with times of their own; a pause before the last."""
    units = [HEADER, Unit(UnitKey(-1, 0, 0), b"a model")]
    for start in (0, 4, 8):
        times = UnitTimes(40 * start + (start == 8) * 500, (20, 60, 40, 40))
        units.append(Unit(UnitKey(0, 0, start), payload_of(0, 0, start, 30), None, 4, times=times))
        units.append(Unit(UnitKey(0, 1, start), payload_of(0, 1, start, 15), None, 4))
    return units


STREAMS = {
    "still": (STILL_FACTS, STILL),
    "clip": (CLIP_FACTS, CLIP),
    "large units": (CLIP_FACTS, LARGE),
    "chained": (CAMERA_FACTS, chained()),
    "tiles": (STILL_FACTS, tiles()),
    "spans": (CLIP_FACTS, spans()),
    "odd": (CAMERA_FACTS, odd()),
    "timed": (TIMED_FACTS, timed()),
    "timed spans": (replace(TIMED_FACTS, ticks_per_second=Fraction(1000)), timed_spans()),
}


def in_order(units: list[Unit]) -> list[Unit]:
    return sorted(units, key=lambda unit: unit.key)


class Counting:
    """Bytes in memory that grow, and count what is read of them."""

    def __init__(self, data: bytes) -> None:
        self.data, self.name, self.size_bytes, self.read_bytes = bytearray(data), "", len(data), 0

    def read(self, offset: int, size_bytes: int) -> bytes:
        found = bytes(self.data[offset : min(offset + size_bytes, self.size_bytes)])
        self.read_bytes += len(found)
        return found

    def refresh(self) -> None:
        self.size_bytes = len(self.data)

    def close(self) -> None: ...
