# SPDX-License-Identifier: Apache-2.0
"""Cameras that a stream keeps enter; more cameras about them leave, for whoever exports the scene.

What is fitted to a few cameras alone looks right from them and wrong beside them. So further cameras stand a little off
those that are known, as far as cameras are apart there, and look at the same.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from jaxtyping import Float64

from lamina.cameras.camera import Camera, look_at

KEPT_LIMIT = 256
"""Of a stream's cameras so many are used, evenly chosen: their distances are compared pair by pair."""

SPACING_COUNT = 3
"""Distance to so many of the nearest, in the mean, is how far cameras are apart at a place."""

LONE_SPACING = 0.5
"""Stands for the distance to neighbours where there are none, in units of the scene."""

JITTER = 0.25
"""Standard deviation of what a camera is off, each axis, in distances to its neighbours. Places between neighbours are
0.15 dB better where a stream keeps 37 cameras, and 0.7 dB worse where it keeps 6 (bonsai, the scene's own views)."""

OWN_FIELD_OF_VIEW_DEGREES = 60.0
"""Across, of the view of a scene without cameras."""

SEED = 0
"""Chance is the same for every export: a file gives the same Gaussians again."""


def views_around(cameras: Sequence[Camera], unit: float, count: int) -> tuple[Camera, ...]:
    """The cameras, at most half of `count` of them, then new ones until there are `count`; none for none.

    `unit` is the scene's, in world units: what is so far ahead stays in the middle when a camera moves.
    """
    if not cameras:
        return ()
    known = evenly(cameras, KEPT_LIMIT)
    kept = evenly(known, max(1, count // 2))
    spacings = _spacings(known, unit)
    random = np.random.default_rng(SEED)
    # Each place once in a sweep, every sweep in another order.
    places = np.concatenate([random.permutation(len(known)) for _ in range(-(-count // len(known)))])
    moves = random.normal(size=(len(places), 3)) * JITTER * spacings[places, None]
    added = [_moved(known[place], move, unit) for place, move in zip(places, moves, strict=True)]
    return (*kept, *added[: count - len(kept)])


def evenly(cameras: Sequence[Camera], limit: int) -> tuple[Camera, ...]:
    """At most so many of them, from first to last."""
    chosen = np.linspace(0, len(cameras) - 1, min(limit, len(cameras))).round().astype(int)
    return tuple(cameras[number] for number in chosen)


def _spacings(cameras: Sequence[Camera], unit: float) -> Float64[np.ndarray, " m"]:
    """How far away the nearest others are from each camera, world units."""
    if len(cameras) == 1:
        return np.full(1, LONE_SPACING * unit)
    positions = np.stack([camera.position_world for camera in cameras])
    distances = np.linalg.norm(positions[:, None] - positions, axis=2)
    # Itself is the first of the nearest.
    return np.sort(distances, axis=1)[:, 1 : 1 + SPACING_COUNT].mean(axis=1)


def _moved(camera: Camera, move: Float64[np.ndarray, "3"], unit: float) -> Camera:
    """Elsewhere, looking at the same."""
    pose = camera.world_from_camera
    position, forward, up = pose[:3, 3], pose[:3, 2], -pose[:3, 1]
    try:
        return camera.moved(look_at(position + move, position + unit * forward, up))
    except ValueError:
        # Moved to where it looks at, or above it.
        return camera


def camera_at_whole(middle: Float64[np.ndarray, "3"], distance: float, width: int, height: int) -> Camera:
    """From the side at all of a scene whose stream keeps no camera; `distance` in world units."""
    focal_px = 0.5 * width / math.tan(math.radians(OWN_FIELD_OF_VIEW_DEGREES) / 2)
    pose = look_at(middle + np.array([0.0, -distance, 0.0]), middle, np.array([0.0, 0.0, 1.0]))
    return Camera(np.linalg.inv(pose), focal_px, focal_px, 0.5 * width, 0.5 * height, width, height)
