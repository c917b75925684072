# SPDX-License-Identifier: Apache-2.0
"""transforms.json enters: cameras as NeRF's Blender scenes, instant-ngp and nerfstudio write them.

    {"camera_angle_x": 0.69,                               horizontal field of view in radians; or fl_x (and fl_y)
     "w": 800, "h": 600, "cx": 401.2, "cy": 299.0,         may be left out: the picture's size, its middle
     "k1": 0.01, "k2": 0, "k3": 0, "k4": 0, "p1": 0, "p2": 0,
     "frames": [{"file_path": "./train/r_0", "transform_matrix": [[...] x 4]}, ...]}

All but "frames" may stand in a frame too. The matrix is world_from_camera with Blender's axes: x right, y up, z back.
A split is in file names (transforms_train.json with transforms_test.json, or transforms_val.json) or, inside
transforms.json, in lists of file paths called train_filenames, val_filenames, test_filenames.
"""

from __future__ import annotations

import json
import math
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float64

from lamina.data.captures.lens import Lens, check_lens
from lamina.data.captures.photographs import PICTURE_SUFFIXES, Photograph, PictureSize, fit_lens, picture_size
from lamina.data.captures.point_cloud import PointCloud, empty_cloud, read_ply_points
from lamina.data.captures.source import Source
from lamina.errors import SignalError

WHOLE, TRAIN = "transforms.json", "transforms_train.json"
HELD_OUT = ("transforms_test.json", "transforms_val.json")
"""Test views are in the first of these that exists."""

OPENCV_FROM_BLENDER = np.diag([1.0, -1.0, -1.0, 1.0])
"""Camera axes: y up, z back to y down, z forward."""

PERSPECTIVE_MODELS = ("OPENCV", "PINHOLE", "SIMPLE_PINHOLE", "SIMPLE_RADIAL", "RADIAL", "PERSPECTIVE")
"""Values of "camera_model" that mean a pinhole with OpenCV's distortion."""

FOCAL_FIELDS = ("fl_x", "fl_y", "camera_angle_x", "camera_angle_y")
ORTHOGONAL_TOLERANCE = 1e-3
"""How far axes of a camera may be from right angles: matrices written with four digits pass."""


def has_transforms(folder: Path) -> bool:
    """Whether any transforms*.json is there; `read_transforms` says if it is the wrong one."""
    return folder.is_dir() and any(folder.glob("transforms*.json"))


def read_transforms(folder: Path, scale: Fraction) -> Source:
    """Views of the folder's transforms*.json; those of a test file after those of the training file.

    Raises:
        SignalError: not JSON, no focal length, no pose, a picture that is missing, a split that names no view, ...
    """
    if (folder / WHOLE).is_file():
        fields, photographs = _read_file(folder / WHOLE)
        ordered = tuple(sorted(photographs, key=lambda photograph: photograph.name))
        split = _listed_split(fields, ordered, folder / WHOLE)
        return Source(ordered, named_points(fields, folder), scale, (), split)
    if not (folder / TRAIN).is_file():
        found = ", ".join(sorted(path.name for path in folder.glob("transforms*.json")))
        raise SignalError(f"{folder}: found {found}; expected {WHOLE}, or {TRAIN} with {' or '.join(HELD_OUT)}")
    fields, photographs = _read_file(folder / TRAIN)
    train = tuple(range(len(photographs)))
    held = next((name for name in HELD_OUT if (folder / name).is_file()), None)
    if held is None:
        return Source(tuple(photographs), named_points(fields, folder), scale, (f"no {HELD_OUT[0]}",))
    photographs += _read_file(folder / held)[1]
    test = tuple(range(len(train), len(photographs)))
    return Source(tuple(photographs), named_points(fields, folder), scale, (), (train, test))


def read_fields(path: Path) -> dict[str, Any]:
    """The parsed file; its "frames" are objects with a file path.

    Raises:
        SignalError: it is no such file.
    """
    try:
        fields = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise SignalError(f"{path}: not JSON: {error}") from error
    if not isinstance(fields, dict) or not isinstance(fields.get("frames"), list):
        raise SignalError(f"{path}: expected an object with a list called 'frames'")
    for number, frame in enumerate(fields["frames"]):
        if not isinstance(frame, dict) or not isinstance(frame.get("file_path"), str):
            raise SignalError(f"{path}: frame {number}: expected an object with a 'file_path'")
    return fields


def _read_file(path: Path) -> tuple[dict[str, Any], list[Photograph]]:
    """The parsed file, and its frames in order."""
    fields = read_fields(path)
    photographs: list[Photograph] = []
    for number, frame in enumerate(fields["frames"]):
        place = f"{path}: frame {number}"
        picture = _find_picture(path.parent, frame["file_path"], place)
        lens, orientation = lens_of_fields({**fields, **frame}, picture_size(picture), place)
        pose = pose_of_matrix(frame.get("transform_matrix"), place)
        photographs.append(Photograph(clean_name(frame["file_path"]), picture, lens, pose, orientation))
    names = [photograph.name for photograph in photographs]
    if len(set(names)) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise SignalError(f"{path}: {twice} is there more than once; expected one frame for each picture")
    return fields, photographs


def _find_picture(folder: Path, name: str, place: str) -> Path:
    """The picture of a frame; names without suffix are completed, as Blender's are.

    Raises:
        SignalError: it is missing.
    """
    path = folder / clean_name(name)
    if path.is_file():
        return path
    # "r_0.5" has a suffix that is none.
    complete = (path.with_name(path.name + suffix) for suffix in sorted(PICTURE_SUFFIXES, key=_png_first))
    found = next((candidate for candidate in complete if candidate.is_file()), None)
    if found is None:
        raise SignalError(f"{place}: the picture {path} is missing; expected it there, with a suffix or without")
    return found


def clean_name(name: str) -> str:
    """A path below the folder with forward slashes."""
    return name.replace("\\", "/").removeprefix("./")


def _png_first(suffix: str) -> tuple[bool, str]:
    return suffix != ".png", suffix


def lens_of_fields(fields: dict[str, Any], size: PictureSize, place: str) -> tuple[Lens, int]:
    """The lens of a frame at its picture's size, and the orientation to apply; `fields`: all frames', its own over."""
    model = fields.get("camera_model", "OPENCV")
    if model not in PERSPECTIVE_MODELS:
        raise SignalError(f"{place}: camera_model {model}; expected one of {', '.join(PERSPECTIVE_MODELS)}: undistort")
    width = round(_number(fields, "w", place, size.width))
    height = round(_number(fields, "h", place, size.height))
    focal_x, focal_y = _focal_lengths(fields, width, height, place)
    center = _number(fields, "cx", place, width / 2), _number(fields, "cy", place, height / 2)
    k1, k2, k3, k4, p1, p2 = (_number(fields, name, place, 0.0) for name in ("k1", "k2", "k3", "k4", "p1", "p2"))
    lens = Lens(width, height, focal_x, focal_y, *center, (k1, k2, k3, k4), (p1, p2))
    check_lens(lens, place)
    return fit_lens(lens, size, place)


def _focal_lengths(fields: dict[str, Any], width: int, height: int, place: str) -> tuple[float, float]:
    """From fl_x and fl_y, or from the angles; pixels are square where only one is given."""
    if not any(name in fields for name in FOCAL_FIELDS):
        raise SignalError(
            f"{place}: no focal length; expected one of {', '.join(FOCAL_FIELDS)}, there or for all frames"
        )
    lengths: list[float | None] = []
    for axis, pixels in (("x", width), ("y", height)):
        if f"fl_{axis}" in fields:
            lengths.append(_number(fields, f"fl_{axis}", place, 0.0))
        elif f"camera_angle_{axis}" in fields and "fl_x" not in fields:
            angle = _number(fields, f"camera_angle_{axis}", place, 0.0)
            if not 0 < angle < math.pi:
                raise SignalError(f"{place}: camera_angle_{axis} {angle}; expected radians above 0 and under pi")
            lengths.append(0.5 * pixels / math.tan(0.5 * angle))
        else:
            lengths.append(None)
    focal_x, focal_y = lengths
    focal_x = focal_y if focal_x is None else focal_x
    assert focal_x is not None
    return focal_x, focal_x if focal_y is None else focal_y


def _number(fields: dict[str, Any], name: str, place: str, default: float) -> float:
    value = fields.get(name, default)
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise SignalError(f"{place}: {name}: expected a number, got {value!r:.40}")
    return float(value)


def pose_of_matrix(value: Any, place: str) -> Float64[np.ndarray, "4 4"]:
    """camera_from_world of a transform_matrix. A scale of the camera's axes, as Blender may export it, is taken out."""
    try:
        matrix = np.array(value, np.float64)
    except (TypeError, ValueError) as error:
        raise SignalError(f"{place}: transform_matrix: expected 4x4 numbers, got {value!r:.80}") from error
    if matrix.shape not in ((4, 4), (3, 4)) or not np.isfinite(matrix).all():
        raise SignalError(f"{place}: transform_matrix: expected 4x4 finite numbers, got {value!r:.80}")
    axes = matrix[:3, :3] / np.maximum(np.linalg.norm(matrix[:3, :3], axis=0), 1e-12)
    # The nearest rotation: poses come with few digits, and everything later counts on right angles.
    left, _, right = np.linalg.svd(axes)
    rotation = left @ right
    if np.abs(rotation - axes).max() > ORTHOGONAL_TOLERANCE or np.linalg.det(rotation) < 0:
        raise SignalError(f"{place}: transform_matrix: expected a rotation and a position, got {matrix.tolist()}")
    pose = np.eye(4)
    pose[:3, :3], pose[:3, 3] = rotation, matrix[:3, 3]
    return np.linalg.inv(pose @ OPENCV_FROM_BLENDER)


def _listed_split(
    fields: dict[str, Any], photographs: tuple[Photograph, ...], path: Path
) -> tuple[tuple[int, ...], tuple[int, ...]] | None:
    """Views of train_filenames (else all others) and of test_filenames (else val_filenames); None without the latter.

    Raises:
        SignalError: a list names a picture that no frame has.
    """
    listed = next((name for name in ("test_filenames", "val_filenames") if fields.get(name)), None)
    if listed is None:
        return None
    numbers = {photograph.name: number for number, photograph in enumerate(photographs)}
    test = _numbered(fields[listed], numbers, f"{path}: {listed}")
    if fields.get("train_filenames"):
        train = _numbered(fields["train_filenames"], numbers, f"{path}: train_filenames")
    else:
        train = tuple(number for number in range(len(photographs)) if number not in set(test))
    if set(train) & set(test):
        twice = photographs[min(set(train) & set(test))].name
        raise SignalError(f"{path}: {twice} is in train_filenames and in {listed}; expected it in one of them")
    return train, test


def _numbered(wanted: Any, numbers: dict[str, int], place: str) -> tuple[int, ...]:
    """Listed file paths as numbers of views, in order."""
    if not isinstance(wanted, list) or not all(isinstance(name, str) for name in wanted):
        raise SignalError(f"{place}: expected a list of file paths")
    unknown = [name for name in wanted if clean_name(name) not in numbers]
    if unknown:
        raise SignalError(
            f"{place}: {len(unknown)} of {len(wanted)} names are of no frame, the first {unknown[0]!r}; "
            f"expected file_path of frames, such as {next(iter(numbers))!r}"
        )
    return tuple(sorted({numbers[clean_name(name)] for name in wanted}))


def named_points(fields: dict[str, Any], folder: Path) -> PointCloud:
    """Points of the .ply that nerfstudio names; none where it names none."""
    name = fields.get("ply_file_path")
    if not isinstance(name, str) or not (folder / name).is_file():
        return empty_cloud()
    return read_ply_points(folder / name)
