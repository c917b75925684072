# SPDX-License-Identifier: Apache-2.0
"""Groups of a stream: entries enter, runs and their records leave, with sizes and places; and back."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import groupby, pairwise

from lamina.bitstream.container import MAX_UNITS, RunRecord
from lamina.bitstream.runs import IndexEntry, Run, RunWalk, placed, record_of, run_from, runs_of
from lamina.errors import BitstreamError
from lamina.units import HEADER_LAYER, PLAIN_GROUP, STREAM_GROUP, STREAM_HEADER, GroupFacts


@dataclass(frozen=True, slots=True)
class GroupPlace:
    """A group as its directory record says it."""

    group: int
    facts: GroupFacts
    first_frame: int
    frame_count: int
    """From its first frame to its last; 0 for the stream group."""
    records_size_bytes: int
    header_size_bytes: int | None
    """Payload of its header unit; None: it has none."""
    layer_sizes_bytes: tuple[int, ...]
    """Payloads of each layer, base first."""
    records_offset: int = 0
    """Byte where its run records begin."""
    offsets: tuple[int, ...] = ()
    """Bytes where the payloads of its header unit and of each layer begin."""

    @property
    def level(self) -> int:
        """Highest level that it reaches; -1: it has a header unit only."""
        return len(self.layer_sizes_bytes) - 1

    @property
    def sizes_bytes(self) -> tuple[int, ...]:
        """Payloads of its header unit and of each layer."""
        return (self.header_size_bytes or 0, *self.layer_sizes_bytes)

    @property
    def frames(self) -> range:
        """Numbers of its frames."""
        return range(self.first_frame, self.first_frame + self.frame_count)

    def byte_ranges(self, level: int) -> list[tuple[int, int]]:
        """First byte and byte after the last of its header unit and layers 0...`level`; what touches is one range."""
        ranges: list[tuple[int, int]] = []
        for offset, size_bytes in zip(self.offsets[: level + 2], self.sizes_bytes, strict=False):
            if ranges and ranges[-1][1] == offset:
                ranges[-1] = (ranges[-1][0], offset + size_bytes)
            elif size_bytes:
                ranges.append((offset, offset + size_bytes))
        return ranges


def records_name(place: GroupPlace) -> str:
    """What the records of a group are called in messages."""
    return "records of the stream group" if place.group == STREAM_GROUP else f"records of group {place.group}"


@dataclass(frozen=True, slots=True)
class GroupLayout:
    """A group and its runs."""

    place: GroupPlace
    runs: tuple[Run, ...]

    def cut(self, level: int) -> GroupLayout:
        """The same without the layers above a level."""
        return group_layout(self.place.group, self.place.facts, [run for run in self.runs if run.key.layer <= level])


def layouts_of(entries: Iterable[IndexEntry], facts_of: dict[int, GroupFacts]) -> list[GroupLayout]:
    """Entries in rising order of their keys, as groups of runs.

    Raises:
        ValueError: the stream's header unit does not come first, keys do not rise, or there are too many.
    """
    ordered = list(entries)
    check_order(ordered)
    return [
        group_layout(group, facts_of.get(group, PLAIN_GROUP), list(runs_of(members)))
        for group, members in groupby(ordered, lambda entry: entry.key.group)
    ]


def check_order(entries: Sequence[IndexEntry]) -> None:
    """Raise ValueError unless the stream's header unit comes first and keys rise without overlap."""
    if not entries or entries[0].key != STREAM_HEADER:
        first = entries[0].key if entries else "nothing"
        raise ValueError(f"the first unit is {first}, expected the header unit of the stream")
    if len(entries) > MAX_UNITS:
        raise ValueError(f"{len(entries)} units, a file may have {MAX_UNITS}")
    for before, after in pairwise(entries):
        if not before.key < after.key:
            raise ValueError(f"{after.key} comes after {before.key}, expected each key once, in rising order")
        if before.key[:2] != after.key[:2]:
            continue
        if after.key.layer == HEADER_LAYER:
            raise ValueError(f"{after.key} is a second header unit, a group has one")
        if after.key.frame < before.key.frame + before.frame_count:
            raise ValueError(f"{after.key} lies within the {before.frame_count} frames of {before.key}")
        if before.times is not None and after.times is not None and before.times.stop_ticks > after.times.start_ticks:
            raise ValueError(f"{after.key} begins at tick {after.times.start_ticks}, before {before.key} ends")


@dataclass(slots=True)
class GroupTotals:
    """What the runs of a group add up to, run by run in any order."""

    header_size_bytes: int | None = None
    header_frame: int = 0
    layer_sizes_bytes: list[int] = field(default_factory=list)
    first_frame: int | None = None
    """Of its layers; None: it has none."""
    stop_frame: int = 0

    def add(self, run: Run) -> None:
        """One more run."""
        layer, frame = run.key.layer, run.key.frame
        if layer == HEADER_LAYER:
            self.header_size_bytes, self.header_frame = run.length, frame
            return
        self.layer_sizes_bytes += [0] * (layer + 1 - len(self.layer_sizes_bytes))
        self.layer_sizes_bytes[layer] += run.length
        self.first_frame = frame if self.first_frame is None else min(self.first_frame, frame)
        self.stop_frame = max(self.stop_frame, run.stop_frame)

    def place(self, group: int, facts: GroupFacts) -> GroupPlace:
        """The group, but for its records and where it is."""
        first = self.header_frame if self.first_frame is None else self.first_frame
        has_frames = self.first_frame is not None and group != STREAM_GROUP
        count = self.stop_frame - first if has_frames else 0
        return GroupPlace(group, facts, first, count, 0, self.header_size_bytes, tuple(self.layer_sizes_bytes))


def group_layout(group: int, facts: GroupFacts, runs: Sequence[Run]) -> GroupLayout:
    """A group from its runs."""
    totals = GroupTotals()
    for run in runs:
        totals.add(run)
    place = totals.place(group, facts)
    records = len(pack_records(runs, group, place.first_frame, place.header_size_bytes is not None))
    return GroupLayout(replace(place, records_size_bytes=records), tuple(runs))


def pack_records(runs: Iterable[Run], group: int, first_frame: int, has_header: bool) -> bytes:
    """The run records of a group, without the CRC-32 behind them."""
    walk, packed = RunWalk.of_group(group, first_frame, has_header), bytearray()
    for run in runs:
        packed += record_of(run, walk).pack()
        walk.advance(run)
    return bytes(packed)


def unpack_records(data: bytes, place: GroupPlace) -> tuple[Run, ...]:
    """The runs of a group, with offsets; the inverse of `pack_records`.

    Raises:
        BitstreamError: damaged, out of order, or not what the directory says.
    """
    totals = GroupTotals()
    runs: list[Run] = []
    for run in _runs_in(data, place):
        totals.add(run)
        runs.append(run)
    if totals.place(place.group, place.facts) != replace(place, records_size_bytes=0, records_offset=0, offsets=()):
        problem = "do not add up to what the directory says"
        raise BitstreamError(problem, records_name(place), "", place.records_offset)
    laid: list[Run] = []
    for layer, members in groupby(runs, lambda run: run.key.layer):
        laid += placed(members, place.offsets[layer + 1])
    return tuple(laid)


def _runs_in(data: bytes, place: GroupPlace) -> Iterator[Run]:
    """The runs of a group's records, one after another in rising order."""
    walk = RunWalk.of_group(place.group, place.first_frame, place.header_size_bytes is not None)
    before: Run | None = None
    stop = units = 0
    while stop < len(data):
        start = stop
        try:
            record, stop = RunRecord.unpack(data, start)
            if record.names_group:
                raise ValueError("names a group, which only a journal's records do")
            run = run_from(record, walk)
            if before is not None:
                check_rising(before, run)
            units += run.held
            if units > MAX_UNITS:
                raise ValueError(f"more units than the {MAX_UNITS} of a file")
        except BitstreamError as error:
            error.position += place.records_offset
            error.field, error.unit = f"{error.unit} {error.field}".strip(), records_name(place)
            raise
        except ValueError as error:
            position = place.records_offset + start
            raise BitstreamError(str(error), records_name(place), "run record", position) from None
        yield run
        before = run
        walk.advance(run)


def check_rising(before: Run, after: Run) -> None:
    """Raise ValueError unless one run of a group may follow another."""
    if not before.key < after.key:
        raise ValueError(f"{after.key} comes after {before.key}, expected rising order")
    if after.key.layer == HEADER_LAYER:
        raise ValueError(f"{after.key} is a second header unit, a group has one")
    if before.key.layer == after.key.layer and before.stop_frame > after.key.frame:
        raise ValueError(f"{after.key} lies within the frames of {before.key}")
    if before.times is not None and after.times is not None and before.times.stop_ticks > after.times.start_ticks:
        raise ValueError(f"{after.key} begins at tick {after.times.start_ticks}, before {before.key} ends")
