# SPDX-License-Identifier: Apache-2.0
"""cameras.txt, images.txt and points3D.txt enter, a COLMAP model's nouns leave. Lines from # on are comments."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeVar

import numpy as np

from lamina.data.captures.colmap import RegisteredImage, lens_of
from lamina.data.captures.lens import Lens
from lamina.data.captures.point_cloud import PointCloud, finite_cloud
from lamina.data.captures.poses import pose_of
from lamina.data.captures.text import read_text
from lamina.errors import SignalError

IMAGE_FIELDS = 10
"""Id, quaternion, translation, camera id, name; then a line with x, y, point id of each feature, which may be empty."""

POINT_FIELDS = 8
"""Id, position, colour, error; then the track."""

Value = TypeVar("Value")


def read_cameras(path: Path) -> dict[int, Lens]:
    """Lenses by camera id.

    Raises:
        SignalError: not text, a line that cannot be read, or a model that we do not undistort.
    """
    cameras: dict[int, Lens] = {}
    for number, line in _lines(path):
        if not line:
            continue
        place = f"{path}: line {number}"
        fields = line.split()
        if len(fields) < 4:
            raise SignalError(
                f"{place}: {len(fields)} fields; expected camera id, model, width, height and its numbers"
            )
        camera_id, width, height = (_parsed(int, fields[i], place) for i in (0, 2, 3))
        numbers = tuple(_parsed(float, field, place) for field in fields[4:])
        cameras[camera_id] = lens_of(fields[1], width, height, numbers, f"{path}: camera {camera_id}")
    return cameras


def read_images(path: Path) -> tuple[RegisteredImage, ...]:
    """Registered images in order of their names.

    Raises:
        SignalError: not text, or a line that cannot be read.
    """
    images: list[RegisteredImage] = []
    lines = _lines(path)
    for number, line in lines:
        if not line:
            continue
        place = f"{path}: line {number}"
        # The name is the rest of the line: it may have spaces.
        fields = line.split(maxsplit=IMAGE_FIELDS - 1)
        if len(fields) < IMAGE_FIELDS:
            raise SignalError(f"{place}: {len(fields)} fields; expected {IMAGE_FIELDS}: id, pose, camera id, name")
        pose = tuple(_parsed(float, field, place) for field in fields[1:8])
        motion = pose_of(pose[:4], pose[4:], place)
        feature_number, feature_line = next(lines, (number + 1, ""))
        values = _row(feature_line, 3, f"{path}: line {feature_number}")
        camera_id = _parsed(int, fields[8], place)
        with np.errstate(invalid="ignore"):
            ids = values[:, 2].astype(np.int64)
        images.append(RegisteredImage(fields[9], camera_id, motion, values[:, :2], ids))
    return tuple(sorted(images, key=lambda image: image.name))


def read_points(path: Path) -> PointCloud:
    """Triangulated points in order of the file; those with positions that are not finite are left out.

    Raises:
        SignalError: not text, or a line that cannot be read.
    """
    ids: list[int] = []
    rows: list[list[float]] = []
    for number, line in _lines(path):
        if not line:
            continue
        place = f"{path}: line {number}"
        fields = line.split(maxsplit=POINT_FIELDS)
        if len(fields) < POINT_FIELDS:
            raise SignalError(f"{place}: {len(fields)} fields; expected id, position, colour, error and the track")
        ids.append(_parsed(_identity, fields[0], place))
        rows.append([_parsed(float, field, place) for field in fields[1:7]])
    values = np.array(rows, np.float64).reshape(-1, 6)
    colors = np.clip(np.nan_to_num(values[:, 3:]), 0, 255).astype(np.uint8)
    return finite_cloud(np.array(ids, np.int64), values[:, :3], colors)


def _lines(path: Path) -> Iterator[tuple[int, str]]:
    """Line numbers from 1 and stripped lines, comments left out; empty lines are given, since they mean something."""
    for number, line in enumerate(read_text(path).split("\n"), start=1):
        if not line.startswith("#"):
            yield number, line.strip()


def _parsed(kind: Callable[[str], Value], field: str, place: str) -> Value:
    try:
        return kind(field)
    except (ValueError, OverflowError) as error:
        raise SignalError(f"{place}: expected a number, got {field!r:.40}") from error


def _identity(field: str) -> int:
    """A number of a point, as features have them: signed, 64 bits."""
    number = int(field)
    if not -(1 << 63) <= number < 1 << 63:
        raise ValueError(field)
    return number


def _row(line: str, width: int, place: str) -> np.ndarray:
    """Numbers of a line as rows of `width`."""
    try:
        values = np.array(line.split(), np.float64)
    except ValueError as error:
        raise SignalError(f"{place}: expected numbers: {error}") from error
    if values.size % width:
        raise SignalError(f"{place}: {values.size} numbers; expected a multiple of {width}: x, y, point id a feature")
    return values.reshape(-1, width)
