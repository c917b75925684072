# SPDX-License-Identifier: Apache-2.0
"""COLMAP folders, text and binary: what was written comes back (what is wrong with one: test_colmap_damage)."""

from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from written_models import (
    PARAMETERS,
    WrittenImage,
    keypoints,
    rotation,
    write_binary,
    write_capture,
    write_pictures,
    written,
)

from lamina.data import read_image, write_image
from lamina.data.captures import read_capture
from lamina.data.captures.colmap_folder import read_model
from lamina.errors import SignalError

PLY_PROPERTIES = {"float": ["x", "y", "z", "nx", "ny", "nz"], "uchar": ["red", "green", "blue"]}
"""As 3DGS's code writes them, with normals of 0."""

MODELS = ["SIMPLE_PINHOLE", "PINHOLE", "SIMPLE_RADIAL", "RADIAL", "OPENCV"]


@pytest.mark.parametrize("text", [False, True], ids=["binary", "text"])
@pytest.mark.parametrize("model", MODELS)
def test_points_are_seen_where_they_were_found(model: str, text: bool, tmp_path: Path, photo: np.ndarray) -> None:
    content = written(model)
    capture = read_capture(write_capture(tmp_path / "room", content, photo, text))
    found = read_model(tmp_path / "room" / "sparse" / "0")
    assert [view.name for view in capture.views] == ["a 1.png", "b.png", "c.png"] == [i.name for i in found.images]
    assert np.array_equal(capture.points, content.points)
    assert np.array_equal(capture.point_colors, content.colors)
    for view, image, original in zip(
        capture.views, found.images, sorted(content.images, key=lambda i: i.name), strict=True
    ):
        assert np.allclose(image.keypoints_px[:-1], keypoints(content, original), atol=1e-12)
        assert image.point_ids.tolist() == [10, 11, 12, 13, 14, -1]
        lens = found.cameras[image.camera_id]
        plane = (image.keypoints_px[:-1] - (lens.center_x_px, lens.center_y_px)) / (lens.focal_x_px, lens.focal_y_px)
        camera = view.camera
        center = np.array([camera.center_x_px, camera.center_y_px])
        straight = lens.distortion.undone(plane) * (camera.focal_x_px, camera.focal_y_px) + center
        pixels, depths = camera.project(capture.points)
        assert np.allclose(pixels, straight, atol=1e-6)
        assert (depths > 2).all()
        assert np.allclose(camera.camera_from_world[:3, :3], rotation(original.quaternion), atol=1e-12)
    assert capture.name == "room"
    assert (capture.train, capture.test, capture.notes) == ((1, 2), (0,), ())


@pytest.mark.parametrize("text", [False, True], ids=["binary", "text"])
def test_points_in_a_ply_alone_are_read(text: bool, tmp_path: Path, photo: np.ndarray) -> None:
    content = written("PINHOLE")
    model = write_capture(tmp_path, content, photo, text) / "sparse" / "0"
    next(model.glob("points3D.*")).unlink()
    assert len(read_capture(tmp_path).points) == 0
    names = [f"property {kind} {name}\n" for kind, names in PLY_PROPERTIES.items() for name in names]
    header = f"ply\nformat binary_little_endian 1.0\nelement vertex 5\n{''.join(names)}end_header\n"
    rows = [
        position.astype("<f4").tobytes() + bytes(12) + color.tobytes()
        for position, color in zip(content.points, content.colors, strict=True)
    ]
    (model / "points3D.ply").write_bytes(header.encode() + b"".join(rows))
    capture = read_capture(tmp_path)
    assert np.allclose(capture.points, content.points, atol=1e-6)
    assert np.array_equal(capture.point_colors, content.colors)
    (model / "points3D.ply").write_bytes(header.encode() + b"".join(rows)[:-1])
    with pytest.raises(SignalError, match=r"points3D\.ply: "):
        read_capture(tmp_path)


def test_a_pinhole_leaves_pixels_and_intrinsics_alone(tmp_path: Path, photo: np.ndarray) -> None:
    capture = read_capture(write_capture(tmp_path, written("PINHOLE"), photo), test_every=0)
    view = capture.views[1]
    assert np.array_equal(capture.pixels(1), read_image(tmp_path / "images" / "b.png").pixels)
    assert (view.camera.focal_x_px, view.camera.focal_y_px) == PARAMETERS["PINHOLE"][:2]
    assert (view.camera.center_x_px, view.camera.center_y_px, view.camera.width, view.camera.height) == (
        24.5,
        15.5,
        48,
        32,
    )
    assert (capture.train, capture.test) == ((0, 1, 2), ())


def test_smaller_pictures_scale_the_camera(tmp_path: Path, photo: np.ndarray) -> None:
    content = written("PINHOLE")
    write_binary(tmp_path / "sparse", replace(content, width=190, height=126, parameters=(200.0, 208.0, 95.0, 63.0)))
    write_pictures(tmp_path / "images_4", content, photo)
    camera = read_capture(tmp_path).views[0].camera
    assert (camera.width, camera.height) == (48, 32)
    assert camera.focal_x_px == pytest.approx(200.0 * 48 / 190)
    assert camera.center_y_px == pytest.approx(16.0)


@pytest.mark.parametrize(("scale", "size"), [(Fraction(1, 2), (24, 16)), (0.25, (12, 8)), (0.3, (14, 10))])
def test_scale_averages_and_prefers_pictures_of_that_size(
    scale: Fraction | float, size: tuple[int, int], tmp_path: Path, photo: np.ndarray
) -> None:
    write_capture(tmp_path, written("PINHOLE"), photo)
    grey = np.full((16, 24, 3), 77, np.uint8)
    (tmp_path / "images_2").mkdir()
    for name in ("a 1", "b", "c"):
        write_image(tmp_path / "images_2" / f"{name}.jpg", grey)
    capture = read_capture(tmp_path, scale=scale)
    camera = capture.views[0].camera
    assert (camera.width, camera.height) == size
    assert camera.focal_x_px == pytest.approx(50.0 * size[0] / 48)
    pixels = capture.pixels(0)
    assert pixels.shape == (size[1], size[0], 3)
    full = read_image(tmp_path / "images" / "a 1.png").pixels.astype(float)
    expected = (77, 77, 77) if scale == Fraction(1, 2) else full.mean(axis=(0, 1))
    assert np.allclose(pixels.mean(axis=(0, 1)), expected, atol=0.6)


def test_large_pictures_are_reduced_unless_a_scale_is_given(
    tmp_path: Path, photo: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_capture(tmp_path, written("PINHOLE"), photo)
    monkeypatch.setattr("lamina.data.captures.reading.LONGEST_PX", 20)
    capture = read_capture(tmp_path)
    assert (capture.views[0].camera.width, capture.pixels(0).shape) == (16, (11, 16, 3))
    assert capture.notes[-1].startswith("pictures of 48 pixels are read at 1/3; --scale 1 takes them as they are")
    assert read_capture(tmp_path, scale=1).views[0].camera.width == 48


def test_renamed_copies_are_matched_in_order(tmp_path: Path, photo: np.ndarray) -> None:
    write_capture(tmp_path, written("PINHOLE"), photo)
    for number, name in enumerate(["a 1", "b", "c"]):
        pixels = read_image(tmp_path / "images" / f"{name}.png").pixels
        (tmp_path / "images_1x").mkdir(exist_ok=True)
        write_image(tmp_path / "images_1x" / f"image{number:03d}.png", pixels[::2, ::2])
    (tmp_path / "images_1x").rename(tmp_path / "images_2")
    capture = read_capture(tmp_path, scale=0.5)
    assert [view.path.name for view in capture.views] == ["image000.png", "image001.png", "image002.png"]
    assert capture.notes == ("images_2/ has other names than images/, with as many pictures: paired with it by order",)


def test_unregistered_pictures_are_skipped_and_told(tmp_path: Path, photo: np.ndarray) -> None:
    write_capture(tmp_path, written("PINHOLE"), photo)
    write_image(tmp_path / "images" / "z.png", photo)
    capture = read_capture(tmp_path)
    assert len(capture) == 3
    assert capture.notes == ("1 of 4 pictures in images/ are not in the model: skipped",)


def test_parts_that_colmap_could_not_join_are_told(tmp_path: Path, photo: np.ndarray) -> None:
    write_capture(tmp_path, written("PINHOLE"), photo)
    write_binary(tmp_path / "sparse" / "1", written("PINHOLE"))
    assert read_capture(tmp_path).notes[0].startswith("the reconstruction fell apart: sparse/1 beside ")


def test_pictures_of_different_sizes_are_read_each_at_its_own(tmp_path: Path, photo: np.ndarray) -> None:
    content = written("SIMPLE_PINHOLE")
    write_capture(tmp_path, content, photo)
    write_image(tmp_path / "images" / "c.png", photo[:16, :24])
    capture = read_capture(tmp_path)
    assert [capture.pixels(number).shape for number in range(3)] == [(32, 48, 3), (32, 48, 3), (16, 24, 3)]
    assert capture.views[2].camera.focal_x_px == pytest.approx(25.0)


def test_no_points_file_means_no_points(tmp_path: Path, photo: np.ndarray) -> None:
    write_capture(tmp_path, written("PINHOLE"), photo)
    (tmp_path / "sparse" / "0" / "points3D.bin").unlink()
    assert read_capture(tmp_path).points.shape == (0, 3)


def test_a_rig_of_cameras_holds_out_the_first(tmp_path: Path, photo: np.ndarray) -> None:
    content = written("PINHOLE")
    content.images = [WrittenImage(f"cam{n:02d}.png", (1, 0, 0, 0), (n, 0, 3)) for n in range(12)]
    capture = read_capture(write_capture(tmp_path, content, np.tile(photo, (1, 2, 1))))
    assert capture.test == (0,)
    assert len(capture.train) == 11
