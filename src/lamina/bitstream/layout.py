# SPDX-License-Identifier: Apache-2.0
"""Groups of a stream: entries enter, runs and their records leave, with sizes and places; and back."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
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
        if before.key[:2] == after.key[:2] and after.key.frame < before.key.frame + before.frame_count:
            raise ValueError(f"{after.key} lies within the {before.frame_count} frames of {before.key}")


def group_layout(group: int, facts: GroupFacts, runs: Sequence[Run]) -> GroupLayout:
    """A group from its runs."""
    framed = [run for run in runs if run.key.layer != HEADER_LAYER]
    headers = [run for run in runs if run.key.layer == HEADER_LAYER]
    starts = [run.key.frame for run in framed or headers]
    first = min(starts, default=0)
    count = max((run.stop_frame for run in framed), default=first) - first if group != STREAM_GROUP else 0
    layers = [0] * (1 + max((run.key.layer for run in framed), default=-1))
    for run in framed:
        layers[run.key.layer] += run.length
    records = len(pack_records(runs, group, first, bool(headers)))
    header_bytes = headers[0].length if headers else None
    return GroupLayout(GroupPlace(group, facts, first, count, records, header_bytes, tuple(layers)), tuple(runs))


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
    walk = RunWalk.of_group(place.group, place.first_frame, place.header_size_bytes is not None)
    runs: list[Run] = []
    position = 0
    unit = f"records of group {place.group}"
    while position < len(data):
        start = position
        record, position = RunRecord.unpack(data, start)
        try:
            if record.opens_group:
                raise ValueError("opens a group, which only a journal's records do")
            run = run_from(record, walk)
            if runs and not (runs[-1].key < run.key and _is_apart(runs[-1], run)):
                raise ValueError(f"{run.key} comes after {runs[-1].key}, expected rising order")
        except ValueError as error:
            raise BitstreamError(str(error), unit, "step", start) from None
        runs.append(run)
        walk.advance(run)
    found = group_layout(place.group, place.facts, runs).place
    said = (place.first_frame, place.frame_count, place.header_size_bytes, place.layer_sizes_bytes)
    if (found.first_frame, found.frame_count, found.header_size_bytes, found.layer_sizes_bytes) != said:
        raise BitstreamError("do not add up to what the directory says", unit)
    laid: list[Run] = []
    for layer, members in groupby(runs, lambda run: run.key.layer):
        laid += placed(members, place.offsets[layer + 1])
    return tuple(laid)


def _is_apart(before: Run, after: Run) -> bool:
    return before.key[:2] != after.key[:2] or before.stop_frame <= after.key.frame
