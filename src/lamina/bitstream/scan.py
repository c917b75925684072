# SPDX-License-Identifier: Apache-2.0
"""The bytes of a journal to its entries: from record to record, as far as they are whole.

A journal is written unit by unit and may end anywhere. What is complete is kept; an incomplete last record is a problem
that is noted, not an error. As lengths are in the records, nothing after a damaged record can be found.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from typing import Final

from lamina.bitstream.container import (
    CRC_BYTES,
    FEATURE_STREAMED,
    MAGIC,
    MAX_RECORD_BYTES,
    MAX_UNITS,
    VERSION,
    FilePrefix,
    IndexRecord,
    JournalHeader,
)
from lamina.bitstream.index import HEADER_WINDOW_BYTES, PREFIX_BYTES, IndexEntry, entry_from, record_of
from lamina.bitstream.source import ByteSource
from lamina.codec import UnitKey
from lamina.errors import BitstreamError

RECORD_WINDOW_BYTES: Final = MAX_RECORD_BYTES + CRC_BYTES


@dataclass(frozen=True, slots=True)
class JournalScan:
    """What a journal holds."""

    codec_wire_id: int
    entries: tuple[IndexEntry, ...]
    """Complete units in the order of their making."""
    end: int
    """Byte after the last complete unit; what follows is of no use."""
    problems: tuple[BitstreamError, ...]
    """Why the scan ended before the file did, if so."""


def pack_journal_front(codec_wire_id: int) -> bytes:
    """First bytes of a journal."""
    front = FilePrefix(MAGIC, VERSION, FEATURE_STREAMED).pack() + JournalHeader(codec_wire_id).pack()
    return front + zlib.crc32(front).to_bytes(CRC_BYTES, "big")


def pack_journal_record(entry: IndexEntry) -> bytes:
    """What goes before the payload of a unit in a journal."""
    record = record_of(entry, None).pack()
    return record + zlib.crc32(record).to_bytes(CRC_BYTES, "big")


def check_crc(data: bytes, start: int, stop: int, unit: str) -> None:
    """Raise BitstreamError unless the CRC-32 at `stop` is that of `data` from `start` to there."""
    if stop + CRC_BYTES > len(data):
        raise BitstreamError("truncated: its CRC-32 is not all there", unit, "crc32", stop)
    stored_crc = int.from_bytes(data[stop : stop + CRC_BYTES], "big")
    actual_crc = zlib.crc32(data[start:stop])
    if actual_crc != stored_crc:
        problem = f"CRC-32 is {actual_crc:08x}, stored is {stored_crc:08x}: it is damaged"
        raise BitstreamError(problem, unit, "crc32", stop)


def unpack_journal_record(source: ByteSource, position: int, known: set[UnitKey]) -> IndexEntry:
    """The entry of the unit whose record begins at byte `position`.

    Raises:
        BitstreamError: it is not whole, damaged, or of a unit that is already `known`.
    """
    window = source.read(position, RECORD_WINDOW_BYTES)
    try:
        record, record_end = IndexRecord.unpack(window)
        check_crc(window, 0, record_end, "journal record")
        entry = entry_from(record, position + record_end + CRC_BYTES, None)
    except BitstreamError as error:
        error.position += position
        raise
    except ValueError as error:
        raise BitstreamError(str(error), "journal record", "explicit", position) from None
    if entry.key in known:
        raise BitstreamError(f"{entry.key} comes twice", "journal record", "", position)
    if entry.stop > source.size_bytes:
        there = max(source.size_bytes - entry.offset, 0)
        raise BitstreamError(
            f"truncated: {there} of {entry.length} bytes are there", str(entry.key), "payload", entry.offset
        )
    return entry


def scan_journal(source: ByteSource) -> JournalScan:
    """Find the complete units of a journal. Payloads are not read.

    Raises:
        BitstreamError: its first bytes are damaged or truncated.
    """
    window = source.read(0, HEADER_WINDOW_BYTES)
    header, position = JournalHeader.unpack(window, PREFIX_BYTES)
    check_crc(window, 0, position, "journal header")
    position += CRC_BYTES
    entries: list[IndexEntry] = []
    known: set[UnitKey] = set()
    problems: list[BitstreamError] = []
    while position < source.size_bytes and len(entries) < MAX_UNITS:
        try:
            entry = unpack_journal_record(source, position, known)
        except BitstreamError as error:
            error.path = source.name
            problems.append(error)
            break
        entries.append(entry)
        known.add(entry.key)
        position = entry.stop
    return JournalScan(header.codec_wire_id, tuple(entries), position, tuple(problems))
