# SPDX-License-Identifier: Apache-2.0
"""A folder that is still being written: which of its frames have come, and whole."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from lamina.data.captures.timed.capture import Arrival
from lamina.data.captures.timed.tracks import PictureTrack
from lamina.errors import SignalError

END_NAME = "capture.ended"
"""A file of this name in the folder says that no frame comes after those that are there."""

PATIENCE_S = 5.0
"""So long a picture may be missing or damaged while later ones of its camera are there: writers work out of order, and
networks deliver late."""

LOOK_AHEAD = 60
"""So many frames after a missing one are looked for; two seconds of video."""


@dataclass
class Arrivals:
    """Frames are asked for in any order, usually one after another; what was found whole stays so."""

    root: Path
    tracks: tuple[PictureTrack, ...]
    decode: Callable[[int, int], object]
    """Frame, view -> its picture, and its mask where it has masks; keeps them for who asks next. Raises `SignalError`
    where they are not whole."""
    _whole_before: int = 0
    """All frames before this one are whole."""
    _whole: set[int] = field(default_factory=set)
    """Others that are."""
    _decoded: dict[int, set[int]] = field(default_factory=dict)
    """Of frames that are not whole yet: the views that are."""
    _overdue_since_s: dict[int, float] = field(default_factory=dict)

    def __call__(self, frame: int) -> Arrival:
        """Where a frame is.

        Raises:
            SignalError: a picture is missing or damaged, and later ones of its camera came `PATIENCE_S` ago.
        """
        if frame < self._whole_before or frame in self._whole:
            return Arrival.HERE
        # Asked before the pictures are: what was written before the end is then there.
        has_ended = (self.root / END_NAME).exists()
        missing = self._missing(frame)
        if missing is None:
            self._whole.add(frame)
            while self._whole_before in self._whole:
                self._whole.remove(self._whole_before)
                self._whole_before += 1
            self._decoded.pop(frame, None)
            self._overdue_since_s.pop(frame, None)
            return Arrival.HERE
        view, problem = missing
        if self._is_passed(frame, view):
            overdue_s = time.monotonic() - self._overdue_since_s.setdefault(frame, time.monotonic())
            if overdue_s >= PATIENCE_S or has_ended:
                raise SignalError(f"{problem}; later pictures of the camera are there: frame {frame} will not come")
        return Arrival.NEVER if has_ended else Arrival.COMING

    def _missing(self, frame: int) -> tuple[int, str] | None:
        """The first view that is not there whole, and what is wrong with it."""
        decoded = self._decoded.setdefault(frame, set())
        for view, track in enumerate(self.tracks):
            if view in decoded:
                continue
            files = [track.path_of(frame), *([track.mask_path_of(frame)] if track.mask_path_of else [])]
            absent = next((path for path in files if path is not None and not path.is_file()), None)
            if absent is not None:
                return view, f"{absent}: missing"
            try:
                self.decode(frame, view)
            except SignalError as error:
                return view, str(error)
            decoded.add(view)
        return None

    def _is_passed(self, frame: int, view: int) -> bool:
        """Whether the camera has written a later picture."""
        track = self.tracks[view]
        return any(track.path_of(later).is_file() for later in range(frame + 1, frame + 1 + LOOK_AHEAD))
