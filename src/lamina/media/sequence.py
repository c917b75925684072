# SPDX-License-Identifier: Apache-2.0
"""A timed file enters; a folder with a model a frame in a format of others leaves: frame0000.ply, frame0001.ply, ...

Numbers are those of the stream's frames, as players of splats take a sequence. Frames are made in a folder beside the
output (`<output>.part`), each under another name first: the output appears whole, and after a stop the same call goes
on with the frame that is missing.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lamina.atomic import remove, write_errors
from lamina.codec import Export, Progress
from lamina.errors import Interrupted, SignalError
from lamina.media.job import PartFolder, opened_part
from lamina.media.reading import Media

LEAST_DIGITS = 4
"""Of a frame's number in a name: names sort as numbers do."""

NAME_PATTERN = re.compile(r"frame\d{4,}")
"""Of a file's stem."""


@dataclass(frozen=True)
class Sequence:
    """What is written, and how."""

    media: Media
    path: Path
    offer: Export[Any]
    suffix: str
    level: int
    start: int
    stop: int
    fit_steps: int
    progress: Callable[[Progress], None]

    @property
    def count(self) -> int:
        """Frames that were asked for."""
        return self.stop - self.start

    def name(self, frame: int) -> str:
        """Of a frame's file."""
        digits = max(LEAST_DIGITS, len(str(self.media.frame_count - 1)))
        return f"frame{frame:0{digits}d}{self.suffix}"

    def key(self) -> str:
        """SHA-256 (hexadecimal): what is there under the same key is part of the same job."""
        stream = self.media.stream
        content = [(run.key, run.lengths, run.crc32) for run in stream.entries.runs]
        how = (self.suffix, self.level, self.start, self.stop, self.fit_steps)
        codec = self.media.codec
        return hashlib.sha256(repr((codec.name, codec.version, content, how)).encode()).hexdigest()

    def report_of(self, frame: int) -> Callable[[float], None]:
        """For the one who makes a frame."""
        done = frame - self.start
        return lambda share: self.progress(Progress((done + share) / self.count, f"frame {frame}"))


@dataclass(frozen=True, slots=True)
class Written:
    """What came of it."""

    level: int
    """The highest that was shown."""
    count: int
    """Files."""
    found: int
    """Of them, made before a stop."""
    last: str
    """What the last one is made of; empty where all were found."""


def write_sequence(sequence: Sequence) -> Written:
    """Make what is missing, then give the folder its name.

    Raises:
        BitstreamError: nothing is left of the frames.
        Interrupted: `progress` raised it; what is finished is kept.
        SignalError: the folder is there and holds other files.
        WriteError: the disk is full or the place not writable; what is finished is kept.
    """
    path = sequence.path
    if not _may_replace(path):
        raise SignalError(f"{path}: exists and holds other files; remove it or choose another name")
    with opened_part(path, sequence.key(), doing="written") as part:
        try:
            written = _made(sequence, part)
            target = path.resolve() if path.is_symlink() else path
            with write_errors(path):
                remove(target)
                part.frames.rename(target)
        except Interrupted as stopped:
            raise _explained(stopped, part, sequence) from stopped
        except Exception:
            if not part.holds_anything():
                part.remove()
            raise
        part.remove()
    return written


def _made(sequence: Sequence, part: PartFolder) -> Written:
    with write_errors(sequence.path):
        part.frames.mkdir(exist_ok=True)
        there = {file.name for file in part.frames.iterdir()}
    missing = [number for number in range(sequence.start, sequence.stop) if sequence.name(number) not in there]
    shown, count, last = -1, len(there), ""
    for model in _models(sequence, missing):
        name = sequence.name(model.frame)
        sequence.report_of(model.frame)(0.0)
        if name in there:
            continue
        partial = part.frames / f".{name}.partial{sequence.suffix}"
        try:
            last = sequence.offer.write(model, partial, sequence.fit_steps, sequence.report_of(model.frame))
            with write_errors(sequence.path):
                partial.rename(part.frames / name)
        finally:
            partial.unlink(missing_ok=True)
        shown, count = max(shown, model.level), count + 1
    if not count:
        # What is wrong with the frames is said by whoever is asked for one.
        sequence.media.model(sequence.start, sequence.level)
    return Written(shown if shown >= 0 else sequence.level, count, len(there), last)


def _models(sequence: Sequence, missing: list[int]) -> Iterator[Any]:
    return sequence.media.models(missing[0], missing[-1] + 1, sequence.level) if missing else iter(())


def _may_replace(path: Path) -> bool:
    """True where nothing is, or nothing but such a sequence."""
    if not path.exists():
        return True
    return path.is_dir() and all(NAME_PATTERN.fullmatch(file.stem) for file in path.iterdir())


def _explained(stopped: Interrupted, part: PartFolder, sequence: Sequence) -> Interrupted:
    """What was kept, and how to go on."""
    kept = len(list(part.frames.iterdir())) if part.frames.is_dir() else 0
    if not kept:
        part.remove()
        return Interrupted(f"{sequence.path}: stopped before anything was finished; nothing was written")
    return Interrupted(
        f"{sequence.path}: stopped; {kept} of {sequence.count} frames are in {part.frames}; the same command goes on "
        f"from there ({stopped})"
    )
