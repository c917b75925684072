# SPDX-License-Identifier: Apache-2.0
"""The groups of an open stream: from the front of an indexed file, or from the records of a journal as it grows."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from operator import attrgetter
from typing import Protocol

from lamina.bitstream.container import CRC_BYTES, MAX_UNITS
from lamina.bitstream.front import HEADER_WINDOW_BYTES, front_size_of, in_front, unpack_front
from lamina.bitstream.layout import GroupPlace, GroupTotals, records_name, unpack_records
from lamina.bitstream.runs import Run, RunEntries, check_times
from lamina.bitstream.scan import JournalScan
from lamina.bitstream.source import ByteSource
from lamina.errors import BitstreamError
from lamina.units import GroupFacts, StreamFacts

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

    def entries_of(self, place: GroupPlace) -> RunEntries:
        """The units of a group, in order. Raises `BitstreamError` where its records are damaged, each time."""
        ...

    def refresh(self) -> bool:
        """See what was appended; whether there was anything."""
        ...


def check_all_times(facts: StreamFacts, runs: Sequence[Run], place: GroupPlace) -> None:
    """Raise BitstreamError unless the runs of a group say times exactly where they have to."""
    for run in runs:
        try:
            check_times(facts, run)
        except ValueError as error:
            raise BitstreamError(str(error), records_name(place), "has_times", place.records_offset) from None


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
        self.facts, places = unpack_front(self._front)
        self.places: Sequence[GroupPlace] = places
        self._size_problem: tuple[BitstreamError, ...] = ()
        self._read: dict[int, RunEntries] = {}
        self._damaged: dict[int, BitstreamError] = {}
        self._units = 0
        last = max(place.offsets[-1] + place.sizes_bytes[-1] for place in places)
        expected_bytes, actual_bytes = max(last, self.front_size_bytes), source.size_bytes
        if actual_bytes != expected_bytes:
            kind = "truncated" if actual_bytes < expected_bytes else "longer than its directory says"
            problem = f"{kind}: the file has {actual_bytes} bytes, expected {expected_bytes}"
            self._size_problem = (BitstreamError(problem, "container", "", actual_bytes, source.name),)

    @property
    def problems(self) -> tuple[BitstreamError, ...]:
        """A size that is not what the directory says; groups whose records were found damaged."""
        return (*self._size_problem, *self._damaged.values())

    def entries_of(self, place: GroupPlace) -> RunEntries:
        """The units of a group, in order.

        Raises:
            BitstreamError: its records are truncated or damaged.
        """
        if place.group not in self._read:
            if place.group in self._damaged:
                raise replace(self._damaged[place.group])
            try:
                runs = unpack_records(self._records_of(place), place)
                check_all_times(self.facts, runs, place)
                entries, held = RunEntries(runs), sum(run.held for run in runs)
                if self._units + held > MAX_UNITS:
                    problem = f"more units than the {MAX_UNITS} of a file"
                    raise BitstreamError(problem, records_name(place), "", place.records_offset)
            except BitstreamError as error:
                error.path = error.path or self._source.name
                # That a truncated file lacks a group is said once, of the file.
                if place.records_offset < self._source.size_bytes:
                    self._damaged[place.group] = error
                raise
            self._units += held
            self._read[place.group] = entries
        return self._read[place.group]

    def refresh(self) -> bool:
        """A finished file does not change."""
        return False

    def _records_of(self, place: GroupPlace) -> bytes:
        """Bytes of a group's records, checked."""
        start, size_bytes = place.records_offset, place.records_size_bytes
        if in_front(self.facts, place):
            return self._front[start : start + size_bytes]
        data = self._source.read(start, size_bytes + CRC_BYTES)
        unit = records_name(place)
        if len(data) != size_bytes + CRC_BYTES:
            raise BitstreamError(f"truncated: {len(data)} of {size_bytes + CRC_BYTES} bytes are there", unit, "", start)
        stored_crc, actual_crc = int.from_bytes(data[size_bytes:], "big"), zlib.crc32(data[:size_bytes])
        if stored_crc != actual_crc:
            problem = f"CRC-32 is {actual_crc:08x}, stored is {stored_crc:08x}: the group is damaged"
            raise BitstreamError(problem, unit, "crc32", start + size_bytes)
        return data[:size_bytes]


@dataclass(slots=True)
class GrowingGroup:
    """A group of a journal."""

    facts: GroupFacts
    totals: GroupTotals = field(default_factory=GroupTotals)
    layers: dict[int, list[Run]] = field(default_factory=dict)
    """Runs of each layer; their frames rise as a journal grows."""

    def add(self, run: Run) -> None:
        """One more run."""
        self.layers.setdefault(run.key.layer, []).append(run)
        self.totals.add(run)

    def entries(self) -> RunEntries:
        """Its units, in order."""
        return RunEntries(run for layer in sorted(self.layers) for run in self.layers[layer])


class JournalGroups:
    """Of a journal: all records are read, and what is appended later when it is asked for.

    Raises:
        BitstreamError: its first bytes are damaged, or the header unit of the stream is not there yet.
    """

    def __init__(self, source: ByteSource) -> None:
        self._scan = JournalScan(source)
        self.facts = self._scan.facts
        self.front_size_bytes = self._scan.front_size_bytes
        self._begin()
        self._add_new()
        if not self._scan.has_header:
            raise BitstreamError("the header unit of the stream is missing", "journal", "", self._scan.end)

    @property
    def problems(self) -> tuple[BitstreamError, ...]:
        """Why the scan ended before the file did, if so."""
        return self._scan.problems

    def entries_of(self, place: GroupPlace) -> RunEntries:
        """The units of a group, in order."""
        if place.group not in self._entries:
            self._entries[place.group] = self._groups[place.group].entries()
        return self._entries[place.group]

    def refresh(self) -> bool:
        """Read the records that were appended; whether there were any, or others than before."""
        self._scan.go_on()
        if self._scan.beginnings != self._beginnings:
            # Until the writer has come as far as the header again, what was there stays.
            if not self._scan.has_header:
                return False
            self._begin()
        elif len(self._scan.runs) == self._taken:
            return False
        self._add_new()
        return True

    def _begin(self) -> None:
        self._beginnings = self._scan.beginnings
        self._taken = 0
        self._groups: dict[int, GrowingGroup] = {}
        self._entries: dict[int, RunEntries] = {}
        self.places: Sequence[GroupPlace] = ()

    def _add_new(self) -> None:
        """Take the runs that are new; only what they touch is made again."""
        touched: set[int] = set()
        for run in self._scan.runs[self._taken :]:
            group = run.key.group
            if group not in self._groups:
                self._groups[group] = GrowingGroup(self._scan.groups[group])
            self._groups[group].add(run)
            touched.add(group)
        self._taken = len(self._scan.runs)
        places = [place for place in self.places if place.group not in touched]
        for group in touched:
            self._entries.pop(group, None)
            places.append(self._groups[group].totals.place(group, self._groups[group].facts))
        self.places = sorted(places, key=attrgetter("group"))
