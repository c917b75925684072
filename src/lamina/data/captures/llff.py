# SPDX-License-Identifier: Apache-2.0
"""poses_bounds.npy enters: 17 numbers a picture, as LLFF writes them. Pictures are in images or images_N, by name.

A row is a 3x5 matrix and two depths. The matrix has the camera's down, right and back in the world, its position, and
(height, width, focal length) of the full size. Source: LLFF, llff/poses/pose_utils.py, save_poses.
"""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from tokenize import TokenError

import numpy as np
from jaxtyping import Float64

from lamina.data.captures import colmap_binary
from lamina.data.captures.colmap_folder import POINT_SUFFIXES, choose_pictures, find_model, read_cloud
from lamina.data.captures.lens import Lens, check_lens
from lamina.data.captures.photographs import Photograph, photograph_of
from lamina.data.captures.picture_files import picture_files
from lamina.data.captures.point_cloud import PointCloud, empty_cloud
from lamina.data.captures.source import Source
from lamina.errors import SignalError

FILE_NAME = "poses_bounds.npy"
ROW_NUMBERS = 17
SIZE_LIMIT_BYTES = 1 << 24
"""123,000 views; more is no such file."""

ROTATION_TOLERANCE = 1e-3


def read_llff(folder: Path, scale: Fraction) -> Source:
    """Every picture of the folder; points, and the lens's distortion, of a COLMAP model beside it where there is one.

    Raises:
        SignalError: damaged poses, or another number of pictures than of poses.
    """
    rows = read_rows(folder / FILE_NAME)
    chosen = choose_pictures(folder, scale)
    if chosen is None:
        raise SignalError(f"{folder}: no pictures; expected a folder named images, or images_2, images_4, ...")
    pictures, picture_scale = chosen
    files = picture_files(pictures)
    if len(files) != len(rows):
        raise SignalError(
            f"{pictures}: {len(files)} pictures, but {FILE_NAME} has {len(rows)} poses; expected one for each, in the "
            f"order of their names"
        )
    notes: list[str] = []
    shared = _shared_lens(folder, rows, notes)
    photographs: list[Photograph] = []
    for number, (row, path) in enumerate(zip(rows, files, strict=True)):
        place = f"{folder / FILE_NAME}: row {number} ({path.name})"
        lens = shared or lens_of_row(row, place)
        photographs.append(photograph_of(path.name, path, lens, pose_of_row(row, place)))
    return Source(tuple(photographs), points_beside(folder), picture_scale, tuple(notes), None, depth_bounds_of(rows))


def read_rows(path: Path) -> Float64[np.ndarray, "n 17"]:
    """One row of numbers a picture.

    Raises:
        SignalError: no such array, or one with numbers that are none.
    """
    try:
        if path.stat().st_size > SIZE_LIMIT_BYTES:
            raise SignalError(f"{path}: {path.stat().st_size} bytes; expected a few kilobytes")
        # Pickled arrays run code; numpy refuses them here, and sizes that its header claims but the file has not.
        rows = np.load(path, mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError, EOFError, SyntaxError, TokenError, OverflowError, MemoryError) as error:
        raise SignalError(f"{path}: not a NumPy array: {error}") from error
    if rows.ndim != 2 or rows.shape[1] != ROW_NUMBERS or rows.dtype.kind != "f":
        raise SignalError(f"{path}: {rows.dtype} {rows.shape}; expected floats of shape (views, {ROW_NUMBERS})")
    rows = np.array(rows, np.float64)
    if not np.isfinite(rows).all():
        raise SignalError(f"{path}: row {int(np.argwhere(~np.isfinite(rows))[0, 0])} is not finite; reconstruct again")
    return rows


def lens_of_row(row: Float64[np.ndarray, "17"], place: str) -> Lens:
    """A pinhole with its principal point in the middle: the file knows no other."""
    height, width, focal = (float(number) for number in row[:15].reshape(3, 5)[:, 4])
    lens = Lens(round(width), round(height), focal, focal, width / 2, height / 2)
    check_lens(lens, place)
    return lens


def _shared_lens(folder: Path, rows: Float64[np.ndarray, "n 17"], notes: list[str]) -> Lens | None:
    """The one camera of the COLMAP model that the poses were made from: it knows distortion, the poses do not.

    None where there is no such model, it has several cameras, or its focal length is another.
    """
    found = find_model(folder, ("cameras",))
    if found is None or not (found / "cameras.bin").is_file():
        return None
    cameras = list(colmap_binary.read_cameras(found / "cameras.bin").values())
    sizes = rows[:, :15].reshape(-1, 3, 5)[:, :, 4]
    if len(cameras) != 1:
        return None
    lens = cameras[0]
    if not np.allclose(sizes, (lens.height, lens.width, lens.focal_x_px), rtol=1e-5):
        notes.append(f"the camera in {found.name}/ is not that of {FILE_NAME}: not used")
        return None
    return lens


def pose_of_row(row: Float64[np.ndarray, "17"], place: str) -> Float64[np.ndarray, "4 4"]:
    """camera_from_world of a row; `place` is for messages."""
    down, right, back, position, _ = row[:15].reshape(3, 5).T
    pose = np.eye(4)
    pose[:3] = np.stack([right, down, -back, position], axis=1)
    rotation = pose[:3, :3]
    error = float(np.abs(rotation @ rotation.T - np.eye(3)).max())
    if error > ROTATION_TOLERANCE or np.linalg.det(rotation) < 0:
        raise SignalError(f"{place}: its first three columns are no rotation (off by {error:.2g}); reconstruct again")
    left, _, right = np.linalg.svd(rotation)
    pose[:3, :3] = left @ right
    return np.linalg.inv(pose)


def depth_bounds_of(rows: Float64[np.ndarray, "n 17"]) -> tuple[float, float] | None:
    """The nearest and the farthest of all views; None where they are no depths."""
    nearest, farthest = float(rows[:, 15].min()), float(rows[:, 16].max())
    return (nearest, farthest) if 0 < nearest < farthest else None


def points_beside(folder: Path) -> PointCloud:
    """LLFF keeps COLMAP's world, so that the points of the model beside it are in place."""
    for name in ("sparse/0", "sparse"):
        if any((folder / name / f"points3D{suffix}").is_file() for suffix in POINT_SUFFIXES):
            return read_cloud(folder / name)
    return empty_cloud()
