# SPDX-License-Identifier: Apache-2.0
"""transforms.json in its three dialects, and what real files get wrong."""

import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from lamina.data import read_image, write_image
from lamina.data.captures import is_capture, read_capture
from lamina.errors import SignalError

BLENDER_POSE = [[1.0, 0.0, 0.0, 0.5], [0.0, 0.0, -1.0, -4.0], [0.0, 1.0, 0.0, 1.0], [0.0, 0.0, 0.0, 1.0]]
"""At (0.5, -4, 1), looking along +y of the world with +z up."""


def write_transforms(folder: Path, photo: np.ndarray, name: str = "transforms.json", **changes: Any) -> dict[str, Any]:
    """Pictures and a file of four frames; `changes` are laid over its fields, None removes."""
    prefix = name.removesuffix(".json").removeprefix("transforms").strip("_") or "images"
    frames = []
    for number in range(4):
        write_picture(folder / prefix / f"r_{number}.png", photo[:, 4 * number : 4 * number + 80])
        frames.append({"file_path": f"./{prefix}/r_{number}", "transform_matrix": BLENDER_POSE})
    fields: dict[str, Any] = {"camera_angle_x": 0.8, "frames": frames} | changes
    fields = {name: value for name, value in fields.items() if value is not None}
    (folder / name).write_text(json.dumps(fields))
    return fields


def write_picture(path: Path, pixels: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    write_image(path, np.ascontiguousarray(pixels))


def test_blenders_axes_become_opencvs(tmp_path: Path, photo: np.ndarray) -> None:
    write_transforms(tmp_path, photo)
    assert is_capture(tmp_path)
    capture = read_capture(tmp_path, test_every=2)
    camera = capture.views[0].camera
    assert np.allclose(camera.position_world, (0.5, -4.0, 1.0))
    ahead = np.array([0.5, -2.0, 1.0])
    above_right = np.array([0.6, -2.0, 1.2])
    pixels, depths = camera.project(np.stack([ahead, above_right]))
    focal = 40.0 / math.tan(0.4)
    assert np.allclose(depths, 2.0)
    assert np.allclose(pixels, [[40, 32], [40 + 0.05 * focal, 32 - 0.1 * focal]])
    assert ([view.name for view in capture.views][:2], capture.test) == (["images/r_0", "images/r_1"], (0, 2))
    assert np.array_equal(capture.pixels(1), photo[:, 4:84])


def test_train_and_test_files_are_the_split(tmp_path: Path, photo: np.ndarray) -> None:
    for name in ("transforms_train.json", "transforms_test.json", "transforms_val.json"):
        write_transforms(tmp_path, photo, name)
    capture = read_capture(tmp_path)
    assert (capture.train, capture.test) == ((0, 1, 2, 3), (4, 5, 6, 7))
    assert capture.views[4].name == "test/r_0"
    (tmp_path / "transforms_test.json").unlink()
    assert read_capture(tmp_path).views[4].name == "val/r_0"
    (tmp_path / "transforms_val.json").unlink()
    assert read_capture(tmp_path, test_every=4).test == (0,)


def test_listed_names_are_the_split(tmp_path: Path, photo: np.ndarray) -> None:
    names = [f"./images/r_{number}" for number in range(4)]
    write_transforms(tmp_path, photo, train_filenames=names[:2], val_filenames=names[3:])
    capture = read_capture(tmp_path)
    assert (capture.train, capture.test) == ((0, 1), (3,))


def test_intrinsics_scale_with_the_pictures_and_may_be_the_frames_own(tmp_path: Path, photo: np.ndarray) -> None:
    fields = write_transforms(tmp_path, photo, fl_x=200.0, fl_y=210.0, cx=81.0, cy=63.0, w=160, h=128)
    fields["frames"][1]["fl_x"] = 100.0
    (tmp_path / "transforms.json").write_text(json.dumps(fields))
    first, second = (view.camera for view in read_capture(tmp_path).views[:2])
    assert (first.focal_x_px, first.focal_y_px, first.center_x_px, first.center_y_px) == (100.0, 105.0, 40.5, 31.5)
    assert (second.focal_x_px, second.width, second.height) == (50.0, 80, 64)


def test_distortion_is_taken_out(tmp_path: Path, photo: np.ndarray) -> None:
    write_transforms(tmp_path, photo, fl_x=90.0, k1=-0.2, k2=0.05, p1=0.002, p2=-0.001, camera_model="OPENCV")
    capture = read_capture(tmp_path)
    camera = capture.views[0].camera
    # A barrel shows more at its edges: the pinhole of as many pixels is wider.
    assert camera.focal_x_px < 88
    difference = np.abs(capture.pixels(0).astype(int) - read_image(capture.views[0].path).pixels)
    # The middle stays, corners move.
    assert difference[28:36, 36:44].mean() < difference[:8, :8].mean()


def test_alpha_is_laid_over_the_background(tmp_path: Path, photo: np.ndarray) -> None:
    write_transforms(tmp_path, photo)
    rgba = np.dstack([photo[:, :80], np.zeros((64, 80), np.uint8)])
    rgba[:, 40:, 3] = 255
    Image.fromarray(rgba).save(tmp_path / "images" / "r_0.png")
    white, green = read_capture(tmp_path), read_capture(tmp_path, background=(0, 200, 0))
    assert (white.pixels(0)[:, :40] == 255).all()
    assert (green.pixels(0)[:, :40] == (0, 200, 0)).all()
    assert np.array_equal(green.pixels(0)[:, 40:], photo[:, 40:80])
    assert (white.background, green.background) == ((255, 255, 255), (0, 200, 0))


@pytest.mark.parametrize("text", [True, False], ids=["text", "binary"])
def test_points_of_a_named_ply_are_read(text: bool, tmp_path: Path, photo: np.ndarray) -> None:
    write_transforms(tmp_path, photo, ply_file_path="sparse_pc.ply")
    layout = "property float x\nproperty float y\nproperty float z\n"
    layout += "property uint8 red\nproperty uint8 green\nproperty uint8 blue\n"
    kind = "ascii" if text else "binary_little_endian"
    header = f"ply\nformat {kind} 1.0\nelement vertex 3\n{layout}end_header\n".encode()
    record = np.dtype([("position", "<f4", 3), ("color", "u1", 3)])
    rows = np.zeros(3, record)
    rows["position"] = [[1, 2, 3], [4.5, 5, 6], [np.nan, 0, 0]]
    rows["color"] = [[1, 2, 3], [250, 251, 252], [0, 0, 0]]
    body = b"1 2 3 1 2 3\n4.5 5 6 250 251 252\nnan 0 0 0 0 0\n" if text else rows.tobytes()
    (tmp_path / "sparse_pc.ply").write_bytes(header + body)
    capture = read_capture(tmp_path)
    assert capture.points.tolist() == [[1, 2, 3], [4.5, 5, 6]]
    assert capture.point_colors.tolist() == [[1, 2, 3], [250, 251, 252]]
    (tmp_path / "sparse_pc.ply").write_bytes(header + body[:-9])
    with pytest.raises(SignalError, match=r"sparse_pc\.ply: "):
        read_capture(tmp_path)


def test_axes_with_a_scale_are_taken_as_directions(tmp_path: Path, photo: np.ndarray) -> None:
    fields = write_transforms(tmp_path, photo)
    fields["frames"][0]["transform_matrix"] = [[2 * value for value in row[:3]] + row[3:] for row in BLENDER_POSE]
    (tmp_path / "transforms.json").write_text(json.dumps(fields))
    first, second = (view.camera for view in read_capture(tmp_path).views[:2])
    assert np.allclose(first.camera_from_world, second.camera_from_world)


def in_first_frame(**changes: Any) -> Callable[[dict[str, Any]], None]:
    def change(fields: dict[str, Any]) -> None:
        fields["frames"][0] |= changes

    return change


def in_all_frames(file_path: str) -> Callable[[dict[str, Any]], None]:
    def change(fields: dict[str, Any]) -> None:
        for number, frame in enumerate(fields["frames"]):
            frame["file_path"] = file_path.format(number)

    return change


def at_top(**changes: Any) -> Callable[[dict[str, Any]], None]:
    return lambda fields: fields.update(changes)


FLAT = [[1.0, 0, 0, 0], [0, 1, 0, 0], [0, 1, 0, 0], [0, 0, 0, 1]]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            lambda fields: fields.pop("camera_angle_x"),
            r"frame 0: no focal length; expected one of fl_x, fl_y, camera_ang",
        ),
        (at_top(camera_angle_x=4.0), r"frame 0: camera_angle_x 4\.0; expected radians above 0 and under pi"),
        (at_top(camera_angle_x="wide"), r"frame 0: camera_angle_x: expected a number, got 'wide'"),
        (at_top(fl_x=-3.0), r"frame 0: focal lengths -3\.0, -3\.0; expected more than 0"),
        (at_top(camera_model="EQUIRECTANGULAR"), r"frame 0: camera_model EQUIRECTANGULAR; expected one of SIMPLE_PIN"),
        (at_top(latlong=True), r"frame 0: camera_model latlong; expected one of SIMPLE_PINHOLE"),
        (at_top(intrinsics=[[1, 2], [3, 4]]), r"frame 0: intrinsics: expected \[\[fl_x, 0, cx\]"),
        (at_top(K=[[90, 5, 40], [0, 90, 32], [0, 0, 1]]), r"frame 0: skew 5 px; expected square corners"),
        (
            at_top(w=640, h=480),
            r"frame 0: the picture is 80x64, but its camera is for 640x480; expected the same shape",
        ),
        (at_top(frames=None), r"expected an object with a list called 'frames'"),
        (at_top(frames=[]), r"0 view with a pose; expected at least 2"),
        (at_top(frames=[3]), r"frame 0: expected an object with a 'file_path'"),
        (
            in_all_frames(file_path="./pictures/{}.png"),
            r"4 of 4 pictures are missing: pictures/0\.png, .*; looked in .*; expected them there, with a suffix or",
        ),
        (in_first_frame(file_path="./images/r_1"), r"images/r_1 is there more than once"),
        (in_first_frame(transform_matrix="up"), r"frame 0: transform_matrix: expected 4x4 numbers, got 'up'"),
        (in_first_frame(transform_matrix=[[1, 2], [3]]), r"frame 0: transform_matrix: expected 4x4 numbers"),
        (in_first_frame(transform_matrix=FLAT), r"frame 0: transform_matrix: expected a rotation and a position"),
        (
            at_top(test_filenames=["r_0"]),
            r"test_filenames: 1 of 1 names are of no frame, the first 'r_0'; expected .*r_0",
        ),
        (
            at_top(test_filenames=["images/r_0"], train_filenames=["images/r_0", "images/r_1"]),
            r"images/r_0 is in train_filenames and in test_filenames",
        ),
        (at_top(test_filenames=[f"images/r_{n}" for n in range(4)]), r"all 4 views are held out"),
    ],
)
def test_what_is_wrong_is_said(
    change: Callable[[dict[str, Any]], None], message: str, tmp_path: Path, photo: np.ndarray
) -> None:
    fields = write_transforms(tmp_path, photo)
    change(fields)
    (tmp_path / "transforms.json").write_text(json.dumps(fields))
    with pytest.raises(SignalError, match=message):
        read_capture(tmp_path)


def test_other_names_of_splits_are_told(tmp_path: Path, photo: np.ndarray) -> None:
    write_transforms(tmp_path, photo, "transforms_training.json")
    assert is_capture(tmp_path)
    with pytest.raises(
        SignalError, match=r"found transforms_training\.json; expected transforms\.json, or transforms_tr"
    ):
        read_capture(tmp_path)


@pytest.mark.parametrize("text", ["", "{", "[1]", "[" * 100_000, '{"frames": [NaN]}'])
def test_text_that_is_no_json_of_ours_is_told(text: str, tmp_path: Path) -> None:
    (tmp_path / "transforms.json").write_text(text)
    with pytest.raises(SignalError, match=r"transforms\.json: "):
        read_capture(tmp_path)


def test_background_of_opaque_photographs_is_their_borders_color_if_they_share_one(
    tmp_path: Path, photo: np.ndarray
) -> None:
    write_transforms(tmp_path / "room", photo)
    assert read_capture(tmp_path / "room").background == (0, 0, 0)
    framed = np.full_like(photo, (250, 249, 251))
    framed[8:-8] = photo[8:-8]
    write_transforms(tmp_path / "studio", framed)
    assert read_capture(tmp_path / "studio").background == (250, 249, 251)
