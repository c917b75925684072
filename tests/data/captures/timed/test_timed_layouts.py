# SPDX-License-Identifier: Apache-2.0
"""The same rig in every layout: pixels, cameras, frames and splits are what was drawn."""

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from made_captures import (
    BALLS,
    COLORS,
    FOCAL,
    HEIGHT,
    NAMES,
    WIDTH,
    drawn,
    mover,
    ring,
    save,
    write_colmap,
    write_folders,
    write_frame_folders,
    write_panoptic,
    write_poses_bounds,
    write_transforms,
    write_videos,
)

from lamina.data.captures import TimedCapture, is_timed_capture, read_timed_capture

FRAMES = range(5)


def colmap_of(root: Path, suffix: str = ".png") -> Path:
    write_colmap(root / "sparse" / "0", [f"{name}{suffix}" for name in NAMES])
    return root


def folders_with_colmap(root: Path) -> Path:
    return colmap_of(write_folders(root, FRAMES))


def folders_in_images(root: Path) -> Path:
    write_colmap(root / "sparse" / "0", [f"{name}/000007.png" for name in NAMES])
    return write_folders(root, FRAMES, "images", first=7)


def folders_of_images(root: Path) -> Path:
    """As 4DGaussians extracts N3DV: cam00/images/0000.png."""
    for name in NAMES:
        (root / name).mkdir(parents=True)
    write_folders(root / "all", FRAMES)
    for name in NAMES:
        (root / "all" / name).rename(root / name / "images")
    (root / "all").rmdir()
    write_transforms(root, [f"{name}/images/000000" for name in NAMES])
    return root


def folders_with_transforms(root: Path) -> Path:
    write_transforms(write_folders(root, FRAMES, "frames"), [f"./frames/{name}/000000.png" for name in NAMES])
    return root


def videos_with_colmap(root: Path) -> Path:
    return colmap_of(write_videos(root, len(FRAMES)))


def videos_with_transforms(root: Path) -> Path:
    write_videos(root / "videos", len(FRAMES))
    write_transforms(root, [f"videos/{name}.mp4" for name in NAMES])
    return root


def frame_folders(root: Path) -> Path:
    return write_frame_folders(root, FRAMES)


LAYOUTS = [
    folders_with_colmap,
    folders_in_images,
    folders_of_images,
    folders_with_transforms,
    videos_with_colmap,
    videos_with_transforms,
    frame_folders,
]


@pytest.mark.parametrize("write", LAYOUTS, ids=lambda write: write.__name__)
def test_pixels_and_cameras_are_those_that_were_drawn(write: Callable[[Path], Path], tmp_path: Path) -> None:
    root = write(tmp_path)
    assert is_timed_capture(root)
    capture = read_timed_capture(root)
    assert (capture.frame_count, len(capture), [view.name for view in capture.views]) == (5, 5, list(NAMES))
    assert (capture.test, capture.train, capture.frames_per_second) == ((0,), (1, 2, 3, 4), 30)
    for frame in (0, 1, 2, 4, 3, 0):
        for number, stand in enumerate(ring()):
            assert np.array_equal(capture.pixels(frame, number), drawn(stand, frame)[0])
            assert capture.mask(frame, number) is None
    check_cameras(capture)


def check_cameras(capture: TimedCapture) -> None:
    for view, stand in zip(capture.views, ring(), strict=True):
        points = np.concatenate([BALLS, [mover(2)]])
        expected, depths = stand.seen(points)
        found, found_depths = view.camera.project(points)
        assert np.allclose(found, expected, atol=1e-6)
        assert np.allclose(found_depths, depths)
        assert (view.camera.width, view.camera.height) == (WIDTH, HEIGHT)


@pytest.mark.parametrize("write", [folders_with_colmap, videos_with_colmap, frame_folders])
def test_models_of_the_first_frame_give_points(write: Callable[[Path], Path], tmp_path: Path) -> None:
    capture = read_timed_capture(write(tmp_path))
    assert np.array_equal(capture.points, BALLS)
    assert np.array_equal(capture.point_colors, COLORS)


def test_n3dv_is_videos_beside_poses_bounds(tmp_path: Path) -> None:
    write_poses_bounds(write_videos(tmp_path, 3, 29.97))
    assert is_timed_capture(tmp_path)
    capture = read_timed_capture(tmp_path, scale=Fraction(1, 2))
    assert (capture.frame_count, capture.test, capture.depth_bounds) == (3, (0,), (2.0, 6.0))
    assert float(capture.frames_per_second) == pytest.approx(29.97, abs=0.01)
    camera = capture.views[4].camera
    assert (camera.width, camera.height, camera.focal_x_px, camera.center_x_px) == (48, 32, FOCAL / 2, 24.0)
    assert np.allclose(camera.camera_from_world, ring()[4].camera_from_world)
    full = drawn(ring()[4], 2)[0].astype(float).reshape(32, 2, 48, 2, 3).mean(axis=(1, 3))
    assert np.abs(capture.pixels(2, 4) - full).max() <= 0.5
    assert len(capture.points) == 0


def test_panoptic_has_its_own_split_masks_and_half_a_pixel(tmp_path: Path) -> None:
    capture = read_timed_capture(write_panoptic(tmp_path, FRAMES))
    assert [view.name for view in capture.views] == ["0", "1", "2", "3", "10"]
    assert (capture.train, capture.test, capture.frame_count) == ((0, 1, 2, 3), (4,), 5)
    check_cameras(capture)
    for number, stand in enumerate(ring()):
        pixels, moving = drawn(stand, 3)
        assert np.abs(capture.pixels(3, number).astype(int) - pixels).mean() < 3
        mask = capture.mask(3, number)
        assert (mask is None) == (number == 4)
        assert mask is None or np.array_equal(mask, moving)


def test_masks_are_resized_by_halves(tmp_path: Path) -> None:
    capture = read_timed_capture(write_panoptic(tmp_path, FRAMES), scale=0.25)
    mask = capture.mask(1, 0)
    assert mask is not None
    moving = drawn(ring()[0], 1)[1].reshape(16, 4, 24, 4).mean(axis=(1, 3))
    assert mask.shape == capture.pixels(1, 0).shape[:2] == (16, 24)
    assert np.array_equal(mask, moving >= 0.5)
    assert mask.any()


def test_panoptic_takes_the_points_of_depth_cameras(tmp_path: Path) -> None:
    write_panoptic(tmp_path, FRAMES)
    assert len(read_timed_capture(tmp_path).points) == 0
    rows = np.concatenate([BALLS, COLORS / 255, np.ones((4, 1))], axis=1)
    np.savez(tmp_path / "init_pt_cld.npz", data=rows)
    capture = read_timed_capture(tmp_path)
    assert np.allclose(capture.points, BALLS)
    assert np.array_equal(capture.point_colors, COLORS)


def test_masks_lie_beside_folders_and_frames_too(tmp_path: Path) -> None:
    folders, frames = folders_with_colmap(tmp_path / "folders"), frame_folders(tmp_path / "frames")
    for frame in FRAMES:
        moving = drawn(ring()[1], frame)[1].astype(np.uint8)
        save(folders / "masks" / "cam01" / f"{frame:06d}.png", moving)
        save(frames / f"frame{frame:06d}" / "masks" / "cam01.png", moving * 255)
    for root in (folders, frames):
        capture = read_timed_capture(root)
        assert capture.mask(2, 0) is None
        assert np.array_equal(capture.mask(2, 1), drawn(ring()[1], 2)[1])


def test_a_split_in_transforms_is_kept(tmp_path: Path) -> None:
    write_folders(tmp_path, FRAMES)
    paths = [f"{name}/000000.png" for name in NAMES]
    write_transforms(tmp_path, paths, test_filenames=[paths[2]])
    capture = read_timed_capture(tmp_path)
    assert (capture.test, capture.train) == ((2,), (0, 1, 3, 4))


def test_lenses_are_straightened(tmp_path: Path) -> None:
    write_folders(tmp_path, range(2))
    names = [f"{name}.png" for name in NAMES]
    write_colmap(tmp_path / "sparse", names, f"SIMPLE_RADIAL {WIDTH} {HEIGHT} {FOCAL} 48 32 -0.2")
    capture = read_timed_capture(tmp_path)
    still = capture.still(1)
    assert still.views[0].camera.focal_x_px < FOCAL
    # Both ends of the picture come from inside of it: a barrel is wider than its middle says.
    assert not np.array_equal(still.pixels(3), drawn(ring()[3], 1)[0])
    assert np.abs(still.pixels(3).astype(float).mean() - drawn(ring()[3], 1)[0].mean()) < 5


def test_pictures_of_every_fifth_frame_are_frames(tmp_path: Path) -> None:
    for frame in range(3):
        write_folders(tmp_path, [frame], first=4 * frame)
    capture = read_timed_capture(colmap_of(tmp_path))
    assert capture.frame_count == 3
    assert np.array_equal(capture.pixels(2, 1), drawn(ring()[1], 2)[0])


def test_transparency_is_laid_over_white_or_what_is_asked_for(tmp_path: Path) -> None:
    for frame in range(2):
        for stand in ring():
            pixels, moving = drawn(stand, frame)
            save(tmp_path / stand.name / f"{frame:06d}.png", np.dstack([pixels, moving.astype(np.uint8) * 255]))
    colmap_of(tmp_path)
    for background, asked in (((255, 255, 255), None), ((9, 8, 7), (9, 8, 7))):
        capture = read_timed_capture(tmp_path, background=asked)
        pixels, moving = drawn(ring()[2], 1)
        assert capture.background == background
        assert np.array_equal(capture.pixels(1, 2), np.where(moving[..., None], pixels, background))


def test_a_view_size_finds_its_scale(tmp_path: Path) -> None:
    capture = read_timed_capture(folders_with_colmap(tmp_path), view_size=(32, 21))
    assert capture.pixels(0, 0).shape == (21, 32, 3)


def test_large_pictures_are_reduced_unless_a_scale_is_given(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lamina.data.captures.timed.reading.LONGEST_PX", 50)
    capture = read_timed_capture(folders_with_colmap(tmp_path))
    assert capture.views[0].camera.width == 48
    assert capture.notes[0] == "pictures of 96 pixels are read at 1/2; --scale 1 takes them as they are"
    assert read_timed_capture(tmp_path, scale=1).views[0].camera.width == 96


def test_a_folder_without_a_rate_says_what_was_taken(tmp_path: Path) -> None:
    root = folders_with_colmap(tmp_path)
    assert read_timed_capture(root).notes == ("no frame rate: taken as 30; --fps says another",)
    capture = read_timed_capture(root, frames_per_second=12.5)
    assert (capture.frames_per_second, capture.notes) == (Fraction(25, 2), ())
