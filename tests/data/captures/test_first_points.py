# SPDX-License-Identifier: Apache-2.0
"""Points for captures that have none: near the true surfaces, the same every time, wherever cameras stand."""

import importlib.util
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from lamina.codec import Progress
from lamina.data.captures import Capture, View, read_capture, seen_volume, with_points
from lamina.data.captures.first_points import LEAST_POINTS, seen_by_training
from lamina.data.captures.seen_volume import depth_bounds, neighbors_of, sweep_points
from lamina.data.captures.triangulation import pairs_of, triangulate
from lamina.errors import Interrupted

SCENE = Path(__file__).parents[3] / "demo" / "scene"


def quiet(_: Progress) -> None:
    return None


@cache
def demo() -> Capture:
    """Twelve views of the demonstration's scene at half size, with its points."""
    capture = read_capture(SCENE, scale=0.5)
    return replace(capture, train=capture.train[::3])


def bare(capture: Capture) -> Capture:
    return replace(capture, points=np.zeros((0, 3)), point_colors=np.zeros((0, 3), np.uint8))


def moved(capture: Capture, places: np.ndarray) -> Capture:
    """The same pictures as if the training cameras stood elsewhere, looking the same way."""
    views = list(capture.views)
    for number, place in zip(capture.train, places, strict=True):
        pose = views[number].camera.world_from_camera.copy()
        pose[:3, 3] = place
        views[number] = View(views[number].name, views[number].camera.moved(pose), views[number].path)
    return replace(capture, views=tuple(views))


def distances(points: np.ndarray, true: np.ndarray) -> np.ndarray:
    """From some of the points to the nearest true ones."""
    some = points[:: max(1, len(points) // 400)]
    return np.sqrt(((some[:, None] - true[None]) ** 2).sum(axis=2)).min(axis=1)


@pytest.fixture(autouse=True)
def few_pixels_tried(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(seen_volume, "SWEPT_POINTS", 2_000)


@pytest.fixture
def no_pycolmap(monkeypatch: pytest.MonkeyPatch) -> None:
    found = importlib.util.find_spec

    def without(name: str, package: str | None = None) -> object:
        return None if name == "pycolmap" else found(name, package)

    monkeypatch.setattr(importlib.util, "find_spec", without)


def test_swept_points_lie_near_the_true_ones_and_have_their_colors(no_pycolmap: None):
    capture = demo()
    swept = with_points(bare(capture), quiet)
    assert len(swept.points) > 500
    near = distances(swept.points, capture.points)
    assert np.median(near) < 0.05 * capture.camera_extent
    some = swept.points[::7]
    rows = ((some[:, None] - capture.points[None]) ** 2).sum(axis=2).argmin(axis=1)
    true = capture.point_colors[rows].astype(int)
    apart = np.abs(swept.point_colors[::7].astype(int) - true).mean()
    assert apart < 0.8 * np.abs(true[::-1] - true).mean()
    assert "added" in swept.notes[-1]


def test_depth_bounds_of_the_capture_are_used():
    # Cameras stand two units from the middle; nothing is as near as these bounds.
    near, far = 0.3, 0.4
    capture = replace(bare(demo()), train=demo().train[:4])
    cameras = [capture.views[number].camera for number in capture.train]

    def away(points: np.ndarray) -> np.ndarray:
        """Depth of each point in the camera where that is nearest to the bounds: maybe that which it comes from."""
        depths = np.stack([camera.project(points)[1] for camera in cameras])
        rows = np.abs(depths - (near + far) / 2).argmin(axis=0)
        return depths[rows, np.arange(len(points))]

    bounded = away(sweep_points(replace(capture, depth_bounds=(near, far)), 0).positions)
    assert len(bounded) > 50
    assert 0.9 * near < bounded.min() <= bounded.max() < 1.1 * far
    assert np.median(away(sweep_points(capture, 0).positions)) > 2 * far


def test_the_same_points_are_found_again():
    first, again = sweep_points(bare(demo()), 0), sweep_points(bare(demo()), 0)
    assert np.array_equal(first.positions, again.positions)
    assert not np.array_equal(first.positions[:50], sweep_points(bare(demo()), 1).positions[:50])


def test_a_capture_with_points_is_left_alone():
    assert with_points(demo(), quiet) is demo()


def test_held_out_views_are_not_looked_at(no_pycolmap: None):
    capture = bare(demo())

    def load(number: int) -> np.ndarray:
        assert number in capture.train
        return capture.load(number)

    assert len(with_points(replace(capture, load=load), quiet).points) > LEAST_POINTS


def test_a_stray_point_is_no_start(no_pycolmap: None):
    stray = replace(demo(), points=np.array([[1e9, 0.0, 0.0]]), point_colors=np.zeros((1, 3), np.uint8))
    assert not seen_by_training(stray, stray.points).any()
    found = with_points(stray, quiet)
    assert len(found.points) > LEAST_POINTS
    assert np.abs(found.points).max() < 1e6


@pytest.mark.parametrize("kind", ["line", "spot"])
def test_degenerate_cameras_get_points_that_they_see(kind: str):
    capture = bare(demo())
    count = len(capture.train)
    places = np.outer(np.arange(count) if kind == "line" else np.zeros(count), [1.0, 0.0, 0.0])
    found = with_points(moved(capture, places), quiet)
    assert seen_by_training(found, found.points).sum() > LEAST_POINTS
    assert found.camera_extent > 0


def test_cameras_that_are_all_alike_have_no_neighbors_and_get_a_shell():
    capture = bare(demo())
    camera = capture.views[capture.train[0]].camera
    alike = replace(capture, views=tuple(View(view.name, camera, view.path) for view in capture.views))
    assert not any(neighbors_of([camera] * 3))
    assert depth_bounds([], []) is None
    found = with_points(alike, quiet)
    away = np.linalg.norm(found.points - camera.position_world, axis=1)
    assert 0.5 < away.min() <= away.max() < 3


def test_triangulated_points_lie_on_the_surface_and_are_found_again():
    pytest.importorskip("pycolmap")
    capture = read_capture(SCENE)
    first, again = triangulate(bare(capture), quiet), triangulate(bare(capture), quiet)
    assert len(first.positions) > LEAST_POINTS
    assert np.array_equal(first.positions, again.positions)
    assert np.array_equal(first.colors, again.colors)
    assert np.median(distances(first.positions, capture.points)) < 0.03 * capture.camera_extent


def test_looking_for_points_is_no_share_of_a_fit():
    pytest.importorskip("pycolmap")
    seen: list[Progress] = []
    with_points(bare(demo()), seen.append)
    assert any("finding" in progress.stage for progress in seen)
    assert all(progress.done == 0 for progress in seen)


def test_pairs_are_of_views_that_look_the_same_way():
    capture = demo()
    numbers = list(capture.train)
    axes = np.stack([capture.views[number].camera.world_from_camera[:3, 2] for number in numbers])
    pairs = pairs_of(capture, numbers)
    assert pairs
    assert all(axes[one] @ axes[other] > 0.4 for one, other in pairs)


def test_stopping_while_points_are_looked_for_leaves_nothing(no_pycolmap: None):
    def stop(_: Progress) -> None:
        raise Interrupted("stopped")

    with pytest.raises(Interrupted):
        with_points(bare(demo()), stop)
