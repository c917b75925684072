# SPDX-License-Identifier: Apache-2.0
"""The state of an unfinished encode: a folder `<output>.part` that the same command finds again.

It holds a journal of the units that are finished (a playable file at any moment), the checkpoint that the fit keeps,
and a fingerprint of source and configuration: with others, an encode begins anew.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

from lamina.bitstream import StreamJournal
from lamina.bitstream.atomic import write_error
from lamina.bitstream.container import STREAM_HEADER
from lamina.data import Clip, Picture

PART_SUFFIX = ".part"


@dataclass(frozen=True)
class PartFolder:
    """Paths of an unfinished encode."""

    path: Path

    @property
    def journal(self) -> Path:
        """Units that are finished."""
        return self.path / "stream.lam"

    @property
    def checkpoint(self) -> Path:
        """State of the fit."""
        return self.path / "fit.npz"

    @property
    def fingerprint(self) -> Path:
        """Which source and configuration this is."""
        return self.path / "fingerprint"

    def clear(self) -> None:
        """Forget what was done so far."""
        for file in (self.journal, self.checkpoint):
            file.unlink(missing_ok=True)

    def remove(self) -> None:
        """Remove the folder; files of others in it are left alone, and the folder with them."""
        self.clear()
        self.fingerprint.unlink(missing_ok=True)
        if self.path.is_dir() and not any(self.path.iterdir()):
            self.path.rmdir()


@dataclass(frozen=True)
class RestartPoint:
    """Where an encode goes on."""

    group: int = 0
    frame: int = 0
    """First frame that is yet to be coded."""
    spent_bytes: int = 0
    """Payloads that are finished."""


def open_part(output: Path, fingerprint: str) -> PartFolder:
    """The folder of the unfinished encode of `output`, new or found again.

    Raises:
        StreamWriteError: the place is not writable.
    """
    part = PartFolder(output.with_name(output.name + PART_SUFFIX))
    try:
        if part.fingerprint.is_file() and part.fingerprint.read_text() == fingerprint:
            return part
        part.path.mkdir(exist_ok=True)
        part.clear()
        part.fingerprint.write_text(fingerprint)
    except OSError as error:
        raise write_error(output, error) from error
    return part


def restart_point(journal: StreamJournal) -> RestartPoint:
    """Drop the last group, which may be unfinished, and say where to go on."""
    groups = [entry.key.group for entry in journal.entries if entry.key != STREAM_HEADER]
    if not groups or (last := max(groups)) == 0:
        journal.discard_from(0)
        return RestartPoint()
    frame = min(entry.key.frame for entry in journal.entries if entry.key.group == last and entry.key.layer >= 0)
    journal.discard_from(last)
    return RestartPoint(last, frame, sum(entry.length for entry in journal.entries))


def fingerprint_of(signal: Picture | Clip, config: object) -> str:
    """SHA-256 of what is coded and how; of a clip, its facts and first frame."""
    pixels = signal.pixels if isinstance(signal, Picture) else next(iter(signal.frames(0, 1)), None)
    facts = (signal.frames_per_second, signal.frame_count) if isinstance(signal, Clip) else ()
    state = hashlib.sha256(repr((config, facts, None if pixels is None else pixels.shape)).encode())
    if pixels is not None:
        state.update(pixels.tobytes())
    return state.hexdigest()
