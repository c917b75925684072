# SPDX-License-Identifier: Apache-2.0
"""An export of Record3D enters ("EXR + RGB"): metadata.json, and rgb/N.jpg for pose N, in the folder or in EXR_RGBD.

    {"w": 1440, "h": 1920, "K": [fx, 0, 0, 0, fy, 0, cx, cy, 1],
     "poses": [[qx, qy, qz, qw, tx, ty, tz], ...],
     "perFrameIntrinsicCoeffs": [[fx, fy, cx, cy], ...], ...}

K is in columns, poses are world_from_camera, OpenGL's axes; the last may be left out.
Source: marek-simonik/record3d; nerfstudio, process_data/record3d_utils.py.
"""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float64

from lamina.data.captures.lens import Lens, check_lens
from lamina.data.captures.point_cloud import empty_cloud
from lamina.data.captures.posed_pictures import PosedPicture, source_of
from lamina.data.captures.poses import camera_from_opengl, pose_of
from lamina.data.captures.source import Source
from lamina.data.captures.text import number_of, read_json
from lamina.errors import SignalError

NAME = "metadata.json"
FOLDERS = ("", "EXR_RGBD")
PICTURES = "rgb"

FOCUS_RANGE = 1.25
"""By so much focusing changes a focal length at most; what differs more was written for another size."""


def export_folder(folder: Path) -> Path | None:
    """Where the export is; None: there is none."""
    found = (folder / name for name in FOLDERS)
    return next((path for path in found if (path / NAME).is_file() and (path / PICTURES).is_dir()), None)


def read_record3d(folder: Path, scale: Fraction) -> Source:
    """Every frame with a picture; there are no points.

    Raises:
        SignalError: metadata are damaged, or pictures are missing.
    """
    inner = export_folder(folder)
    if inner is None:
        raise SignalError(f"{folder}: no export of Record3D; expected {NAME} and {PICTURES}/0.jpg, ...")
    path = inner / NAME
    fields = read_json(path)
    if not isinstance(fields, dict) or not isinstance(fields.get("poses"), list):
        raise SignalError(f"{path}: expected an object with w, h, K and a list called 'poses'")
    shared = _shared_lens(fields, f"{path}")
    posed = [
        PosedPicture(str(number), _lens_of(fields, number, shared), _pose_of(values, f"{path}: pose {number}"))
        for number, values in enumerate(fields["poses"])
    ]
    source = source_of(posed, [inner / PICTURES], path, scale, empty_cloud())
    # In order of time: frame 10 after frame 9.
    return Source(tuple(sorted(source.photographs, key=lambda p: int(p.name))), source.points, scale, source.notes)


def _shared_lens(fields: dict[str, Any], place: str) -> Lens:
    matrix = _numbers(fields.get("K"), 9, f"{place}: K")
    width, height = (round(number_of(fields.get(name), f"{place}: {name}")) for name in ("w", "h"))
    lens = Lens(width, height, matrix[0], matrix[4], matrix[6], matrix[7])
    check_lens(lens, place)
    return lens


def _lens_of(fields: dict[str, Any], number: int, shared: Lens) -> Lens:
    """A frame's own, since focus moves; the shared one where it has none that could be this picture's."""
    coefficients = fields.get("perFrameIntrinsicCoeffs")
    if not isinstance(coefficients, list) or number >= len(coefficients):
        return shared
    try:
        focal_x, focal_y, center_x, center_y = _numbers(coefficients[number], 4, "")
        own = Lens(shared.width, shared.height, focal_x, focal_y, center_x, center_y)
    except SignalError:
        return shared
    ratios = own.focal_x_px / shared.focal_x_px, own.focal_y_px / shared.focal_y_px
    is_near = all(1 / FOCUS_RANGE < ratio < FOCUS_RANGE for ratio in ratios)
    return own if is_near and 0 < own.center_x_px < own.width and 0 < own.center_y_px < own.height else shared


def _pose_of(values: Any, place: str) -> Float64[np.ndarray, "4 4"]:
    qx, qy, qz, qw, *position = _numbers(values, 7, place)
    return camera_from_opengl(pose_of((qw, qx, qy, qz), tuple(position), place))


def _numbers(values: Any, count: int, place: str) -> list[float]:
    if not isinstance(values, list) or len(values) != count:
        raise SignalError(f"{place}: expected {count} numbers, got {values!r:.80}")
    return [number_of(value, place) for value in values]
