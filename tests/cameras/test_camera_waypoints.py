# SPDX-License-Identifier: Apache-2.0
"""Cameras with moments make a path that goes through each of them, at its time, with its frame."""

import json
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from lamina.cameras.rotations import quaternion_of, rotation_between, rotation_of
from lamina.cameras.waypoints import path_through, read_waypoints
from lamina.errors import SignalError

RATE = Fraction(25)


def fields(angle: float, **moment: object) -> dict[str, object]:
    place = [4 * float(np.cos(angle)), 4 * float(np.sin(angle)), 1.0]
    return {"size_px": [48, 36], "focal_px": 40.0, "position": place, "target": [0, 0, 0], **moment}


def written(path: Path, *cameras: dict[str, object]) -> Path:
    path.write_text(json.dumps({"cameras": cameras}))
    return path


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "path.json"


def test_a_path_goes_through_its_cameras_at_their_moments(file: Path) -> None:
    waypoints = read_waypoints(written(file, *(fields(0.5 * k, time_s=0.2 * k * k, frame=k) for k in range(4))))
    path = path_through(waypoints, RATE)
    for number, waypoint in enumerate(waypoints):
        camera, frame = path.at(0.2 * number * number)
        np.testing.assert_allclose(camera.camera_from_world, waypoint.camera.camera_from_world, atol=1e-9)
        assert frame == pytest.approx(number)
    # Beyond its ends it stays, and in between it makes no leap.
    assert path.at(-1)[0] is waypoints[0].camera
    assert path.at(99)[0] is waypoints[-1].camera
    places = [path.at(time_s)[0].position_world for time_s in np.linspace(0, 1.8, 200)]
    assert max(np.linalg.norm(after - before) for before, after in pairwise(places)) < 0.15


def test_a_path_at_a_steady_pace_keeps_to_a_circle(file: Path) -> None:
    path = path_through(read_waypoints(written(file, *(fields(0.5 * k, time_s=k) for k in range(4)))), RATE)
    radii = [np.linalg.norm(path.at(time_s)[0].position_world[:2]) for time_s in np.linspace(1, 2, 50)]
    # Chords would be 3 % within it.
    assert min(radii) > 0.998 * 4
    assert max(radii) < 1.001 * 4


def test_what_is_left_out_follows_at_the_mediums_pace(file: Path) -> None:
    path = path_through(read_waypoints(written(file, fields(0.0, frame=10), fields(1.0, frame=60))), RATE, 10)
    assert path.times_s == (0.0, 2.0)
    path = path_through(read_waypoints(written(file, fields(0.0, time_s=0), fields(1.0, time_s=2))), RATE, 10)
    assert path.frames == (10.0, 60.0)
    still = path_through(read_waypoints(written(file, fields(0.0, time_s=0), fields(1.0, time_s=2))), None)
    assert still.frames == (0.0, 0.0)


def test_cameras_without_moments_are_read_as_they_are(file: Path) -> None:
    waypoints = read_waypoints(written(file, fields(0.0), fields(1.0)))
    assert not any(waypoint.has_moment for waypoint in waypoints)


@pytest.mark.parametrize(
    ("cameras", "said"),
    [
        ([fields(0.0, time_s=0), fields(1.0)], r"path.json: number 1: has neither time_s nor frame"),
        ([fields(0.0, time_s="soon")], r"number 0: camera: time_s: expected a number of at least 0, got 'soon'"),
        ([fields(0.0, frame=-3)], r"frame: expected a number of at least 0, got -3"),
        ([fields(0.0, frame=True)], r"frame: expected a number"),
        ([7], r"number 0: camera: expected a JSON object"),
    ],
)
def test_rejects_moments_that_are_none(file: Path, cameras: list, said: str) -> None:
    with pytest.raises(SignalError, match=said):
        read_waypoints(written(file, *cameras))


@pytest.mark.parametrize(
    ("cameras", "rate", "said"),
    [
        ([fields(0.0, frame=5), fields(1.0, frame=5)], RATE, "camera 1: comes at 0.2 s, the one before it at 0.2 s"),
        ([fields(0.0, time_s=2), fields(1.0, time_s=1)], RATE, "expected rising moments"),
        ([fields(0.0, frame=5), fields(1.0, frame=6)], None, "camera 0: has no time_s"),
        ([fields(0.0, time_s=0), {**fields(1.0, time_s=1), "size_px": [36, 48]}], RATE, "one size, got 36x48, 48x36"),
    ],
)
def test_rejects_paths_that_lead_nowhere(file: Path, cameras: list, rate: Fraction | None, said: str) -> None:
    with pytest.raises(SignalError, match=said):
        path_through(read_waypoints(written(file, *cameras)), rate)


def test_rotations_turn_the_shortest_way_at_a_steady_pace() -> None:
    random = np.random.default_rng(3)
    for _ in range(20):
        first, second = (rotation_of(random.normal(size=4)) for _ in range(2))
        np.testing.assert_allclose(rotation_between(first, second, 0.0), first, atol=1e-9)
        np.testing.assert_allclose(rotation_between(first, second, 1.0), second, atol=1e-9)
        turned = [rotation_between(first, second, share) for share in np.linspace(0, 1, 5)]
        angles = [np.arccos(np.clip((np.trace(b @ a.T) - 1) / 2, -1, 1)) for a, b in pairwise(turned)]
        np.testing.assert_allclose(angles, angles[0], atol=1e-6)
    assert abs(quaternion_of(np.eye(3))[0]) == pytest.approx(1.0)
