# SPDX-License-Identifier: Apache-2.0
"""Where a camera is, as tools write it (matrices, quaternions, axes times angles), enters; camera_from_world leaves.

Ours are OpenCV's axes: x right, y down, z forward. OpenGL's, which Blender and ARKit have too: x right, y up, z back.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from jaxtyping import Float64

from lamina.errors import SignalError

OPENCV_FROM_OPENGL = np.diag([1.0, -1.0, -1.0, 1.0])
"""Camera axes."""

ORTHOGONAL_TOLERANCE = 1e-3
"""How far axes of a camera may be from right angles: matrices written with four digits pass."""


def pose_of(quaternion: tuple[float, ...], translation: tuple[float, ...], place: str) -> Float64[np.ndarray, "4 4"]:
    """A unit quaternion (w, x, y, z) and a translation as camera_from_world; the quaternion is normalised.

    Raises:
        SignalError: a number is not finite, or the quaternion has no direction.
    """
    q, t = np.array(quaternion, np.float64), np.array(translation, np.float64)
    length = math.hypot(*quaternion)
    if not (np.isfinite(q).all() and np.isfinite(t).all() and 1e-6 < length < 1e6):
        raise SignalError(
            f"{place}: pose {quaternion}, {translation}; expected a quaternion of length 1 and a position"
        )
    w, x, y, z = q / length
    pose = np.eye(4)
    pose[:3, :3] = [
        [1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y)],
        [2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x)],
        [2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)],
    ]
    pose[:3, 3] = t
    return pose


def rigid(value: Any, place: str, *, is_scaled: bool = False) -> Float64[np.ndarray, "4 4"]:
    """A rotation and a position from 3x4 or 4x4 numbers, which may be text; `is_scaled`: axes may have any length.

    Raises:
        SignalError: they are none.
    """
    try:
        matrix = np.array(value, np.float64)
    except (TypeError, ValueError, OverflowError) as error:
        raise SignalError(f"{place}: expected 4x4 numbers, got {value!r:.80}") from error
    if matrix.shape not in ((4, 4), (3, 4)) or not np.isfinite(matrix).all():
        raise SignalError(f"{place}: expected 4x4 finite numbers, got {value!r:.80}")
    pose = np.eye(4)
    with np.errstate(all="ignore"):
        lengths = np.linalg.norm(matrix[:3, :3], axis=0) if is_scaled else 1.0
        axes = matrix[:3, :3] / np.maximum(lengths, 1e-12)
        error = float(np.abs(axes.T @ axes - np.eye(3)).max())
        # Written so that what is not a number is refused.
        if not error <= ORTHOGONAL_TOLERANCE or not np.linalg.det(axes) > 0:
            raise SignalError(f"{place}: expected a rotation and a position, got {matrix.tolist()}")
    # The nearest rotation: poses come with few digits, and everything later counts on right angles.
    left, _, right = np.linalg.svd(axes)
    pose[:3, :3], pose[:3, 3] = left @ right, matrix[:3, 3]
    return pose


def camera_from_opengl(world_from_camera: Float64[np.ndarray, "4 4"]) -> Float64[np.ndarray, "4 4"]:
    """camera_from_world with our axes, of a pose with OpenGL's."""
    return np.linalg.inv(world_from_camera @ OPENCV_FROM_OPENGL)


def rotation_about(axis_angle: tuple[float, float, float]) -> Float64[np.ndarray, "3 3"]:
    """Of a direction whose length is the angle in radians. Source: Rodrigues' formula."""
    angle = math.hypot(*axis_angle)
    if angle < 1e-12:
        return np.eye(3)
    x, y, z = (number / angle for number in axis_angle)
    cross = np.array([[0.0, -z, y], [z, 0.0, -x], [-y, x, 0.0]])
    return np.eye(3) + math.sin(angle) * cross + (1.0 - math.cos(angle)) * cross @ cross
