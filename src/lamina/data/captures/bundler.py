# SPDX-License-Identifier: Apache-2.0
"""bundle.out enters, as Bundler, RealityCapture and COLMAP write it, with the list of its pictures.

    # Bundle file v0.3
    cameras points
    f k1 k2, three rows of R, t      a camera; f = 0: it was not placed
    x y z, r g b, views              a point

Cameras look along -z, y is up, the middle of the picture is the origin: p = R X + t, then f (1 + k1 r^2 + k2 r^4) times
-p / p.z. A line of the list is a name, which Bundler ends with a 0 and a focal length. Source: Bundler v0.4 User's
Manual, section VI.
"""

from __future__ import annotations

import re
from fractions import Fraction
from pathlib import Path

import numpy as np

from lamina.data.captures.distortion import Distortion
from lamina.data.captures.lens import Lens, check_lens
from lamina.data.captures.picture_files import PictureSize
from lamina.data.captures.point_cloud import PointCloud, empty_cloud, finite_cloud
from lamina.data.captures.posed_pictures import PosedPicture, picture_folders, source_of
from lamina.data.captures.poses import OPENCV_FROM_OPENGL, rigid
from lamina.data.captures.source import Source
from lamina.data.captures.text import read_text
from lamina.errors import SignalError

MAGIC = "# Bundle file"
PATTERNS = ("bundle.out", "bundle/bundle.out", "*.out")
CAMERA_NUMBERS = 15
POINT_NUMBERS = 6
VIEW_NUMBERS = 4

FOCAL_GUESS = re.compile(r"\s+0\s+[0-9.eE+-]+$")
"""What Bundler writes behind a name."""


def bundle_file(folder: Path) -> Path | None:
    """The cameras; None: there are none."""
    for pattern in PATTERNS:
        for path in sorted(folder.glob(pattern)):
            try:
                with path.open("rb") as file:
                    if file.read(len(MAGIC)) == MAGIC.encode():
                        return path
            except OSError:
                continue
    return None


def read_bundler(folder: Path, scale: Fraction) -> Source:
    """Every camera that was placed, and the points.

    Raises:
        SignalError: the file is damaged, there is no list of names, or pictures are missing.
    """
    path = bundle_file(folder)
    if path is None:
        raise SignalError(f"{folder}: no bundle.out; expected a file that begins with {MAGIC!r}")
    values = _values(path)
    count, point_count = (int(value) if 0 <= value < len(values) else -1 for value in (*values[:2], -1, -1)[:2])
    end = 2 + CAMERA_NUMBERS * count
    if count < 0 or point_count < 0 or end + point_count * (POINT_NUMBERS + 1) > len(values):
        raise SignalError(f"{path}: ends before its cameras and points do; the file is cut off: export it again")
    names = _names(path, folder, count)
    rows = values[2:end].reshape(count, CAMERA_NUMBERS)
    placed = [number for number in range(count) if rows[number, 0] != 0]
    posed = [_posed(names[number], rows[number], f"{path}: camera {number}") for number in placed]
    notes = [f"{count - len(placed)} of {count} pictures were not placed: skipped"] if len(placed) < count else []
    points = _points(values, end, point_count, path)
    return source_of(posed, picture_folders(folder, names), path, scale, points, notes)


def _values(path: Path) -> np.ndarray:
    """All numbers behind the first line."""
    _, _, body = read_text(path).partition("\n")
    try:
        return np.array(body.split(), np.float64)
    except ValueError as error:
        raise SignalError(f"{path}: expected numbers: {error}") from error


def _names(path: Path, folder: Path, count: int) -> list[str]:
    """Of each camera."""
    stem = path.name.removesuffix(path.suffix)
    exact = ("list.txt", f"{path.name}.list.txt", f"{stem}.list.txt", f"{stem}_list.txt", f"{stem}-list.txt")
    found = [place / name for place in (path.parent, folder) for name in exact]
    found += sorted(path.parent.glob("*list*.txt"))
    listed = next((candidate for candidate in found if candidate.is_file()), None)
    if listed is None:
        raise SignalError(f"{path}: no list of its pictures; expected {path.parent / 'list.txt'}, a name a line")
    lines = (line.strip() for line in read_text(listed).splitlines())
    names = [FOCAL_GUESS.sub("", line) for line in lines if line]
    if len(names) != count:
        raise SignalError(f"{listed}: {len(names)} names, but {path.name} has {count} cameras; expected one for each")
    return names


def _posed(name: str, row: np.ndarray, place: str) -> PosedPicture:
    focal, k1, k2 = (float(value) for value in row[:3])
    matrix = np.concatenate([row[3:12].reshape(3, 3), row[12:15, None]], axis=1)

    def lens_of(size: PictureSize) -> Lens:
        distortion = Distortion((k1, k2, 0.0, 0.0))
        lens = Lens(size.width, size.height, focal, focal, size.width / 2, size.height / 2, distortion)
        check_lens(lens, place)
        return lens

    return PosedPicture(name, lens_of, OPENCV_FROM_OPENGL @ rigid(matrix.tolist(), place))


def _points(values: np.ndarray, position: int, count: int, path: Path) -> PointCloud:
    found = np.empty((count, POINT_NUMBERS))
    for number in range(count):
        if position + POINT_NUMBERS + 1 > len(values):
            raise SignalError(f"{path}: ends within point {number}; the file is cut off: export it again")
        found[number] = values[position : position + POINT_NUMBERS]
        views = values[position + POINT_NUMBERS]
        position += POINT_NUMBERS + 1
        if not 0 <= VIEW_NUMBERS * views <= len(values) - position:
            raise SignalError(f"{path}: point {number} has {views:.6g} views, more than the file; it is damaged")
        position += VIEW_NUMBERS * int(views)
    if not count:
        return empty_cloud()
    colors = np.clip(np.nan_to_num(found[:, 3:]), 0, 255).astype(np.uint8)
    return finite_cloud(np.arange(count), found[:, :3], colors)
