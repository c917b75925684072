# SPDX-License-Identifier: Apache-2.0
"""Files and bytes to units: opened by header and directory, the rest read when asked for and checked by its CRC-32."""

from __future__ import annotations

import threading
import zlib
from bisect import bisect_left
from collections import OrderedDict
from collections.abc import Callable, Collection, Container, Iterator, Sequence
from pathlib import Path
from typing import Self

from lamina.bitstream.container import CRC_BYTES, FEATURE_STREAMED
from lamina.bitstream.damage import Damage
from lamina.bitstream.front import HEADER_WINDOW_BYTES, unpack_prefix
from lamina.bitstream.groups import Groups, IndexedGroups, JournalGroups
from lamina.bitstream.layout import GroupPlace
from lamina.bitstream.runs import IndexEntry, Run, RunEntries
from lamina.bitstream.selection import chain_starts, index_of, wanted
from lamina.bitstream.source import ByteSource, BytesSource, FileSource, named
from lamina.bitstream.timing import frame_times
from lamina.errors import BitstreamError
from lamina.times import FrameTimes
from lamina.units import HEADER_LAYER, STREAM_GROUP, STREAM_HEADER, StreamFacts, Unit, UnitKey

KEPT_RUNS = 16
"""Runs of several units that were read last: a decoder that goes frame by frame asks layer after layer for one unit."""
KEPT_RUN_BYTES = 1 << 18
"""Longer runs are read again: there are few, as they are large through their last unit."""

Lost = Callable[[UnitKey, BitstreamError], None]
"""Told what is lost, and why."""


def read_stream(stream: str | Path | bytes | bytearray | memoryview | ByteSource) -> Stream:
    """Open a stream: an indexed file or a journal, whole or truncated after its front.

    Raises:
        BitstreamError: it is no Lamina file, of another version, or its front is damaged.
        OSError: the file cannot be opened.
    """
    if isinstance(stream, bytes | bytearray | memoryview):
        return Stream(BytesSource(stream))
    return Stream(FileSource(Path(stream)) if isinstance(stream, str | Path) else stream)


def checked_run(run: Run, payloads: bytes) -> bytes:
    """The payloads of a run, wherever they were read.

    Raises:
        BitstreamError: they are truncated or damaged.
    """
    if len(payloads) != run.length:
        problem = f"truncated: {len(payloads)} of {run.length} bytes are there"
        raise BitstreamError(problem, str(run.key), "payload", run.offset)
    actual_crc = zlib.crc32(payloads)
    if actual_crc != run.crc32:
        problem = f"CRC-32 is {actual_crc:08x}, its record says {run.crc32:08x}: the unit is damaged"
        raise BitstreamError(problem, str(run.key), "payload", run.offset)
    return payloads


class Stream:
    """An open stream; a context manager. Threads may share it."""

    def __init__(self, source: ByteSource) -> None:
        self._source = source
        self.name: str = source.name
        """Path of the file; empty for bytes in memory."""
        self._kept: OrderedDict[tuple[int, int, int], bytes] = OrderedDict()
        self._chains: tuple[Sequence[GroupPlace], list[int]] = ((), [])
        self._lock = threading.Lock()
        try:
            with named(source):
                prefix = unpack_prefix(source.read(0, HEADER_WINDOW_BYTES))
                self.is_journal: bool = bool(prefix.features & FEATURE_STREAMED)
                """The units are in the order of their making and have no directory in front."""
                self._groups: Groups = JournalGroups(source) if self.is_journal else IndexedGroups(source)
        except BaseException:
            source.close()
            raise

    def refresh(self) -> bool:
        """See what was appended to a journal since; whether there was anything. Reads no more than that.

        A journal that was finished meanwhile is a file of its own still, with all that it had; open the finished one.
        """
        with self._lock, named(self._source):
            return self._groups.refresh()

    @property
    def problems(self) -> tuple[BitstreamError, ...]:
        """What is wrong with the file as a whole but does not keep it from being read."""
        return self._groups.problems

    @property
    def facts(self) -> StreamFacts:
        """Codec, rate, kind of view, metric of quality."""
        return self._groups.facts

    @property
    def codec_wire_id(self) -> int:
        """Number of the codec that the payloads belong to."""
        return self.facts.codec_wire_id

    @property
    def is_timed(self) -> bool:
        """It has frames in time; otherwise it stands still."""
        return self.facts.frames_per_second is not None

    @property
    def size_bytes(self) -> int:
        """Size of the file as it is."""
        return self._source.size_bytes

    @property
    def places(self) -> Sequence[GroupPlace]:
        """The groups, stream group first: their frames, sizes and places. Reads no more than the front."""
        return self._groups.places

    @property
    def groups(self) -> tuple[int, ...]:
        """Numbers of the groups, rising, without the stream group."""
        return tuple(place.group for place in self.places if place.group != STREAM_GROUP)

    @property
    def group_count(self) -> int:
        """Groups, the stream group not counted."""
        return len(self.groups)

    @property
    def level_count(self) -> int:
        """Highest layer of any group + 1."""
        return max(place.level for place in self.places) + 1

    @property
    def frame_count(self) -> int:
        """Frames from the first to the last; 1 for stills."""
        return len(self.frames)

    @property
    def frames(self) -> range:
        """Numbers of the frames, from the first to the last."""
        spans = [place.frames for place in self.places if place.frame_count]
        return range(min(span.start for span in spans), max(span.stop for span in spans)) if spans else range(0)

    def times(self) -> FrameTimes | None:
        """When each frame is shown, counted from the first of them; None for stills.

        Reads the records of all groups where frames have times of their own.

        Raises:
            BitstreamError: times do not rise.
        """
        if not self.is_timed:
            return None
        runs = self.entries.runs if self.facts.ticks_per_second is not None else ()
        with named(self._source):
            return frame_times(self.facts, self.frames, runs)

    @property
    def duration_s(self) -> float | None:
        """None for stills.

        Raises:
            BitstreamError: as `times`.
        """
        times = self.times()
        return float(times.duration_s) if times is not None else None

    @property
    def front_size_bytes(self) -> int:
        """Bytes that must be read before anything can be decoded."""
        return self._groups.front_size_bytes

    def place(self, group: int) -> GroupPlace:
        """One group.

        Raises:
            ValueError: there is no such group.
        """
        places = self.places
        return places[index_of(places, group)]

    def is_chained(self, group: int) -> bool:
        """Whether a group builds on the one before it."""
        return group != STREAM_GROUP and self.place(group).facts.is_chained

    def chain_of(self, group: int) -> int:
        """First group that must be decoded for a group: where its chain begins; itself where it decodes alone.

        Raises:
            ValueError: there is no such group.
        """
        places = self.places
        if self._chains[0] is not places:
            self._chains = places, chain_starts(places)
        return self._chains[1][index_of(places, group)]

    def level_of(self, group: int) -> int:
        """Highest level that the group reaches; -1 when it has a header unit only.

        Raises:
            ValueError: there is no such group.
        """
        return self.place(group).level

    def byte_ranges(self, group: int, level: int, *, with_records: bool = False) -> list[tuple[int, int]]:
        """Where the group's header unit and layers 0...`level` are: one range, but in stills of several groups.

        A group that does not reach the level gives all it has. With its records, if they are not in the front of the
        file, the bytes are all that a reader needs who has the front; they stand before the payloads.

        Raises:
            ValueError: there is no such group, or the stream is a journal, where layers are not together.
        """
        if self.is_journal:
            raise ValueError(f"{self.name or 'this stream'} is a journal: finish it to have its layers together")
        place = self.place(group)
        ranges = place.byte_ranges(level)
        if not with_records or place.records_offset < self.front_size_bytes:
            return ranges
        start, stop = place.records_offset, place.records_offset + place.records_size_bytes + CRC_BYTES
        return [(start, ranges[0][1]), *ranges[1:]] if ranges else [(start, stop)]

    def entries_of(self, group: int) -> RunEntries:
        """The units of one group, in order; reads its records.

        Raises:
            BitstreamError: its records are damaged.
            ValueError: there is no such group.
        """
        with named(self._source):
            return self._groups.entries_of(self.place(group))

    @property
    def entries(self) -> RunEntries:
        """All units by group, layer, frame. Groups whose records are damaged are left out, and noted in `problems`."""
        runs: list[Run] = []
        for place in self.places:
            try:
                runs += self.entries_of(place.group).runs
            except BitstreamError:
                if place.group == STREAM_GROUP:
                    raise
        return RunEntries(runs)

    def entry(self, key: UnitKey) -> IndexEntry:
        """The entry of one unit.

        Raises:
            KeyError: the stream does not have it.
            BitstreamError: the records of its group are damaged.
        """
        missing = KeyError(f"{self.name or 'the stream'} has no unit {key}")
        try:
            self.place(key.group)
        except ValueError:
            raise missing from None
        entries = self.entries_of(key.group)
        index = bisect_left(entries, key, key=lambda entry: entry.key)
        if index == len(entries) or entries[index].key != key:
            raise missing
        return entries[index]

    def select(
        self,
        max_level: int | None = None,
        groups: Container[int] | None = None,
        frames: Collection[int] | None = None,
        lost: Lost | None = None,
    ) -> list[IndexEntry]:
        """Entries that are needed to decode levels 0...`max_level` of `groups` and `frames`; None: all.

        The stream group is always among them. A group without any of the frames is left out; of others, frames up to
        the last one asked for are taken, as they build on each other; of what a chained group builds on, all.

        Raises:
            BitstreamError: the records of a group are damaged. With `lost`, this is told instead, as the loss of the
                group's header unit, and the group left out.
        """
        chosen: list[IndexEntry] = []
        for place, stop in wanted(self.places, groups, frames):
            try:
                entries = self.entries_of(place.group)
            except BitstreamError as error:
                if lost is None or place.group == STREAM_GROUP:
                    raise
                lost(UnitKey(place.group, HEADER_LAYER, place.first_frame), error.with_traceback(None))
                continue
            for entry in entries:
                in_level = max_level is None or entry.key.layer <= max_level
                if entry.key.layer == HEADER_LAYER or (in_level and entry.key.frame < stop):
                    chosen.append(entry)
        return chosen

    def unit(self, entry: IndexEntry) -> Unit:
        """Read one unit.

        Raises:
            BitstreamError: it is truncated or damaged; names file, unit and position in the file.
        """
        assert entry.run is not None
        with named(self._source):
            payloads = self._payloads_of(entry.run)
        start = entry.offset - entry.run.offset
        facts = self.place(entry.key.group).facts
        payload = payloads[start : start + entry.length]
        return Unit(entry.key, payload, entry.quality_db, entry.frame_count, facts, entry.times)

    def _payloads_of(self, run: Run) -> bytes:
        place = run.offset, run.length, run.crc32
        with self._lock:
            if place in self._kept:
                self._kept.move_to_end(place)
                return self._kept[place]
        available = max(min(run.length, self._source.size_bytes - run.offset), 0)
        payloads = checked_run(run, self._source.read(run.offset, available))
        if len(run.lengths) > 1 and run.length <= KEPT_RUN_BYTES:
            with self._lock:
                self._kept[place] = payloads
                while len(self._kept) > KEPT_RUNS:
                    self._kept.popitem(last=False)
        return payloads

    def header_unit(self) -> Unit:
        """The header unit of the stream.

        Raises:
            BitstreamError: it is truncated or damaged.
        """
        return self.unit(self.entries_of(STREAM_GROUP)[0])

    def units(
        self,
        max_level: int | None = None,
        groups: Container[int] | None = None,
        frames: Collection[int] | None = None,
    ) -> Iterator[Unit]:
        """Read the units that `select` chooses.

        Raises:
            BitstreamError: before the first unit where records of a group are damaged; at a unit that is truncated or
                damaged.
        """
        for entry in self.select(max_level, groups, frames):
            yield self.unit(entry)

    def intact_units(
        self,
        problems: list[BitstreamError],
        max_level: int | None = None,
        groups: Container[int] | None = None,
        frames: Collection[int] | None = None,
    ) -> Iterator[Unit]:
        """Read the units that `select` chooses and that damage leaves of use (`damage` has the rule).

        What is wrong is appended to `problems` as it is met; units that only build on lost ones are not listed.

        Raises:
            BitstreamError: the header unit of the stream is lost.
        """
        damage = Damage(self.chain_of)

        def lose(key: UnitKey, error: BitstreamError) -> None:
            damage.add(key)
            problems.append(error)

        for entry in self.select(max_level, groups, frames, lose):
            if damage.costs(entry.key, entry.frame_count):
                continue
            try:
                unit = self.unit(entry)
            except BitstreamError as error:
                if entry.key == STREAM_HEADER:
                    raise
                lose(entry.key, error)
                continue
            yield unit

    def close(self) -> None:
        """Close the file."""
        self._source.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
