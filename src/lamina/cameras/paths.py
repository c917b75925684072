# SPDX-License-Identifier: Apache-2.0
"""Cameras of a capture enter, cameras of a path through it leave; and cameras to a JSON file and back.

Both paths close, so that a film of them can be looped. A file of cameras is

    {"cameras": [{"size_px": [400, 267], "focal_px": [410.1, 409.9], "center_px": [200.0, 133.5],
                  "world_from_camera": [[...] x 4]}, ...]}

or one such camera alone; `Camera.from_json` says what may be left out and what may stand for a pose. With moments they
are a path: `waypoints`.
"""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float64

from lamina.atomic import replacing
from lamina.cameras.camera import Camera, look_at
from lamina.errors import SignalError

FULL_CIRCLE_GAP = math.radians(100.0)
"""Cameras with a wider gap between neighbours, seen from what they look at, do not surround it."""

PARALLEL_AXES = 0.01
"""Mean squared sine between optical axes under which (6 degrees) where they meet cannot be relied on."""

DISTANT_BASELINES = 4.0
"""Without points and with parallel axes: distance of what is looked at, in distances of the furthest camera."""

SPIRAL_PERCENTILE = 90.0
"""Of the cameras' offsets from their mean, as the spiral's radii. Source: LLFF's render_path_spiral."""

SPIRAL_TURNS = 2
"""Rounds of a spiral while it goes forward and back once. Source: LLFF's render_path_spiral."""

NEAR_SHARE = 8
"""One in so many cameras of a capture that surrounds its subject lies within a spiral."""

CAMERA_LIMIT = 1 << 20
"""More cameras than this in a file are a mistake: nine hours at 30 frames a second."""


def orbit(
    cameras: Sequence[Camera], count: int, points: Float64[np.ndarray, "p 3"] | None = None
) -> tuple[Camera, ...]:
    """`count` cameras around what the capture looks at, at its mean distance and height; the first one's pinhole.

    Captures that do not surround their subject get an arc as wide as their own, forth and back.

    Raises:
        ValueError: no cameras, or `count` is under 1.
    """
    _check(cameras, count)
    up, focus = up_of(cameras), focus_of(cameras, points)
    axes = _axes(cameras, up, focus)
    x, y, heights = axes @ (_positions(cameras) - focus).T
    radius = float(np.hypot(x, y).mean())
    path: list[Camera] = []
    for angle in _sweep(np.arctan2(y, x), count):
        position = focus + (radius * math.cos(angle), radius * math.sin(angle), heights.mean()) @ axes
        path.append(cameras[0].moved(look_at(position, focus, up)))
    return tuple(path)


def spiral(
    cameras: Sequence[Camera], count: int, points: Float64[np.ndarray, "p 3"] | None = None
) -> tuple[Camera, ...]:
    """`count` cameras on a spiral about the mean position, looking at one point: for captures that face one way.

    Of captures that surround their subject it takes the cameras nearest to the first, an eighth of all.

    Raises:
        ValueError: no cameras, or `count` is under 1.
    """
    _check(cameras, count)
    up, focus = up_of(cameras), focus_of(cameras, points)
    positions = _positions(cameras)
    x, y, _ = _axes(cameras, up, focus) @ (positions - focus).T
    if _widest_gap(np.arctan2(y, x))[1] <= FULL_CIRCLE_GAP:
        nearest = np.argsort(np.linalg.norm(positions - positions[0], axis=1), kind="stable")
        positions = positions[nearest[: -(-len(cameras) // NEAR_SHARE)]]
    middle = look_at(positions.mean(axis=0), focus, up)
    offsets = (positions - middle[:3, 3]) @ middle[:3, :3]
    radii = np.percentile(np.abs(offsets), SPIRAL_PERCENTILE, axis=0)
    path: list[Camera] = []
    for turn in np.arange(count) * (2.0 * math.pi / count):
        around = SPIRAL_TURNS * turn
        position = middle[:3, :3] @ (radii * (math.cos(around), math.sin(around), -math.sin(turn))) + middle[:3, 3]
        path.append(cameras[0].moved(look_at(position, focus, up)))
    return tuple(path)


def up_of(cameras: Sequence[Camera]) -> Float64[np.ndarray, "3"]:
    """The direction that is up in the mean of the pictures; length 1."""
    up = -np.mean([camera.camera_from_world[1, :3] for camera in cameras], axis=0)
    length = float(np.linalg.norm(up))
    # Cameras held every way round: any direction is as good.
    return up / length if length > 1e-6 else np.array([0.0, 0.0, 1.0])


def focus_of(cameras: Sequence[Camera], points: Float64[np.ndarray, "p 3"] | None = None) -> Float64[np.ndarray, "3"]:
    """The point that the optical axes come nearest to (least squares).

    Where they are parallel or meet behind the cameras: on the mean axis, at the points' harmonic mean depth.
    """
    positions = _positions(cameras)
    forward = np.stack([camera.camera_from_world[2, :3] for camera in cameras])
    across = np.eye(3) - forward[:, :, None] * forward[:, None, :]
    total = across.mean(axis=0)
    middle, mean_forward = positions.mean(axis=0), forward.mean(axis=0)
    if np.linalg.eigvalsh(total)[0] > PARALLEL_AXES:
        focus = np.linalg.solve(total, np.einsum("nij,nj->i", across, positions) / len(cameras))
        if np.median(((focus - positions) * forward).sum(axis=1)) > 0:
            return focus
    axis = mean_forward / max(float(np.linalg.norm(mean_forward)), 1e-9)
    depths = (points - middle) @ axis if points is not None else np.empty(0)
    depths = depths[depths > 0]
    if len(depths):
        return middle + axis / float(np.mean(1.0 / depths))
    spread = float(np.linalg.norm(positions - middle, axis=1).max())
    return middle + axis * (DISTANT_BASELINES * spread if spread > 0 else 1.0)


def write_cameras(path: str | Path, cameras: Sequence[Camera]) -> None:
    """Write cameras as a file that `read_cameras` takes.

    Raises:
        WriteError: the file cannot be written.
    """
    text = json.dumps({"cameras": [camera.to_json() for camera in cameras]}, indent=1)
    with replacing(path) as file:
        file.write(text.encode() + b"\n")


def read_cameras(path: str | Path) -> tuple[Camera, ...]:
    """Cameras of a JSON file: one, or a list called "cameras". Moments that they have are left to `waypoints`.

    Raises:
        SignalError: missing, not JSON, no cameras, or one that is wrong: says which and why.
    """
    cameras: list[Camera] = []
    for number, fields in enumerate(listed_cameras(path)):
        try:
            cameras.append(Camera.from_json(fields))
        except SignalError as error:
            raise SignalError(f"{path}: number {number}: {error}") from error
    return tuple(cameras)


def listed_cameras(path: str | Path) -> list[Any]:
    """What stands for each camera of a JSON file, not looked at yet.

    Raises:
        SignalError: missing, not JSON, or no cameras.
    """
    try:
        fields = json.loads(Path(path).read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise SignalError(f"{path}: not a file of cameras in JSON: {error}") from error
    listed = fields.get("cameras") if isinstance(fields, dict) and "cameras" in fields else [fields]
    if not isinstance(listed, list) or not 1 <= len(listed) <= CAMERA_LIMIT:
        raise SignalError(f"{path}: expected a camera, or a list called 'cameras' of 1...{CAMERA_LIMIT}")
    return listed


def _sweep(angles: Float64[np.ndarray, " n"], count: int) -> Float64[np.ndarray, " c"]:
    """`count` angles: once around, or forth and back over what `angles` cover if that leaves a wide gap."""
    share = np.arange(count) / count
    start, gap = _widest_gap(angles)
    if gap <= FULL_CIRCLE_GAP:
        return 2.0 * math.pi * share
    half = 0.5 * (2.0 * math.pi - gap)
    return start + gap + half + half * np.sin(2.0 * math.pi * share)


def _widest_gap(angles: Float64[np.ndarray, " n"]) -> tuple[float, float]:
    """Where the widest gap between neighbouring angles on the circle begins, and how wide it is; radians."""
    ordered = np.sort(angles)
    gaps = np.diff(ordered, append=ordered[0] + 2.0 * math.pi)
    widest = int(np.argmax(gaps))
    return float(ordered[widest]), float(gaps[widest])


def _axes(
    cameras: Sequence[Camera], up: Float64[np.ndarray, "3"], focus: Float64[np.ndarray, "3"]
) -> Float64[np.ndarray, "3 3"]:
    """Rows: from the focus towards the first camera but level, a quarter turn from there, up."""
    ahead = cameras[0].position_world - focus
    ahead = ahead - (ahead @ up) * up
    if np.linalg.norm(ahead) < 1e-9:
        # The first camera is right above or below: any level direction will do.
        ahead = np.cross(up, np.eye(3)[np.argmin(np.abs(up))])
    ahead = ahead / np.linalg.norm(ahead)
    return np.stack([ahead, np.cross(up, ahead), up])


def _positions(cameras: Sequence[Camera]) -> Float64[np.ndarray, "n 3"]:
    return np.stack([camera.position_world for camera in cameras])


def _check(cameras: Sequence[Camera], count: int) -> None:
    if not cameras or count < 1:
        raise ValueError(f"expected cameras and a count of at least 1, got {len(cameras)} and {count}")
