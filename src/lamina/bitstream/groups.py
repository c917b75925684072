# SPDX-License-Identifier: Apache-2.0
"""The groups of an open stream: from the front of an indexed file, or from the records of a journal as it grows."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from typing import Protocol

from lamina.bitstream.container import CRC_BYTES
from lamina.bitstream.front import HEADER_WINDOW_BYTES, front_size_of, in_front, unpack_front
from lamina.bitstream.layout import GroupPlace, group_layout, unpack_records
from lamina.bitstream.runs import IndexEntry
from lamina.bitstream.scan import JournalScan
from lamina.bitstream.source import ByteSource
from lamina.errors import BitstreamError
from lamina.units import PLAIN_GROUP, STREAM_GROUP, STREAM_HEADER, StreamFacts

LONGEST_WINDOW_BYTES = 1 << 17
"""Prefix and header with extensions take less."""


class Groups(Protocol):
    """What a stream asks of its groups."""

    facts: StreamFacts
    places: Sequence[GroupPlace]
    front_size_bytes: int

    @property
    def problems(self) -> tuple[BitstreamError, ...]:
        """What is wrong with the file as a whole."""
        ...

    def entries_of(self, place: GroupPlace) -> Sequence[IndexEntry]:
        """The units of a group, in order. Raises `BitstreamError`."""
        ...

    def intact_entries_of(self, place: GroupPlace) -> Sequence[IndexEntry]:
        """The same; none where the group's records are damaged, which is noted in `problems`."""
        ...

    def refresh(self) -> bool:
        """See what was appended; whether there was anything."""
        ...


class IndexedGroups:
    """Of an indexed file: the directory is read at once, the records of a group when they are asked for.

    Raises:
        BitstreamError: the front is truncated or damaged.
    """

    def __init__(self, source: ByteSource) -> None:
        self._source = source
        window = source.read(0, HEADER_WINDOW_BYTES)
        try:
            self.front_size_bytes = front_size_of(window)
        except BitstreamError:
            window = source.read(0, LONGEST_WINDOW_BYTES)
            self.front_size_bytes = front_size_of(window)
        if self.front_size_bytes > source.size_bytes:
            problem = f"truncated: its front takes {self.front_size_bytes} bytes, the file has {source.size_bytes}"
            raise BitstreamError(problem, "container", "directory", source.size_bytes)
        self._front = source.read(0, self.front_size_bytes)
        header, places = unpack_front(self._front)
        self.facts = header.facts
        self.places: Sequence[GroupPlace] = places
        self._problems: tuple[BitstreamError, ...] = ()
        self._read: dict[int, Sequence[IndexEntry]] = {}
        last = max(place.offsets[-1] + place.sizes_bytes[-1] for place in places)
        expected_bytes, actual_bytes = max(last, self.front_size_bytes), source.size_bytes
        if actual_bytes != expected_bytes:
            kind = "truncated" if actual_bytes < expected_bytes else "longer than its directory says"
            problem = f"{kind}: the file has {actual_bytes} bytes, expected {expected_bytes}"
            self._problems = (BitstreamError(problem, "container", "", actual_bytes, source.name),)

    @property
    def problems(self) -> tuple[BitstreamError, ...]:
        """A size that is not what the directory says; groups whose records are damaged."""
        return self._problems

    def entries_of(self, place: GroupPlace) -> Sequence[IndexEntry]:
        """The units of a group, in order.

        Raises:
            BitstreamError: its records are truncated or damaged.
        """
        if place.group not in self._read:
            runs = unpack_records(self._records_of(place), place)
            self._read[place.group] = [entry for run in runs for entry in run.entries()]
        return self._read[place.group]

    def intact_entries_of(self, place: GroupPlace) -> Sequence[IndexEntry]:
        """The units of a group; none where its records are damaged."""
        try:
            return self.entries_of(place)
        except BitstreamError as error:
            if place.group == STREAM_GROUP:
                raise
            error.path = error.path or self._source.name
            self._read[place.group] = ()
            self._problems = (*self._problems, error)
            return ()

    def refresh(self) -> bool:
        """A finished file does not change."""
        return False

    def _records_of(self, place: GroupPlace) -> bytes:
        """Bytes of a group's records, checked."""
        start, size_bytes = place.records_offset, place.records_size_bytes
        if in_front(self.facts, place):
            return self._front[start : start + size_bytes]
        data = self._source.read(start, size_bytes + CRC_BYTES)
        unit = f"records of group {place.group}"
        if len(data) != size_bytes + CRC_BYTES:
            raise BitstreamError(f"truncated: {len(data)} of {size_bytes + CRC_BYTES} bytes are there", unit, "", start)
        stored_crc, actual_crc = int.from_bytes(data[size_bytes:], "big"), zlib.crc32(data[:size_bytes])
        if stored_crc != actual_crc:
            problem = f"CRC-32 is {actual_crc:08x}, stored is {stored_crc:08x}: the group is damaged"
            raise BitstreamError(problem, unit, "crc32", start + size_bytes)
        return data[:size_bytes]


class JournalGroups:
    """Of a journal: all records are read, and what is appended later when it is asked for.

    Raises:
        BitstreamError: its first bytes are damaged, or the header unit of the stream is not there yet.
    """

    def __init__(self, source: ByteSource) -> None:
        self._scan = JournalScan(source)
        self.facts = self._scan.facts
        self.front_size_bytes = self._scan.front_size_bytes
        self.places: Sequence[GroupPlace] = ()
        self._entries: dict[int, list[IndexEntry]] = {}
        self._arrange()
        if STREAM_GROUP not in self._entries or self._entries[STREAM_GROUP][0].key != STREAM_HEADER:
            raise BitstreamError("the header unit of the stream is missing", "journal", "", self._scan.end)

    @property
    def problems(self) -> tuple[BitstreamError, ...]:
        """Why the scan ended before the file did, if so."""
        return self._scan.problems

    def entries_of(self, place: GroupPlace) -> Sequence[IndexEntry]:
        """The units of a group, in order."""
        return self._entries[place.group]

    def intact_entries_of(self, place: GroupPlace) -> Sequence[IndexEntry]:
        """The same: what is not intact was not found."""
        return self._entries[place.group]

    def refresh(self) -> bool:
        """Read the records that were appended; whether there were any."""
        count = len(self._scan.runs)
        self._scan.go_on()
        if len(self._scan.runs) == count:
            return False
        self._arrange()
        return True

    def _arrange(self) -> None:
        by_group: dict[int, list[IndexEntry]] = {}
        for run in self._scan.runs:
            by_group.setdefault(run.key.group, []).extend(run.entries())
        self._entries = {group: sorted(by_group[group], key=lambda entry: entry.key) for group in sorted(by_group)}
        self.places = [
            group_layout(
                group,
                self._scan.groups.get(group, PLAIN_GROUP),
                sorted((run for run in self._scan.runs if run.key.group == group), key=lambda run: run.key),
            ).place
            for group in self._entries
        ]
