# SPDX-License-Identifier: Apache-2.0
"""A stream that grows: units are in the file when `append` returns, and the file is a playable stream at any moment.

Enters: units in the order of their making. Leaves: a journal, then an indexed file. An interrupted encode opens its
journal again, finds the units that are complete, keeps those that it can go on from, and goes on.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import groupby
from pathlib import Path
from typing import Self

from lamina.atomic import write_error
from lamina.bitstream.container import FEATURE_STREAMED, MAX_UNITS
from lamina.bitstream.front import HEADER_WINDOW_BYTES, unpack_prefix
from lamina.bitstream.layout import layouts_of
from lamina.bitstream.reader import checked_run
from lamina.bitstream.runs import IndexEntry, Run, RunWalk, entry_of, runs_of
from lamina.bitstream.scan import JournalScan, journal_start, pack_journal_front, pack_journal_record
from lamina.bitstream.source import FileSource, named
from lamina.bitstream.writer import write_indexed
from lamina.errors import BitstreamError
from lamina.units import GroupFacts, StreamFacts, Unit, UnitKey


class StreamJournal:
    """A journal open for appending; a context manager.

    Creates `path` for a stream of these facts, or opens the journal that is there and keeps its complete units.

    Raises:
        BitstreamError: there is a file that is not a journal of this codec; it is left alone.
        ValueError: there is no file, and no facts to begin one with.
        WriteError: the place is not writable.
    """

    def __init__(self, path: str | Path, facts: StreamFacts | None = None, *, codec_wire_id: int | None = None) -> None:
        self.path = Path(path)
        self.problems: tuple[BitstreamError, ...] = ()
        """What was dropped when an existing journal was opened."""
        self._runs: list[Run] = []
        self._groups: dict[int, GroupFacts] = {}
        wanted = codec_wire_id if facts is None else facts.codec_wire_id
        found = scan_verified(self.path, wanted) if self.path.exists() else None
        if found is None and facts is None:
            raise ValueError(f"{self.path}: there is no journal, and nothing says what one would hold")
        self.facts: StreamFacts = found.facts if found is not None else facts  # pyright: ignore[reportAttributeAccessIssue]
        front = pack_journal_front(self.facts)
        self._front_size = found.front_size_bytes if found is not None else len(front)
        self._end = self._front_size
        try:
            self._file = self.path.open("w+b" if found is None else "r+b", buffering=0)
            if found is None:
                self._write(0, front)
            else:
                self._runs, self._groups, self.problems = found.runs, found.groups, found.problems
                self._end = found.end
                self._file.truncate(self._end)
        except OSError as error:
            raise write_error(self.path, error) from error
        self._walk_again()

    @property
    def entries(self) -> list[IndexEntry]:
        """Units that are complete, in the order of their making."""
        return [entry for run in self._runs for entry in run.entries()]

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
            payloads = self._payloads_of(run)
            for entry in run.entries():
                start = entry.offset - run.offset
                payload = payloads[start : start + entry.length]
                yield Unit(entry.key, payload, entry.quality_db, entry.frame_count, self._groups[entry.key.group])

    def append(self, units: Iterable[Unit] | Unit) -> None:
        """Write units that were made together; they survive the end of this process.

        Raises:
            ValueError: a key comes late or twice, or something is beyond the limits; nothing was written.
            WriteError: the disk is full; the journal ends before these units.
        """
        made = [units] if isinstance(units, Unit) else list(units)
        self._check(made)
        payloads = {unit.key: unit.payload for unit in made}
        start, walk = self._end, replace(self._walk)
        data, groups, runs = bytearray(), dict(self._groups), []
        for group, members in groupby(made, lambda unit: unit.key.group):
            members = list(members)
            for run in runs_of(entry_of(unit) for unit in members):
                opening = None if group in groups else members[0].group
                groups.setdefault(group, members[0].group)
                body = b"".join(payloads[entry.key] for entry in run.entries())
                run = replace(run, crc32=zlib.crc32(body))
                data += pack_journal_record(run, walk, opening)
                runs.append(replace(run, offset=start + len(data)))
                data += body
                walk.advance(run)
        try:
            self._write(start, data)
        except OSError as error:
            self._file.truncate(start)
            raise write_error(self.path, error) from error
        self._runs += runs
        self._groups, self._walk, self._end = groups, walk, start + len(data)
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
            payloads = self._payloads_of(run)
            for entry in list(run.entries())[:count]:
                start = entry.offset - run.offset
                payload = payloads[start : start + entry.length]
                facts = self._groups[entry.key.group]
                partial.append(Unit(entry.key, payload, entry.quality_db, entry.frame_count, facts))
            break
        if len(kept) == len(self._runs):
            return
        self._end = kept[-1].stop if kept else self._front_size
        self._file.truncate(self._end)
        self._runs = kept
        self._groups = {run.key.group: self._groups[run.key.group] for run in kept}
        self._walk_again()
        if partial:
            self.append(partial)

    def finish(self, path: str | Path) -> int:
        """Write all units to `path` as an indexed file and remove the journal; the size of the file, bytes.

        Payloads are copied one at a time.

        Raises:
            ValueError: the header unit of the stream was not appended.
            WriteError: the disk is full or the place not writable; the journal is still there.
        """
        entries = {entry.key: entry for entry in self.entries}
        ordered = [replace(entries[key], run=None) for key in sorted(entries)]
        layouts = layouts_of(ordered, self._groups)
        size_bytes = write_indexed(path, self.facts, layouts, lambda key: self._payload_of(entries[key]))
        self.close()
        if Path(path).resolve() != self.path.resolve():
            self.path.unlink()
        return size_bytes

    def close(self) -> None:
        """Close the file; it can be opened again."""
        self._file.close()

    def _check(self, made: Sequence[Unit]) -> None:
        if self._unit_count + len(made) > MAX_UNITS:
            raise ValueError(f"the journal has {self._unit_count} units, a stream may have {MAX_UNITS}")
        reached = dict(self._reached)
        groups = dict(self._groups)
        for unit in made:
            group, layer, frame = unit.key
            if frame < reached.get((group, layer), 0) or (layer < 0 and (group, layer) in reached):
                raise ValueError(f"{unit.key} comes late or twice")
            if groups.setdefault(group, unit.group) != unit.group:
                raise ValueError(f"{unit.key} says {unit.group} of its group, others {groups[group]}")
            reached[group, layer] = frame + unit.frame_count

    def _walk_again(self) -> None:
        """Go past all runs: where the next record goes on, and what each layer has reached."""
        self._walk: RunWalk = journal_start()
        self._reached: dict[tuple[int, int], int] = {}
        self._unit_count = 0
        for run in self._runs:
            self._walk.advance(run)
        self._note(self._runs)

    def _note(self, runs: Iterable[Run]) -> None:
        for run in runs:
            self._reached[run.key.group, run.key.layer] = run.stop_frame
            self._unit_count += len(run.lengths)

    def _write(self, position: int, data: bytes | bytearray) -> None:
        self._file.seek(position)
        unwritten = memoryview(data)
        while unwritten:
            unwritten = unwritten[self._file.write(unwritten) :]

    def _payloads_of(self, run: Run) -> bytes:
        self._file.seek(run.offset)
        return checked_run(run, self._file.read(run.length))

    def _payload_of(self, entry: IndexEntry) -> bytes:
        self._file.seek(entry.offset)
        return self._file.read(entry.length)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def scan_verified(path: Path, codec_wire_id: int | None) -> JournalScan | None:
    """The complete units of the journal at `path`, payloads checked; None: nothing is there to keep.

    A power failure may leave a record without its payload, so that lengths alone do not tell what is complete.

    Raises:
        BitstreamError: the file is not a journal, or of another codec.
    """
    source = FileSource(path)
    try:
        window = source.read(0, HEADER_WINDOW_BYTES)
        with named(source):
            if len(window) < len(b"LAMINA") + 2:
                return None
            if not unpack_prefix(window).features & FEATURE_STREAMED:
                raise BitstreamError(
                    "is a finished file, expected a journal: choose another name", "container", "features"
                )
            try:
                scan = JournalScan(source)
            except BitstreamError as error:
                if "truncated" in error.problem:
                    return None
                raise
            if codec_wire_id is not None and scan.facts.codec_wire_id != codec_wire_id:
                problem = f"is of codec {scan.facts.codec_wire_id}, expected {codec_wire_id}: choose another name"
                raise BitstreamError(problem, "journal header", "codec_wire_id")
        for number, run in enumerate(scan.runs):
            try:
                checked_run(run, source.read(run.offset, run.length))
            except BitstreamError as error:
                error.path = source.name
                forget_from(scan, number, error)
                break
        return scan
    finally:
        source.close()


def forget_from(scan: JournalScan, number: int, error: BitstreamError) -> None:
    """Leave out the runs from one on."""
    del scan.runs[number:]
    scan.end = scan.runs[-1].stop if scan.runs else scan.front_size_bytes
    kept = {run.key.group for run in scan.runs}
    scan.groups = {group: facts for group, facts in scan.groups.items() if group in kept}
    scan.problems = (error,)
