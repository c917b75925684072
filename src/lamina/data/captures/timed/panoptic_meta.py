# SPDX-License-Identifier: Apache-2.0
"""train_meta.json or test_meta.json of a Panoptic capture enters, checked cameras and names of pictures leave.

    {"w": 640, "h": 360,                       size of all pictures
     "k": [[3x3, ...], ...],                   frame, camera -> intrinsics
     "w2c": [[4x4, ...], ...],                 frame, camera -> camera_from_world, OpenCV's axes
     "fn": [["1/000000.jpg", ...], ...],       frame, camera -> picture, below ims/
     "cam_id": [[1, ...], ...]}

Centres of pixels are whole numbers there, ours are not: half a pixel is added.
Source: JonathonLuiten/Dynamic3DGaussians, train.py, get_dataset; CMU Panoptic toolbox, PanopticStudio's calibration.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
from jaxtyping import Float64

from lamina.data.captures.lens import Lens, check_lens
from lamina.errors import SignalError

CENTER_PX = 0.5
"""Of the first pixel in ours, 0 in theirs."""

ROTATION_TOLERANCE = 1e-3
STILL_TOLERANCE = 1e-6
"""Intrinsics and poses that differ by more between frames are of cameras that move."""


@dataclass(frozen=True, eq=False)
class PanopticMeta:
    """One of the two files."""

    path: Path
    width: int
    height: int
    pictures: tuple[tuple[str, ...], ...]
    """Frame, camera -> picture, below ims/."""
    intrinsics: Float64[np.ndarray, "t c 3 3"]
    camera_from_world: Float64[np.ndarray, "t c 4 4"]

    @property
    def names(self) -> tuple[str, ...]:
        """Of the cameras: of their folders below ims/."""
        return tuple(_camera_of(picture) for picture in self.pictures[0])


def read_meta(path: Path) -> PanopticMeta:
    """The file, whose cameras stand still.

    Raises:
        SignalError: it is no such file, or a camera moves or changes its folder.
    """
    try:
        fields = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise SignalError(f"{path}: not JSON: {error}") from error
    if not isinstance(fields, dict):
        raise SignalError(f"{path}: expected an object with w, h, k, w2c and fn")
    pictures = _pictures(fields.get("fn"), path)
    shape = (len(pictures), len(pictures[0]))
    meta = PanopticMeta(
        path,
        _side(fields.get("w"), f"{path}: w"),
        _side(fields.get("h"), f"{path}: h"),
        pictures,
        _matrices(fields.get("k"), (*shape, 3, 3), f"{path}: k"),
        _matrices(fields.get("w2c"), (*shape, 4, 4), f"{path}: w2c"),
    )
    _check_still(meta)
    return meta


def cameras_of(meta: PanopticMeta) -> dict[str, tuple[Lens, Float64[np.ndarray, "4 4"]]]:
    """Lens and camera_from_world of each camera.

    Raises:
        SignalError: numbers that no camera has.
    """
    found: dict[str, tuple[Lens, Float64[np.ndarray, "4 4"]]] = {}
    for name, matrix, pose in zip(meta.names, meta.intrinsics[0], meta.camera_from_world[0], strict=True):
        place = f"{meta.path}: camera {name}"
        center = float(matrix[0, 2]) + CENTER_PX, float(matrix[1, 2]) + CENTER_PX
        lens = Lens(meta.width, meta.height, float(matrix[0, 0]), float(matrix[1, 1]), *center)
        check_lens(lens, place)
        # Written with ten digits, so that it is a rotation to within some millionths only.
        left, _, right = np.linalg.svd(pose[:3, :3])
        rotation = left @ right
        if np.abs(rotation - pose[:3, :3]).max() > ROTATION_TOLERANCE or np.linalg.det(rotation) < 0:
            raise SignalError(f"{place}: w2c: expected a rotation and a translation, got {pose.tolist()}")
        motion = np.eye(4)
        motion[:3, :3], motion[:3, 3] = rotation, pose[:3, 3]
        found[name] = lens, motion
    return found


def _camera_of(picture: str) -> str:
    return PurePosixPath(picture).parent.as_posix()


def _side(value: Any, place: str) -> int:
    if isinstance(value, bool) or not isinstance(value, int | float) or value != value // 1:
        raise SignalError(f"{place}: expected whole pixels, got {value!r:.40}")
    return int(value)


def _pictures(rows: Any, path: Path) -> tuple[tuple[str, ...], ...]:
    if not isinstance(rows, list) or not rows or not all(isinstance(row, list) and row for row in rows):
        raise SignalError(f"{path}: fn: expected a list of frames, each a list of pictures, one a camera")
    if any(len(row) != len(rows[0]) or not all(isinstance(name, str) for name in row) for row in rows):
        raise SignalError(f"{path}: fn: expected {len(rows[0])} names in each frame, as in the first")
    outside = next((name for row in rows for name in row if not _is_below(name)), None)
    if outside is not None:
        raise SignalError(
            f"{path}: fn: {outside!r:.80}; expected a camera's folder and a picture, such as 1/000000.jpg"
        )
    return tuple(tuple(row) for row in rows)


def _is_below(name: str) -> bool:
    """Whether this is folder/picture, and stays below the folder that it is in."""
    parts = PurePosixPath(name).parts
    return len(parts) >= 2 and ".." not in parts and not PurePosixPath(name).is_absolute()


def _matrices(value: Any, shape: tuple[int, ...], place: str) -> np.ndarray:
    try:
        values = np.array(value, np.float64)
    except (TypeError, ValueError):
        values = np.empty(0)
    if values.shape != shape or not np.isfinite(values).all():
        raise SignalError(
            f"{place}: expected finite matrices of shape {shape} (frames, cameras, rows, columns), got {values.shape}"
        )
    return values


def _check_still(meta: PanopticMeta) -> None:
    for values in (meta.intrinsics, meta.camera_from_world):
        moved = np.abs(values - values[0]).max(axis=(2, 3)) > STILL_TOLERANCE
        if moved.any():
            frame, camera = (int(number) for number in np.argwhere(moved)[0])
            raise SignalError(
                f"{meta.path}: camera {meta.names[camera]} moves between frames 0 and {frame}; expected cameras that "
                f"stand still"
            )
    for frame, row in enumerate(meta.pictures):
        for name, picture in zip(meta.names, row, strict=True):
            if _camera_of(picture) != name:
                raise SignalError(f"{meta.path}: fn: frame {frame} has {picture}; expected a picture in {name}/")
