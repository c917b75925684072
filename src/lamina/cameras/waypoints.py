# SPDX-License-Identifier: Apache-2.0
"""Cameras with moments (a JSON file) enter, a path leaves: where the camera is at any time, what frame is seen then.

    {"cameras": [{"size_px": ..., "focal_px": ..., "world_from_camera": ..., "time_s": 0.0, "frame": 0},
                 {..., "time_s": 2.0, "frame": 30}, {..., "time_s": 4.0, "frame": 30}, {..., "time_s": 6.0}]}

``time_s`` is a moment of the film, ``frame`` the frame of the medium that is seen then: each follows from the other at
the medium's own pace where it is left out. Two cameras at one frame and different times: between them it stands still.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float64

from lamina.cameras.camera import Camera
from lamina.cameras.paths import listed_cameras
from lamina.cameras.rotations import rotation_between
from lamina.errors import SignalError


@dataclass(frozen=True, eq=False)
class Waypoint:
    """A camera, and when the path is there; neither `time_s` nor `frame`: at no moment that is known."""

    camera: Camera
    time_s: float | None = None
    """Moment of the film."""
    frame: float | None = None
    """Of the medium, seen then; between waypoints not whole."""

    @property
    def has_moment(self) -> bool:
        """Whether it says when."""
        return self.time_s is not None or self.frame is not None


@dataclass(frozen=True, eq=False)
class CameraPath:
    """Through waypoints that have both moments, in rising order of time."""

    waypoints: tuple[Waypoint, ...]
    times_s: tuple[float, ...]
    frames: tuple[float, ...]

    def at(self, time_s: float) -> tuple[Camera, float]:
        """Camera and frame (not whole) at a time; before the first waypoint and after the last: theirs.

        Places follow a smooth curve through the waypoints (cubic Hermite, slopes by what is before and after), views
        turn at a steady pace, lenses change evenly.
        """
        if time_s <= self.times_s[0] or len(self.waypoints) == 1:
            return self.waypoints[0].camera, self.frames[0]
        if time_s >= self.times_s[-1]:
            return self.waypoints[-1].camera, self.frames[-1]
        number = bisect_right(self.times_s, time_s) - 1
        span_s = self.times_s[number + 1] - self.times_s[number]
        share = (time_s - self.times_s[number]) / span_s
        first, second = self.waypoints[number].camera, self.waypoints[number + 1].camera
        pose = np.eye(4)
        pose[:3, :3] = rotation_between(first.world_from_camera[:3, :3], second.world_from_camera[:3, :3], share)
        pose[:3, 3] = _hermite(
            (first.position_world, second.position_world), (self._slope(number), self._slope(number + 1)), span_s, share
        )
        frame = self.frames[number] + share * (self.frames[number + 1] - self.frames[number])
        return _lens_between(first, second, share).moved(pose), frame

    def _slope(self, number: int) -> Float64[np.ndarray, "3"]:
        """World units a second at a waypoint: of the parabola through it and its neighbours; at the ends, straight."""
        last = len(self.waypoints) - 1
        if number in (0, last):
            return self._speed(min(number, last - 1))
        before_s = self.times_s[number] - self.times_s[number - 1]
        after_s = self.times_s[number + 1] - self.times_s[number]
        return (after_s * self._speed(number - 1) + before_s * self._speed(number)) / (before_s + after_s)

    def _speed(self, number: int) -> Float64[np.ndarray, "3"]:
        """World units a second, in the mean between a waypoint and the next."""
        way = self.waypoints[number + 1].camera.position_world - self.waypoints[number].camera.position_world
        return way / (self.times_s[number + 1] - self.times_s[number])


def read_waypoints(path: str | Path) -> tuple[Waypoint, ...]:
    """Cameras of a JSON file with their moments, if they have any: all of them, or none.

    Raises:
        SignalError: missing, not JSON, no cameras, or one that is wrong: says which and why.
    """
    waypoints: list[Waypoint] = []
    for number, fields in enumerate(listed_cameras(path)):
        try:
            camera = Camera.from_json(fields)
            waypoints.append(Waypoint(camera, _moment(fields, "time_s"), _moment(fields, "frame")))
        except SignalError as error:
            raise SignalError(f"{path}: number {number}: {error}") from error
    without = [number for number, waypoint in enumerate(waypoints) if not waypoint.has_moment]
    if without and len(without) < len(waypoints):
        raise SignalError(
            f"{path}: number {without[0]}: has neither time_s nor frame, as others have: give each camera one, or none"
        )
    return tuple(waypoints)


def path_through(waypoints: Sequence[Waypoint], frames_per_second: Fraction | None, first_frame: int = 0) -> CameraPath:
    """The path; moments that are left out follow at the medium's pace, `first_frame` being seen at time 0.

    `frames_per_second` is the medium's; None: it stands still.

    Raises:
        SignalError: moments do not rise, cameras have several sizes, or of what stands still one has no ``time_s``.
    """
    times_s: list[float] = []
    frames: list[float] = []
    for number, waypoint in enumerate(waypoints):
        time_s, frame = waypoint.time_s, waypoint.frame
        if time_s is None:
            if frames_per_second is None or frame is None:
                raise SignalError(f"camera {number}: has no time_s, which what stands still needs for a path")
            time_s = float((frame - first_frame) / frames_per_second)
        if frame is None:
            frame = first_frame + float(time_s * frames_per_second) if frames_per_second is not None else 0.0
        times_s.append(time_s)
        frames.append(frame)
    for number, (before, after) in enumerate(pairwise(times_s), start=1):
        if after <= before:
            raise SignalError(
                f"camera {number}: comes at {after:g} s, the one before it at {before:g} s; expected rising moments "
                f"(time_s says how long a frame is looked at)"
            )
    sizes = {(waypoint.camera.width, waypoint.camera.height) for waypoint in waypoints}
    if len(sizes) > 1:
        raise SignalError(f"cameras of a path have one size, got {', '.join(f'{w}x{h}' for w, h in sorted(sizes))}")
    return CameraPath(tuple(waypoints), tuple(times_s), tuple(frames))


def _moment(fields: Any, name: str) -> float | None:
    if name not in fields:
        return None
    value = fields[name]
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < math.inf:
        raise SignalError(f"camera: {name}: expected a number of at least 0, got {value!r:.80}")
    return float(value)


def _hermite(
    places: tuple[np.ndarray, np.ndarray], slopes: tuple[np.ndarray, np.ndarray], span_s: float, share: float
) -> Float64[np.ndarray, "3"]:
    """The cubic through two places with two slopes (a second), a share of the span after the first."""
    square, cube = share * share, share * share * share
    return (
        (2 * cube - 3 * square + 1) * places[0]
        + (cube - 2 * square + share) * span_s * slopes[0]
        + (3 * square - 2 * cube) * places[1]
        + (cube - square) * span_s * slopes[1]
    )


def _lens_between(first: Camera, second: Camera, share: float) -> Camera:
    def mixed(name: str) -> float:
        return (1 - share) * getattr(first, name) + share * getattr(second, name)

    return replace(
        first,
        focal_x_px=mixed("focal_x_px"),
        focal_y_px=mixed("focal_y_px"),
        center_x_px=mixed("center_x_px"),
        center_y_px=mixed("center_y_px"),
    )
