# SPDX-License-Identifier: Apache-2.0
"""COLMAP folders that are wrong: missing and changed pictures, half models, cut-off and absurd files are told."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from written_models import (
    Written,
    write_binary,
    write_capture,
    write_text,
    written,
)

from lamina.data import write_image
from lamina.data.captures import colmap_binary, is_capture, read_capture
from lamina.data.captures.colmap_folder import read_model
from lamina.data.captures.point_cloud import PointCloud
from lamina.errors import SignalError


@pytest.mark.parametrize("text", [False, True], ids=["binary", "text"])
def test_camera_models_that_are_not_undistorted_are_named(text: bool, tmp_path: Path, photo: np.ndarray) -> None:
    write_capture(tmp_path, written("DIVISION"), photo, text)
    with pytest.raises(SignalError, match=r"camera 1: camera model DIVISION; expected one of SIMPLE_PINHOLE, .*"):
        read_capture(tmp_path)


def break_missing_pictures(folder: Path, photo: np.ndarray) -> None:
    (folder / "images" / "b.png").unlink()
    (folder / "images" / "c.png").unlink()


def break_shape(folder: Path, photo: np.ndarray) -> None:
    write_image(folder / "images" / "b.png", np.ascontiguousarray(photo[:40, :40]))


def break_picture(folder: Path, photo: np.ndarray) -> None:
    (folder / "images" / "b.png").write_bytes(b"not a picture")


def break_images_folder(folder: Path, photo: np.ndarray) -> None:
    (folder / "images").rename(folder.parent / "photos")


def break_camera_id(folder: Path, photo: np.ndarray) -> None:
    content = written("PINHOLE")
    content.images[0].camera_id = 9
    write_binary(folder / "sparse" / "0", content)


def break_focal_length(folder: Path, photo: np.ndarray) -> None:
    write_binary(folder / "sparse" / "0", Written("PINHOLE", (0.0, 50.0, 24.0, 16.0)))


def break_distortion(folder: Path, photo: np.ndarray) -> None:
    write_binary(folder / "sparse" / "0", Written("SIMPLE_RADIAL", (50.0, 24.0, 16.0, -9.0)))


def break_quaternion(folder: Path, photo: np.ndarray) -> None:
    path = folder / "sparse" / "0" / "images.bin"
    data = path.read_bytes()
    path.write_bytes(data[:12] + bytes(32) + data[44:])


def break_names(folder: Path, photo: np.ndarray) -> None:
    content = written("PINHOLE")
    content.images[0].name = "c.png"
    write_binary(folder / "sparse" / "0", content)


def break_no_images(folder: Path, photo: np.ndarray) -> None:
    write_binary(folder / "sparse" / "0", replace(written("PINHOLE"), images=[]))


def break_one_image(folder: Path, photo: np.ndarray) -> None:
    write_binary(folder / "sparse" / "0", replace(written("PINHOLE"), images=written("PINHOLE").images[:1]))


def break_binary_name(folder: Path, photo: np.ndarray) -> None:
    data = (folder / "sparse" / "0" / "images.bin").read_bytes()
    (folder / "sparse" / "0" / "images.bin").write_bytes(data[:8] + data[8:].replace(b"\0", b"\1"))


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (
            break_missing_pictures,
            r"sparse/0: 2 of 3 pictures are missing: b\.png, c\.png; looked in .*images; expected",
        ),
        (break_shape, r"b\.png: the picture is 40x40, but its camera is for 48x32; expected the same shape"),
        (break_picture, r"b\.png: not a picture we read"),
        (
            break_images_folder,
            r"sparse/0: 3 of 3 pictures are missing: a 1\.png, b\.png, c\.png; looked in .*; expected",
        ),
        (break_camera_id, r"images\.bin: b\.png is of camera 9; expected one of 1 in cameras\.bin"),
        (break_focal_length, r"camera 1: focal lengths 0\.0, 50\.0; expected more than 0"),
        (break_distortion, r"a 1\.png: distortion .* folds a picture of 48x32"),
        (break_quaternion, r"image 1 \(b\.png\): pose .* expected a quaternion of length 1"),
        (break_names, r"images\.bin: c\.png is there more than once; expected each picture once"),
        (break_no_images, r"the model has no registered images"),
        (break_one_image, r"1 view with a pose; expected at least 2"),
        (break_binary_name, r"the name of an image does not end|cut off"),
    ],
)
def test_what_is_wrong_with_a_folder_is_said(damage, message: str, tmp_path: Path, photo: np.ndarray) -> None:
    write_capture(tmp_path, written("PINHOLE"), photo)
    damage(tmp_path, photo)
    assert is_capture(tmp_path)
    with pytest.raises(SignalError, match=message):
        read_capture(tmp_path)


@pytest.mark.parametrize("name", ["cameras", "images"])
def test_half_a_model_is_told(name: str, tmp_path: Path, photo: np.ndarray) -> None:
    folder = write_capture(tmp_path, written("PINHOLE"), photo)
    (folder / "sparse" / "0" / f"{name}.bin").unlink()
    assert is_capture(folder)
    with pytest.raises(SignalError, match=f"{name}.bin: missing"):
        read_capture(folder)


def test_a_damaged_picture_is_told_when_it_is_asked_for(tmp_path: Path, photo: np.ndarray) -> None:
    write_capture(tmp_path, written("PINHOLE"), photo)
    path = tmp_path / "images" / "b.png"
    path.write_bytes(path.read_bytes()[:300])
    capture = read_capture(tmp_path)
    assert capture.pixels(0).shape == (32, 48, 3)
    with pytest.raises(SignalError, match=r"b\.png: damaged"):
        capture.pixels(1)


def test_a_picture_that_was_changed_since_is_told(tmp_path: Path, photo: np.ndarray) -> None:
    write_capture(tmp_path, written("PINHOLE"), photo)
    capture = read_capture(tmp_path)
    write_image(tmp_path / "images" / "b.png", photo)
    with pytest.raises(SignalError, match=r"b\.png: decodes to 96x64, its header said 48x32"):
        capture.pixels(1)


BINARY_READERS = {
    "cameras.bin": colmap_binary.read_cameras,
    "images.bin": colmap_binary.read_images,
    "points3D.bin": colmap_binary.read_points,
}


@pytest.mark.parametrize("name", BINARY_READERS)
def test_cut_off_files_are_told_at_any_length(name: str, tmp_path: Path) -> None:
    write_binary(tmp_path, written("OPENCV"))
    path = tmp_path / name
    data = path.read_bytes()
    for length in sorted({*range(0, len(data), 5), *range(len(data) - 12, len(data))}):
        path.write_bytes(data[:length])
        with pytest.raises(SignalError, match=name):
            BINARY_READERS[name](path)


@pytest.mark.parametrize("name", BINARY_READERS)
def test_absurd_counts_are_refused_before_anything_is_allocated(name: str, tmp_path: Path) -> None:
    write_binary(tmp_path, written("OPENCV"))
    path = tmp_path / name
    data = path.read_bytes()
    for position in range(0, len(data) - 8, 4):
        path.write_bytes(data[:position] + b"\xff\xff\xff\xff\xff\xff\xff\x7f" + data[position + 8 :])
        try:
            read = BINARY_READERS[name](path)
        except SignalError:
            continue
        assert not isinstance(read, PointCloud) or np.isfinite(read.positions).all()


def test_text_that_is_none_is_told_with_its_line(tmp_path: Path) -> None:
    write_text(tmp_path, written("PINHOLE"))
    images = (tmp_path / "images.txt").read_text()
    (tmp_path / "images.txt").write_text(images.replace(" 3.0 ", " three ", 1))
    with pytest.raises(SignalError, match=r"images\.txt: line 2: expected a number, got 'three'"):
        read_model(tmp_path)
    (tmp_path / "images.txt").write_bytes(b"\xff\xfe\0")
    with pytest.raises(SignalError, match=r"images\.txt: cannot be read as text"):
        read_model(tmp_path)


@pytest.mark.parametrize(
    ("name", "line", "message"),
    [
        ("cameras.txt", "1 PINHOLE 48", r"line 1: 3 fields; expected camera id"),
        ("cameras.txt", "1 PINHOLE 48 32 50", r"camera 1: PINHOLE with 1 numbers; expected 4"),
        ("images.txt", "1 1 0 0 0 0 0 3 1", r"line 1: 9 fields; expected 10"),
        ("images.txt", "1 1 0 0 0 0 0 3 1 a.png\n1 2", r"line 2: 2 numbers; expected a multiple of 3"),
        ("points3D.txt", "1 0 0 0 1 1", r"line 1: 6 fields"),
    ],
)
def test_short_lines_are_told(name: str, line: str, message: str, tmp_path: Path) -> None:
    write_text(tmp_path, written("PINHOLE"))
    (tmp_path / name).write_text(line + "\n")
    with pytest.raises(SignalError, match=message):
        read_model(tmp_path)
