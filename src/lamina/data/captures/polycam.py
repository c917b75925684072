# SPDX-License-Identifier: Apache-2.0
"""A raw export of Polycam enters: a JSON a key frame, corrected by its own reconstruction or as ARKit saw it.

    keyframes/corrected_cameras/12345.json    keyframes/corrected_images/12345.jpg
    keyframes/cameras/12345.json              keyframes/images/12345.jpg

A file has fx, fy, cx, cy, width, height and t_00 ... t_23, the rows of world_from_camera, OpenGL's axes. Source:
PolyCam/polyform, polyform/core/capture_folder.py; nerfstudio, process_data/polycam_utils.py.
"""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

from lamina.data.captures.lens import Lens, check_lens
from lamina.data.captures.point_cloud import empty_cloud
from lamina.data.captures.posed_pictures import PosedPicture, source_of
from lamina.data.captures.poses import camera_from_opengl, rigid
from lamina.data.captures.source import Source
from lamina.data.captures.text import number_of, read_json
from lamina.errors import SignalError

FOLDERS = ("keyframes", "")
PAIRS = (("corrected_cameras", "corrected_images"), ("cameras", "images"))
"""Of cameras and their pictures, in the order in which they are looked for."""

POSE = tuple(tuple(f"t_{row}{column}" for column in range(4)) for row in range(3))


def cameras_and_pictures(folder: Path) -> tuple[Path, Path] | None:
    """The folders of an export; None: it is none."""
    for inner in FOLDERS:
        for cameras, pictures in PAIRS:
            found = folder / inner / cameras, folder / inner / pictures
            if found[1].is_dir() and any(found[0].glob("*.json")):
                return found
    return None


def read_polycam(folder: Path, scale: Fraction) -> Source:
    """Every key frame with a camera, in order of their numbers; there are no points.

    Raises:
        SignalError: a file is damaged, or pictures are missing.
    """
    found = cameras_and_pictures(folder)
    if found is None:
        raise SignalError(f"{folder}: no export of Polycam; expected keyframes/cameras and keyframes/images")
    cameras, pictures = found
    posed = [_posed(path) for path in sorted(cameras.glob("*.json")) if not path.name.startswith(".")]
    notes = (
        ["poses are ARKit's: Polycam exports better ones where it has processed"] if cameras.name == "cameras" else []
    )
    return source_of(posed, [pictures], cameras, scale, empty_cloud(), notes)


def _posed(path: Path) -> PosedPicture:
    fields = read_json(path)
    if not isinstance(fields, dict):
        raise SignalError(f"{path}: expected an object with fx, fy, cx, cy, width, height and t_00 ... t_23")
    names = ("width", "height", "fx", "fy", "cx", "cy")
    width, height, fx, fy, cx, cy = (number_of(fields.get(name), f"{path}: {name}") for name in names)
    lens = Lens(round(width), round(height), fx, fy, cx, cy)
    check_lens(lens, f"{path}")
    rows = [[number_of(fields.get(name), f"{path}: {name}") for name in row] for row in POSE]
    return PosedPicture(path.stem, lens, camera_from_opengl(rigid(rows, f"{path}: pose")))
