# SPDX-License-Identifier: Apache-2.0
"""Cubes that are carved by silhouettes: the hull of a ball, the same twice, and no look more than is needed."""

from collections.abc import Iterator, Sequence

import numpy as np
import pytest

from lamina.cameras.camera import Camera, look_at
from lamina.data.captures.hull import LEAST_VIEWS, SeenCube, Silhouette, carved, carved_while_any, hull_points

WIDTH, HEIGHT, CELLS = 40, 30, 32
MIDDLE, SIDE = np.array([0.1, -0.2, 0.05]), 4.0
BALL, RADIUS = np.array([0.2, 0.0, 0.1]), 0.5


def cameras(count: int = 10) -> list[Camera]:
    """A ring that looks at the middle; the last one looks past most of the cube."""
    found = []
    for number in range(count):
        angle = 2 * np.pi * number / count
        place = np.array([3 * np.cos(angle), 3 * np.sin(angle), 0.9 * np.sin(3 * angle)])
        target = np.zeros(3) if number < count - 1 else np.array([0.0, 0.0, 1.2])
        pose = np.linalg.inv(look_at(place, target, np.array([0.0, 0.0, 1.0])))
        found.append(Camera(pose, 36.0, 36.0, WIDTH / 2, HEIGHT / 2, WIDTH, HEIGHT))
    return found


def ball(camera: Camera) -> Silhouette:
    """Pixels whose ray meets the ball."""
    columns, rows = np.meshgrid(np.arange(WIDTH) + 0.5, np.arange(HEIGHT) + 0.5)
    rays = np.stack(
        [(columns - camera.center_x_px) / camera.focal_x_px, (rows - camera.center_y_px) / camera.focal_y_px,
         np.ones_like(rows)], axis=-1,
    )  # fmt: skip
    rays /= np.linalg.norm(rays, axis=-1, keepdims=True)
    toward = camera.camera_from_world[:3, :3] @ BALL + camera.camera_from_world[:3, 3]
    away = np.linalg.norm(toward - (rays @ toward)[..., None] * rays, axis=-1)
    mask = (away < RADIUS).astype(np.uint8)
    return Silhouette(camera, mask, np.full((HEIGHT, WIDTH, 3), (200, 40, 90), np.uint8))


def patches(seed: int, share: float) -> list[Silhouette]:
    """Silhouettes at random, the same for no two cameras."""
    random = np.random.default_rng(seed)
    return [
        Silhouette(camera, (random.random((HEIGHT, WIDTH)) < share).astype(np.uint8), one.pixels)
        for camera, one in zip(cameras(), map(ball, cameras()), strict=True)
    ]


def cube() -> SeenCube:
    return SeenCube.of(cameras(), MIDDLE, SIDE, CELLS)


def same(one: Sequence[Silhouette], least_share: float, share: float) -> bool:
    """Whether both ways leave the same points standing."""
    found = carved_while_any(cube(), one, least_share, 0)
    assert found is not None
    taken, carving = found
    assert taken == list(one)
    here, there = hull_points(one, carving, share), hull_points(one, carved(one, MIDDLE, SIDE, CELLS), share)
    return np.array_equal(here.positions, there.positions) and np.array_equal(here.colors, there.colors)


def test_a_ball_is_what_its_silhouettes_leave_standing() -> None:
    silhouettes = [ball(camera) for camera in cameras()]
    points = hull_points(silhouettes, carved(silhouettes, MIDDLE, SIDE, CELLS))
    distances = np.linalg.norm(points.positions - BALL, axis=1)
    assert len(points.positions) > 100
    assert distances.min() > RADIUS - 2.5 * SIDE / CELLS
    assert np.quantile(distances, 0.9) < RADIUS + 2.5 * SIDE / CELLS
    assert (points.colors == (200, 40, 90)).all()


@pytest.mark.parametrize("share", [0.6, 0.75, 0.9, 1.0])
def test_a_cube_seen_before_is_carved_to_the_same_points(share: float) -> None:
    assert same([ball(camera) for camera in cameras()], 0.6, share)
    for seed, filled in enumerate((0.5, 0.7, 0.9)):
        assert same(patches(seed, filled), 0.6, share)


def test_each_camera_sees_the_cells_that_it_saw() -> None:
    own, silhouettes = cube(), patches(0, 1.0)
    known = carved(silhouettes, MIDDLE, SIDE, CELLS)
    assert np.array_equal(own.grid, known.grid)
    assert np.array_equal(own.seen, known.seen)
    assert 0 < (known.seen < LEAST_VIEWS).sum() < len(known.seen)


def test_nobody_is_asked_once_nothing_can_be_left() -> None:
    asked: list[int] = []

    def empty() -> Iterator[Silhouette]:
        for number, one in enumerate(patches(1, 0.0)):
            asked.append(number)
            yield one

    assert carved_while_any(cube(), empty(), 0.6, 1) is None
    assert len(asked) < len(cameras())


def test_as_many_cells_as_are_wanted_must_be_left() -> None:
    silhouettes = [ball(camera) for camera in cameras()]
    found = carved_while_any(cube(), silhouettes, 0.9, 1)
    assert found is not None
    left = int(((found[1].seen >= LEAST_VIEWS) & (found[1].inside >= 0.9 * found[1].seen)).sum())
    assert carved_while_any(cube(), silhouettes, 0.9, left) is not None
    assert carved_while_any(cube(), silhouettes, 0.9, left + 1) is None
