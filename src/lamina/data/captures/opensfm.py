# SPDX-License-Identifier: Apache-2.0
"""reconstruction.json of OpenSfM (and OpenDroneMap) enters, with the pictures in images.

    [{"cameras": {"a": {"projection_type": "brown", "width": 4000, "height": 3000, "focal_x": 0.85, ...}},
      "shots": {"IMG_1.jpg": {"camera": "a", "rotation": [rx, ry, rz], "translation": [tx, ty, tz]}, ...},
      "points": {"1": {"coordinates": [x, y, z], "color": [r, g, b]}, ...}}, ...]

Focal lengths and principal points are in units of the longer side, from the middle. A rotation is an axis times its
angle; both are camera_from_world, OpenCV's axes. Source: mapillary/OpenSfM, doc/source/geometry.rst, opensfm/io.py.
"""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float64

from lamina.data.captures.distortion import Distortion
from lamina.data.captures.lens import Lens, check_lens
from lamina.data.captures.point_cloud import PointCloud, empty_cloud, finite_cloud
from lamina.data.captures.posed_pictures import PosedPicture, picture_folders, source_of
from lamina.data.captures.poses import rotation_about
from lamina.data.captures.source import Source
from lamina.data.captures.text import number_of, read_json
from lamina.errors import SignalError

NAME = "reconstruction.json"

PROJECTIONS = ("perspective", "simple_radial", "radial", "brown", "fisheye", "fisheye_opencv")
"""Those that we read."""


def read_opensfm(folder: Path, scale: Fraction) -> Source:
    """The largest reconstruction of the file, and its points.

    Raises:
        SignalError: the file is damaged or of an unsupported camera, or pictures are missing.
    """
    path = folder / NAME
    parts = read_json(path)
    if not isinstance(parts, list) or not parts or not all(isinstance(part, dict) for part in parts):
        raise SignalError(f"{path}: expected a list of reconstructions, each with cameras and shots")
    sizes = [len(part["shots"]) if isinstance(part.get("shots"), dict) else 0 for part in parts]
    largest = parts[sizes.index(max(sizes))]
    notes = [f"the reconstruction fell apart: {len(parts) - 1} smaller parts not read"] if len(parts) > 1 else []
    lenses: dict[str, Lens] = {}
    posed: list[PosedPicture] = []
    for name, shot in _members(largest, "shots", path):
        place = f"{path}: shot {name}"
        camera = shot.get("camera")
        cameras = largest.get("cameras")
        if not isinstance(camera, str) or not isinstance(cameras, dict) or not isinstance(cameras.get(camera), dict):
            raise SignalError(f"{place}: camera {camera!r:.40}; expected one of the cameras in the file")
        if camera not in lenses:
            lenses[camera] = _lens_of(cameras[camera], f"{path}: camera {camera}")
        posed.append(PosedPicture(name, lenses[camera], _pose_of(shot, place)))
    names = [picture.name for picture in posed]
    return source_of(posed, picture_folders(folder, names), path, scale, _points_of(largest, path), notes)


def _members(part: dict[str, Any], name: str, path: Path) -> list[tuple[str, dict[str, Any]]]:
    members = part.get(name, {})
    if not isinstance(members, dict) or not all(isinstance(member, dict) for member in members.values()):
        raise SignalError(f"{path}: {name}: expected an object of objects")
    return list(members.items())


def _lens_of(fields: dict[str, Any], place: str) -> Lens:
    kind = fields.get("projection_type", "perspective")
    if kind not in PROJECTIONS:
        raise SignalError(
            f"{place}: projection_type {kind!r:.40}; expected one of {', '.join(PROJECTIONS)}: undistort first"
        )

    def number(name: str, default: float | None = 0.0) -> float:
        return number_of(fields.get(name, default), f"{place}: {name}")

    width, height = round(number("width", None)), round(number("height", None))
    longer = max(width, height)
    shared = number("focal") if "focal" in fields else None
    focal_x, focal_y = number("focal_x", shared) * longer, number("focal_y", shared) * longer
    center = number("c_x") * longer + width / 2, number("c_y") * longer + height / 2
    radial = (number("k1"), number("k2"), number("k3"), number("k4"))
    projection = "angle" if kind.startswith("fisheye") else "plane"
    distortion = Distortion(radial, (number("p1"), number("p2")), projection)
    lens = Lens(width, height, focal_x, focal_y, *center, distortion)
    check_lens(lens, place)
    return lens


def _pose_of(shot: dict[str, Any], place: str) -> Float64[np.ndarray, "4 4"]:
    pose = np.eye(4)
    pose[:3, :3] = rotation_about(_triple(shot.get("rotation"), f"{place}: rotation"))
    pose[:3, 3] = _triple(shot.get("translation"), f"{place}: translation")
    return pose


def _triple(values: Any, place: str) -> tuple[float, float, float]:
    if not isinstance(values, list) or len(values) != 3:
        raise SignalError(f"{place}: expected 3 numbers, got {values!r:.80}")
    x, y, z = (number_of(value, place) for value in values)
    return x, y, z


def _points_of(part: dict[str, Any], path: Path) -> PointCloud:
    points = [(f"{path}: point {name}", point) for name, point in _members(part, "points", path)]
    if not points:
        return empty_cloud()
    positions = np.array([_triple(point.get("coordinates"), place) for place, point in points])
    colors = np.array([_triple(point.get("color", [128, 128, 128]), place) for place, point in points])
    return finite_cloud(np.arange(len(points)), positions, np.clip(colors, 0, 255).astype(np.uint8))
