# SPDX-License-Identifier: Apache-2.0
"""Panoptic JSON: train_meta.json and test_meta.json beside ims/ and seg/ enter, cameras with a picture a frame leave.

    w, h         pixels
    k[t][c]      3x3 intrinsics of camera c at frame t; pixel centres are whole numbers there, so half a pixel is added
    w2c[t][c]    4x4, world to camera, OpenCV axes
    fn[t][c]     picture, under ims/; its mask is under seg/ by the same name, as .png
    cam_id[t][c]

Source: the format of Luiten et al., Dynamic 3D Gaussians (JonathonLuiten/Dynamic3DGaussians, train.py, README).
"""

from __future__ import annotations

import json
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np

from lamina.data.captures.lens import Lens
from lamina.data.captures.point_cloud import PointCloud, read_ply_points
from lamina.data.captures.timed.source import RigCamera, TimedSource
from lamina.errors import SignalError

META_NAMES = ("train_meta.json", "test_meta.json")
PICTURES, MASKS = "ims", "seg"
POINT_FILES = ("sfm_frame0/points.ply", "points.ply")
RATE = Fraction(30)
"""Of the studio's cameras; the files say none."""
CENTER_SHIFT_PX = 0.5
TOLERANCE = 1e-3
"""By which a rotation may be off, and a camera may move between frames: it is meant to stand still."""


def is_panoptic(path: Path) -> bool:
    """Whether the folder has the cameras to fit to in this form."""
    return (path / META_NAMES[0]).is_file()


def read_panoptic(path: Path) -> TimedSource:
    """Cameras of both files, in order of their numbers.

    Raises:
        SignalError: a file is missing or damaged, a camera moves, or pictures are missing; says which.
    """
    cameras: list[tuple[int, bool, RigCamera]] = []
    for name in META_NAMES:
        if (path / name).is_file():
            cameras += [(number, name == META_NAMES[1], camera) for number, camera in _cameras(path, path / name)]
    cameras.sort(key=lambda found: found[0])
    numbers = [number for number, _, _ in cameras]
    if len(set(numbers)) < len(numbers):
        raise SignalError(f"{path}: a camera is in both {META_NAMES[0]} and {META_NAMES[1]}; expected it in one")
    train = tuple(row for row, (_, is_test, _) in enumerate(cameras) if not is_test)
    test = tuple(row for row, (_, is_test, _) in enumerate(cameras) if is_test)
    points = next((path / name for name in POINT_FILES if (path / name).is_file()), None)
    nothing = PointCloud(np.zeros(0, np.int64), np.zeros((0, 3)), np.zeros((0, 3), np.uint8))
    cloud = nothing if points is None else read_ply_points(points)
    note = f"{RATE} frames per second, as the studio's; --fps says another"
    return TimedSource(tuple(camera for _, _, camera in cameras), cloud, RATE, (note,), (train, test))


def _cameras(path: Path, meta: Path) -> list[tuple[int, RigCamera]]:
    """The cameras of one file."""
    try:
        fields: dict[str, Any] = json.loads(meta.read_text("utf-8"))
        size = int(fields["w"]), int(fields["h"])
        intrinsics = np.array(fields["k"], np.float64)
        poses = np.array(fields["w2c"], np.float64)
        names: list[list[str]] = fields["fn"]
        numbers: list[list[int]] = fields["cam_id"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise SignalError(
            f"{meta}: no cameras of a Panoptic capture ({error}); expected w, h, k, w2c, fn, cam_id"
        ) from None
    frames, count = len(names), len(numbers[0]) if numbers else 0
    if intrinsics.shape != (frames, count, 3, 3) or poses.shape != (frames, count, 4, 4) or len(numbers) != frames:
        raise SignalError(
            f"{meta}: k {intrinsics.shape}, w2c {poses.shape}, fn of {frames} frames, cam_id of {len(numbers)}; "
            f"expected as many cameras in each, at each frame"
        )
    found: list[tuple[int, RigCamera]] = []
    for camera in range(count):
        number = int(numbers[0][camera])
        if any(int(row[camera]) != number for row in numbers):
            raise SignalError(
                f"{meta}: camera {number} changes its place in the list; expected the same order throughout"
            )
        if np.abs(poses[:, camera] - poses[0, camera]).max() > TOLERANCE:
            raise SignalError(f"{meta}: camera {number} moves; expected cameras that stand still")
        found.append(
            (
                number,
                _camera(
                    path, meta, number, size, intrinsics[0, camera], poses[0, camera], [row[camera] for row in names]
                ),
            )
        )
    return found


def _camera(
    path: Path,
    meta: Path,
    number: int,
    size: tuple[int, int],
    intrinsics: np.ndarray,
    pose: np.ndarray,
    names: list[str],
) -> RigCamera:
    left, _, right = np.linalg.svd(pose[:3, :3])
    motion = np.eye(4)
    motion[:3, :3], motion[:3, 3] = left @ right, pose[:3, 3]
    if np.abs(motion[:3, :3] - pose[:3, :3]).max() > TOLERANCE or np.linalg.det(motion[:3, :3]) < 0:
        raise SignalError(f"{meta}: w2c of camera {number} is no rotation and translation")
    lens = Lens(
        *size,
        float(intrinsics[0, 0]),
        float(intrinsics[1, 1]),
        float(intrinsics[0, 2]) + CENTER_SHIFT_PX,
        float(intrinsics[1, 2]) + CENTER_SHIFT_PX,
    )
    pictures = tuple(path / PICTURES / name for name in names)
    masks = tuple((path / MASKS / name).with_suffix(".png") for name in names)
    missing = next((picture for picture in pictures if not picture.is_file()), None)
    if missing is not None:
        raise SignalError(
            f"{missing}: no such picture, which {meta.name} names; expected one a frame of camera {number}"
        )
    return RigCamera(f"{number:02}", lens, motion, pictures, masks if all(mask.is_file() for mask in masks) else ())
