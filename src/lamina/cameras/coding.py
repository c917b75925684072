# SPDX-License-Identifier: Apache-2.0
"""Cameras <-> the few numbers of them that a stream keeps for viewers, in a unit of their own."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from lamina.cameras.camera import Camera
from lamina.cameras.rotations import quaternion_of, rotation_of
from lamina.cameras.syntax import MAX_VIEWS, VERSION, CameraView, CameraViews
from lamina.errors import BitstreamError

QUATERNION_SCALE = 32767
"""Of a component 1: a direction is off by 3e-5 at most, a hundredth of a pixel at the edge of a view of 400 pixels."""


def pack_cameras(cameras: Iterable[Camera]) -> bytes:
    """The payload of a unit of cameras; at most so many as it can hold."""
    return CameraViews(VERSION, views_of(cameras)).pack()


def unpack_cameras(payload: bytes) -> tuple[Camera, ...]:
    """The cameras of a unit.

    Raises:
        BitstreamError: it is damaged, or holds numbers that are no camera.
    """
    views = CameraViews.unpack_whole(payload).views
    try:
        return cameras_of(views)
    except ValueError as error:
        raise BitstreamError(str(error), CameraViews.unit_name, "views") from None


def views_of(cameras: Iterable[Camera]) -> tuple[CameraView, ...]:
    """As a unit holds them; at most so many as it can."""
    views: list[CameraView] = []
    before: tuple[tuple[int, int], tuple[float, ...]] | None = None
    for camera in list(cameras)[:MAX_VIEWS]:
        size = (camera.width, camera.height)
        numbers = (camera.focal_x_px, camera.focal_y_px, camera.center_x_px, camera.center_y_px)
        lens = tuple(float(np.float32(number)) for number in numbers)
        quaternion = tuple(
            int(part) for part in np.rint(quaternion_of(camera.camera_from_world[:3, :3]) * QUATERNION_SCALE)
        )
        position = tuple(float(np.float32(part)) for part in camera.position_world)
        has_lens = before != (size, lens)
        views.append(CameraView(has_lens, quaternion, position, size if has_lens else None, lens if has_lens else None))
        before = (size, lens)
    return tuple(views)


def cameras_of(views: Iterable[CameraView]) -> tuple[Camera, ...]:
    """Cameras again.

    Raises:
        ValueError: numbers that are no camera.
    """
    cameras: list[Camera] = []
    size, lens = (0, 0), (0.0,) * 4
    for view in views:
        if view.size is not None and view.lens is not None:
            size, lens = (view.size[0], view.size[1]), view.lens
        motion = np.eye(4)
        motion[:3, :3] = rotation_of(np.array(view.quaternion, np.float64))
        motion[:3, 3] = -motion[:3, :3] @ np.array(view.position, np.float64)
        focal_x, focal_y, center_x, center_y = lens
        cameras.append(Camera(motion, focal_x, focal_y, center_x, center_y, *size))
    return tuple(cameras)
