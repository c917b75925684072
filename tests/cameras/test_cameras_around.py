# SPDX-License-Identifier: Apache-2.0
"""Cameras about those that a stream keeps."""

import numpy as np
import pytest

from lamina.cameras.around import evenly, views_around
from lamina.cameras.camera import Camera, look_at

UNIT = 4.0


def cameras(count: int) -> list[Camera]:
    """On a circle, looking at its middle."""
    made: list[Camera] = []
    for angle in np.arange(count) * (2 * np.pi / max(count, 1)):
        pose = look_at(UNIT * np.array([np.cos(angle), np.sin(angle), 0.0]), np.zeros(3), np.array([0.0, 0.0, 1.0]))
        made.append(Camera(np.linalg.inv(pose), 40.0, 40.0, 24.0, 18.0, 48, 36))
    return made


@pytest.mark.parametrize(("known", "kept"), [(1, 1), (6, 6), (20, 20), (80, 20), (400, 20)])
def test_as_many_as_asked_and_at_most_half_are_known(known: int, kept: int) -> None:
    given = cameras(known)
    views = views_around(given, UNIT, 40)
    assert len(views) == 40
    assert sum(any(view is camera for camera in given) for view in views) == kept


def test_new_cameras_are_near_known_ones_and_look_at_the_same() -> None:
    given = cameras(12)
    apart = 2 * UNIT * np.sin(np.pi / 12)
    positions = np.stack([camera.position_world for camera in given])
    off: list[float] = []
    for view in views_around(given, UNIT, 60)[12:]:
        (pixel,), (depth,) = view.project(np.zeros((1, 3)))
        assert depth > 0
        np.testing.assert_allclose(pixel, (24.0, 18.0), atol=1e-9)
        off.append(float(np.linalg.norm(positions - view.position_world, axis=1).min()))
    assert 0.1 * apart < np.mean(off) < apart


def test_chance_is_the_same_every_time() -> None:
    first, second = (views_around(cameras(5), UNIT, 30) for _ in range(2))
    for one, other in zip(first, second, strict=True):
        np.testing.assert_array_equal(one.camera_from_world, other.camera_from_world)


def test_without_cameras_there_are_none() -> None:
    assert views_around((), UNIT, 30) == ()


def test_cameras_at_one_place_stay_there() -> None:
    views = views_around(cameras(1) * 4, UNIT, 10)
    assert len(views) == 10
    for view in views:
        np.testing.assert_allclose(view.camera_from_world, cameras(1)[0].camera_from_world, atol=1e-12)


def test_evenly_keeps_the_ends() -> None:
    given = cameras(9)
    assert evenly(given, 3) == (given[0], given[4], given[8])
    assert evenly(given, 20) == tuple(given)
