# SPDX-License-Identifier: Apache-2.0
"""Orbits and spirals, and files of cameras."""

import json
import math
from pathlib import Path

import numpy as np
import pytest

from lamina.cameras.camera import Camera, look_at
from lamina.cameras.paths import focus_of, orbit, read_cameras, spiral, up_of, write_cameras
from lamina.errors import SignalError, WriteError

TARGET = np.array([1.0, 2.0, 3.0])
UP = np.array([0.0, 0.0, 1.0])


def ring(degrees: list[float], height: float = 1.0, radius: float = 4.0) -> list[Camera]:
    """Cameras around the target at these angles."""
    cameras = []
    for angle in np.radians(degrees):
        position = TARGET + np.array([radius * math.cos(angle), radius * math.sin(angle), height])
        cameras.append(Camera(np.linalg.inv(look_at(position, TARGET, UP)), 90.0, 90.0, 48.0, 32.0, 96, 64))
    return cameras


def row(count: int = 5) -> list[Camera]:
    """Cameras side by side that look along +y, all parallel."""
    poses = [look_at(np.array([x, 0.0, 0.3 * x * x]), np.array([x, 1.0, 0.3 * x * x]), UP) for x in range(count)]
    return [Camera(np.linalg.inv(pose), 90.0, 90.0, 48.0, 32.0, 96, 64) for pose in poses]


def places(cameras: tuple[Camera, ...] | list[Camera]) -> np.ndarray:
    return np.stack([camera.position_world for camera in cameras])


def test_cameras_on_a_ring_meet_at_its_middle() -> None:
    cameras = ring([0, 60, 120, 180, 240, 300])
    assert np.allclose(focus_of(cameras), TARGET)
    assert np.allclose(up_of(cameras), UP)


def test_an_orbit_goes_around_at_the_cameras_distance() -> None:
    path = orbit(ring([0, 60, 120, 180, 240, 300]), 8)
    offsets = places(path) - TARGET
    assert np.allclose(np.hypot(offsets[:, 0], offsets[:, 1]), 4.0)
    assert np.allclose(offsets[:, 2], 1.0)
    steps = np.diff(np.unwrap(np.arctan2(offsets[:, 1], offsets[:, 0])))
    assert np.allclose(steps, math.pi / 4)
    for camera in path:
        assert np.allclose(camera.project(TARGET[None])[0], [[48.0, 32.0]])
        assert (camera.width, camera.focal_x_px) == (96, 90.0)


def test_an_orbit_of_an_arc_stays_on_it() -> None:
    path = orbit(ring([-30, -10, 0, 20, 40]), 40)
    offsets = places(path) - TARGET
    angles = np.degrees(np.arctan2(offsets[:, 1], offsets[:, 0]))
    assert angles.min() == pytest.approx(-30, abs=0.5)
    assert angles.max() == pytest.approx(40, abs=0.5)


def test_parallel_cameras_look_at_the_points_or_ahead() -> None:
    points = np.array([[2.0, 5.0, 0.0], [2.0, 5.0, 1.0], [0.0, -3.0, 0.0]])
    middle = places(row()).mean(axis=0)
    assert np.allclose(focus_of(row(), points), middle + np.array([0, 5, 0]))
    ahead = focus_of(row()) - middle
    assert np.allclose(ahead / np.linalg.norm(ahead), (0, 1, 0))
    assert np.allclose(focus_of(row(1)), (0, 1, 0))


def test_a_spiral_closes_within_the_cameras_spread() -> None:
    cameras, points = row(), np.array([[2.0, 9.0, 0.0]])
    path = spiral(cameras, 60, points)
    spread = np.abs(places(cameras) - places(cameras).mean(axis=0)).max(axis=0)
    assert (np.abs(places(path) - places(cameras).mean(axis=0)) <= spread + 0.3).all()
    steps = np.linalg.norm(np.diff(places((*path, path[0])), axis=0), axis=1)
    assert steps.max() < 3 * np.median(steps)
    focus = focus_of(cameras, points)
    assert all(np.allclose(camera.project(focus[None])[0], [[48.0, 32.0]]) for camera in path)


def test_a_spiral_of_a_ring_stays_near_its_first_camera() -> None:
    cameras = ring(list(np.arange(32) * 11.25))
    path = spiral(cameras, 16)
    assert np.linalg.norm(places(path) - cameras[0].position_world, axis=1).max() < 2.0


@pytest.mark.parametrize("path", [orbit, spiral])
def test_degenerate_captures_still_have_paths(path) -> None:
    panorama = [
        Camera(np.linalg.inv(look_at(np.zeros(3), np.array([math.cos(a), math.sin(a), 0]), UP)), 9, 9, 5, 5, 9, 9)
        for a in range(4)
    ]
    for cameras in (ring([0]), ring([0, 0]), panorama):
        assert len(path(cameras, 5)) == 5
    for cameras, count in (([], 5), (ring([0]), 0)):
        with pytest.raises(ValueError, match="expected cameras and a count"):
            path(cameras, count)


def test_files_of_cameras_come_back(tmp_path: Path) -> None:
    cameras = ring([0, 90])
    write_cameras(tmp_path / "path.json", cameras)
    again = read_cameras(tmp_path / "path.json")
    assert ([file.name for file in tmp_path.iterdir()], len(again)) == (["path.json"], 2)
    for camera, other in zip(cameras, again, strict=True):
        assert np.allclose(camera.camera_from_world, other.camera_from_world, atol=1e-14)
    (tmp_path / "one.json").write_text(json.dumps(cameras[0].to_json()))
    assert len(read_cameras(tmp_path / "one.json")) == 1


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "not a file of cameras in JSON"),
        ("[" * 100_000, "not a file of cameras in JSON"),
        ("[]", r"number 0: camera: expected a JSON object"),
        ('{"cameras": []}', r"expected a camera, or a list called 'cameras' of 1"),
        ('{"cameras": 3}', r"expected a camera, or a list"),
        ('{"cameras": [{"size_px": [4, 4]}]}', r"number 0: camera: the field 'focal_px' is missing"),
    ],
)
def test_files_that_hold_no_cameras_are_told(text: str, message: str, tmp_path: Path) -> None:
    (tmp_path / "path.json").write_text(text)
    with pytest.raises(SignalError, match=f"path.json: {message}"):
        read_cameras(tmp_path / "path.json")


def test_missing_and_unwritable_files_are_told(tmp_path: Path) -> None:
    with pytest.raises(SignalError, match=r"none\.json: not a file of cameras"):
        read_cameras(tmp_path / "none.json")
    with pytest.raises(WriteError, match=r"path\.json: cannot be written"):
        write_cameras(tmp_path / "none" / "path.json", ring([0]))
