# SPDX-License-Identifier: Apache-2.0
"""Captures of other people: what their reconstructions say is what the views show."""

from pathlib import Path

import numpy as np
import pytest

from lamina.data import read_image
from lamina.data.captures import Capture, read_capture
from lamina.data.captures.colmap_folder import read_model

pytestmark = pytest.mark.data


def point_errors_px(capture: Capture, model_folder: Path) -> np.ndarray:
    """Mean distance of each point, in pixels of the views, from the features that it was found from."""
    model = read_model(model_folder)
    rows = np.zeros(int(model.points.ids.max()) + 1, np.int64)
    rows[model.points.ids] = np.arange(len(model.points.ids))
    errors = np.zeros(len(capture.points))
    counts = np.zeros(len(capture.points))
    for image, view in zip(model.images, capture.views, strict=True):
        lens, camera = model.cameras[image.camera_id], view.camera
        matched = image.point_ids >= 0
        plane = (image.keypoints_px[matched] - (lens.center_x_px, lens.center_y_px)) / (
            lens.focal_x_px,
            lens.focal_y_px,
        )
        found = lens.distortion.undone(plane) * (camera.focal_x_px, camera.focal_y_px)
        seen = rows[image.point_ids[matched]]
        pixels, depths = camera.project(capture.points[seen])
        assert (depths > 0).all()
        apart = np.linalg.norm(pixels - found - (camera.center_x_px, camera.center_y_px), axis=1)
        errors += np.bincount(seen, apart, len(errors))
        counts += np.bincount(seen, minlength=len(counts))
    return errors / counts


def colors_at_points(capture: Capture, number: int) -> tuple[np.ndarray, np.ndarray]:
    """Colours of the points that lie in a view, and of its pixels there."""
    camera, pixels = capture.views[number].camera, capture.pixels(number)
    places, depths = camera.project(capture.points)
    inside = (depths > 0) & (places >= 2).all(axis=1) & (places < (camera.width - 2, camera.height - 2)).all(axis=1)
    columns, rows = places[inside].astype(int).T
    return capture.point_colors[inside].astype(float), pixels[rows, columns].astype(float)


def test_bonsai_points_land_on_their_features(development_data: Path) -> None:
    folder = development_data / "static" / "mipnerf360_bonsai_800"
    capture = read_capture(folder)
    errors = point_errors_px(capture, folder / "sparse")
    # 0.33 px is what its reconstruction reported.
    assert errors.mean() < 0.34
    assert np.sqrt(np.square(errors).mean()) < 0.6
    assert (len(capture), len(capture.train), len(capture.test), capture.points.shape) == (292, 255, 37, (87724, 3))
    half = read_capture(folder, scale=0.5)
    assert {(view.camera.width, view.camera.height) for view in half.views} == {(400, 267)}
    places = [capture.views[7].camera.project(capture.points[:1000])[0] for capture in (capture, half)]
    assert np.allclose(places[0] * (400 / 800, 267 / 533), places[1])


def test_bonsai_keeps_its_detail_when_undistorted(development_data: Path) -> None:
    capture = read_capture(development_data / "static" / "mipnerf360_bonsai_800")
    for number in (0, 100, 200):
        taken = read_image(capture.views[number].path).pixels.astype(float)
        straight = capture.pixels(number).astype(float)
        assert straight.shape == taken.shape
        assert np.abs(straight.mean() - taken.mean()) < 1
        assert np.abs(np.diff(straight, axis=1)).mean() > 0.94 * np.abs(np.diff(taken, axis=1)).mean()
        assert np.abs(straight - taken).mean() > 1


def test_n3dv_points_land_on_their_features_at_a_quarter(development_data: Path) -> None:
    folder = development_data / "static" / "n3dv_flame_steak_frame0"
    capture = read_capture(folder)
    assert point_errors_px(capture, folder / "sparse" / "0").mean() < 0.25
    assert ([capture.views[number].name for number in capture.test], len(capture.train)) == (["cam00.png"], 20)
    assert (capture.views[0].camera.width, capture.views[0].camera.height) == (672, 504)


def test_fern_points_have_the_colors_of_the_pixels_they_land_on(development_data: Path) -> None:
    capture = read_capture(development_data / "static" / "llff_fern")
    assert (len(capture), capture.test, capture.points.shape) == (20, (0, 8, 16), (10091, 3))
    right, wrong = [], []
    for number in range(len(capture)):
        points, pixels = colors_at_points(capture, number)
        assert len(points) > 5000
        right.append(np.abs(points - pixels).mean())
        wrong.append(np.abs(points - np.roll(pixels, len(pixels) // 2, axis=0)).mean())
    assert np.mean(right) < 0.5 * np.mean(wrong)


def test_lego_is_carved_out_of_its_silhouettes(development_data: Path) -> None:
    folder = development_data / "static" / "nerf_synthetic_lego_400"
    black, white = read_capture(folder, background=(0, 0, 0)), read_capture(folder)
    assert (len(black.train), len(black.test)) == (100, 25)
    axis = np.linspace(-1.3, 1.3, 40)
    voxels = np.stack(np.meshgrid(axis, axis, axis, indexing="ij"), axis=-1).reshape(-1, 3)
    inside = np.ones(len(voxels), bool)
    numbers = (*black.train[::10], *black.test[::5])
    solid = {number: (black.pixels(number) == white.pixels(number)).all(axis=2) for number in numbers}
    for number in numbers:
        places, depths = black.views[number].camera.project(voxels)
        columns, rows = np.clip(places.T.astype(int), 0, 399)
        inside &= (depths > 0) & solid[number][rows, columns]
    # What all silhouettes leave standing fills each of them again.
    assert 0.01 < inside.mean() < 0.2
    for number in numbers:
        places, _ = black.views[number].camera.project(voxels[inside])
        filled = np.zeros((25, 25), bool)
        columns, rows = np.clip(places.T.astype(int) // 16, 0, 24)
        filled[rows, columns] = True
        wanted = solid[number].reshape(25, 16, 25, 16).all(axis=(1, 3))
        assert filled[wanted].mean() > 0.97


def test_memory_of_pixels_is_bounded(development_data: Path) -> None:
    folder = development_data / "static" / "llff_fern"
    view_bytes = 504 * 378 * 3
    capture = read_capture(folder, cache_bytes=4 * view_bytes)
    for number in (*range(20), *range(20)):
        assert capture.pixels(number).shape == (378, 504, 3)
    assert capture.load.size_bytes <= 5 * view_bytes
