# SPDX-License-Identifier: Apache-2.0
"""A file and a choice of cameras enter; the pictures to take leave: from where, of which frame.

Of timed media time goes on at its own pace, whatever the film's rate is: at twice the rate each frame is shown twice,
from a camera that moves on. After the last frame time stands still.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path

from lamina.cameras.camera import Camera
from lamina.cameras.paths import CAMERA_LIMIT, orbit, spiral
from lamina.cameras.waypoints import Waypoint, path_through, read_waypoints
from lamina.data.captures import Capture, read_capture
from lamina.errors import SignalError, TargetError
from lamina.media.reading import Media
from lamina.times import FrameSpan, FrameTimes
from lamina.units import SeenBy

PATHS = ("orbit", "spiral")
STORED = "test"
RIGS = (STORED, "train", "all")
"""Cameras of a capture, which stand where they stand: ``test`` is in the file."""
PATH_VIEWS = 120
"""Of an orbit or spiral around what stands still: four seconds."""
FRAMES_PER_SECOND = Fraction(30)
"""Of films of what stands still."""
MOMENT_SLACK = 1e-6
"""Of a picture or frame: moments are fractions of seconds, and 0.04 s at 25 a second is frame 1, not 0.9999."""


@dataclass(frozen=True)
class Shot:
    """One picture to take."""

    name: str
    """Of its file, in a folder of pictures."""
    camera: Camera
    frame: int = 0


def shots_of(
    media: Media,
    which: str = "orbit",
    *,
    capture: str | Path | None = None,
    frames: FrameSpan | None = None,
    size: tuple[int, int] | None = None,
    frames_per_second: Fraction | float | None = None,
    views: int | None = None,
) -> list[Shot]:
    """What a choice of cameras means for a file.

    `which` is ``orbit`` or ``spiral`` (a path through the views that the file keeps), ``test`` (these views), ``train``
    or ``all`` (views of `capture`, a folder), or a JSON file of cameras, which are a path where they have moments
    (`cameras.waypoints`). ``test:2`` or ``test:0,3`` are some of the views. `size` (width, height) replaces the
    cameras' own.

    Of what stands still, `frames` (start, stop) counts the views of a path. Of timed media it says which frames are
    shown: one round of a path lasts as long as they do, or has so many `views`, of which those after the last frame
    show that one; views of a rig are filmed one after another, each over all of the frames. `frames_per_second` is the
    film's (None: the medium's own), which leaves time its pace.

    Raises:
        SignalError: no such cameras.
        TargetError: the file holds nothing that a camera looks at, or there are no such frames.
    """
    name = media.stream.name or "the file"
    if media.info.seen_by != SeenBy.CAMERA and not media.info.has_cameras:
        raise TargetError(f"{name}: this is a {media.info.kind}, which has no cameras; use lamina decode")
    clock = _clock_of(media, None if frames is None else media.frames_in(frames), frames_per_second)
    rig, _, numbers = which.partition(":")
    if which in PATHS:
        around = _rig_cameras(media, which, capture)
        shots = clock.moving([camera for _, camera in around], which, views or clock.picture_count)
    elif rig in RIGS:
        shots = clock.standing(_chosen(_rig_cameras(media, rig, capture), numbers, which))
    else:
        shots = _filed(media, which, clock)
    return [replace(shot, camera=shot.camera.resized(*size)) for shot in shots] if size is not None else shots


def film_rate(media: Media, frames_per_second: Fraction | float | None = None) -> Fraction:
    """The rate asked for, or the medium's own, or 30 of what stands still."""
    if frames_per_second is not None:
        return Fraction(frames_per_second).limit_denominator(1001)
    return media.info.frames_per_second or FRAMES_PER_SECOND


@dataclass(frozen=True)
class _Clock:
    """Which frame is seen in which picture of a film."""

    start: int
    stop: int
    """Frames start...stop-1 of timed media; of what stands still, as many pictures."""
    medium_rate: Fraction | None
    """Frames per second; None: it stands still."""
    film_rate: Fraction
    times: FrameTimes | None = None
    """Of frames that are not evenly spaced."""

    @property
    def picture_count(self) -> int:
        """Pictures of a film that shows each frame for its time."""
        frames = self.stop - self.start
        if self.medium_rate is None or frames == 1:
            return frames
        if self.times is not None:
            return math.ceil((self.times.time_s(self.stop) - self.times.time_s(self.start)) * self.film_rate)
        return math.ceil(frames * self.film_rate / self.medium_rate)

    def frame(self, picture: int) -> int:
        """Frame that is seen in a picture: the last one stays."""
        if self.medium_rate is None:
            return 0
        if self.times is not None:
            return min(self.frame_after(picture / self.film_rate), self.stop - 1)
        return min(self.start + math.floor(picture * self.medium_rate / self.film_rate), self.stop - 1)

    def frame_after(self, time_s: Fraction) -> int:
        """Frame of uneven times that is seen so long after the first."""
        assert self.times is not None
        return self.times.frame_at(self.times.time_s(self.start) + time_s)

    def moving(self, cameras: Sequence[Camera], which: str, views: int) -> list[Shot]:
        """A camera that goes once around in so many views."""
        path = (orbit if which == "orbit" else spiral)(cameras, max(views, 1))
        return self.one_after_another(_numbered(path))

    def one_after_another(self, named: Sequence[tuple[str, Camera]]) -> list[Shot]:
        """A picture a camera, while time goes on."""
        return [Shot(label, camera, self.frame(number)) for number, (label, camera) in enumerate(named)]

    def standing(self, named: Sequence[tuple[str, Camera]]) -> list[Shot]:
        """Cameras one after another, each over all frames."""
        if self.medium_rate is None or self.picture_count == 1:
            return [Shot(label, camera, self.frame(0)) for label, camera in named]
        pictures = range(self.picture_count)
        prefix = {label: f"{label}_" if len(named) > 1 else "" for label, _ in named}
        return [
            Shot(f"{prefix[label]}frame_{self.frame(number):04d}", camera, self.frame(number))
            for label, camera in named
            for number in pictures
        ]

    def along(self, waypoints: Sequence[Waypoint]) -> Iterator[Shot]:
        """From the first waypoint to the last, at the film's rate.

        Where waypoints name frames, those that are not asked for are left out; where they do not, the last one stays.
        """
        path = path_through(waypoints, self.medium_rate, self.start)
        begin_s, end_s = path.times_s[0], path.times_s[-1]
        count = math.floor((end_s - begin_s) * float(self.film_rate) + MOMENT_SLACK) + 1
        if count > CAMERA_LIMIT:
            raise SignalError(f"a path of {end_s - begin_s:g} s has {count} pictures; expected at most {CAMERA_LIMIT}")
        names_frames = any(waypoint.frame is not None for waypoint in waypoints)
        for number in range(count):
            camera, moment = path.at(begin_s + float(number / self.film_rate))
            frame = math.floor(moment + MOMENT_SLACK) if self.medium_rate is not None else 0
            if self.times is not None and not names_frames:
                frame = self.frame_after(Fraction(begin_s + MOMENT_SLACK) + number / self.film_rate)
            if self.medium_rate is None or self.start <= frame < self.stop or not names_frames:
                yield Shot(f"view_{number:03d}", camera, min(frame, self.stop - 1))


def _clock_of(
    media: Media, frames: tuple[int, int | None] | None, frames_per_second: Fraction | float | None
) -> _Clock:
    is_timed = media.info.is_timed
    start, stop = frames if frames is not None else (0, media.frame_count if is_timed else PATH_VIEWS)
    stop = media.frame_count if stop is None else stop
    if is_timed and not 0 <= start < stop <= media.frame_count:
        name = media.stream.name or "the file"
        raise TargetError(f"{name}: frames {start}:{stop} were asked for, the file has frames 0:{media.frame_count}")
    times = media.times if media.has_variable_rate else None
    return _Clock(start, stop, media.info.frames_per_second, film_rate(media, frames_per_second), times)


def _filed(media: Media, path: str, clock: _Clock) -> list[Shot]:
    """Cameras of a JSON file: a path with moments, one camera over all frames, or a camera a picture."""
    if not Path(path).exists():
        raise SignalError(f"--camera {path}: expected test, orbit, spiral, train, all, or a JSON file that exists")
    waypoints = read_waypoints(path)
    if waypoints[0].has_moment:
        return _along(media, path, waypoints, clock)
    named = _numbered([waypoint.camera for waypoint in waypoints])
    if len(named) == 1:
        return clock.standing(named)
    if clock.medium_rate is not None and clock.picture_count == 1:
        return [Shot(label, camera, clock.start) for label, camera in named]
    if clock.medium_rate is not None and len(named) < clock.picture_count:
        raise SignalError(
            f"{path}: {len(named)} cameras for {clock.picture_count} pictures: give each camera a moment (time_s or "
            f"frame) for a path between them, or ask for one frame (--frames 0), or for as many as there are cameras"
        )
    return clock.one_after_another(named)


def _along(media: Media, path: str, waypoints: Sequence[Waypoint], clock: _Clock) -> list[Shot]:
    beyond = [waypoint.frame for waypoint in waypoints if (waypoint.frame or 0) > media.frame_count - 1]
    if beyond and clock.medium_rate is not None:
        raise TargetError(f"{path}: frame {beyond[0]:g} is asked for, the file has frames 0:{media.frame_count}")
    try:
        shots = list(clock.along(waypoints))
    except SignalError as error:
        raise SignalError(f"{path}: {error}") from error
    if not shots:
        raise TargetError(f"{path}: none of frames {clock.start}:{clock.stop} is on this path")
    return shots


def _rig_cameras(media: Media, which: str, capture: str | Path | None) -> list[tuple[str, Camera]]:
    """Names and cameras: of the file, or of a capture's folder."""
    if capture is not None or which in RIGS[1:]:
        return _captured(media, which, capture)
    stored = media.cameras()
    if not stored:
        raise SignalError(
            f"{media.stream.name or 'the file'}: it holds no cameras; name a capture's folder: --capture FOLDER"
        )
    return _numbered(stored)


def _captured(media: Media, which: str, folder: str | Path | None) -> list[tuple[str, Camera]]:
    """Views of a capture; for a path, its training views."""
    if folder is None:
        raise SignalError(f"--camera {which}: say where the capture is: --capture FOLDER")
    capture: Capture = read_capture(folder, view_size=(media.info.width, media.info.height))
    chosen = {STORED: capture.test, "all": range(len(capture))}.get(which, capture.train)
    return [(Path(capture.views[number].name).stem, capture.views[number].camera) for number in chosen]


def _chosen(named: list[tuple[str, Camera]], numbers: str, which: str) -> list[tuple[str, Camera]]:
    """Those whose numbers are listed (``0,3``); all where none are."""
    if not numbers and ":" not in which:
        return named
    words = numbers.split(",")
    if not all(word.isdecimal() and int(word) < len(named) for word in words):
        raise SignalError(f"--camera {which}: expected numbers 0...{len(named) - 1} after the colon, such as test:0")
    return [named[int(word)] for word in words]


def _numbered(cameras: Sequence[Camera]) -> list[tuple[str, Camera]]:
    return [(f"view_{number:03d}", camera) for number, camera in enumerate(cameras)]
