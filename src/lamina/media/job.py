# SPDX-License-Identifier: Apache-2.0
"""The state of an unfinished job: a folder `<output>.part` that the same command finds again.

Of an encode it holds a journal of the units that are finished (a playable file at any moment) and the checkpoint that
the fit keeps; of an export the frames that are finished; and a record of the job, which is locked while the job runs:
with another source or configuration a job begins anew, and two jobs of one output do not meet.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from io import FileIO
from pathlib import Path
from typing import Any, Self

from lamina.arriving import is_passing
from lamina.atomic import partial_names, write_errors
from lamina.bitstream import StreamJournal, journal_exists
from lamina.codec import AnyCodec, Signal
from lamina.errors import WriteError
from lamina.media.timing import times_of_signal, with_times
from lamina.times import FrameTimes
from lamina.units import Unit, UnitKey

PART_SUFFIX = ".part"

JOURNAL_NAME = "stream.lam"
"""Of a part folder's units that are finished: a file like any other."""

RECORD_BYTES = 160
"""Of a job's record, filled up with spaces."""


@dataclass(frozen=True)
class PartFolder:
    """Paths of an unfinished job."""

    path: Path
    key: str
    """Names the job: what is coded, and how."""

    @property
    def journal(self) -> Path:
        """Units that are finished."""
        return self.path / JOURNAL_NAME

    @property
    def checkpoint(self) -> Path:
        """State of the fit."""
        return self.path / "fit.npz"

    @property
    def frames(self) -> Path:
        """Folder of the frames of an export that are finished."""
        return self.path / "frames"

    @property
    def record(self) -> Path:
        """Which job this is, and whose."""
        return self.path / "job.json"

    def open_journal(self, codec: AnyCodec, signal: Signal) -> JobJournal:
        """The journal of the units that are finished, which are told when their frames are shown."""
        return JobJournal(self.journal, codec, times_of_signal(signal))

    def holds_anything(self) -> bool:
        """Whether work would be lost with it."""
        has_frames = self.frames.is_dir() and any(self.frames.iterdir())
        return has_frames or self.journal.is_file() or self.checkpoint.is_file()

    def clear(self) -> None:
        """Forget what was done so far."""
        for file in (self.journal, self.checkpoint):
            file.unlink(missing_ok=True)
        shutil.rmtree(self.frames, ignore_errors=True)

    def sweep(self) -> None:
        """Remove what a killed process was writing: files that had not yet got their names."""
        for file in (self.journal, self.checkpoint):
            for unfinished in self.path.glob(partial_names(file.name)):
                unfinished.unlink(missing_ok=True)
        for unfinished in self.frames.glob(".*"):
            unfinished.unlink(missing_ok=True)

    def remove(self) -> None:
        """Remove the folder; files of others in it are left alone, and the folder with them."""
        self.clear()
        self.record.unlink(missing_ok=True)
        with contextlib.suppress(OSError):
            self.path.rmdir()


class JobJournal:
    """A journal that begins with its first unit, since only the header unit says what a journal's front holds."""

    def __init__(self, path: Path, codec: AnyCodec, times: FrameTimes | None = None) -> None:
        self._path, self._codec, self._times = path, codec, times
        self._journal = StreamJournal(path, codec_wire_id=codec.wire_id) if journal_exists(path) else None

    @property
    def keys(self) -> Sequence[UnitKey]:
        """Of the units that are finished, in the order of their making."""
        return self._journal.keys if self._journal is not None else ()

    def units(self) -> Iterator[Unit]:
        """The units that are finished, in the order of their making."""
        return self._journal.units() if self._journal is not None else iter(())

    def keep(self, count: int) -> None:
        """Forget all but the first `count` units."""
        if self._journal is not None:
            self._journal.keep(count)

    def append(self, units: Sequence[Unit]) -> None:
        """Write units that were made together; they survive the end of this process.

        Raises:
            WriteError: the disk is full.
        """
        if self._journal is None:
            facts = self._codec.facts(units[0].payload)
            if self._times is not None and facts.frames_per_second is not None:
                facts = replace(facts, ticks_per_second=self._times.ticks_per_second)
            self._journal = StreamJournal(self._path, facts)
        if self._journal.facts.ticks_per_second is not None:
            assert self._times is not None
            units = [with_times(unit, self._times) for unit in units]
        self._journal.append(units)

    def finish(self, path: Path) -> int:
        """The finished file, and its size in bytes.

        Raises:
            WriteError: the disk is full; the journal is still there.
        """
        if self._journal is None:
            raise ValueError("the fit made no unit, and none was there")
        return self._journal.finish(path)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._journal is not None:
            self._journal.close()


def job_key(codec: AnyCodec, signal: Signal, config: Any) -> str:
    """SHA-256 (hexadecimal) of what is coded and how: who finds a part with the same key goes on with it."""
    return hashlib.sha256(repr((codec.name, codec.version, signal.fingerprint(), config)).encode()).hexdigest()


def journal_of(output: Path) -> Path:
    """Where units of this output lie until it is finished."""
    return output.with_name(output.name + PART_SUFFIX) / JOURNAL_NAME


@contextmanager
def opened_part(output: Path, key: str, *, doing: str = "encoded") -> Iterator[PartFolder]:
    """The folder of the unfinished job of `output`, new or found again; held by this process inside the block.

    `doing` is what happens to the output, for who comes second.

    Raises:
        WriteError: the place is not writable, or another process holds it.
    """
    with write_errors(output):
        place = output.resolve() if output.is_symlink() else output
        if is_passing(output):
            # Beside a device or a pipe is no place for a folder, and nobody would look for it there again.
            place = Path(tempfile.mkdtemp(prefix="lamina-")) / "output"
        part = PartFolder(place.with_name(place.name + PART_SUFFIX), key)
        part.path.mkdir(exist_ok=True)
        record = _locked_record(part, output, doing)
    with record:
        with write_errors(output):
            part.sweep()
            if _key_in(record) != key:
                part.clear()
            # Over what is there and of the same length: whoever is killed here, or has no room, finds a whole record.
            text = json.dumps({"key": key, "process": os.getpid()}).encode().ljust(RECORD_BYTES)
            record.seek(0)
            record.write(text)
            record.truncate(len(text))
        yield part


def _locked_record(part: PartFolder, output: Path, doing: str) -> FileIO:
    """The job's record, open and locked."""
    while True:
        record = FileIO(os.open(part.record, os.O_RDWR | os.O_CREAT, 0o644), "r+")
        if not _lock(record):
            holder = _field_of(record, "process")
            record.close()
            who = f"process {holder}" if holder else "another process"
            raise WriteError(
                errno.EBUSY, f"{output}: is being {doing} by {who}: wait for it, stop it, or choose another output"
            )
        # Whoever held it may have removed it while we opened it: then what we locked is no longer at the path.
        with contextlib.suppress(FileNotFoundError):
            if os.path.samestat(os.fstat(record.fileno()), part.record.stat()):
                return record
        record.close()
        part.path.mkdir(exist_ok=True)


def _lock(record: FileIO) -> bool:
    """Whether nobody else holds it; where files cannot be locked, nobody does."""
    try:
        import fcntl
    except ImportError:
        return True
    try:
        fcntl.flock(record, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _key_in(record: FileIO) -> str | None:
    key = _field_of(record, "key")
    return key if isinstance(key, str) else None


def _field_of(record: FileIO, name: str) -> Any:
    record.seek(0)
    try:
        fields = json.loads(record.readall() or b"")
    except ValueError:
        return None
    return fields.get(name) if isinstance(fields, dict) else None
