# SPDX-License-Identifier: Apache-2.0
"""transforms.json as people have it: fisheyes, matrices, text for numbers, frames without pose, lost pictures."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from drawn_views import pose, psnr, seen_by, seen_by_pinhole

from lamina.data import write_image
from lamina.data.captures import Capture, read_capture
from lamina.data.captures.distortion import Distortion
from lamina.data.captures.lens import Lens
from lamina.errors import SignalError

PINHOLE = Lens(124, 82, 60.0, 61.0, 62.0, 41.0)
BLENDER_AXES = np.diag([1.0, -1.0, -1.0, 1.0])


def drawn(folder: Path, lens: Lens = PINHOLE, name: str = "transforms.json", **changes: Any) -> dict[str, Any]:
    """Four pictures of a drawing, and their cameras; `changes` are laid over the fields, None removes."""
    frames: list[dict[str, Any]] = []
    for number in range(4):
        motion = pose(0.4 * number, 0.1 * number)
        path = folder / "images" / f"IMG_{number}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        write_image(path, seen_by(lens, motion))
        matrix = (np.linalg.inv(motion) @ BLENDER_AXES).tolist()
        frames.append({"file_path": f"images/IMG_{number}.png", "transform_matrix": matrix})
    fields: dict[str, Any] = {"fl_x": 60.0, "fl_y": 61.0, "cx": 62.0, "cy": 41.0, "w": 124, "h": 82, "frames": frames}
    fields = {key: value for key, value in (fields | changes).items() if value is not None}
    write(folder, fields, name)
    return fields


def write(folder: Path, fields: dict[str, Any], name: str = "transforms.json", encoding: str = "utf-8") -> None:
    (folder / name).write_text(json.dumps(fields), encoding=encoding)


def worst(capture: Capture) -> float:
    """dB of the worst view beside what its camera should see."""
    return min(psnr(capture.pixels(number), seen_by_pinhole(view.camera)) for number, view in enumerate(capture.views))


FISHEYE = {"k1": 0.02, "k2": -0.01, "k3": 0.002, "k4": 0.001}


@pytest.mark.parametrize(
    "says",
    [
        FISHEYE | {"is_fisheye": True},
        FISHEYE | {"is_fisheye": True, "camera_model": "OPENCV"},
        FISHEYE | {"camera_model": "OPENCV_FISHEYE"},
    ],
    ids=["instant-ngp", "both", "nerfstudio"],
)
def test_fisheyes_are_made_straight(says: dict[str, Any], tmp_path: Path) -> None:
    lens = Lens(124, 82, 60.0, 61.0, 62.0, 41.0, Distortion((0.02, -0.01, 0.002, 0.001), projection="angle"))
    drawn(tmp_path, lens, **says)
    capture = read_capture(tmp_path)
    assert worst(capture) > 38
    assert any("fisheye pictures are made straight" in note for note in capture.notes)


def test_other_models_have_their_numbers_by_colmaps_names(tmp_path: Path) -> None:
    lens = Lens(124, 82, 60.0, 61.0, 62.0, 41.0, Distortion(projection="fov", omega=0.9))
    drawn(tmp_path, lens, camera_model="FOV", omega=0.9)
    assert worst(read_capture(tmp_path)) > 38
    rational = Distortion((0.3, -0.05, 0.01, 0.0), (0.002, -0.001), denominator=(0.35, 0.02, 0.003))
    numbers = {"k1": 0.3, "k2": -0.05, "p1": 0.002, "p2": -0.001, "k3": 0.01, "k4": 0.35, "k5": 0.02, "k6": 0.003}
    drawn(tmp_path, Lens(124, 82, 60.0, 61.0, 62.0, 41.0, rational), camera_model="FULL_OPENCV", **numbers)
    assert worst(read_capture(tmp_path)) > 38


@pytest.mark.parametrize("name", ["intrinsics", "intrinsic_matrix", "K"])
@pytest.mark.parametrize("size", [3, 4])
@pytest.mark.parametrize("in_frames", [False, True])
def test_intrinsics_may_be_a_matrix(name: str, size: int, in_frames: bool, tmp_path: Path) -> None:
    matrix = np.eye(size)
    matrix[:2, :3] = [[60.0, 0.0, 62.0], [0.0, 61.0, 41.0]]
    nothing: dict[str, Any] = {"fl_x": None, "fl_y": None, "cx": None, "cy": None, "w": None, "h": None}
    fields = drawn(tmp_path, **nothing)
    for where in fields["frames"] if in_frames else [fields]:
        where[name] = matrix.tolist()
    write(tmp_path, fields)
    assert worst(read_capture(tmp_path)) > 60


def as_text(fields: dict[str, Any]) -> None:
    for name in ("fl_x", "fl_y", "cx", "cy", "w", "h"):
        fields[name] = str(fields[name])
    for frame in fields["frames"]:
        frame["transform_matrix"] = [[str(value) for value in row] for row in frame["transform_matrix"]]


def with_nulls(fields: dict[str, Any]) -> None:
    fields |= {"k1": None, "camera_angle_x": None, "camera_model": None, "ply_file_path": None}


def named(pattern: str) -> Callable[[dict[str, Any]], None]:
    def change(fields: dict[str, Any]) -> None:
        for number, frame in enumerate(fields["frames"]):
            frame["file_path"] = pattern.format(number)

    return change


@pytest.mark.parametrize(
    "change",
    [
        as_text,
        with_nulls,
        named("images/IMG_{}"),
        named("images\\IMG_{}.png"),
        named("C:\\Users\\me\\room\\images\\IMG_{}.png"),
        named("/home/me/room/images/IMG_{}.png"),
        named("../../data/room/images/IMG_{}.png"),
        named("IMG_{}.jpg"),
        named("./images/img_{}.JPG"),
    ],
)
def test_what_people_have_is_read(change: Callable[[dict[str, Any]], None], tmp_path: Path) -> None:
    fields = drawn(tmp_path)
    change(fields)
    write(tmp_path, fields)
    capture = read_capture(tmp_path)
    assert len(capture) == 4
    assert worst(capture) > 60


def test_a_byte_order_mark_is_no_harm(tmp_path: Path) -> None:
    write(tmp_path, drawn(tmp_path), encoding="utf-8-sig")
    assert (tmp_path / "transforms.json").read_bytes().startswith(b"\xef\xbb\xbf")
    assert len(read_capture(tmp_path)) == 4


def test_frames_without_a_pose_are_skipped_and_told(tmp_path: Path) -> None:
    fields = drawn(tmp_path)
    fields["frames"][1]["transform_matrix"] = None
    del fields["frames"][2]["transform_matrix"]
    fields["test_filenames"] = ["images/IMG_1.png", "images/IMG_3.png"]
    write(tmp_path, fields)
    capture = read_capture(tmp_path)
    assert [view.name for view in capture.views] == ["images/IMG_0.png", "images/IMG_3.png"]
    assert (capture.train, capture.test) == ((0,), (1,))
    assert capture.notes == ("2 of 4 frames in transforms.json have no pose: skipped",)
    assert worst(capture) > 60


def test_lost_pictures_are_skipped_and_told(tmp_path: Path) -> None:
    drawn(tmp_path)
    (tmp_path / "images" / "IMG_2.png").unlink()
    capture = read_capture(tmp_path)
    assert [view.name for view in capture.views] == [f"images/IMG_{number}.png" for number in (0, 1, 3)]
    assert capture.notes == ("1 of 4 pictures are missing: images/IMG_2.png: skipped",)
    for number in (0, 1):
        (tmp_path / "images" / f"IMG_{number}.png").unlink()
    with pytest.raises(
        SignalError, match=r"3 of 4 pictures are missing: images/IMG_0\.png, .*; looked in .*; expected"
    ):
        read_capture(tmp_path)


def test_a_picture_of_another_name_is_not_taken(tmp_path: Path) -> None:
    drawn(tmp_path)
    (tmp_path / "images" / "IMG_2.png").rename(tmp_path / "images" / "DSC_9.png")
    assert len(read_capture(tmp_path)) == 3


def test_transforms_all_has_all_frames_and_gives_way_to_splits(tmp_path: Path) -> None:
    drawn(tmp_path, name="transforms_all.json")
    capture = read_capture(tmp_path)
    assert (len(capture), capture.test) == (4, (0,))
    assert worst(capture) > 60
    for name in ("transforms_train.json", "transforms_test.json"):
        drawn(tmp_path, name=name)
    assert len(read_capture(tmp_path)) == 8


@pytest.mark.parametrize("name", ["images/" + 5000 * "x" + ".png", "\ud800.png", "a\0b.png", "", "/", "..", "."])
def test_absurd_names_are_missing_pictures(name: str, tmp_path: Path) -> None:
    fields = drawn(tmp_path)
    fields["frames"][0]["file_path"] = name
    fields["ply_file_path"] = name
    write(tmp_path, fields)
    assert len(read_capture(tmp_path)) == 3
