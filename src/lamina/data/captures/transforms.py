# SPDX-License-Identifier: Apache-2.0
"""transforms.json enters: cameras as NeRF's Blender scenes, instant-ngp and nerfstudio write them.

    {"camera_angle_x": 0.69,                               horizontal field of view in radians; or fl_x (and fl_y)
     "w": 800, "h": 600, "cx": 401.2, "cy": 299.0,         may be left out: the picture's size, its middle
     "k1": 0.01, "k2": 0, "k3": 0, "k4": 0, "p1": 0, "p2": 0,
     "frames": [{"file_path": "./train/r_0", "transform_matrix": [[...] x 4]}, ...]}

All but "frames" may stand in a frame too. Numbers may be text. "camera_model" may be any of COLMAP's that we read, with
its numbers under these names (and k5, k6, sx1, sy1, omega); instant-ngp says "is_fisheye": true for OPENCV_FISHEYE. A
matrix ("intrinsics", "intrinsic_matrix" or "K") stands for fl_x, fl_y, cx, cy. The pose is world_from_camera with
Blender's axes: x right, y up, z back. Pictures are found as `pairing` says, from the folder of the file on.
A split is in file names (transforms_train.json with transforms_test.json, or transforms_val.json) or, inside
transforms.json, in lists of file paths called train_filenames, val_filenames, test_filenames.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float64

from lamina.data.captures.pairing import LEAST_FOUND, Pairing, pair_files, shown
from lamina.data.captures.photographs import Photograph
from lamina.data.captures.picture_files import PICTURE_SUFFIXES, picture_files, picture_size
from lamina.data.captures.point_cloud import PointCloud, empty_cloud, read_ply_points
from lamina.data.captures.poses import camera_from_opengl, rigid
from lamina.data.captures.source import Source
from lamina.data.captures.text import read_json
from lamina.data.captures.transforms_lens import lens_of_fields, merged
from lamina.errors import SignalError

WHOLE, TRAIN, ALL = "transforms.json", "transforms_train.json", "transforms_all.json"
"""In the order in which they are looked for; the last has no split."""
HELD_OUT = ("transforms_test.json", "transforms_val.json")
"""Test views are in the first of these that exists."""


def has_transforms(folder: Path) -> bool:
    """Whether any transforms*.json is there; `read_transforms` says if it is the wrong one."""
    return folder.is_dir() and any(folder.glob("transforms*.json"))


def read_transforms(folder: Path, scale: Fraction) -> Source:
    """Views of the folder's transforms*.json; those of a test file after those of the training file.

    Raises:
        SignalError: not JSON, no focal length, no pose, a picture that is missing, a split that names no view, ...
    """
    whole = whole_file(folder)
    if whole is not None:
        fields, photographs, notes = _read_file(whole)
        ordered = tuple(sorted(photographs, key=lambda photograph: photograph.name))
        split = _listed_split(fields, ordered, whole)
        return Source(ordered, named_points(fields, folder), scale, tuple(notes), split)
    if not (folder / TRAIN).is_file():
        found = ", ".join(sorted(path.name for path in folder.glob("transforms*.json")))
        raise SignalError(f"{folder}: found {found}; expected {WHOLE}, or {TRAIN} with {' or '.join(HELD_OUT)}")
    fields, photographs, notes = _read_file(folder / TRAIN)
    points = named_points(fields, folder)
    train = tuple(range(len(photographs)))
    held = next((name for name in HELD_OUT if (folder / name).is_file()), None)
    if held is None:
        return Source(tuple(photographs), points, scale, (*notes, f"no {HELD_OUT[0]}"))
    _, held_out, more = _read_file(folder / held)
    test = tuple(range(len(train), len(train) + len(held_out)))
    return Source((*photographs, *held_out), points, scale, (*notes, *more), (train, test))


def whole_file(folder: Path) -> Path | None:
    """The file that has all frames, where the split is not in file names."""
    if (folder / WHOLE).is_file():
        return folder / WHOLE
    return folder / ALL if (folder / ALL).is_file() and not (folder / TRAIN).is_file() else None


def read_fields(path: Path) -> dict[str, Any]:
    """The parsed file; its "frames" are objects with a file path.

    Raises:
        SignalError: it is no such file.
    """
    fields = read_json(path)
    if not isinstance(fields, dict) or not isinstance(fields.get("frames"), list):
        raise SignalError(f"{path}: expected an object with a list called 'frames'")
    for number, frame in enumerate(fields["frames"]):
        if not isinstance(frame, dict) or not isinstance(frame.get("file_path"), str):
            raise SignalError(f"{path}: frame {number}: expected an object with a 'file_path'")
    return fields


def has_pose(frame: dict[str, Any]) -> bool:
    """Whether a frame has one; tools leave frames in the list that they could not place."""
    return frame.get("transform_matrix") is not None


def _read_file(path: Path) -> tuple[dict[str, Any], list[Photograph], list[str]]:
    """The parsed file, its frames in order, and notes on those that were left out."""
    fields = read_fields(path)
    placed = [(number, frame) for number, frame in enumerate(fields["frames"]) if has_pose(frame)]
    names = [clean_name(frame["file_path"]) for _, frame in placed]
    if len(set(names)) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise SignalError(f"{path}: {twice} is there more than once; expected one frame for each picture")
    pairing = find_named(names, path)
    photographs: list[Photograph] = []
    for (number, frame), name, picture in zip(placed, names, pairing.files, strict=True):
        if picture is None:
            continue
        place = f"{path}: frame {number}"
        size = picture_size(picture)
        lens, orientation = lens_of_fields(merged(fields, frame, place), size, place)
        pose = pose_of_matrix(frame["transform_matrix"], place)
        photographs.append(Photograph(name, picture, lens, pose, orientation, size.orientation))
    notes = pairing.notes(names)
    if left_out := len(fields["frames"]) - len(placed):
        notes.append(f"{left_out} of {len(fields['frames'])} frames in {path.name} have no pose: skipped")
    return fields, photographs, notes


def find_named(names: Sequence[str], path: Path) -> Pairing:
    """The pictures of frames: where they say, with a suffix or without, else as `pairing` finds them below the folder.

    Raises:
        SignalError: hardly any is found.
    """
    there = [_file_at(path.parent, name) for name in names]
    lost = [number for number, file in enumerate(there) if file is None]
    if not lost:
        return Pairing(tuple(there))
    taken = set(there)
    files = {file.relative_to(path.parent).as_posix(): file for file in picture_files(path.parent) if file not in taken}
    pairing = pair_files([names[number] for number in lost], files)
    for number, file in zip(lost, pairing.files, strict=True):
        there[number] = file
    missing = [name for name, file in zip(names, there, strict=True) if file is None]
    if len(names) - len(missing) < min(len(names), LEAST_FOUND):
        raise SignalError(
            f"{path}: {len(missing)} of {len(names)} pictures are missing: {shown(missing)}; looked in {path.parent}; "
            f"expected them there, with a suffix or without"
        )
    return replace(pairing, files=tuple(there))


def _file_at(folder: Path, name: str) -> Path | None:
    """The picture at a path; names without suffix are completed, as Blender's are."""
    path = folder / name
    try:
        if path.is_file():
            return path
        # "r_0.5" has a suffix that is none.
        complete = (path.with_name(path.name + suffix) for suffix in sorted(PICTURE_SUFFIXES, key=_png_first))
        return next((candidate for candidate in complete if candidate.is_file()), None)
    except (OSError, ValueError):
        return None  # Longer than paths may be, or empty.


def clean_name(name: str) -> str:
    """A path below the folder with forward slashes."""
    return name.replace("\\", "/").removeprefix("./")


def _png_first(suffix: str) -> tuple[bool, str]:
    return suffix != ".png", suffix


def pose_of_matrix(value: Any, place: str) -> Float64[np.ndarray, "4 4"]:
    """camera_from_world of a transform_matrix. A scale of the camera's axes, as Blender may export it, is taken out."""
    return camera_from_opengl(rigid(value, f"{place}: transform_matrix", is_scaled=True))


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
    numbers: dict[str, int | None] = {clean_name(frame["file_path"]): None for frame in fields["frames"]}
    numbers |= {photograph.name: number for number, photograph in enumerate(photographs)}
    test = _numbered(fields[listed], numbers, f"{path}: {listed}")
    if fields.get("train_filenames"):
        train = _numbered(fields["train_filenames"], numbers, f"{path}: train_filenames")
    else:
        train = tuple(number for number in range(len(photographs)) if number not in set(test))
    if set(train) & set(test):
        twice = photographs[min(set(train) & set(test))].name
        raise SignalError(f"{path}: {twice} is in train_filenames and in {listed}; expected it in one of them")
    return train, test


def _numbered(wanted: Any, numbers: dict[str, int | None], place: str) -> tuple[int, ...]:
    """Listed file paths as numbers of views, in order; frames that were left out are None."""
    if not isinstance(wanted, list) or not all(isinstance(name, str) for name in wanted):
        raise SignalError(f"{place}: expected a list of file paths")
    unknown = [name for name in wanted if clean_name(name) not in numbers]
    if unknown:
        raise SignalError(
            f"{place}: {len(unknown)} of {len(wanted)} names are of no frame, the first {unknown[0]!r}; "
            f"expected file_path of frames, such as {next(iter(numbers))!r}"
        )
    found = {numbers[clean_name(name)] for name in wanted}
    return tuple(sorted(number for number in found if number is not None))


def named_points(fields: dict[str, Any], folder: Path) -> PointCloud:
    """Points of the .ply that nerfstudio names; none where it names none."""
    name = fields.get("ply_file_path")
    try:
        if not isinstance(name, str) or not (folder / clean_name(name)).is_file():
            return empty_cloud()
    except OSError:
        return empty_cloud()  # Longer than paths may be.
    return read_ply_points(folder / clean_name(name))
