# SPDX-License-Identifier: Apache-2.0
"""Cameras survive the wire."""

import numpy as np
import pytest

from lamina.cameras.camera import Camera, look_at
from lamina.cameras.coding import cameras_of, views_of
from lamina.cameras.syntax import MAX_VIEWS

FAR = np.array([[30.0, -20.0, 50.0], [-3.0, 2.0, 9.0], [0.2, 0.1, -4.0]])


def cameras(count: int = 12) -> list[Camera]:
    random = np.random.default_rng(4)
    made: list[Camera] = []
    for number in range(count):
        pose = look_at(random.normal(size=3) * 5, random.normal(size=3), np.array([0.0, -1.0, 0.1]))
        width = 400 if number < 8 else 320
        made.append(Camera(np.linalg.inv(pose), 410.5, 409.25, width / 2, 133.0, width, 267))
    return made


def test_points_are_seen_where_they_were() -> None:
    for before, after in zip(cameras(), cameras_of(views_of(cameras())), strict=True):
        assert (after.width, after.height) == (before.width, before.height)
        place, depth = before.project(FAR)
        moved, depth_after = after.project(FAR)
        assert depth_after == pytest.approx(depth, abs=1e-2)
        in_front = depth > 0.1
        angle = np.hypot(*(place - moved)[in_front].T) / np.hypot(410, np.abs(place[in_front] - 200).max(axis=1))
        assert np.all(angle < 1e-3)


def test_a_lens_is_sent_where_it_changes() -> None:
    assert [view.has_lens for view in views_of(cameras())] == [number in (0, 8) for number in range(12)]


def test_rotations_of_half_a_turn_survive() -> None:
    for axis in range(3):
        motion = -np.eye(4)
        motion[axis, axis] = motion[3, 3] = 1.0
        turned = Camera(motion, 400.0, 400.0, 200.0, 100.0, 400, 200)
        (after,) = cameras_of(views_of([turned]))
        np.testing.assert_allclose(after.camera_from_world, motion, atol=1e-4)


def test_no_more_views_than_a_unit_holds() -> None:
    assert len(views_of(cameras(1) * (MAX_VIEWS + 5))) == MAX_VIEWS
