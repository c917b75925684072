# SPDX-License-Identifier: Apache-2.0
"""Where a picture was taken from: a pose in the world and a pinhole enter, projections and other sizes leave.

OpenCV's convention throughout: x right, y down, z forward; the centre of the first pixel is (0.5, 0.5), so that
resizing multiplies. No torch here: tools that move units and readers of captures start fast.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from jaxtyping import Float64

from lamina.errors import SignalError

RIGID_TOLERANCE = 1e-4
"""How far R R^T may be from the identity: poses written with six digits pass, those with a scale do not."""

SIZE_LIMIT_PX = 1 << 16
"""Largest width and height of a picture: what JPEG can hold, and far under any product that overflows."""


@dataclass(frozen=True, eq=False)
class Camera:
    """A pinhole without distortion, somewhere in the world."""

    camera_from_world: Float64[np.ndarray, "4 4"]
    """Rigid motion that takes world points to the camera's axes."""
    focal_x_px: float
    focal_y_px: float
    center_x_px: float
    """Principal point from the left edge of the picture."""
    center_y_px: float
    """Principal point from the upper edge of the picture."""
    width: int
    """Pixels."""
    height: int
    """Pixels."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "camera_from_world", rigid(self.camera_from_world))
        if not (1 <= self.width <= SIZE_LIMIT_PX and 1 <= self.height <= SIZE_LIMIT_PX):
            raise ValueError(f"expected 1x1...{SIZE_LIMIT_PX}x{SIZE_LIMIT_PX} pixels, got {self.width}x{self.height}")
        if not all(0 < focal < math.inf for focal in (self.focal_x_px, self.focal_y_px)):
            raise ValueError(f"expected focal lengths above 0 px, got {self.focal_x_px}, {self.focal_y_px}")
        if not (math.isfinite(self.center_x_px) and math.isfinite(self.center_y_px)):
            raise ValueError(f"expected a finite principal point, got {self.center_x_px}, {self.center_y_px}")

    @property
    def world_from_camera(self) -> Float64[np.ndarray, "4 4"]:
        """The pose: columns are the camera's right, down and forward in the world, then its position."""
        rotation = self.camera_from_world[:3, :3]
        pose = np.eye(4)
        pose[:3, :3] = rotation.T
        pose[:3, 3] = -rotation.T @ self.camera_from_world[:3, 3]
        return pose

    @property
    def position_world(self) -> Float64[np.ndarray, "3"]:
        """The optical centre."""
        return self.world_from_camera[:3, 3]

    @property
    def intrinsics_px(self) -> Float64[np.ndarray, "3 3"]:
        """Camera coordinates to homogeneous pixels."""
        rows = [[self.focal_x_px, 0.0, self.center_x_px], [0.0, self.focal_y_px, self.center_y_px], [0.0, 0.0, 1.0]]
        return np.array(rows)

    def project(
        self, points: Float64[np.ndarray, "p 3"]
    ) -> tuple[Float64[np.ndarray, "p 2"], Float64[np.ndarray, " p"]]:
        """World points to pixels (x, y) and depths along the axis; pixels mean nothing where a depth is not above 0."""
        seen = points @ self.camera_from_world[:3, :3].T + self.camera_from_world[:3, 3]
        depths = seen[:, 2]
        with np.errstate(divide="ignore", invalid="ignore"):
            plane = seen[:, :2] / depths[:, None]
        return plane * (self.focal_x_px, self.focal_y_px) + (self.center_x_px, self.center_y_px), depths

    def resized(self, width: int, height: int) -> Camera:
        """The same view with another number of pixels; each axis is scaled by itself."""
        ratio_x, ratio_y = width / self.width, height / self.height
        return replace(
            self,
            focal_x_px=self.focal_x_px * ratio_x,
            focal_y_px=self.focal_y_px * ratio_y,
            center_x_px=self.center_x_px * ratio_x,
            center_y_px=self.center_y_px * ratio_y,
            width=width,
            height=height,
        )

    def cropped(self, left: int, upper: int, width: int, height: int) -> Camera:
        """What a part of the picture sees: its pixels are those of the whole, from this corner on."""
        return replace(
            self,
            center_x_px=self.center_x_px - left,
            center_y_px=self.center_y_px - upper,
            width=width,
            height=height,
        )

    def moved(self, world_from_camera: Float64[np.ndarray, "4 4"]) -> Camera:
        """The same pinhole at another pose.

        Raises:
            ValueError: the pose is no rigid motion.
        """
        return replace(self, camera_from_world=np.linalg.inv(rigid(world_from_camera)))

    def to_json(self) -> dict[str, Any]:
        """What `from_json` reads: ``size_px``, ``focal_px``, ``center_px``, ``world_from_camera``."""
        return {
            "size_px": [self.width, self.height],
            "focal_px": [self.focal_x_px, self.focal_y_px],
            "center_px": [self.center_x_px, self.center_y_px],
            "world_from_camera": self.world_from_camera.tolist(),
        }

    @classmethod
    def from_json(cls, fields: Any) -> Camera:
        """A camera from parsed JSON; lengths of the world in the capture's units.

            {"size_px": [400, 267],               width, height
             "focal_px": [410.1, 409.9],          or one number for both; or "field_of_view_x_degrees": 52.0
             "center_px": [200.0, 133.5],         may be left out: the middle
             "world_from_camera": [[...] x 4]}    4x4 or 3x4, OpenCV axes; or "position": [x, y, z] with
                                                  "target": [x, y, z] and, if wanted, "up": [x, y, z]

        Raises:
            SignalError: a field is missing, of the wrong shape, or out of range.
        """
        if not isinstance(fields, dict):
            raise SignalError(f"camera: expected a JSON object, got {type(fields).__name__}")
        width, height = (_whole(value) for value in _numbers(fields, "size_px", (2,)))
        if "field_of_view_x_degrees" in fields and "focal_px" not in fields:
            angle = math.radians(float(_numbers(fields, "field_of_view_x_degrees", ())))
            focal = np.full(2, 0.5 * width / math.tan(0.5 * angle) if 0 < angle < math.pi else math.nan)
        else:
            focal = np.broadcast_to(_numbers(fields, "focal_px", (2,), ()), 2)
        center = _numbers(fields, "center_px", (2,)) if "center_px" in fields else np.array([width, height]) / 2
        try:
            motion = np.linalg.inv(rigid(_pose(fields)))
            return cls(motion, float(focal[0]), float(focal[1]), float(center[0]), float(center[1]), width, height)
        except ValueError as error:
            raise SignalError(f"camera: {error}") from error


def rigid(matrix: Float64[np.ndarray, "4 4"]) -> Float64[np.ndarray, "4 4"]:
    """A copy that cannot be written to, after checking that it is a rotation and a translation.

    Raises:
        ValueError: it is not; the message says how far.
    """
    motion = np.array(matrix, np.float64)
    if motion.shape != (4, 4) or not np.isfinite(motion).all():
        raise ValueError(f"expected a finite 4x4 matrix, got shape {motion.shape}: {motion.tolist()}")
    rotation = motion[:3, :3]
    error = float(np.abs(rotation @ rotation.T - np.eye(3)).max())
    if error > RIGID_TOLERANCE or np.linalg.det(rotation) < 0 or not np.array_equal(motion[3], (0, 0, 0, 1)):
        raise ValueError(f"expected a rotation and a translation, got {motion.tolist()} (off by {error:.2g})")
    motion.setflags(write=False)
    return motion


def look_at(
    position: Float64[np.ndarray, "3"], target: Float64[np.ndarray, "3"], up: Float64[np.ndarray, "3"]
) -> Float64[np.ndarray, "4 4"]:
    """The pose (world_from_camera) at `position` that looks at `target`, with `up` towards the picture's upper edge.

    Raises:
        ValueError: target is where the camera is, or up is along the line of sight.
    """
    forward = np.asarray(target, np.float64) - position
    right = np.cross(forward, up)
    lengths = float(np.linalg.norm(forward)), float(np.linalg.norm(right))
    if not (lengths[0] > 0 and lengths[1] > 1e-9 * lengths[0] * float(np.linalg.norm(up))):
        raise ValueError(f"no view from {position} to {target} with {up} upwards: they lie on one line")
    forward, right = forward / lengths[0], right / lengths[1]
    pose = np.eye(4)
    pose[:3] = np.stack([right, np.cross(forward, right), forward, position], axis=1)
    return pose


def _pose(fields: dict[str, Any]) -> Float64[np.ndarray, "4 4"]:
    if "world_from_camera" in fields:
        pose = np.eye(4)
        rows = _numbers(fields, "world_from_camera", (4, 4), (3, 4))
        pose[: len(rows)] = rows
        return pose
    if not ("position" in fields and "target" in fields):
        raise SignalError("camera: expected the field 'world_from_camera', or 'position' and 'target'")
    up = _numbers(fields, "up", (3,)) if "up" in fields else np.array([0.0, 0.0, 1.0])
    return look_at(_numbers(fields, "position", (3,)), _numbers(fields, "target", (3,)), up)


def _numbers(fields: dict[str, Any], name: str, *shapes: tuple[int, ...]) -> np.ndarray:
    """A field as finite float64 of one of the shapes."""
    wanted = " or ".join(str(shape) if shape else "one number" for shape in shapes)
    if name not in fields:
        raise SignalError(f"camera: the field {name!r} is missing; expected numbers of shape {wanted}")
    try:
        values = np.array(fields[name], np.float64)
    except (TypeError, ValueError) as error:
        raise SignalError(f"camera: {name}: expected numbers of shape {wanted}, got {fields[name]!r:.80}") from error
    if values.shape not in shapes or not np.isfinite(values).all():
        raise SignalError(f"camera: {name}: expected finite numbers of shape {wanted}, got {fields[name]!r:.80}")
    return values


def _whole(value: float) -> int:
    if value != int(value):
        raise SignalError(f"camera: size_px: expected whole pixels, got {value}")
    return int(value)
