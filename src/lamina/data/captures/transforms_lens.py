# SPDX-License-Identifier: Apache-2.0
"""What a transforms.json says of a frame's camera enters (`transforms` has the fields); a lens leaves."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from lamina.data.captures.colmap import PARAMETERS, distortion_of
from lamina.data.captures.lens import Lens, check_lens, refuse_skew
from lamina.data.captures.photographs import fit_lens
from lamina.data.captures.picture_files import PictureSize
from lamina.data.captures.text import number_of
from lamina.errors import SignalError

CAMERA_MODELS = (*PARAMETERS, "PERSPECTIVE")
"""Values of "camera_model" that we read."""

LENS_FIELDS = ("k1", "k2", "k3", "k4", "k5", "k6", "p1", "p2", "sx1", "sy1", "omega")
OTHER_LENSES = ("ftheta_p0", "latlong", "equirectangular", "orthographic")
"""instant-ngp's names of cameras that no pinhole is near to."""

MATRICES = ("intrinsics", "intrinsic_matrix", "K")
FOCAL_FIELDS = ("fl_x", "fl_y", "camera_angle_x", "camera_angle_y")


def lens_of_fields(fields: dict[str, Any], size: PictureSize, place: str) -> tuple[Lens, int]:
    """The lens of a frame at its picture's size, and the orientation to apply; `fields`: all frames', its own over."""
    model = _camera_model(fields, place)
    width = round(_number(fields, "w", place, size.width))
    height = round(_number(fields, "h", place, size.height))
    focal_x, focal_y = _focal_lengths(fields, width, height, place)
    center = _number(fields, "cx", place, width / 2), _number(fields, "cy", place, height / 2)
    numbers = {name: _number(fields, name, place, 0.0) for name in LENS_FIELDS}
    lens = Lens(width, height, focal_x, focal_y, *center, distortion_of(model, numbers))
    check_lens(lens, place)
    refuse_skew(_number(fields, "skew", place, 0.0), lens, place)
    return fit_lens(lens, size, place)


def merged(fields: dict[str, Any], frame: dict[str, Any], place: str) -> dict[str, Any]:
    """What holds for a frame: its own fields over those of all frames, matrices of intrinsics as numbers."""
    return {**_without_matrix(fields, place), **_without_matrix(frame, place)}


def _without_matrix(fields: dict[str, Any], place: str) -> dict[str, Any]:
    name = next((name for name in MATRICES if fields.get(name) is not None), None)
    if name is None or fields.get("fl_x") is not None:
        return fields
    try:
        matrix = np.array(fields[name], np.float64)
    except (TypeError, ValueError, OverflowError) as error:
        raise SignalError(f"{place}: {name}: expected 3x3 or 4x4 numbers, got {fields[name]!r:.80}") from error
    if matrix.shape not in ((3, 3), (3, 4), (4, 4)) or not np.allclose(matrix[2, :3], (0, 0, 1)) or matrix[1, 0] != 0:
        raise SignalError(
            f"{place}: {name}: expected [[fl_x, 0, cx], [0, fl_y, cy], [0, 0, 1]], got {fields[name]!r:.80}"
        )
    numbers = {"fl_x": matrix[0, 0], "fl_y": matrix[1, 1], "cx": matrix[0, 2], "cy": matrix[1, 2], "skew": matrix[0, 1]}
    return fields | {key: float(number) for key, number in numbers.items()}


def _camera_model(fields: dict[str, Any], place: str) -> str:
    """One of `CAMERA_MODELS`."""
    if fields.get("is_fisheye") in (True, "true"):
        return "OPENCV_FISHEYE"
    model = fields.get("camera_model") or "OPENCV"
    other = next((name for name in OTHER_LENSES if fields.get(name)), None)
    if other is not None or not isinstance(model, str) or model.upper() not in CAMERA_MODELS:
        raise SignalError(
            f"{place}: camera_model {other or model}; expected one of {', '.join(CAMERA_MODELS)}: undistort"
        )
    return model.upper()


def _focal_lengths(fields: dict[str, Any], width: int, height: int, place: str) -> tuple[float, float]:
    """From fl_x and fl_y, or from the angles; pixels are square where only one is given."""
    if not any(fields.get(name) is not None for name in FOCAL_FIELDS):
        raise SignalError(
            f"{place}: no focal length; expected one of {', '.join(FOCAL_FIELDS)}, there or for all frames"
        )
    lengths: list[float | None] = []
    for axis, pixels in (("x", width), ("y", height)):
        if fields.get(f"fl_{axis}") is not None:
            lengths.append(_number(fields, f"fl_{axis}", place, 0.0))
        elif fields.get(f"camera_angle_{axis}") is not None and fields.get("fl_x") is None:
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
    value = fields.get(name)
    return default if value is None else number_of(value, f"{place}: {name}")
