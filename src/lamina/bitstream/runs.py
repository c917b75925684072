# SPDX-License-Identifier: Apache-2.0
"""Units to runs and their records, and back: which units share a check sum, and how keys follow from each other.

The walk over keys is the same lines for both directions, in files and in journals.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import accumulate, pairwise
from statistics import fmean
from typing import Final, overload

from lamina.bitstream.container import (
    MAX_FRAME,
    MAX_FRAMES_PER_UNIT,
    MAX_GROUPS,
    MAX_LAYERS,
    MAX_RUN_UNITS,
    MAX_TIMED_FRAMES,
    MAX_UNIT_BYTES,
    RUN_BYTES,
    RunRecord,
    Step,
)
from lamina.times import UnitTimes
from lamina.units import HEADER_LAYER, PLAIN_GROUP, STREAM_GROUP, GroupFacts, StreamFacts, Unit, UnitKey

MAX_QUALITY_CENTIDB: Final = 0xFFFF
"""Stands for anything from 655.35 dB on, a lossless level included."""


@dataclass(frozen=True, slots=True)
class Run:
    """Units of one layer whose frames follow each other: read and checked together."""

    key: UnitKey
    """Of its first unit."""
    lengths: tuple[int, ...]
    """Payload of each unit, bytes; at least one."""
    frames_per_unit: int = 1
    quality_db: float | None = None
    """Mean over its units, in steps of 0.01 dB; None: unknown."""
    crc32: int = 0
    """Of the payloads, one after another."""
    offset: int = 0
    """Of the first payload in the file, bytes."""
    times: UnitTimes | None = None
    """When its frames are shown; None: it does not say."""

    @property
    def held(self) -> int:
        """Numbers that are held of it in memory: a stream may have `MAX_UNITS`."""
        return max(len(self.lengths), len(self.times.durations_ticks) if self.times is not None else 0)

    @property
    def length(self) -> int:
        """Of all payloads, bytes."""
        return sum(self.lengths)

    @property
    def stop(self) -> int:
        """Byte after the last payload in the file."""
        return self.offset + self.length

    @property
    def stop_frame(self) -> int:
        """The frame after its last one."""
        return self.key.frame + len(self.lengths) * self.frames_per_unit

    def entries(self) -> Iterator[IndexEntry]:
        """Its units."""
        offset, each = self.offset, self.frames_per_unit
        start_ticks = 0 if self.times is None else self.times.start_ticks
        for number, length in enumerate(self.lengths):
            times = None
            if self.times is not None:
                times = UnitTimes(start_ticks, self.times.durations_ticks[number * each : (number + 1) * each])
                start_ticks = times.stop_ticks
            yield self._entry(number, offset, times)
            offset += length

    def entry(self, number: int) -> IndexEntry:
        """One of its units."""
        each = self.frames_per_unit
        times = None if self.times is None else self.times.part(number * each, each)
        return self._entry(number, self.offset + sum(self.lengths[:number]), times)

    def _entry(self, number: int, offset: int, times: UnitTimes | None) -> IndexEntry:
        group, layer, frame = self.key
        key = UnitKey(group, layer, frame + number * self.frames_per_unit)
        return IndexEntry(key, offset, self.lengths[number], self.quality_db, self.frames_per_unit, self, times)


@dataclass(frozen=True, slots=True)
class IndexEntry:
    """Where a unit is and what it should be."""

    key: UnitKey
    offset: int
    """Of the payload in the file, bytes."""
    length: int
    """Of the payload, bytes."""
    quality_db: float | None
    """Of its run, in steps of 0.01 dB; None: unknown."""
    frame_count: int = 1
    """Frames that it covers, from `key.frame` on."""
    run: Run | None = field(default=None, repr=False, compare=False)
    """What it is checked with; None: it has no place in a file yet."""
    times: UnitTimes | None = None
    """When its frames are shown; None: it does not say."""

    @property
    def stop(self) -> int:
        """Byte after the payload in the file."""
        return self.offset + self.length


class RunEntries(Sequence[IndexEntry]):
    """The units of runs, made when they are asked for: an hour has hundreds of thousands."""

    __slots__ = ("_ends", "_runs")

    def __init__(self, runs: Iterable[Run] = ()) -> None:
        self._runs = tuple(runs)
        self._ends = tuple(accumulate(len(run.lengths) for run in self._runs))

    @property
    def runs(self) -> tuple[Run, ...]:
        """As given."""
        return self._runs

    def __len__(self) -> int:
        return self._ends[-1] if self._ends else 0

    @overload
    def __getitem__(self, index: int) -> IndexEntry: ...
    @overload
    def __getitem__(self, index: slice) -> list[IndexEntry]: ...
    def __getitem__(self, index: int | slice) -> IndexEntry | list[IndexEntry]:
        if isinstance(index, slice):
            return [self[number] for number in range(*index.indices(len(self)))]
        number = range(len(self))[index]
        place = bisect_right(self._ends, number)
        run = self._runs[place]
        return run.entry(number - self._ends[place] + len(run.lengths))

    def __iter__(self) -> Iterator[IndexEntry]:
        for run in self._runs:
            yield from run.entries()


def centidb_of(quality_db: float | None) -> int | None:
    """Quality in 1/100 dB as a record says it; None: unknown.

    Raises:
        ValueError: it is not a number.
    """
    if quality_db is None:
        return None
    if math.isnan(quality_db):
        raise ValueError("quality_db is NaN, expected a number or None")
    return round(min(max(100 * quality_db, 1), MAX_QUALITY_CENTIDB))


def entry_of(unit: Unit) -> IndexEntry:
    """The entry of a unit that is yet to be given a place.

    Raises:
        ValueError: its key, length or quality is beyond the limits of the format.
    """
    (group, layer, frame), count = unit.key, unit.frame_count
    in_range = STREAM_GROUP <= group < MAX_GROUPS and HEADER_LAYER <= layer < MAX_LAYERS
    in_range = in_range and 0 <= frame <= MAX_FRAME + 1 - count and 1 <= count <= MAX_FRAMES_PER_UNIT
    in_range = in_range and (group != STREAM_GROUP or (frame, count) == (0, 1))
    in_range = in_range and (layer != HEADER_LAYER or count == 1)
    if not in_range or len(unit.payload) > MAX_UNIT_BYTES:
        frames = f" and {count} frames" if count != 1 else ""
        raise ValueError(f"{unit.key} of {len(unit.payload)} bytes{frames} is beyond the limits of the format")
    centidb_of(unit.quality_db)
    if unit.times is not None and not len(unit.times.durations_ticks) == count <= MAX_TIMED_FRAMES:
        known = len(unit.times.durations_ticks)
        expected = f"as many, at most {MAX_TIMED_FRAMES}"
        raise ValueError(f"{unit.key} of {count} frames says {known} durations, expected {expected}")
    return IndexEntry(unit.key, 0, len(unit.payload), unit.quality_db, unit.frame_count, times=unit.times)


def check_times(facts: StreamFacts, run: Run) -> None:
    """Raise ValueError unless a run says when its frames are shown exactly where it has to: in layer 0, if ever."""
    has_to = facts.ticks_per_second is not None and run.key.group != STREAM_GROUP and run.key.layer == 0
    if has_to and run.times is None:
        raise ValueError(f"{run.key} does not say when its frames are shown, which layer 0 of this stream does")
    if not has_to and run.times is not None:
        raise ValueError(f"{run.key} says when its frames are shown, which only layer 0 of streams with times does")


def runs_of(entries: Iterable[IndexEntry]) -> Iterator[Run]:
    """Entries of one group, in order, as runs: as long as frames follow, and `RUN_BYTES` is not reached."""
    members: list[IndexEntry] = []
    size_bytes = 0
    for entry in entries:
        most = _most_units(entry)
        if members and not (_follows(members[-1], entry) and size_bytes < RUN_BYTES and len(members) < most):
            yield _run_of(members)
            members, size_bytes = [], 0
        members.append(entry)
        size_bytes += entry.length
    if members:
        yield _run_of(members)


def as_written(runs: Sequence[Run]) -> Sequence[Run]:
    """Runs of one group, in order, as a writer makes them of their units: mostly what they are already."""
    made = all(sum(run.lengths[:-1]) < RUN_BYTES and len(run.lengths) <= _most_units(run.entry(0)) for run in runs)
    made = made and not any(_goes_on(before, run) for before, run in pairwise(runs))
    return runs if made else list(runs_of(replace(entry, run=None) for run in runs for entry in run.entries()))


def _goes_on(before: Run, run: Run) -> bool:
    """Whether a writer puts the first unit of a run into the run before it."""
    if before.length >= RUN_BYTES or len(before.lengths) == _most_units(run.entry(0)):
        return False
    return _follows(before.entry(len(before.lengths) - 1), run.entry(0))


def _most_units(entry: IndexEntry) -> int:
    """Units of a run."""
    if entry.times is None:
        return MAX_RUN_UNITS
    return min(MAX_RUN_UNITS, MAX_TIMED_FRAMES // entry.frame_count)


def _follows(before: IndexEntry, entry: IndexEntry) -> bool:
    """Whether the entry is the next of the same layer, alike in what a record says once."""
    group, layer, frame = before.key
    alike = before.frame_count == entry.frame_count and (before.quality_db is None) == (entry.quality_db is None)
    if before.times is not None and entry.times is not None:
        alike = alike and before.times.stop_ticks == entry.times.start_ticks
    else:
        alike = alike and before.times is entry.times
    return alike and layer != HEADER_LAYER and entry.key == (group, layer, frame + before.frame_count)


def _run_of(members: list[IndexEntry]) -> Run:
    known = [entry.quality_db for entry in members if entry.quality_db is not None]
    centidb = centidb_of(fmean(known)) if known else None
    quality_db = None if centidb is None else centidb / 100
    times = [entry.times for entry in members if entry.times is not None]
    whole = UnitTimes(times[0].start_ticks, tuple(t for part in times for t in part.durations_ticks)) if times else None
    lengths = tuple(entry.length for entry in members)
    return Run(members[0].key, lengths, members[0].frame_count, quality_db, times=whole)


@dataclass(slots=True)
class RunWalk:
    """Where a walk over runs stands; predicts the next key for each `Step`."""

    group: int
    layer: int
    """Of the run before."""
    frame: int
    """After the run before."""
    layer_start: int
    """Frame where that layer began."""
    next_frame: int
    """After the highest so far."""

    @classmethod
    def of_group(cls, group: int, first_frame: int, has_header: bool) -> RunWalk:
        """Before the first run of a group."""
        return cls(group, HEADER_LAYER - has_header, first_frame, first_frame, first_frame)

    def predict(self, step: Step) -> UnitKey:
        """The key that `step` leads to."""
        if step is Step.GO_ON:
            return UnitKey(self.group, self.layer, self.frame)
        if step is Step.NEXT_LAYER:
            return UnitKey(self.group, self.layer + 1, self.layer_start)
        return UnitKey(self.group, 0, self.next_frame)

    def advance(self, run: Run) -> None:
        """Go past a run."""
        group, layer, frame = run.key
        if (group, layer) != (self.group, self.layer):
            self.layer_start = frame
        if group != self.group:
            self.next_frame = frame
        # A header unit has no frames of its own: the layer after it begins where it stands.
        self.frame = run.stop_frame if layer != HEADER_LAYER else frame
        self.group, self.layer = group, layer
        self.next_frame = max(self.next_frame, self.frame)


def record_of(run: Run, walk: RunWalk, opening: GroupFacts | None = None) -> RunRecord:
    """Wire form of a run after where `walk` stands; with `opening`, of the first of a group in a journal."""
    centidb = centidb_of(run.quality_db)
    group, layer, frame = run.key
    names_group = opening is not None or group != walk.group
    step = None if names_group else next((step for step in Step if walk.predict(step) == run.key), None)
    box = opening.box if opening is not None else None
    plural, spans = len(run.lengths) > 1, run.frames_per_unit > 1
    return RunRecord(
        is_explicit=step is None,
        step=Step.GO_ON if step is None else step,
        has_quality=centidb is not None,
        is_plural=plural,
        spans_frames=spans,
        names_group=names_group,
        has_times=run.times is not None,
        is_chained=(opening is not None and opening.is_chained) if names_group else None,
        has_box=box is not None if names_group else None,
        group=group if names_group else None,
        box=box,
        layer=layer if step is None else None,
        frame=frame if step is None else None,
        length=run.lengths[0],
        more_lengths=run.lengths[1:] if plural else None,
        frames_per_unit=run.frames_per_unit if spans else None,
        crc32=run.crc32,
        quality_centidb=centidb,
        start_ticks=run.times.start_ticks if run.times is not None else None,
        durations_ticks=run.times.durations_ticks if run.times is not None else None,
    )


def run_from(record: RunRecord, walk: RunWalk) -> Run:
    """The run of a record, after where `walk` stands.

    Raises:
        ValueError: its key is out of range.
    """
    if record.layer is not None and record.frame is not None:
        key = UnitKey(walk.group if record.group is None else record.group, record.layer, record.frame)
    else:
        key = walk.predict(Step(record.step))
    quality_db = None if record.quality_centidb is None else record.quality_centidb / 100
    lengths: tuple[int, ...] = (record.length, *(record.more_lengths or ()))
    times = None
    if record.start_ticks is not None and record.durations_ticks is not None:
        times = UnitTimes(record.start_ticks, record.durations_ticks)
    run = Run(key, lengths, record.frames_per_unit or 1, quality_db, record.crc32, times=times)
    if not HEADER_LAYER <= key.layer < MAX_LAYERS or run.stop_frame - 1 > MAX_FRAME:
        raise ValueError(f"leads to {key}, beyond the limits of the format")
    if key.group == STREAM_GROUP and run.stop_frame > 1:
        raise ValueError(f"{key}: the stream group has no frames")
    if key.layer == HEADER_LAYER and (len(lengths) > 1 or run.frames_per_unit > 1):
        raise ValueError(f"{key}: a header unit is one, and has no frames of its own")
    return run


def facts_from(record: RunRecord) -> GroupFacts:
    """What the first record of a group says of it."""
    return group_facts(bool(record.is_chained), record.box)


def group_facts(is_chained: bool, box: tuple[float, ...] | None) -> GroupFacts:
    """Facts from the fields of a record."""
    if not is_chained and box is None:
        return PLAIN_GROUP
    if box is None:
        return GroupFacts(is_chained)
    x, y, z, far_x, far_y, far_z = box
    return GroupFacts(is_chained, (x, y, z, far_x, far_y, far_z))


def placed(runs: Iterable[Run], start: int) -> Iterator[Run]:
    """The runs with offsets: one after another from byte `start` on."""
    for run in runs:
        yield replace(run, offset=start)
        start += run.length
