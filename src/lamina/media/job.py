# SPDX-License-Identifier: Apache-2.0
"""The state of an unfinished encode: a folder `<output>.part` that the same command finds again.

It holds a journal of the units that are finished (a playable file at any moment), the checkpoint that the fit keeps,
and a fingerprint of source and configuration: with others, an encode begins anew.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

from lamina.atomic import write_errors
from lamina.bitstream import StreamJournal
from lamina.codec import HEADER_LAYER
from lamina.data import Clip, Picture
from lamina.data.captures import Capture

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
        WriteError: the place is not writable.
    """
    part = PartFolder(output.with_name(output.name + PART_SUFFIX))
    with write_errors(output):
        if part.fingerprint.is_file() and part.fingerprint.read_text() == fingerprint:
            return part
        part.path.mkdir(exist_ok=True)
        part.clear()
        part.fingerprint.write_text(fingerprint)
    return part


def restart_point(journal: StreamJournal, layer_count: int) -> RestartPoint:
    """Drop the last group if it is unfinished, and say where to go on.

    A group is finished when all its layers have the same frames. `layer_count` is what the stream's header says.
    """
    frames: dict[int, dict[int, set[int]]] = {}
    for key in (entry.key for entry in journal.entries if entry.key.layer != HEADER_LAYER):
        frames.setdefault(key.group, {}).setdefault(key.layer, set()).add(key.frame)
    for group in sorted(frames, reverse=True):
        layers = frames[group]
        if len(layers) == layer_count and all(layer == layers[0] for layer in layers.values()):
            return RestartPoint(group + 1, max(layers[0]) + 1, sum(entry.length for entry in journal.entries))
        journal.discard_from(group)
    journal.discard_from(0)
    return RestartPoint()


def fingerprint_of(signal: Picture | Clip | Capture, config: object) -> str:
    """SHA-256 of what is coded and how: of a clip its facts and first frame, of a capture its views and first one."""
    match signal:
        case Picture():
            facts, pixels = (), signal.pixels
        case Clip():
            facts, pixels = (signal.frames_per_second, signal.frame_count), next(iter(signal.frames(0, 1)), None)
        case Capture():
            views = [(view.name, *view.camera.to_json().values()) for view in signal.views]
            facts, pixels = (views, signal.train, len(signal.points)), signal.pixels(signal.train[0])
    state = hashlib.sha256(repr((config, facts, None if pixels is None else pixels.shape)).encode())
    if pixels is not None:
        state.update(pixels.tobytes())
    return state.hexdigest()
