# SPDX-License-Identifier: Apache-2.0
"""Cameras: projection, sizes, JSON."""

import json
import math
from typing import Any

import numpy as np
import pytest

from lamina.cameras.camera import Camera, look_at
from lamina.errors import SignalError

POSE = look_at(np.array([1.0, -2.0, 0.5]), np.array([0.0, 0.0, 0.0]), np.array([0.0, 0.0, 1.0]))
CAMERA = Camera(np.linalg.inv(POSE), 100.0, 110.0, 39.0, 31.0, 80, 60)


def test_a_point_ahead_is_at_the_principal_point() -> None:
    pixels, depths = CAMERA.project(np.zeros((1, 3)))
    assert np.allclose(pixels, [[39.0, 31.0]])
    assert np.allclose(depths, math.sqrt(1 + 4 + 0.25))
    assert np.allclose(CAMERA.position_world, (1.0, -2.0, 0.5))


def test_up_is_up_and_right_is_right() -> None:
    pixels, _ = CAMERA.project(np.array([[0.0, 0.0, 0.1], [0.1, 0.05, 0.0]]))
    assert pixels[0, 1] < 31.0
    assert pixels[0, 0] == pytest.approx(39.0)
    assert pixels[1, 0] > 39.0


def test_projection_is_intrinsics_times_camera_coordinates() -> None:
    points = np.random.default_rng(1).normal(size=(20, 3))
    seen = (CAMERA.camera_from_world @ np.c_[points, np.ones(20)].T)[:3]
    homogeneous = CAMERA.intrinsics_px @ seen
    pixels, depths = CAMERA.project(points)
    assert np.allclose(pixels, (homogeneous[:2] / homogeneous[2]).T)
    assert np.allclose(depths, seen[2])
    assert np.allclose(CAMERA.world_from_camera @ CAMERA.camera_from_world, np.eye(4))


def test_resizing_multiplies_pixels() -> None:
    points = np.random.default_rng(1).normal(size=(5, 3))
    half = CAMERA.resized(40, 20)
    assert (half.width, half.height) == (40, 20)
    assert np.allclose(half.project(points)[0], CAMERA.project(points)[0] * (0.5, 1 / 3))


def test_moved_keeps_the_pinhole() -> None:
    moved = CAMERA.moved(np.eye(4))
    assert np.array_equal(moved.camera_from_world, np.eye(4))
    assert (moved.focal_x_px, moved.center_y_px, moved.width) == (100.0, 31.0, 80)


def test_matrices_cannot_be_written_to() -> None:
    with pytest.raises(ValueError, match="read-only"):
        CAMERA.camera_from_world[0, 0] = 2


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"camera_from_world": 2 * np.eye(4)}, "expected a rotation and a translation"),
        ({"camera_from_world": np.diag([1.0, 1, -1, 1])}, "expected a rotation"),
        ({"camera_from_world": np.full((4, 4), np.nan)}, "finite 4x4"),
        ({"camera_from_world": np.eye(3)}, "finite 4x4"),
        ({"focal_x_px": 0.0}, "focal lengths"),
        ({"focal_y_px": math.inf}, "focal lengths"),
        ({"center_x_px": math.nan}, "principal point"),
        ({"width": 0}, "1x1"),
        ({"height": 1 << 17}, "1x1"),
    ],
)
def test_cameras_that_cannot_be_are_refused(changes: dict[str, Any], message: str) -> None:
    fields = {name: getattr(CAMERA, name) for name in CAMERA.__dataclass_fields__} | changes
    with pytest.raises(ValueError, match=message):
        Camera(**fields)


def test_json_round_trip() -> None:
    again = Camera.from_json(json.loads(json.dumps(CAMERA.to_json())))
    assert np.allclose(again.camera_from_world, CAMERA.camera_from_world, atol=1e-15)
    assert again.to_json()["center_px"] == [39.0, 31.0]
    assert (again.focal_x_px, again.focal_y_px, again.width, again.height) == (100.0, 110.0, 80, 60)


def test_json_may_leave_out_what_can_be_told() -> None:
    fields = {"size_px": [80, 60], "field_of_view_x_degrees": 90, "position": [1, -2, 0.5], "target": [0, 0, 0]}
    camera = Camera.from_json(fields)
    assert camera.focal_x_px == pytest.approx(40.0)
    assert (camera.focal_y_px, camera.center_x_px, camera.center_y_px) == (camera.focal_x_px, 40.0, 30.0)
    assert np.allclose(camera.world_from_camera, POSE)
    one = Camera.from_json({"size_px": [80, 60], "focal_px": 50, "world_from_camera": POSE[:3].tolist()})
    assert (one.focal_x_px, one.focal_y_px) == (50.0, 50.0)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ([], "expected a JSON object, got list"),
        ({"size_px": None}, "size_px: expected"),
        ({"size_px": [80]}, "size_px: expected finite numbers of shape"),
        ({"size_px": [80.5, 60]}, "size_px: expected whole pixels"),
        ({"size_px": [0, 60]}, "expected 1x1"),
        ({"size_px": [1e30, 60]}, "expected 1x1"),
        ({"focal_px": "long"}, "focal_px: expected numbers"),
        ({"focal_px": [math.nan, 1]}, "focal_px: expected finite"),
        ({"focal_px": -1}, "focal lengths"),
        ({"center_px": [1, 2, 3]}, "center_px: expected finite numbers of shape"),
        ({"world_from_camera": [[1, 0], [0, 1]]}, "world_from_camera: expected finite numbers of shape"),
        ({"world_from_camera": np.diag([1.0, 1, 1, 2]).tolist()}, "expected a rotation and a translation"),
        ({"focal_px": None, "field_of_view_x_degrees": 180}, "focal_px"),
    ],
)
def test_json_that_is_no_camera_is_told(fields: Any, message: str) -> None:
    whole = CAMERA.to_json() | fields if isinstance(fields, dict) else fields
    with pytest.raises(SignalError, match=f"camera: .*{message}"):
        Camera.from_json(whole)


def test_json_without_a_pose_or_with_a_line_for_an_up_is_told() -> None:
    fields = {"size_px": [80, 60], "focal_px": 50}
    with pytest.raises(SignalError, match="expected the field 'world_from_camera', or 'position' and 'target'"):
        Camera.from_json(fields)
    with pytest.raises(SignalError, match="they lie on one line"):
        Camera.from_json(fields | {"position": [0, 0, 3], "target": [0, 0, 0]})
