# SPDX-License-Identifier: Apache-2.0
"""A stream that grows: units are in the file when `append` returns, and the file is a playable stream at any moment.

Enters: units in the order of their making. Leaves: a journal, then an indexed file. An interrupted encode opens its
journal again, finds the units that are complete, keeps those that it can go on from, and goes on.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing, suppress
from dataclasses import replace
from itertools import groupby
from pathlib import Path
from typing import Final, Self

from lamina.atomic import write_error, write_errors
from lamina.bitstream.container import FEATURE_STREAMED, FEATURE_TIMES, MAX_UNITS, PREFIX_BYTES
from lamina.bitstream.front import unpack_prefix
from lamina.bitstream.layout import layouts_of
from lamina.bitstream.locking import open_locked
from lamina.bitstream.reader import checked_run
from lamina.bitstream.runs import IndexEntry, Run, RunEntries, RunWalk, check_times, entry_of, runs_of
from lamina.bitstream.scan import (
    JOURNAL_PREFIXES,
    JournalScan,
    journal_start,
    pack_journal_front,
    pack_journal_record,
    unpack_journal_front,
)
from lamina.bitstream.source import FileSource, named
from lamina.bitstream.writer import write_indexed
from lamina.errors import BitstreamError
from lamina.units import HEADER_LAYER, GroupFacts, StreamFacts, Unit, UnitKey

LONGEST_PLAIN_FRONT_BYTES: Final = 25
"""Prefix, header without extensions, CRC-32: a shorter file holds no unit, whatever became of it."""
LONGEST_TIME_UNIT_BYTES: Final = 11
"""Extensions of a header whose frames have times of their own, with their size."""


class StreamJournal:
    """A journal open for appending, by one process at a time; a context manager.

    Creates `path` for a stream of these facts, or opens the journal that is there and keeps its complete units.

    Raises:
        BitstreamError: there is a file that is not a journal of this codec, or of other facts; it is left alone.
        ValueError: there is no file, and no facts to begin one with.
        WriteError: the place is not writable, or another encode has the journal open.
    """

    def __init__(self, path: str | Path, facts: StreamFacts | None = None, *, codec_wire_id: int | None = None) -> None:
        self.path = Path(path)
        self.problems: tuple[BitstreamError, ...] = ()
        """What was dropped when an existing journal was opened."""
        self._runs: list[Run] = []
        self._groups: dict[int, GroupFacts] = {}
        self._copied: tuple[Run, bytes] | None = None
        if facts is None and not self.path.exists():
            raise ValueError(f"{self.path}: there is no journal, and nothing says what one would hold")
        with write_errors(self.path):
            self._file = open_locked(self.path)
        try:
            self._begin(facts, codec_wire_id)
        except BaseException:
            self._file.close()
            raise

    def _begin(self, facts: StreamFacts | None, codec_wire_id: int | None) -> None:
        found = scan_verified(self.path, facts, codec_wire_id)
        with write_errors(self.path):
            if found is not None:
                self.facts: StreamFacts = found.facts
                self._front_size = found.front_size_bytes
                self._runs, self._groups, self.problems = found.runs, found.groups, found.problems
                self._end = found.end
            elif facts is not None:
                front = pack_journal_front(facts)
                self._write(0, front)
                self.facts, self._front_size, self._end = facts, len(front), len(front)
            else:
                raise ValueError(f"{self.path}: holds nothing yet, and nothing says what it would hold")
            self._file.truncate(self._end)
        self._walk_again()

    @property
    def entries(self) -> RunEntries:
        """Units that are complete, in the order of their making."""
        return RunEntries(self._runs)

    @property
    def keys(self) -> Sequence[UnitKey]:
        """Their keys."""
        return [entry.key for entry in self.entries]

    @property
    def size_bytes(self) -> int:
        """Size of the journal now."""
        return self._end

    def units(self) -> Iterator[Unit]:
        """Read the units back, in the order of their making.

        Raises:
            BitstreamError: the file was changed by someone else.
        """
        for run in list(self._runs):
            yield from self._units_of(run)

    def _units_of(self, run: Run) -> Iterator[Unit]:
        payloads, facts = self._payloads_of(run), self._groups[run.key.group]
        for entry in run.entries():
            start = entry.offset - run.offset
            payload = payloads[start : start + entry.length]
            yield Unit(entry.key, payload, entry.quality_db, entry.frame_count, facts, entry.times)

    def append(self, units: Iterable[Unit] | Unit) -> None:
        """Write units that were made together; they survive the end of this process.

        Those of a layer whose frames follow each other share a record: given layer by layer, they take the least.

        Raises:
            ValueError: a key comes late or twice, or something is beyond the limits; nothing was written.
            WriteError: the disk is full; the journal ends before these units.
        """
        made = [units] if isinstance(units, Unit) else list(units)
        new_groups = self._check(made)
        payloads = {unit.key: unit.payload for unit in made}
        start, walk = self._end, replace(self._walk)
        data, runs, opened = bytearray(), [], set[int]()
        for group, members in groupby(made, lambda unit: unit.key.group):
            for run in runs_of([entry_of(unit) for unit in members]):
                body = b"".join(payloads[entry.key] for entry in run.entries())
                check_times(self.facts, run)
                run = replace(run, crc32=zlib.crc32(body))
                data += pack_journal_record(run, walk, None if group in opened else new_groups.get(group))
                opened.add(group)
                runs.append(replace(run, offset=start + len(data)))
                data += body
                walk.advance(run)
        try:
            self._write(start, data)
        except OSError as error:
            with suppress(OSError):
                self._file.truncate(start)
            raise write_error(self.path, error) from error
        self._runs += runs
        self._groups |= new_groups
        self._walk, self._end = walk, start + len(data)
        self._note(runs)

    def keep(self, count: int) -> None:
        """Keep the first `count` units, forget the others: an encode goes on from there.

        Raises:
            WriteError: the disk is full.
        """
        kept: list[Run] = []
        partial: list[Unit] = []
        for run in self._runs:
            if count >= len(run.lengths):
                kept.append(run)
                count -= len(run.lengths)
                continue
            partial = list(self._units_of(run))[: max(count, 0)]
            break
        if len(kept) == len(self._runs):
            return
        self._end = kept[-1].stop if kept else self._front_size
        with write_errors(self.path):
            self._file.truncate(self._end)
        self._runs = kept
        self._groups = {run.key.group: self._groups[run.key.group] for run in kept}
        self._walk_again()
        if partial:
            self.append(partial)

    def finish(self, path: str | Path) -> int:
        """Write all units to `path` as an indexed file and remove the journal; the size of the file, bytes.

        Payloads are copied run by run, each checked once more.

        Raises:
            ValueError: the header unit of the stream was not appended.
            BitstreamError: the journal was damaged since it was opened.
            WriteError: the disk is full or the place not writable; the journal is still there.
        """
        entries = {entry.key: entry for entry in self.entries}
        ordered = [replace(entries[key], run=None) for key in sorted(entries)]
        layouts = layouts_of(ordered, self._groups)
        size_bytes = write_indexed(path, self.facts, layouts, lambda key: self._payload_of(entries[key]))
        if Path(path).resolve() == self.path.resolve():
            self.close()
            return size_bytes
        try:
            # While it is locked: who waits for it finds that it is gone, and begins a new one.
            self.path.unlink()
            self.close()
        except PermissionError:
            self.close()  # Windows removes no open files.
            self.path.unlink()
        return size_bytes

    def close(self) -> None:
        """Close the file; it can be opened again."""
        self._file.close()

    def _check(self, made: Sequence[Unit]) -> dict[int, GroupFacts]:
        """Facts of the groups that these units open. Raises ValueError unless they may follow what is there."""
        if self._unit_count + len(made) > MAX_UNITS:
            raise ValueError(f"the journal has {self._unit_count} units, a stream may have {MAX_UNITS}")
        reached: dict[tuple[int, int], int] = {}
        times_reached: dict[int, int] = {}
        new_groups: dict[int, GroupFacts] = {}
        for unit in made:
            group, layer, frame = unit.key
            before = reached.get((group, layer), self._reached.get((group, layer)))
            if before is not None and (frame < before or layer == HEADER_LAYER):
                raise ValueError(f"{unit.key} comes late or twice")
            known = self._groups.get(group)
            known = new_groups.setdefault(group, unit.group) if known is None else known
            if known != unit.group:
                raise ValueError(f"{unit.key} says {unit.group} of its group, others {known}")
            reached[group, layer] = frame + unit.frame_count
            if unit.times is not None:
                if unit.times.start_ticks < times_reached.get(group, self._times_reached.get(group, 0)):
                    raise ValueError(f"{unit.key} begins at tick {unit.times.start_ticks}, before those before it end")
                times_reached[group] = unit.times.stop_ticks
        return new_groups

    def _walk_again(self) -> None:
        """Go past all runs: where the next record goes on, and what each layer has reached."""
        self._walk: RunWalk = journal_start()
        self._reached: dict[tuple[int, int], int] = {}
        self._times_reached: dict[int, int] = {}
        self._unit_count = 0
        for run in self._runs:
            self._walk.advance(run)
        self._note(self._runs)

    def _note(self, runs: Iterable[Run]) -> None:
        for run in runs:
            self._reached[run.key.group, run.key.layer] = run.stop_frame
            self._unit_count += run.held
            if run.times is not None:
                self._times_reached[run.key.group] = run.times.stop_ticks

    def _write(self, position: int, data: bytes | bytearray) -> None:
        self._file.seek(position)
        unwritten = memoryview(data)
        while unwritten:
            unwritten = unwritten[self._file.write(unwritten) :]

    def _payloads_of(self, run: Run) -> bytes:
        self._file.seek(run.offset)
        return checked_run(run, self._file.read(run.length))

    def _payload_of(self, entry: IndexEntry) -> bytes:
        assert entry.run is not None
        if self._copied is None or self._copied[0] is not entry.run:
            self._copied = entry.run, self._payloads_of(entry.run)
        start = entry.offset - entry.run.offset
        return self._copied[1][start : start + entry.length]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def journal_exists(path: Path) -> bool:
    """Whether anything is at `path` but the first bytes of a journal that its writer did not live to go on with."""
    if not path.exists():
        return False
    with closing(FileSource(path)) as source:
        return not _is_only_begun(source)


def _is_only_begun(source: FileSource) -> bool:
    prefix = source.read(0, PREFIX_BYTES)
    if prefix not in JOURNAL_PREFIXES:
        return any(expected.startswith(prefix) for expected in JOURNAL_PREFIXES)
    try:
        unpack_journal_front(source)
    except BitstreamError:
        has_times = bool(prefix[-1] & FEATURE_TIMES)
        return source.size_bytes <= LONGEST_PLAIN_FRONT_BYTES + has_times * LONGEST_TIME_UNIT_BYTES
    return False


def scan_verified(path: Path, facts: StreamFacts | None, codec_wire_id: int | None) -> JournalScan | None:
    """The complete units of the journal at `path`, payloads checked; None: it was only begun, and holds nothing.

    A power failure may leave a record without its payload, so that lengths alone do not tell what is complete.

    Raises:
        BitstreamError: the file is not a journal, or of another codec, or of other facts.
    """
    with closing(FileSource(path)) as source, named(source):
        if _is_only_begun(source):
            return None
        if not unpack_prefix(source.read(0, PREFIX_BYTES)).features & FEATURE_STREAMED:
            raise BitstreamError("is a finished file, expected a journal: choose another name", "container", "features")
        scan = JournalScan(source)
        _check_facts(scan.facts, facts, codec_wire_id)
        for number, run in enumerate(scan.runs):
            try:
                checked_run(run, source.read(run.offset, run.length))
            except BitstreamError as error:
                error.path = source.name
                forget_from(scan, number, error)
                break
        return scan


def _check_facts(found: StreamFacts, facts: StreamFacts | None, codec_wire_id: int | None) -> None:
    """Raise BitstreamError unless a journal is what is expected."""
    expected_id = facts.codec_wire_id if facts is not None else codec_wire_id
    if expected_id is not None and found.codec_wire_id != expected_id:
        problem = f"is of codec {found.codec_wire_id}, expected {expected_id}: choose another name"
        raise BitstreamError(problem, "journal header", "codec_wire_id")
    if facts is not None and found != facts:
        raise BitstreamError(f"says {found}, expected {facts}: choose another name", "journal header")


def forget_from(scan: JournalScan, number: int, error: BitstreamError) -> None:
    """Leave out the runs from one on."""
    del scan.runs[number:]
    scan.end = scan.runs[-1].stop if scan.runs else scan.front_size_bytes
    kept = {run.key.group for run in scan.runs}
    scan.groups = {group: facts for group, facts in scan.groups.items() if group in kept}
    scan.problems = (error,)
