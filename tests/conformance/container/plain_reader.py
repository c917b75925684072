# SPDX-License-Identifier: Apache-2.0
"""A second reader of the container, from docs/bitstream.md alone: bytes of a file enter, its facts and units leave.

It imports nothing of lamina, and checks only what keeps it from misreading: the conformance test holds it against the
pinned files, so that the page and the code cannot drift apart.
"""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass, field
from typing import Any


class Bits:
    """The conventions."""

    def __init__(self, data: bytes, position: int = 0) -> None:
        self.data, self.bit = data, 8 * position

    def u(self, bits: int) -> int:
        value = 0
        for _ in range(bits):
            value = value << 1 | self.data[self.bit // 8] >> 7 - self.bit % 8 & 1
            self.bit += 1
        return value

    def align(self) -> int:
        assert self.u(-self.bit % 8) == 0, "padding"
        return self.bit // 8

    def varint(self) -> int:
        value = shift = 0
        self.align()
        while True:
            byte = self.u(8)
            value |= (byte & 127) << shift
            shift += 7
            if byte < 128:
                return value

    def zigzag(self) -> int:
        code = self.varint()
        return code // 2 if code % 2 == 0 else -(code + 1) // 2

    def floats(self, count: int) -> list[float]:
        start = self.align()
        self.bit += 32 * count
        return list(struct.unpack_from(f">{count}f", self.data, start))

    def alike(self) -> list[int]:
        count = self.varint()
        if count == 0:
            return []
        lowest, order = self.varint(), self.u(5)
        return [lowest + self.golomb(order) for _ in range(count)]

    def golomb(self, order: int) -> int:
        digits = 1
        while self.u(1) == 0:
            digits += 1
        return ((1 << digits - 1 | self.u(digits - 1)) - 1 << order) | self.u(order)

    def skip(self, has_extensions: int) -> None:
        if has_extensions:
            size_bytes = self.varint()
            self.bit += 8 * size_bytes


@dataclass
class Group:
    """One group of the directory."""

    number: int
    first_frame: int
    is_chained: bool
    records_size: int
    has_header: bool
    sizes: list[int]
    """Of its header unit and of each layer."""
    box: list[float] | None
    ends: list[int] = field(default_factory=list)
    """Where the next payload of its header unit and of each layer is."""


@dataclass
class Walk:
    """The five numbers."""

    group: int
    layer: int
    frame: int
    layer_start: int
    next_frame: int

    def key(self, step: int) -> tuple[int, int]:
        steps = [(self.layer, self.frame), (self.layer + 1, self.layer_start), (0, self.next_frame)]
        return steps[step]

    def advance(self, group: int, layer: int, frame: int, end: int) -> None:
        if (group, layer) != (self.group, self.layer):
            self.layer_start = frame
        if group != self.group:
            self.next_frame = frame
        self.frame = frame if layer == -1 else end
        self.group, self.layer = group, layer
        self.next_frame = max(self.next_frame, self.frame)


@dataclass
class Run:
    """One run record."""

    group: int
    layer: int
    frame: int
    lengths: list[int]
    frames_per_unit: int
    crc32: int
    quality: float | None
    opening: tuple[bool, list[float] | None] | None
    start_ticks: int = 0
    durations: list[int] = field(default_factory=list)
    """Of its frames, in ticks; none: it does not say."""


def read_run(bits: Bits, walk: Walk) -> Run:
    is_explicit, step, has_quality, is_plural, spans_frames, names_group, has_times = map(bits.u, (1, 2, 1, 1, 1, 1, 1))
    group, opening, box = walk.group, None, None
    if names_group:
        is_chained, has_box = bits.u(1), bits.u(1)
        group = bits.zigzag()
        box = bits.floats(6) if has_box else None
        opening = bool(is_chained), box
    layer, frame = walk.key(step)
    if is_explicit:
        bits.align()
        layer = bits.u(8)
        layer -= 256 if layer > 127 else 0
        frame = bits.varint()
    lengths = [bits.varint()]
    if is_plural:
        lengths += bits.alike()
    frames_per_unit = bits.varint() if spans_frames else 1
    # Integers of fixed width may start at any bit: the codes before them end where they end.
    crc32 = bits.u(32)
    quality = bits.u(16) / 100 if has_quality else None
    start_ticks, durations = (bits.varint(), bits.alike()) if has_times else (0, [])
    bits.align()
    walk.advance(group, layer, frame, frame + len(lengths) * frames_per_unit)
    return Run(group, layer, frame, lengths, frames_per_unit, crc32, quality, opening, start_ticks, durations)


def units_of(data: bytes, run: Run, offset: int, is_chained: bool, box: list[float] | None) -> list[dict[str, Any]]:
    assert zlib.crc32(data[offset : offset + sum(run.lengths)]) == run.crc32, "payload"
    units = []
    for number, length in enumerate(run.lengths):
        units.append(
            {
                "key": [run.group, run.layer, run.frame + number * run.frames_per_unit],
                "frame_count": run.frames_per_unit,
                "payload": data[offset : offset + length].hex(),
                "quality_db": run.quality,
                "offset": offset,
                "is_chained": is_chained,
                "box": box,
            }
        )
        if run.durations:
            first, last = number * run.frames_per_unit, (number + 1) * run.frames_per_unit
            units[-1]["start_ticks"] = run.start_ticks + sum(run.durations[:first])
            units[-1]["durations_ticks"] = run.durations[first:last]
        offset += length
    return units


def check_crc(data: bytes, start: int, stop: int) -> None:
    assert zlib.crc32(data[start:stop]) == int.from_bytes(data[stop : stop + 4], "big"), "CRC-32"


def read_header(bits: Bits, has_times: int) -> dict[str, Any]:
    wire_id = bits.varint()
    seen_by, metric, is_timed, has_extensions = map(bits.u, (3, 3, 1, 1))
    rate = [bits.varint(), bits.varint()] if is_timed else None
    ticks = None
    if has_times:
        assert has_extensions
        size_bytes = bits.varint()
        stop = bits.align() + size_bytes
        ticks = [bits.varint(), bits.varint()]
        bits.bit = 8 * stop
    else:
        bits.skip(has_extensions)
    facts: dict[str, Any] = {"codec_wire_id": wire_id, "seen_by": seen_by, "quality_metric": metric, "rate": rate}
    return facts | ({"ticks_per_second": ticks} if ticks is not None else {})


def read_directory(bits: Bits, count: int, is_timed: bool) -> list[Group]:
    groups: list[Group] = []
    number, frame = -1, 0
    for _ in range(count):
        is_explicit, is_chained, has_header, has_box, has_extensions, reserved = map(bits.u, (1, 1, 1, 1, 1, 3))
        assert reserved == 0
        if is_explicit:
            number, frame = bits.zigzag(), bits.varint()
        frames, records_size = bits.varint(), bits.varint()
        header_size = bits.varint() if has_header else 0
        sizes = [header_size, *(bits.varint() for _ in range(bits.varint()))]
        box = bits.floats(6) if has_box else None
        bits.skip(has_extensions)
        groups.append(Group(number, frame, bool(is_chained), records_size, bool(has_header), sizes, box))
        number, frame = number + 1, frame + frames if is_timed else 0
    return groups


def read_indexed(data: bytes) -> dict[str, Any]:
    bits = Bits(data, 8)
    facts = read_header(bits, data[7] & 8)
    count, _frames, _levels, front_size = (bits.varint() for _ in range(4))
    front_stop = bits.align() + front_size
    check_crc(data, 0, front_stop)
    is_timed = facts["rate"] is not None
    groups = read_directory(bits, count, is_timed)
    records_at: dict[int, int] = {}
    at = bits.align()
    for group in groups:
        if not is_timed or group.number == -1:
            records_at[group.number] = at
            at += group.records_size
    assert at == front_stop
    at += 4
    if is_timed:
        for group in groups:
            if group.number not in records_at:
                records_at[group.number] = at
                check_crc(data, at, at + group.records_size)
                at += group.records_size + 4
            for size in group.sizes:
                group.ends.append(at)
                at += size
    else:
        for layer in range(max(len(group.sizes) for group in groups)):
            for group in groups:
                if layer < len(group.sizes):
                    group.ends.append(at)
                    at += group.sizes[layer]
    assert at == len(data)
    units: list[dict[str, Any]] = []
    for group in groups:
        walk = Walk(group.number, -2 if group.has_header else -1, *[group.first_frame] * 3)
        bits = Bits(data, records_at[group.number])
        while bits.align() < records_at[group.number] + group.records_size:
            run = read_run(bits, walk)
            units += units_of(data, run, group.ends[run.layer + 1], group.is_chained, group.box)
            group.ends[run.layer + 1] += sum(run.lengths)
    return facts | {"units": units}


def read_journal(data: bytes) -> dict[str, Any]:
    bits = Bits(data, 8)
    facts = read_header(bits, data[7] & 8)
    at = bits.align()
    check_crc(data, 0, at)
    at += 4
    walk = Walk(-1, -2, 0, 0, 0)
    openings: dict[int, tuple[bool, list[float] | None]] = {}
    units: list[dict[str, Any]] = []
    while at < len(data):
        bits = Bits(data, at)
        run = read_run(bits, walk)
        stop = bits.align()
        check_crc(data, at, stop)
        if run.opening is not None:
            openings.setdefault(run.group, run.opening)
        units += units_of(data, run, stop + 4, *openings[run.group])
        at = stop + 4 + sum(run.lengths)
    return facts | {"units": sorted(units, key=lambda unit: unit["key"])}


def read_container(data: bytes) -> dict[str, Any]:
    """Facts and units of a file, as `expected.json` says them."""
    assert data[:6] == b"LAMINA"
    assert data[6] == 2
    assert data[7] in (0, 1, 8, 9)
    return read_journal(data) if data[7] & 1 else read_indexed(data)
