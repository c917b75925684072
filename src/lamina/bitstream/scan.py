# SPDX-License-Identifier: Apache-2.0
"""The bytes of a journal to its runs: from record to record, as far as they are whole.

A journal is written run by run and may end anywhere. What is complete is kept; an incomplete last record is a problem
that is noted, not an error. As lengths are in the records, nothing after a damaged record can be found.
"""

from __future__ import annotations

import zlib
from dataclasses import replace
from typing import Final

from lamina.bitstream.container import (
    CRC_BYTES,
    FEATURE_STREAMED,
    MAGIC,
    MAX_UNITS,
    PREFIX_BYTES,
    VERSION,
    FilePrefix,
    JournalHeader,
    RunRecord,
)
from lamina.bitstream.runs import Run, RunWalk, facts_from, record_of, run_from
from lamina.bitstream.source import ByteSource
from lamina.errors import BitstreamError
from lamina.units import STREAM_GROUP, GroupFacts, StreamFacts

WINDOWS_BYTES: Final = (64, 1 << 13, 1 << 17)
"""A record or header is looked for in the first of these that holds it whole."""


def journal_start() -> RunWalk:
    """Before the first run of a journal."""
    return RunWalk.of_group(STREAM_GROUP, 0, True)


def pack_journal_front(facts: StreamFacts) -> bytes:
    """First bytes of a journal."""
    rate = facts.frames_per_second
    header = JournalHeader(
        codec_wire_id=facts.codec_wire_id,
        seen_by=facts.seen_by,
        quality_metric=facts.quality_metric,
        is_timed=rate is not None,
        has_extensions=False,
        rate_numerator=rate.numerator if rate is not None else None,
        rate_denominator=rate.denominator if rate is not None else None,
        extensions=None,
    )
    front = FilePrefix(MAGIC, VERSION, FEATURE_STREAMED).pack() + header.pack()
    return front + zlib.crc32(front).to_bytes(CRC_BYTES, "big")


def pack_journal_record(run: Run, walk: RunWalk, opening: GroupFacts | None) -> bytes:
    """What goes before the payloads of a run in a journal."""
    record = record_of(run, walk, opening).pack()
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


def unpack_journal_front(source: ByteSource) -> tuple[StreamFacts, int]:
    """Facts of a journal, and the size of its front.

    Raises:
        BitstreamError: it is damaged or truncated.
    """
    window = source.read(0, WINDOWS_BYTES[0])
    try:
        header, position = JournalHeader.unpack(window, PREFIX_BYTES)
    except BitstreamError:
        window = source.read(0, WINDOWS_BYTES[-1])
        header, position = JournalHeader.unpack(window, PREFIX_BYTES)
    check_crc(window, 0, position, "journal header")
    return header.facts, position + CRC_BYTES


class JournalScan:
    """What a journal holds so far; `go_on` looks for what was appended since.

    Raises:
        BitstreamError: its first bytes are damaged or truncated.
    """

    def __init__(self, source: ByteSource) -> None:
        self._source = source
        self.facts, self.front_size_bytes = unpack_journal_front(source)
        self.end = self.front_size_bytes
        """Byte after the last complete run; what follows is of no use yet."""
        self.runs: list[Run] = []
        """Complete runs in the order of their making."""
        self.groups: dict[int, GroupFacts] = {}
        self.problems: tuple[BitstreamError, ...] = ()
        """Why the scan ended before the file did, if so."""
        self.walk = journal_start()
        self._reached: dict[tuple[int, int], int] = {}
        self._units = 0
        self.go_on()

    def go_on(self) -> None:
        """Read records from where the scan ended. Payloads are not read."""
        self._source.refresh()
        self.problems = ()
        while self.end < self._source.size_bytes and self._units < MAX_UNITS:
            try:
                self._take(*self._next_record())
            except BitstreamError as error:
                error.path = self._source.name
                self.problems = (error,)
                return

    def _next_record(self) -> tuple[RunRecord, int]:
        """The record at `end`, and the byte where its payloads begin."""
        for size_bytes in WINDOWS_BYTES:
            window = self._source.read(self.end, size_bytes)
            try:
                record, stop = RunRecord.unpack(window)
                check_crc(window, 0, stop, "journal record")
                return record, self.end + stop + CRC_BYTES
            except BitstreamError as error:
                if size_bytes == WINDOWS_BYTES[-1] or len(window) < size_bytes:
                    error.position += self.end
                    raise
        raise AssertionError("the last window returns or raises")

    def _take(self, record: RunRecord, offset: int) -> None:
        """Add the run of a record."""
        try:
            run = replace(run_from(record, self.walk), offset=offset)
            group, layer, frame = run.key
            if record.opens_group == (group in self.groups):
                raise ValueError(f"group {group} is opened {'twice' if record.opens_group else 'by no record'}")
            if frame < self._reached.get((group, layer), 0) or (layer < 0 and (group, layer) in self._reached):
                raise ValueError(f"{run.key} comes late or twice")
        except ValueError as error:
            raise BitstreamError(str(error), "journal record", "", self.end) from None
        if run.stop > self._source.size_bytes:
            there = max(self._source.size_bytes - run.offset, 0)
            problem = f"truncated: {there} of {run.length} bytes are there"
            raise BitstreamError(problem, str(run.key), "payload", run.offset)
        if record.opens_group:
            self.groups[group] = facts_from(record)
        self._reached[group, layer] = run.stop_frame
        self._units += len(run.lengths)
        self.runs.append(run)
        self.walk.advance(run)
        self.end = run.stop
