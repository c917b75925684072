# SPDX-License-Identifier: Apache-2.0
"""Folders of synchronised cameras in each layout that is read: cameras, pixels, splits, masks, waiting, errors."""

import json
import sys
import threading
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from lamina.cameras.camera import Camera
from lamina.data import ClipWriter
from lamina.data.captures.timed import TimedCapture, is_timed_capture, read_timed_capture
from lamina.errors import SignalError
from lamina.media.sources import SourceOptions, medium_of_path, signal_of

sys.path.append(str(Path(__file__).parents[3] / "codecs" / "freeview"))
from tiny_play import CAMERAS, HEIGHT, WIDTH, camera_at, mask, picture

FRAMES = 4
BLENDER_FROM_OPENCV = np.diag([1.0, -1.0, -1.0, 1.0])


def save(path: Path, pixels: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path)


def panoptic(folder: Path, frames: int = FRAMES) -> Path:
    """Cameras 0...5 to fit to, 6 and 7 held out; pixel centres are whole numbers."""
    for name, numbers in (("train_meta.json", range(6)), ("test_meta.json", range(6, CAMERAS))):
        cameras = [camera_at(number) for number in numbers]
        k = [
            [[c.focal_x_px, 0, c.center_x_px - 0.5], [0, c.focal_y_px, c.center_y_px - 0.5], [0, 0, 1]] for c in cameras
        ]
        w2c = [camera.camera_from_world.tolist() for camera in cameras]
        fn = [[f"{number}/{frame:06}.png" for number in numbers] for frame in range(frames)]
        fields = {"w": WIDTH, "h": HEIGHT, "k": [k] * frames, "w2c": [w2c] * frames, "fn": fn}
        (folder / name).write_text(json.dumps({**fields, "cam_id": [list(numbers)] * frames}))
        for frame in range(frames):
            for number in numbers:
                save(folder / "ims" / f"{number}/{frame:06}.png", picture(frame, number))
                if name.startswith("train"):
                    save(folder / "seg" / f"{number}/{frame:06}.png", mask(frame, number) * 255)
    return folder


def fields_of(number: int, file_path: str) -> dict[str, object]:
    pose = camera_at(number).world_from_camera @ BLENDER_FROM_OPENCV
    return {"file_path": file_path, "transform_matrix": pose.tolist()}


def transforms(folder: Path, name: str) -> Path:
    """`name` is the file_path of camera {number}."""
    camera = camera_at(0)
    lens = {"fl_x": camera.focal_x_px, "fl_y": camera.focal_y_px, "cx": camera.center_x_px, "cy": camera.center_y_px}
    frames = [fields_of(number, name.format(number=number)) for number in range(CAMERAS)]
    (folder / "transforms.json").write_text(json.dumps({"w": WIDTH, "h": HEIGHT, **lens, "frames": frames}))
    return folder


def camera_folders(folder: Path, name: str = "cam{number}") -> Path:
    for number in range(CAMERAS):
        for frame in range(FRAMES):
            save(folder / f"cam{number}" / f"{frame:04}.png", picture(frame, number))
    return transforms(folder, name)


def videos(folder: Path) -> Path:
    for number in range(CAMERAS):
        with ClipWriter(folder / f"cam{number}.mkv", WIDTH, HEIGHT, Fraction(25)) as writer:
            for frame in range(FRAMES):
                writer.write(picture(frame, number))
    return transforms(folder, "cam{number}.mkv")


def frame_folders(folder: Path) -> Path:
    for frame in range(FRAMES):
        inside = folder / f"frame{frame:06}"
        for number in range(CAMERAS):
            save(inside / "images" / f"cam{number}.png", picture(frame, number))
    transforms(folder / "frame000000", "images/cam{number}.png")
    return folder


LAYOUTS = {
    "panoptic": panoptic,
    "folders": camera_folders,
    "first pictures": lambda folder: camera_folders(folder, "cam{number}/0000.png"),
    "videos": videos,
    "frames": frame_folders,
}


def assert_same_camera(found: Camera, wanted: Camera) -> None:
    np.testing.assert_allclose(found.camera_from_world, wanted.camera_from_world, atol=1e-9)
    lens = (found.focal_x_px, found.focal_y_px, found.center_x_px, found.center_y_px, found.width, found.height)
    wanted_lens = (wanted.focal_x_px, wanted.focal_y_px, wanted.center_x_px, wanted.center_y_px, WIDTH, HEIGHT)
    np.testing.assert_allclose(lens, wanted_lens, atol=1e-9)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_cameras_and_pixels_are_those_of_the_rig(layout: str, tmp_path: Path) -> None:
    capture = read_timed_capture(LAYOUTS[layout](tmp_path))
    assert is_timed_capture(tmp_path)
    assert medium_of_path(tmp_path) == "timed capture"
    assert len(capture) == CAMERAS
    assert capture.frame_count == FRAMES
    tolerance = 24 if layout == "videos" else 0
    for number, view in enumerate(capture.views):
        assert_same_camera(view.camera, camera_at(number))
        for frame in (0, 3, 1):
            difference = np.abs(capture.pixels(frame, number).astype(int) - picture(frame, number))
            assert np.quantile(difference, 0.95) <= tolerance
    assert set(capture.train) | set(capture.test) == set(range(CAMERAS))
    assert capture.test


def test_a_panoptic_folder_has_its_split_and_masks(tmp_path: Path) -> None:
    capture = read_timed_capture(panoptic(tmp_path))
    assert capture.test == (6, 7)
    found = capture.mask(2, 1)
    assert found is not None
    assert np.array_equal(found, mask(2, 1))
    half = read_timed_capture(tmp_path, scale=Fraction(1, 2))
    small = half.mask(2, 1)
    assert small is not None
    assert small.shape == half.pixels(2, 1).shape[:2] == (HEIGHT // 2, WIDTH // 2)
    assert capture.mask(2, 7) is None


def test_a_range_of_frames_is_cut(tmp_path: Path) -> None:
    signal = signal_of(camera_folders(tmp_path), SourceOptions(frames=(1, 3)))
    assert isinstance(signal, TimedCapture)
    assert signal.frame_count == 2
    assert np.array_equal(signal.pixels(0, 2), picture(1, 2))
    with pytest.raises(SignalError, match="frames 2:9 are not all there"):
        signal_of(tmp_path, SourceOptions(frames=(2, 9)))


def test_frames_are_waited_for_where_a_folder_grows(tmp_path: Path) -> None:
    panoptic(tmp_path)
    late = tmp_path / "ims" / "2" / "000003.png"
    whole = late.read_bytes()
    late.write_bytes(whole[: len(whole) // 2])
    capture = read_timed_capture(tmp_path, follow=True)
    assert capture.frame_count is None
    assert capture.wait_for(2, lambda: False)
    asked: list[int] = []
    assert not capture.wait_for(3, lambda: asked.append(1) or len(asked) > 3)
    timer = threading.Timer(0.2, lambda: late.write_bytes(whole))
    timer.start()
    assert capture.wait_for(3, lambda: False)
    assert np.array_equal(capture.pixels(3, 2), picture(3, 2))
    assert not capture.wait_for(4, lambda: False)
    timer.join()


def test_cameras_of_different_lengths_are_named(tmp_path: Path) -> None:
    camera_folders(tmp_path)
    (tmp_path / "cam5" / "0003.png").unlink()
    with pytest.raises(SignalError, match="camera cam5 has 3 frames, camera cam0 has 4"):
        read_timed_capture(tmp_path)


def test_a_missing_picture_is_named(tmp_path: Path) -> None:
    frame_folders(tmp_path)
    (tmp_path / "frame000002" / "images" / "cam4.png").unlink()
    with pytest.raises(SignalError, match=r"frame000002/images/cam4\.png: no such picture"):
        read_timed_capture(tmp_path)


def test_a_picture_of_another_size_is_refused(tmp_path: Path) -> None:
    panoptic(tmp_path)
    save(tmp_path / "ims" / "1" / "000002.png", np.zeros((8, 9, 3), np.uint8))
    capture = read_timed_capture(tmp_path)
    with pytest.raises(SignalError, match="9x8, expected 48x40"):
        capture.pixels(2, 1)


def test_cameras_that_move_are_refused(tmp_path: Path) -> None:
    panoptic(tmp_path)
    fields = json.loads((tmp_path / "train_meta.json").read_text())
    fields["w2c"][2][3][0][3] += 0.5
    (tmp_path / "train_meta.json").write_text(json.dumps(fields))
    with pytest.raises(SignalError, match="camera 3 moves"):
        read_timed_capture(tmp_path)


def test_a_folder_of_photographs_is_no_timed_capture(tmp_path: Path) -> None:
    for number in range(CAMERAS):
        save(tmp_path / "images" / f"cam{number}.png", picture(0, number))
    transforms(tmp_path, "images/cam{number}.png")
    assert not is_timed_capture(tmp_path)
    assert medium_of_path(tmp_path) == "capture"


@pytest.mark.data
def test_the_basketball_is_read(data_folder: Path) -> None:
    capture = read_timed_capture(data_folder / "dynamic" / "panoptic_basketball", scale=Fraction(1, 2))
    assert len(capture) == 31
    assert [capture.views[number].name for number in capture.test] == ["00", "10", "15", "30"]
    assert capture.frame_count == 60
    assert capture.pixels(59, capture.train[3]).shape == (180, 320, 3)
    found = capture.mask(59, capture.train[3])
    assert found is not None
    assert 0 < found.mean() < 0.5
    inside = 0
    for number in capture.train:
        camera = capture.views[number].camera
        places, depths = camera.project(capture.points)
        inside += int(((depths > 0) & (places >= 0).all(axis=1) & (places < (320, 180)).all(axis=1)).sum())
    assert inside > 2 * len(capture.points)
