# SPDX-License-Identifier: Apache-2.0
"""A stream that grows: each unit is in the file when `append` returns, and the file is a playable stream at any moment.

Enters: units in the order of their making. Leaves: a journal, then an indexed file. An interrupted encode opens its
journal again, finds the units that are complete, discards the group that is not, and goes on.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Self

from lamina.atomic import write_error
from lamina.bitstream.container import FEATURE_STREAMED, MAX_UNITS, STREAM_HEADER
from lamina.bitstream.index import HEADER_WINDOW_BYTES, IndexEntry, entry_of, unpack_prefix
from lamina.bitstream.reader import checked_unit
from lamina.bitstream.scan import JournalScan, pack_journal_front, pack_journal_record, scan_journal
from lamina.bitstream.source import FileSource, named
from lamina.bitstream.writer import write_indexed
from lamina.codec import Unit
from lamina.errors import BitstreamError


class StreamJournal:
    """A journal open for appending; a context manager.

    Creates `path`, or opens the journal that is there and keeps its complete units.

    Raises:
        BitstreamError: there is a file that is not a journal of this codec; it is left alone.
        WriteError: the place is not writable.
    """

    def __init__(self, path: str | Path, codec_wire_id: int) -> None:
        self.path = Path(path)
        self.codec_wire_id = codec_wire_id
        self.problems: tuple[BitstreamError, ...] = ()
        """What was dropped when an existing journal was opened."""
        self._entries: list[IndexEntry] = []
        front = pack_journal_front(codec_wire_id)
        end = 0
        if self.path.exists():
            scan = scan_verified(self.path, codec_wire_id, len(front))
            self._entries, self.problems, end = list(scan.entries), scan.problems, scan.end
        self._keys = {entry.key for entry in self._entries}
        try:
            self._file = self.path.open("r+b" if end else "w+b", buffering=0)
            if not end:
                self._write(0, front)
            else:
                self._file.truncate(end)
        except OSError as error:
            raise write_error(self.path, error) from error
        self._end = end or len(front)

    @property
    def entries(self) -> tuple[IndexEntry, ...]:
        """Units that are complete, in the order of their making."""
        return tuple(self._entries)

    @property
    def size_bytes(self) -> int:
        """Size of the journal now."""
        return self._end

    def units(self) -> Iterator[Unit]:
        """Read the units back, in the order of their making.

        Raises:
            BitstreamError: the file was changed by someone else.
        """
        for entry in self.entries:
            yield checked_unit(entry, self._payload_of(entry))

    def append(self, unit: Unit) -> None:
        """Write one unit; it survives the end of this process.

        Raises:
            ValueError: its key was there before, or something is beyond the limits.
            WriteError: the disk is full; the journal ends before this unit.
        """
        if unit.key in self._keys:
            raise ValueError(f"{unit.key} is in the journal already")
        if len(self._entries) >= MAX_UNITS:
            raise ValueError(f"the journal has {MAX_UNITS} units, the most that a stream may have")
        unplaced = entry_of(unit)
        record = pack_journal_record(unplaced)
        offset = self._end + len(record)
        try:
            self._write(self._end, record + unit.payload)
        except OSError as error:
            self._file.truncate(self._end)
            raise write_error(self.path, error) from error
        self._entries.append(IndexEntry(unit.key, offset, unplaced.length, unplaced.crc32, unplaced.quality_db))
        self._keys.add(unit.key)
        self._end = offset + unplaced.length

    def discard_from(self, group: int) -> None:
        """Drop the units of `group` and later ones, but never the header unit of the stream: an encode resumes there.

        Raises:
            ValueError: an earlier group was appended after a later one.
        """
        kept = [entry for entry in self._entries if entry.key.group < group or entry.key == STREAM_HEADER]
        if kept != self._entries[: len(kept)]:
            raise ValueError(f"groups before {group} were appended after it: the journal cannot be shortened there")
        self._end = kept[-1].stop if kept else len(pack_journal_front(self.codec_wire_id))
        self._file.truncate(self._end)
        self._entries = kept
        self._keys = {entry.key for entry in kept}

    def finish(self, path: str | Path) -> int:
        """Write all units to `path` as an indexed file and remove the journal; the size of the file, bytes.

        Payloads are copied one at a time.

        Raises:
            ValueError: the header unit of the stream was not appended.
            WriteError: the disk is full or the place not writable; the journal is still there.
        """
        ordered = sorted(self._entries, key=lambda entry: entry.key)
        size_bytes = write_indexed(path, self.codec_wire_id, ordered, self._payload_of)
        self.close()
        if Path(path).resolve() != self.path.resolve():
            self.path.unlink()
        return size_bytes

    def close(self) -> None:
        """Close the file; it can be opened again."""
        self._file.close()

    def _write(self, position: int, data: bytes) -> None:
        self._file.seek(position)
        unwritten = memoryview(data)
        while unwritten:
            unwritten = unwritten[self._file.write(unwritten) :]

    def _payload_of(self, entry: IndexEntry) -> bytes:
        self._file.seek(entry.offset)
        return self._file.read(entry.length)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def scan_verified(path: Path, codec_wire_id: int, front_size_bytes: int) -> JournalScan:
    """The complete units of the journal at `path`, payloads checked; an end of 0: nothing is there to keep.

    A power failure may leave a record without its payload, so that lengths alone do not tell what is complete.

    Raises:
        BitstreamError: the file is not a journal, or of another codec.
    """
    source = FileSource(path)
    try:
        window = source.read(0, HEADER_WINDOW_BYTES)
        if pack_journal_front(codec_wire_id).startswith(window) and len(window) < front_size_bytes:
            return JournalScan(codec_wire_id, (), 0, ())
        with named(source):
            if not unpack_prefix(window).features & FEATURE_STREAMED:
                raise BitstreamError(
                    "is a finished file, expected a journal: choose another name", "container", "features"
                )
            scan = scan_journal(source)
            if scan.codec_wire_id != codec_wire_id:
                problem = f"is of codec {scan.codec_wire_id}, expected {codec_wire_id}: choose another name"
                raise BitstreamError(problem, "journal header", "codec_wire_id")
        complete: list[IndexEntry] = []
        for entry in scan.entries:
            try:
                checked_unit(entry, source.read(entry.offset, entry.length))
            except BitstreamError as error:
                error.path = source.name
                end = complete[-1].stop if complete else front_size_bytes
                return JournalScan(codec_wire_id, tuple(complete), end, (error,))
            complete.append(entry)
        return scan
    finally:
        source.close()
