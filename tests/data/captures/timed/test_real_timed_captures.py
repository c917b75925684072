# SPDX-License-Identifier: Apache-2.0
"""The Panoptic studio's basketball: what its files say is what its cameras saw."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from lamina.data import ClipWriter
from lamina.data.captures import TimedCapture, is_timed_capture, read_timed_capture
from lamina.data.captures.timed import plate_of

pytestmark = pytest.mark.data


@pytest.fixture(scope="module")
def basketball(development_data: Path) -> Path:
    return development_data / "dynamic" / "panoptic_basketball"


@pytest.fixture(scope="module")
def capture(basketball: Path) -> TimedCapture:
    return read_timed_capture(basketball, scale=0.5)


def test_it_has_31_views_of_which_4_are_held_out(basketball: Path, capture: TimedCapture) -> None:
    assert is_timed_capture(basketball)
    assert (len(capture), len(capture.train), capture.frame_count) == (31, 27, 60)
    assert [capture.views[number].name for number in capture.test] == ["0", "10", "15", "30"]
    assert (capture.background, capture.notes, capture.frames_per_second) == ((0, 0, 0), (), 30)
    assert {(view.camera.width, view.camera.height) for view in capture.views} == {(320, 180)}


def test_pixels_are_averages_of_the_files_to_the_last_frame(basketball: Path, capture: TimedCapture) -> None:
    for view in (0, 7, 30):
        full = np.asarray(Image.open(basketball / "ims" / str(view) / "000059.jpg"), np.float64)
        expected = full.reshape(180, 2, 320, 2, 3).mean(axis=(1, 3))
        assert np.abs(capture.pixels(59, view) - expected).max() <= 0.5 + 1e-3
    assert read_timed_capture(basketball, frames=(58, 60)).pixels(1, 3).shape == (360, 640, 3)


def test_points_have_the_colors_of_the_pixels_they_land_on(capture: TimedCapture) -> None:
    assert capture.points.shape == (874, 3)
    right, wrong = [], []
    for view, seen in enumerate(capture.views):
        places, depths = seen.camera.project(capture.points)
        inside = (depths > 0) & (places >= 1).all(axis=1) & (places < (319, 179)).all(axis=1)
        assert inside.sum() > 100
        columns, rows = places[inside].astype(int).T
        pixels = capture.pixels(0, view)[rows, columns].astype(float)
        colors = capture.point_colors[inside].astype(float)
        right.append(np.abs(pixels - colors).mean())
        wrong.append(np.abs(pixels - np.roll(colors, 7, axis=0)).mean())
    assert np.mean(right) < 0.55 * np.mean(wrong)


def test_masks_are_where_frames_differ_from_the_plate(capture: TimedCapture) -> None:
    assert [capture.mask(0, view) is None for view in range(31)] == [view in capture.test for view in range(31)]
    for view in (1, 14):
        mask = capture.mask(30, view)
        assert mask is not None
        assert mask.shape == (180, 320)
        assert set(np.unique(mask)) == {0, 1}
        differs = np.abs(capture.pixels(30, view).astype(int) - plate_of(capture, view)).max(axis=2) > 40
        assert mask[differs].mean() > 0.8
        assert mask.mean() < 0.2


def test_cameras_and_masks_agree_on_where_people_are(capture: TimedCapture) -> None:
    """What all silhouettes leave standing fills each again: poses, halves of pixels and frames belong together."""
    masks = {view: mask for view in capture.train if (mask := capture.mask(20, view)) is not None}
    axes = [np.linspace(low, high, count) for low, high, count in ((-2, 2, 100), (-2.2, 0.4, 65), (-2, 2, 100))]
    voxels = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, 3)
    votes, seen = np.zeros(len(voxels)), np.zeros(len(voxels))
    for view, mask in masks.items():
        places, depths = capture.views[view].camera.project(voxels)
        inside = (depths > 0) & (places >= 0).all(axis=1) & (places < (320, 180)).all(axis=1)
        columns, rows = places[inside].astype(int).T
        votes[inside] += mask[rows, columns]
        seen[inside] += 1
    solid = voxels[(seen >= 10) & (votes >= 0.95 * seen)]
    assert len(solid) > 100
    filled = []
    for view, mask in masks.items():
        places, _ = capture.views[view].camera.project(solid)
        inside = (places >= 0).all(axis=1) & (places < (320, 180)).all(axis=1)
        columns, rows = places[inside].astype(int).T
        filled.append(mask[rows, columns].mean())
    assert np.mean(filled) > 0.9


def test_other_layouts_of_the_same_frames_show_the_same(
    basketball: Path, capture: TimedCapture, tmp_path: Path
) -> None:
    """A folder or a video a camera beside the COLMAP model of frame 0, whose principal points have no half added."""
    folders, videos = tmp_path / "folders", tmp_path / "videos"
    for root in (folders, videos):
        root.mkdir()
        (root / "sparse").symlink_to(basketball / "sfm_frame0" / "sparse")
    full = read_timed_capture(basketball, frames=(0, 3))
    for view in range(31):
        (folders / f"cam{view:02d}").symlink_to(basketball / "ims" / str(view))
        with ClipWriter(videos / f"cam{view:02d}.mp4", 640, 360, 30, lossless=True) as writer:
            for frame in range(3):
                writer.write(full.pixels(frame, view))
    for root, count in ((folders, 60), (videos, 3)):
        other = read_timed_capture(root, scale=0.5)
        assert (len(other), other.frame_count, other.test) == (31, count, (0,))
        assert np.array_equal(np.sort(other.points, axis=0), np.sort(capture.points, axis=0))
        for view in (0, 12, 30):
            assert np.array_equal(other.pixels(2, view), capture.pixels(2, view))
            cameras = other.views[view].camera, capture.views[view].camera
            assert np.allclose(cameras[0].camera_from_world, cameras[1].camera_from_world, atol=1e-5)
            apart = cameras[1].center_x_px - cameras[0].center_x_px, cameras[1].center_y_px - cameras[0].center_y_px
            assert np.allclose(apart, 0.25)


def test_memory_of_pixels_is_bounded(basketball: Path) -> None:
    frame_bytes = 31 * 320 * 180 * 3
    capture = read_timed_capture(basketball, scale=0.5, cache_bytes=2 * frame_bytes)
    for frame in range(6):
        for view in range(31):
            capture.pixels(frame, view)
            assert capture.load.size_bytes <= 2 * frame_bytes + 320 * 180 * 3  # pyright: ignore[reportFunctionMemberAccess]
