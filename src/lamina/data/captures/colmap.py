# SPDX-License-Identifier: Apache-2.0
"""The nouns of a COLMAP model, and the table of its camera models. `colmap_binary` and `colmap_text` read them.

Source of the formats: colmap.github.io/format.html, and src/colmap/sensor/models.h for the models' numbers and names.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64, Int64

from lamina.data.captures.distortion import LEAST_OMEGA, NO_DISTORTION, Distortion
from lamina.data.captures.lens import Lens, check_lens
from lamina.data.captures.point_cloud import PointCloud
from lamina.errors import SignalError

MODEL_NAMES = (
    "SIMPLE_PINHOLE",
    "PINHOLE",
    "SIMPLE_RADIAL",
    "RADIAL",
    "OPENCV",
    "OPENCV_FISHEYE",
    "FULL_OPENCV",
    "FOV",
    "SIMPLE_RADIAL_FISHEYE",
    "RADIAL_FISHEYE",
    "THIN_PRISM_FISHEYE",
    "RAD_TAN_THIN_PRISM_FISHEYE",
    "SIMPLE_DIVISION",
    "DIVISION",
    "SIMPLE_FISHEYE",
    "FISHEYE",
)
"""COLMAP's camera models; the place is the number in binary files."""

PARAMETERS = {
    "SIMPLE_PINHOLE": "f cx cy",
    "PINHOLE": "fx fy cx cy",
    "SIMPLE_RADIAL": "f cx cy k1",
    "RADIAL": "f cx cy k1 k2",
    "OPENCV": "fx fy cx cy k1 k2 p1 p2",
    "OPENCV_FISHEYE": "fx fy cx cy k1 k2 k3 k4",
    "FULL_OPENCV": "fx fy cx cy k1 k2 p1 p2 k3 k4 k5 k6",
    "FOV": "fx fy cx cy omega",
    "SIMPLE_RADIAL_FISHEYE": "f cx cy k1",
    "RADIAL_FISHEYE": "f cx cy k1 k2",
    "THIN_PRISM_FISHEYE": "fx fy cx cy k1 k2 p1 p2 k3 k4 sx1 sy1",
    "SIMPLE_FISHEYE": "f cx cy",
    "FISHEYE": "fx fy cx cy",
}
"""The models that we read, and what their numbers are."""


@dataclass(frozen=True, eq=False)
class RegisteredImage:
    """A picture whose pose was found."""

    name: str
    """Path below the folder of pictures."""
    camera_id: int
    camera_from_world: Float64[np.ndarray, "4 4"]
    keypoints_px: Float64[np.ndarray, "k 2"]
    """Features in the picture as it was taken, at the camera's size; the first pixel's centre is (0.5, 0.5)."""
    point_ids: Int64[np.ndarray, " k"]
    """The point that each feature was matched to; -1: none."""


@dataclass(frozen=True, eq=False)
class ColmapModel:
    """Cameras, registered images and points of one reconstruction."""

    cameras: dict[int, Lens]
    images: tuple[RegisteredImage, ...]
    """In order of their names."""
    points: PointCloud


def parameter_count(model: str, place: str) -> int:
    """How many numbers a camera model has.

    Raises:
        SignalError: it is none that we undistort.
    """
    if model not in PARAMETERS:
        raise SignalError(
            f"{place}: camera model {model}; expected one of {', '.join(PARAMETERS)}: undistort the pictures "
            f"first (colmap image_undistorter), or reconstruct with --ImageReader.camera_model OPENCV"
        )
    return len(PARAMETERS[model].split())


def lens_of(model: str, width: int, height: int, parameters: tuple[float, ...], place: str) -> Lens:
    """A camera's numbers, in COLMAP's order for its model, as a lens.

    Raises:
        SignalError: an unsupported model, or numbers that no camera has.
    """
    if len(parameters) != parameter_count(model, place):
        raise SignalError(f"{place}: {model} with {len(parameters)} numbers; expected {parameter_count(model, place)}")
    numbers = dict(zip(PARAMETERS[model].split(), parameters, strict=True))
    focal_x, focal_y = (numbers.get("f", numbers.get(name, 0.0)) for name in ("fx", "fy"))
    lens = Lens(width, height, focal_x, focal_y, numbers["cx"], numbers["cy"], distortion_of(model, numbers))
    check_lens(lens, place)
    return lens


def distortion_of(model: str, numbers: Mapping[str, float]) -> Distortion:
    """What a camera model of COLMAP, or one called like it in transforms.json, makes of its numbers by their names.

    Names are COLMAP's: k4, k5, k6 of FULL_OPENCV divide, k4 of a fisheye is the fourth power. Those not there are 0.
    """
    k1, k2, k3, k4, k5, k6 = (numbers.get(f"k{power}", 0.0) for power in range(1, 7))
    tangential = (numbers.get("p1", 0.0), numbers.get("p2", 0.0))
    if model == "FOV":
        omega = numbers.get("omega", 0.0)
        return Distortion(projection="fov", omega=omega) if abs(omega) >= LEAST_OMEGA else NO_DISTORTION
    if model == "FULL_OPENCV":
        return Distortion((k1, k2, k3, 0.0), tangential, denominator=(k4, k5, k6))
    projection = "angle" if model.endswith("FISHEYE") else "plane"
    thin_prism = (numbers.get("sx1", 0.0), numbers.get("sy1", 0.0))
    return Distortion((k1, k2, k3, k4), tangential, projection, thin_prism=thin_prism)
