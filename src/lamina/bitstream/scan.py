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
    FEATURE_TIMES,
    MAGIC,
    MAX_UNITS,
    PREFIX_BYTES,
    VERSION,
    FilePrefix,
    JournalHeader,
    RunRecord,
)
from lamina.bitstream.front import features_of, pack_time_unit, unpack_prefix
from lamina.bitstream.runs import Run, RunWalk, check_times, facts_from, record_of, run_from
from lamina.bitstream.source import ByteSource
from lamina.errors import BitstreamError
from lamina.units import STREAM_GROUP, STREAM_HEADER, GroupFacts, StreamFacts

WINDOWS_BYTES: Final = (64, 1 << 13, 1 << 17)
"""A record or header is looked for in the first of these that holds it whole."""

JOURNAL_PREFIXES: Final = tuple(
    FilePrefix(MAGIC, VERSION, FEATURE_STREAMED | more).pack() for more in (0, FEATURE_TIMES)
)


def journal_start() -> RunWalk:
    """Before the first run of a journal."""
    return RunWalk.of_group(STREAM_GROUP, 0, True)


def pack_journal_front(facts: StreamFacts) -> bytes:
    """First bytes of a journal."""
    rate, extensions = facts.frames_per_second, pack_time_unit(facts)
    header = JournalHeader(
        codec_wire_id=facts.codec_wire_id,
        seen_by=facts.seen_by,
        quality_metric=facts.quality_metric,
        is_timed=rate is not None,
        has_extensions=extensions is not None,
        rate_numerator=rate.numerator if rate is not None else None,
        rate_denominator=rate.denominator if rate is not None else None,
        extensions=extensions,
    )
    front = FilePrefix(MAGIC, VERSION, FEATURE_STREAMED | features_of(facts)).pack() + header.pack()
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
    return header.facts(unpack_prefix(window).features), position + CRC_BYTES


class JournalScan:
    """What a journal holds so far; `go_on` looks for what was appended since.

    Raises:
        BitstreamError: its first bytes are damaged or truncated.
    """

    def __init__(self, source: ByteSource) -> None:
        self._source = source
        self.facts, self.front_size_bytes = unpack_journal_front(source)
        self.problems: tuple[BitstreamError, ...] = ()
        """Why the scan ended before the file did, if so."""
        self.beginnings: int = 0
        """How often it began: more than once where the writer went back to earlier units."""
        self._begin()
        self.go_on()

    def _begin(self) -> None:
        self.beginnings += 1
        self.end: int = self.front_size_bytes
        """Byte after the last complete run; what follows is of no use yet."""
        self.runs: list[Run] = []
        """Complete runs in the order of their making."""
        self.groups: dict[int, GroupFacts] = {}
        self._walk = journal_start()
        self._reached: dict[tuple[int, int], int] = {}
        self._times_reached: dict[int, int] = {}
        self._units = 0
        self._last_record = self.end, b""

    @property
    def has_header(self) -> bool:
        """The header unit of the stream is there, before all others."""
        return bool(self.runs) and self.runs[0].key == STREAM_HEADER

    def go_on(self) -> None:
        """Read records from where the scan ended. Payloads are not read."""
        self._source.refresh()
        self.problems = ()
        start, record = self._last_record
        if self._source.size_bytes < self.end or self._source.read(start, len(record)) != record:
            self._begin()
        while self.end < self._source.size_bytes:
            try:
                self._take(*self._next_record())
            except BitstreamError as error:
                error.path = self._source.name
                self.problems = (error,)
                return

    def _next_record(self) -> tuple[RunRecord, bytes]:
        """The record at `end`, and its bytes with their CRC-32."""
        for size_bytes in WINDOWS_BYTES:
            window = self._source.read(self.end, size_bytes)
            try:
                record, stop = RunRecord.unpack(window)
                check_crc(window, 0, stop, "journal record")
                return record, window[: stop + CRC_BYTES]
            except BitstreamError as error:
                if size_bytes == WINDOWS_BYTES[-1] or len(window) < size_bytes:
                    error.position += self.end
                    raise
        raise AssertionError("the last window returns or raises")

    def _take(self, record: RunRecord, packed: bytes) -> None:
        """Add the run of a record."""
        try:
            run = replace(run_from(record, self._walk), offset=self.end + len(packed))
            self._check(record, run)
        except ValueError as error:
            raise BitstreamError(str(error), "journal record", "", self.end) from None
        if run.stop > self._source.size_bytes:
            there = max(self._source.size_bytes - run.offset, 0)
            problem = f"truncated: {there} of {run.length} bytes are there"
            raise BitstreamError(problem, str(run.key), "payload", run.offset)
        group, layer, _ = run.key
        self.groups.setdefault(group, facts_from(record))
        self._reached[group, layer] = run.stop_frame
        self._units += run.held
        if run.times is not None:
            self._times_reached[group] = run.times.stop_ticks
        self.runs.append(run)
        self._walk.advance(run)
        self._last_record = self.end, packed
        self.end = run.stop

    def _check(self, record: RunRecord, run: Run) -> None:
        """Raise ValueError where a run cannot follow those before it."""
        group, layer, frame = run.key
        if group not in self.groups and not record.names_group:
            raise ValueError(f"goes on with group {group}, which no record named")
        if group in self.groups and (record.is_chained or record.has_box):
            raise ValueError(f"says of group {group} what only its first record may")
        if frame < self._reached.get((group, layer), 0) or (layer < 0 and (group, layer) in self._reached):
            raise ValueError(f"{run.key} comes late or twice")
        check_times(self.facts, run)
        if run.times is not None and run.times.start_ticks < self._times_reached.get(group, 0):
            raise ValueError(f"{run.key} begins before the frames before it end")
        if self._units + run.held > MAX_UNITS:
            raise ValueError(f"more units than the {MAX_UNITS} of a stream")
