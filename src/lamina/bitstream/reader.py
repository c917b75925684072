# SPDX-License-Identifier: Apache-2.0
"""Files and bytes to units: opened by header and index, payloads read when asked for and checked by their CRC-32."""

from __future__ import annotations

import zlib
from bisect import bisect_left
from collections.abc import Container, Iterator
from itertools import groupby
from pathlib import Path
from typing import Self

from lamina.bitstream.container import FEATURE_STREAMED, STREAM_HEADER, ContainerHeader
from lamina.bitstream.damage import Damage
from lamina.bitstream.index import (
    HEADER_WINDOW_BYTES,
    IndexEntry,
    front_size_bytes,
    header_of,
    unpack_front,
    unpack_prefix,
)
from lamina.bitstream.scan import scan_journal
from lamina.bitstream.source import ByteSource, BytesSource, FileSource, named
from lamina.codec import HEADER_LAYER, Unit, UnitKey
from lamina.errors import BitstreamError


def read_stream(stream: str | Path | bytes | bytearray | memoryview | ByteSource) -> Stream:
    """Open a stream: an indexed file or a journal, whole or truncated after its index.

    Raises:
        BitstreamError: it is no Lamina file, of a future version, or its header or index are damaged.
        OSError: the file cannot be opened.
    """
    if isinstance(stream, bytes | bytearray | memoryview):
        return Stream(BytesSource(stream))
    return Stream(FileSource(Path(stream)) if isinstance(stream, str | Path) else stream)


def checked_unit(entry: IndexEntry, payload: bytes) -> Unit:
    """The unit of an index entry, from its payload wherever that was read.

    Raises:
        BitstreamError: the payload is truncated or damaged.
    """
    if len(payload) != entry.length:
        problem = f"truncated: {len(payload)} of {entry.length} bytes are there"
        raise BitstreamError(problem, str(entry.key), "payload", entry.offset)
    actual_crc = zlib.crc32(payload)
    if actual_crc != entry.crc32:
        problem = f"CRC-32 is {actual_crc:08x}, the index says {entry.crc32:08x}: the unit is damaged"
        raise BitstreamError(problem, str(entry.key), "payload", entry.offset)
    return Unit(entry.key, payload, entry.quality_db)


class Stream:
    """An open stream; a context manager. Threads may share it."""

    def __init__(self, source: ByteSource) -> None:
        self._source = source
        self.name: str = source.name
        """Path of the file; empty for bytes in memory."""
        self.problems: tuple[BitstreamError, ...] = ()
        """What is wrong with the file as a whole but does not keep it from being read."""
        self.header: ContainerHeader
        """Codec and counts; for a journal, of what is in it so far."""
        self.entries: tuple[IndexEntry, ...]
        """All units by group, layer, frame."""
        try:
            with named(source):
                self._open()
        except BaseException:
            source.close()
            raise
        self._by_group = {
            group: list(entries) for group, entries in groupby(self.entries, lambda entry: entry.key.group)
        }

    def _open(self) -> None:
        prefix = unpack_prefix(window := self._source.read(0, HEADER_WINDOW_BYTES))
        self.is_journal: bool = bool(prefix.features & FEATURE_STREAMED)
        """The units are in the order of their making and have no index in front."""
        if self.is_journal:
            journal = scan_journal(self._source)
            self.problems = journal.problems
            self.entries = tuple(sorted(journal.entries, key=lambda entry: entry.key))
            if not self.entries or self.entries[0].key != STREAM_HEADER:
                raise BitstreamError("the header unit of the stream is missing", "journal", "", journal.end)
            self.header = header_of(journal.codec_wire_id, self.entries, 0)
            return
        front_bytes = front_size_bytes(window)
        if front_bytes > self._source.size_bytes:
            problem = f"truncated: header and index take {front_bytes} bytes, the file has {self._source.size_bytes}"
            raise BitstreamError(problem, "container", "index", self._source.size_bytes)
        self.header, entries = unpack_front(self._source.read(0, front_bytes))
        self.entries = tuple(entries)
        expected_bytes, actual_bytes = self.entries[-1].stop, self._source.size_bytes
        if actual_bytes != expected_bytes:
            kind = "truncated" if actual_bytes < expected_bytes else "longer than its index says"
            problem = f"{kind}: the file has {actual_bytes} bytes, expected {expected_bytes}"
            self.problems = (BitstreamError(problem, "container", "", actual_bytes, self.name),)

    @property
    def codec_wire_id(self) -> int:
        """Number of the codec that the payloads belong to."""
        return self.header.codec_wire_id

    @property
    def size_bytes(self) -> int:
        """Size of the file as it is."""
        return self._source.size_bytes

    @property
    def group_count(self) -> int:
        """Groups that have units."""
        return self.header.group_count

    @property
    def level_count(self) -> int:
        """Highest layer of any group + 1."""
        return self.header.level_count

    @property
    def groups(self) -> tuple[int, ...]:
        """Numbers of the groups, rising."""
        return tuple(self._by_group)

    @property
    def front_size_bytes(self) -> int:
        """Bytes before the first payload: prefix, header, index, CRC-32."""
        return min(entry.offset for entry in self.entries)

    def entry(self, key: UnitKey) -> IndexEntry:
        """The entry of one unit.

        Raises:
            KeyError: the stream does not have it.
        """
        index = bisect_left(self.entries, key, key=lambda entry: entry.key)
        if index == len(self.entries) or self.entries[index].key != key:
            raise KeyError(f"{self.name or 'the stream'} has no unit {key}")
        return self.entries[index]

    def level_of(self, group: int) -> int:
        """Highest level that the group reaches; -1 when it has header units only.

        Raises:
            ValueError: there is no such group.
        """
        return max(entry.key.layer for entry in self._entries_of(group))

    def byte_range(self, group: int, level: int) -> tuple[int, int]:
        """First byte of the group's levels 0...`level` with their header units, and the byte after them.

        A group that does not reach the level gives all it has.

        Raises:
            ValueError: there is no such group, or the stream is a journal, where layers are not together.
        """
        if self.is_journal:
            raise ValueError(f"{self.name or 'this stream'} is a journal: finish it to have its layers together")
        entries = self._entries_of(group)
        start = entries[0].offset
        return start, max((entry.stop for entry in entries if entry.key.layer <= level), default=start)

    def _entries_of(self, group: int) -> list[IndexEntry]:
        if group not in self._by_group:
            raise ValueError(f"there is no group {group}; groups are {self.groups[0]}...{self.groups[-1]}")
        return self._by_group[group]

    def select(
        self,
        max_level: int | None = None,
        groups: Container[int] | None = None,
        frames: Container[int] | None = None,
    ) -> list[IndexEntry]:
        """Entries that are needed to decode levels 0...`max_level` of `groups` and `frames`; None: all.

        The header unit of the stream is always among them. A group without any of the frames is left out; of others,
        frames up to the last one asked for are taken, as they build on each other.
        """
        chosen: list[IndexEntry] = []
        for group, entries in self._by_group.items():
            present = {entry.key.frame for entry in entries if entry.key.layer != HEADER_LAYER}
            last = max((frame for frame in present if frames is None or frame in frames), default=-1)
            wanted = (groups is None or group in groups) and (frames is None or last >= 0)
            for entry in entries:
                is_header = entry.key.layer == HEADER_LAYER
                in_level = max_level is None or entry.key.layer <= max_level
                in_time = is_header or frames is None or entry.key.frame <= last
                if entry.key == STREAM_HEADER or (wanted and in_level and in_time):
                    chosen.append(entry)
        return chosen

    def unit(self, entry: IndexEntry) -> Unit:
        """Read one unit.

        Raises:
            BitstreamError: it is truncated or damaged; names file, unit and position in the file.
        """
        with named(self._source):
            available = max(min(entry.length, self._source.size_bytes - entry.offset), 0)
            return checked_unit(entry, self._source.read(entry.offset, available))

    def header_unit(self) -> Unit:
        """The header unit of the stream.

        Raises:
            BitstreamError: it is truncated or damaged.
        """
        return self.unit(self.entries[0])

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
        damage = Damage()
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
