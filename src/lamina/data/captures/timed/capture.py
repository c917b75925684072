# SPDX-License-Identifier: Apache-2.0
"""A timed capture as codecs see it: fixed pinhole cameras over frames, pixels decoded when they are asked for.

A capture that is still being written (`frame_count` None) is read in one loop with those that are complete:

    frame = 0
    while capture.wait_for(frame, should_stop):
        ... capture.pixels(frame, view) ...
        frame += 1
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from enum import Enum
from fractions import Fraction
from functools import cached_property
from typing import NamedTuple

import numpy as np
from jaxtyping import Float64, UInt8

from lamina.cameras.camera import Camera
from lamina.codec import Look, Medium
from lamina.data.captures.capture import Capture, Pixels, View, camera_extent_of
from lamina.data.fingerprint import fingerprint_of
from lamina.errors import SignalError
from lamina.times import FrameSpan, TimeSpan

Mask = UInt8[np.ndarray, "h w"]


class Foreground(NamedTuple):
    """What masks hold of a picture."""

    pixels: Pixels
    """Over black."""
    share: UInt8[np.ndarray, "h w"]
    """Of each pixel, 0...255."""

    def over(self, background: tuple[int, int, int] | Pixels) -> Pixels:
        """Before something else: a color, or pixels of the same size."""
        rest = (255 - self.share.astype(np.uint16))[:, :, None] * np.asarray(background, np.uint16)
        return (self.pixels + (rest + 127) // 255).clip(0, 255).astype(np.uint8)


POLL_S = 0.05
"""Between looks for a frame that has not come: under two frames of video, and next to no work."""


@dataclass(frozen=True)
class TimedView:
    """One camera of the capture; it stands still."""

    name: str
    """Unique in the capture: of its folder, its video or its pictures."""
    camera: Camera
    """The pinhole of its pixels: undistorted, at the capture's scale."""


class Arrival(Enum):
    """Where a frame of a capture that is still being written is."""

    HERE = "here"
    """All views are there and decode whole."""
    COMING = "coming"
    NEVER = "never"
    """The capture has ended before it."""


@dataclass(frozen=True, eq=False)
class TimedCapture:
    """Synchronised calibrated cameras around something that moves; memory does not grow with the number of frames."""

    name: str
    """Of the folder."""
    views: tuple[TimedView, ...]
    train: tuple[int, ...]
    """Numbers of the views that a model may be fitted to."""
    test: tuple[int, ...]
    """Numbers of the views held out; may be empty."""
    frame_count: int | None
    """None: it is still being written."""
    frames_per_second: Fraction
    points: Float64[np.ndarray, "p 3"]
    """World positions found in the source's first frame; none if nothing gave any."""
    point_colors: UInt8[np.ndarray, "p 3"]
    background: tuple[int, int, int]
    """8-bit sRGB under transparent pixels."""
    load: Callable[[int, int], Pixels] = field(repr=False)
    """Frame, view -> its pixels: undistorted, resized, over the background. What it keeps decoded is bounded."""
    load_mask: Callable[[int, int], Mask | None] | None = field(default=None, repr=False)
    """Frame, view -> 1 where the foreground is, 0 elsewhere, in the view's size; None: nothing says. Itself None: of no
    view."""
    load_foreground: Callable[[int, int], Foreground | None] | None = field(default=None, repr=False)
    """Frame, view -> what the mask holds, cut out before pixels are averaged to size; None: nothing says. Itself None:
    masks in the view's size cut it out."""
    first_frame: int = 0
    """Frame 0 has this number in the source, which was cut."""
    notes: tuple[str, ...] = ()
    """What was skipped, assumed or changed, for people."""
    depth_bounds: tuple[float, float] | None = None
    """World units along the axis between which views see things, where the format says."""
    arrival: Callable[[int], Arrival] | None = field(default=None, repr=False)
    """Of captures that are still being written: where a frame is. None: all frames are there."""

    def __post_init__(self) -> None:
        if self.points.ndim != 2 or self.points.shape[1] != 3 or self.points.shape != self.point_colors.shape:
            raise ValueError(f"expected points and colours (p, 3), got {self.points.shape}, {self.point_colors.shape}")
        if set(self.train) & set(self.test) or not set(self.train) | set(self.test) <= set(range(len(self.views))):
            raise ValueError(f"train and test must be apart and among {len(self.views)} views")
        if (self.frame_count is None) == (self.arrival is None):
            raise ValueError("expected a count of frames, or a way to know which have come; not both, not neither")
        if self.frame_count is not None and self.frame_count < 1:
            raise ValueError(f"expected at least one frame, got {self.frame_count}")
        if self.frames_per_second <= 0:
            raise ValueError(f"expected more than 0 frames per second, got {self.frames_per_second}")

    def __len__(self) -> int:
        return len(self.views)

    @property
    def medium(self) -> Medium:
        """Synchronised cameras over frames."""
        return "timed capture"

    def fingerprint(self) -> str:
        """SHA-256 of its views, points, background, rate and range of frames, and of one picture of its first frame."""
        views = [(view.name, *view.camera.to_json().values()) for view in self.views]
        time_range = (self.frames_per_second, self.first_frame, self.frame_count)
        points = np.ascontiguousarray(self.points).view(np.uint8)
        return fingerprint_of((views, self.train, self.background, time_range), points, self.pixels(0, self.train[0]))

    def looks(self) -> Iterator[Look]:
        """Frame by frame the views that were held out; all of them where none were.

        Of a capture that is still being written: up to the last frame that has come.
        """
        frame = 0
        while self._is_here(frame):
            for number in self.test or range(len(self)):
                yield Look(frame, self.views[number].camera, self.pixels(frame, number))
            frame += 1

    def pixels(self, frame: int, view: int) -> Pixels:
        """What a camera saw at a frame, as a pinhole would have; read-only.

        Raises:
            SignalError: the picture is missing, cannot be decoded, or is not of its camera's size.
            IndexError: there is no such frame or view.
        """
        self._check(frame, view)
        return self.load(frame, view)

    def mask(self, frame: int, view: int) -> Mask | None:
        """1 where the foreground is, 0 elsewhere; None where nothing says.

        Raises:
            SignalError: the mask cannot be decoded, or is not of its picture's size.
            IndexError: there is no such frame or view.
        """
        self._check(frame, view)
        return None if self.load_mask is None else self.load_mask(frame, view)

    def foreground(self, frame: int, view: int) -> Foreground:
        """What the mask holds of a picture.

        Raises:
            SignalError: there is no mask, or a picture cannot be decoded.
            IndexError: there is no such frame or view.
        """
        self._check(frame, view)
        if self.load_foreground is not None:
            found = self.load_foreground(frame, view)
            if found is not None:
                return found
        mask = self.mask(frame, view)
        if mask is None:
            raise SignalError(f"{self.name}: no mask of view {self.views[view].name}, frame {frame}; expected one")
        return Foreground(self.pixels(frame, view) * (mask > 0)[:, :, None], ((mask > 0) * 255).astype(np.uint8))

    @cached_property
    def masked_views(self) -> tuple[int, ...]:
        """Numbers of the views that have masks, by their first frame."""
        return tuple(view for view in range(len(self.views)) if self.mask(0, view) is not None)

    def cut_out(self, background: tuple[int, int, int]) -> TimedCapture:
        """What masks hold, before a color: views without masks are left out of both sides of the split.

        Raises:
            SignalError: no view has masks.
        """
        masked = self.masked_views
        train, test = (tuple(view for view in views if view in masked) for views in (self.train, self.test))
        if not train and not test:
            raise SignalError(f"{self.name}: no masks; expected seg/ or masks/, a folder a camera")
        if not test and self.test:
            names = ", ".join(self.views[view].name for view in self.test)
            raise SignalError(
                f"{self.name}: the views held out ({names}) have no masks; name others that have: --hold-out NAME,NAME"
            )

        def load(frame: int, view: int) -> Pixels:
            return self.foreground(frame, view).over(background)

        return replace(self, train=train, test=test, load=load, background=background, load_foreground=self.foreground)

    def held_out(self, names: Sequence[str]) -> TimedCapture:
        """With these views held out, and all others to fit to.

        Raises:
            SignalError: no view has that name, or none is left.
        """
        known = [view.name for view in self.views]
        for name in names:
            if name not in known:
                raise SignalError(f"{self.name}: there is no view {name!r}; expected some of {', '.join(known)}")
        test = tuple(number for number, name in enumerate(known) if name in names)
        train = tuple(number for number in range(len(known)) if number not in test)
        if not train:
            raise SignalError(f"{self.name}: all {len(known)} views are held out; expected some to fit to")
        return replace(self, train=train, test=test)

    def still(self, frame: int) -> Capture:
        """What all cameras saw at a frame, as a capture of a still scene; with points at frame 0 only.

        Raises:
            IndexError: there is no such frame.
        """
        self._check(frame, 0)
        first = frame == 0
        return Capture(
            f"{self.name}, frame {self.first_frame + frame}",
            tuple(View(view.name, view.camera) for view in self.views),
            self.train,
            self.test,
            self.points if first else np.empty((0, 3)),
            self.point_colors if first else np.empty((0, 3), np.uint8),
            self.background,
            lambda view: self.load(frame, view),
            self.notes,
            self.depth_bounds,
        )

    def cut_span(self, span: FrameSpan) -> TimedCapture:
        """The frames of a span alone, by their numbers or times.

        Raises:
            SignalError: as `cut`.
        """
        is_timed = isinstance(span, TimeSpan)
        return self.cut(*(span.frames(None, self.frames_per_second, self.frame_count) if is_timed else span))

    def cut(self, start: int, stop: int | None = None) -> TimedCapture:
        """The frames start...stop-1 alone (to the end if None), renumbered from 0; points stay those of the source.

        Raises:
            SignalError: the range is empty, or some of it is not there.
        """
        count = self.frame_count
        check_range(self.name, (start, stop), count)
        load, load_mask, arrival = self.load, self.load_mask, self.arrival
        load_foreground = self.load_foreground

        def arrival_of(frame: int) -> Arrival:
            assert arrival is not None
            return Arrival.NEVER if stop is not None and start + frame >= stop else arrival(start + frame)

        return replace(
            self,
            frame_count=None if count is None else (count if stop is None else stop) - start,
            load=lambda frame, view: load(start + frame, view),
            load_mask=None if load_mask is None else lambda frame, view: load_mask(start + frame, view),
            load_foreground=(
                None if load_foreground is None else lambda frame, view: load_foreground(start + frame, view)
            ),
            first_frame=self.first_frame + start,
            arrival=None if arrival is None else arrival_of,
        )

    def wait_for(self, frame: int, should_stop: Callable[[], bool]) -> bool:
        """Whether a frame is there, whole in all views; waits where it may still come.

        False: it will not come, since the capture has ended before it, or `should_stop` said so.

        Raises:
            SignalError: frames after it have come, and it has not; or one of its pictures stays damaged.
        """
        if frame < 0:
            raise IndexError(f"frame {frame}; expected 0 or more")
        if self.frame_count is not None:
            return frame < self.frame_count
        assert self.arrival is not None
        while not should_stop():
            found = self.arrival(frame)
            if found is not Arrival.COMING:
                return found is Arrival.HERE
            time.sleep(POLL_S)
        return False

    @cached_property
    def camera_extent(self) -> float:
        """See `camera_extent_of`; of the training cameras."""
        return camera_extent_of([self.views[number].camera for number in self.train], self.points)

    def _is_here(self, frame: int) -> bool:
        if self.frame_count is not None:
            return frame < self.frame_count
        return self.arrival is not None and self.arrival(frame) is Arrival.HERE

    def _check(self, frame: int, view: int) -> None:
        if not 0 <= view < len(self.views):
            raise IndexError(f"view {view} of {len(self.views)}")
        if frame < 0 or (self.frame_count is not None and frame >= self.frame_count):
            raise IndexError(
                f"frame {frame} of {'a growing capture' if self.frame_count is None else self.frame_count}"
            )


def check_range(name: str, frames: tuple[int, int | None], count: int | None) -> None:
    """Refuse a range (start, stop; None: the end) that is empty or not all there; a count of None may still grow.

    Raises:
        SignalError: with the capture's name in front.
    """
    start, stop = frames
    is_empty = start < 0 or (stop is not None and stop <= start)
    if is_empty or (count is not None and not start < (count if stop is None else stop) <= count):
        length = "is still being written" if count is None else f"has frames 0...{count - 1}"
        wanted = f"{start}:{'' if stop is None else stop}"
        raise SignalError(f"{name}: frames {wanted} are not all there: the capture {length}; give a range in it")
