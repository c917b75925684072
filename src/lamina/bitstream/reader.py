# SPDX-License-Identifier: Apache-2.0
"""Files and bytes to units: opened by header and directory, the rest read when asked for and checked by its CRC-32."""

from __future__ import annotations

import threading
import zlib
from bisect import bisect_left
from collections import OrderedDict
from collections.abc import Container, Iterator, Sequence
from pathlib import Path
from typing import Self

from lamina.bitstream.container import FEATURE_STREAMED
from lamina.bitstream.damage import Damage
from lamina.bitstream.front import HEADER_WINDOW_BYTES, unpack_prefix
from lamina.bitstream.groups import Groups, IndexedGroups, JournalGroups
from lamina.bitstream.layout import GroupPlace
from lamina.bitstream.runs import IndexEntry, Run
from lamina.bitstream.source import ByteSource, BytesSource, FileSource, named
from lamina.errors import BitstreamError
from lamina.units import HEADER_LAYER, STREAM_GROUP, STREAM_HEADER, StreamFacts, Unit, UnitKey

KEPT_RUNS = 16
"""Runs of several units that were read last: a decoder that goes frame by frame asks layer after layer for one unit."""


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
        self._kept: OrderedDict[Run, bytes] = OrderedDict()
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
        """See what was appended to a journal since; whether there was anything."""
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
        spans = [place.frames for place in self.places if place.frame_count]
        return max(span.stop for span in spans) - min(span.start for span in spans) if spans else 0

    @property
    def duration_s(self) -> float | None:
        """None for stills."""
        rate = self.facts.frames_per_second
        return float(self.frame_count / rate) if rate is not None else None

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
        index = bisect_left(places, group, key=lambda place: place.group)
        if index == len(places) or places[index].group != group:
            raise ValueError(f"there is no group {group}; groups are {places[0].group}...{places[-1].group}")
        return places[index]

    def is_chained(self, group: int) -> bool:
        """Whether a group builds on the one before it."""
        return group != STREAM_GROUP and self.place(group).facts.is_chained

    def level_of(self, group: int) -> int:
        """Highest level that the group reaches; -1 when it has a header unit only.

        Raises:
            ValueError: there is no such group.
        """
        return self.place(group).level

    def byte_ranges(self, group: int, level: int) -> list[tuple[int, int]]:
        """Where the group's header unit and layers 0...`level` are: one range, but in stills of several groups.

        A group that does not reach the level gives all it has.

        Raises:
            ValueError: there is no such group, or the stream is a journal, where layers are not together.
        """
        if self.is_journal:
            raise ValueError(f"{self.name or 'this stream'} is a journal: finish it to have its layers together")
        return self.place(group).byte_ranges(level)

    def entries_of(self, group: int) -> Sequence[IndexEntry]:
        """The units of one group, in order; reads its records.

        Raises:
            BitstreamError: its records are damaged.
            ValueError: there is no such group.
        """
        with named(self._source):
            return self._groups.entries_of(self.place(group))

    @property
    def entries(self) -> list[IndexEntry]:
        """All units by group, layer, frame. Groups whose records are damaged are left out, and noted in `problems`."""
        found: list[IndexEntry] = []
        for place in self.places:
            found += self._intact_entries_of(place)
        return found

    def entry(self, key: UnitKey) -> IndexEntry:
        """The entry of one unit.

        Raises:
            KeyError: the stream does not have it.
        """
        if key.group in (place.group for place in self.places):
            entries = self.entries_of(key.group)
            index = bisect_left(entries, key, key=lambda entry: entry.key)
            if index < len(entries) and entries[index].key == key:
                return entries[index]
        raise KeyError(f"{self.name or 'the stream'} has no unit {key}")

    def select(
        self,
        max_level: int | None = None,
        groups: Container[int] | None = None,
        frames: Container[int] | None = None,
    ) -> list[IndexEntry]:
        """Entries that are needed to decode levels 0...`max_level` of `groups` and `frames`; None: all.

        The stream group is always among them. A group without any of the frames is left out; of others, frames up to
        the last one asked for are taken, as they build on each other; of what a chained group builds on, all.
        """
        chosen: list[IndexEntry] = []
        for place, stop in self._wanted(groups, frames):
            for entry in self._intact_entries_of(place):
                in_level = max_level is None or entry.key.layer <= max_level
                if entry.key.layer == HEADER_LAYER or (in_level and entry.key.frame < stop):
                    chosen.append(entry)
        return chosen

    def _wanted(self, groups: Container[int] | None, frames: Container[int] | None) -> list[tuple[GroupPlace, int]]:
        """Groups, and the frame before which what is needed of each ends."""
        wanted: list[tuple[GroupPlace, int]] = []
        needs_all = False
        for place in reversed(self.places):
            last = place.first_frame + place.frame_count - 1
            if frames is not None and not needs_all:
                last = max((frame for frame in place.frames if frame in frames), default=-1)
            asked = (groups is None or place.group in groups) and (frames is None or last >= 0)
            if place.group == STREAM_GROUP:
                wanted.append((place, 1))
            elif asked or needs_all:
                wanted.append((place, place.frames.stop if needs_all else last + 1))
                needs_all = place.facts.is_chained
        return wanted[::-1]

    def _intact_entries_of(self, place: GroupPlace) -> Sequence[IndexEntry]:
        return self._groups.intact_entries_of(place)

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
        return Unit(entry.key, payloads[start : start + entry.length], entry.quality_db, entry.frame_count, facts)

    def _payloads_of(self, run: Run) -> bytes:
        with self._lock:
            if run in self._kept:
                self._kept.move_to_end(run)
                return self._kept[run]
        available = max(min(run.length, self._source.size_bytes - run.offset), 0)
        payloads = checked_run(run, self._source.read(run.offset, available))
        if len(run.lengths) > 1:
            with self._lock:
                self._kept[run] = payloads
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
        frames: Container[int] | None = None,
    ) -> Iterator[Unit]:
        """Read the units that `select` chooses.

        Raises:
            BitstreamError: at the first unit that is truncated or damaged.
        """
        for entry in self.select(max_level, groups, frames):
            yield self.unit(entry)

    def intact_units(
        self,
        problems: list[BitstreamError],
        max_level: int | None = None,
        groups: Container[int] | None = None,
        frames: Container[int] | None = None,
    ) -> Iterator[Unit]:
        """Read the units that `select` chooses and that damage leaves of use (`damage` has the rule).

        What is wrong is appended to `problems` as it is met; units that only build on lost ones are not listed.

        Raises:
            BitstreamError: the header unit of the stream is lost.
        """
        damage = Damage(self.is_chained)
        for entry in self.select(max_level, groups, frames):
            if damage.costs(entry.key):
                continue
            try:
                unit = self.unit(entry)
            except BitstreamError as error:
                if entry.key == STREAM_HEADER:
                    raise
                damage.add(entry.key)
                problems.append(error)
                continue
            yield unit

    def close(self) -> None:
        """Close the file."""
        self._source.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
