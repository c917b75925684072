# SPDX-License-Identifier: Apache-2.0
"""Cameras of Agisoft Metashape enter (File > Export > Export Cameras, Agisoft XML), with the pictures beside them.

A camera's transform is world_from_camera, OpenCV's axes, in the frame of its component. Its sensor's calibration has
f, cx, cy (pixels, from the middle), b1, b2, k1...k4, p1, p2:

    x' = x (1 + k1 r^2 + k2 r^4 + k3 r^6 + k4 r^8) + p1 (r^2 + 2 x^2) + 2 p2 x y        y' alike, p1 and p2 swapped
    u = w / 2 + cx + x' (f + b1) + y' b2            v = h / 2 + cy + y' f

so that OpenCV's p1 is p2 here. Fisheyes put x atan(r) / r for x first. Old files have fx, fy and, from the corner, cx,
cy. Source: Agisoft Metashape User Manual, appendix D, Camera models.
"""

from __future__ import annotations

import xml.etree.ElementTree as ET
from collections import Counter
from fractions import Fraction
from pathlib import Path

import numpy as np
from jaxtyping import Float64

from lamina.data.captures.distortion import Distortion, Projection
from lamina.data.captures.lens import Lens, check_lens, refuse_skew
from lamina.data.captures.point_cloud import empty_cloud
from lamina.data.captures.posed_pictures import PosedPicture, picture_folders, source_of
from lamina.data.captures.poses import rigid
from lamina.data.captures.source import Source
from lamina.data.captures.text import number_of, read_text
from lamina.errors import SignalError

HEAD_BYTES = 4096
SIZE_LIMIT_CHARACTERS = 1 << 27
"""A hundred thousand cameras with their covariances; as a tree it takes some ten times that."""

KINDS: dict[str, Projection] = {"frame": "plane", "fisheye": "angle"}
"""Of sensors, and their projections."""


def metashape_file(folder: Path) -> Path | None:
    """The exported cameras; None: there are none."""
    for path in sorted(folder.glob("*.xml")):
        try:
            with path.open("rb") as file:
                head = file.read(HEAD_BYTES)
        except OSError:
            continue
        if b"<document" in head and b"<chunk" in head:
            return path
    return None


def read_metashape(folder: Path, scale: Fraction) -> Source:
    """Every aligned camera of the largest component; there are no points.

    Raises:
        SignalError: the file is damaged or of an unsupported camera, or pictures are missing.
    """
    path = metashape_file(folder)
    if path is None:
        raise SignalError(f"{folder}: no cameras of Metashape; expected an XML with <document> and <chunk>")
    chunk = _chunk(path)
    sensors = {sensor.get("id"): sensor for sensor in chunk.iter("sensor")}
    cameras = list(chunk.iter("camera"))
    aligned = [camera for camera in cameras if camera.find("transform") is not None and _is_enabled(camera)]
    components = Counter(camera.get("component_id") for camera in aligned)
    largest = max(components, key=lambda name: components[name]) if components else None
    joined = [camera for camera in aligned if camera.get("component_id") == largest]
    lenses: dict[str | None, Lens] = {}
    posed: list[PosedPicture] = []
    for camera in joined:
        place = f"{path}: camera {camera.get('label')}"
        sensor = camera.get("sensor_id")
        if sensor not in lenses:
            lenses[sensor] = _lens_of(sensors.get(sensor), f"{path}: sensor {sensor}")
        posed.append(PosedPicture(camera.get("label") or "", lenses[sensor], _pose_of(camera, place)))
    notes: list[str] = []
    if len(aligned) < len(cameras):
        notes.append(f"{len(cameras) - len(aligned)} of {len(cameras)} cameras in {path.name} are not aligned: skipped")
    if len(joined) < len(aligned):
        notes.append(f"the reconstruction fell apart: {len(aligned) - len(joined)} cameras of smaller parts not read")
    names = [picture.name for picture in posed]
    return source_of(posed, picture_folders(folder, names), path, scale, empty_cloud(), notes)


def _chunk(path: Path) -> ET.Element:
    """The part of the document that has cameras.

    Raises:
        SignalError: no such XML.
    """
    text = read_text(path)
    # Entities can grow without bound, and exports have none.
    if len(text) > SIZE_LIMIT_CHARACTERS or "<!DOCTYPE" in text or "<!ENTITY" in text:
        raise SignalError(
            f"{path}: too large, or with definitions of its own; expected cameras as Metashape exports them"
        )
    try:
        root = ET.fromstring(text)
    except (ET.ParseError, ValueError, RecursionError) as error:
        raise SignalError(f"{path}: not XML: {error}") from error
    chunk = next((chunk for chunk in root.iter("chunk") if chunk.find("cameras") is not None), None)
    if chunk is None:
        raise SignalError(f"{path}: no cameras; expected <chunk> with <sensors> and <cameras>")
    return chunk


def _is_enabled(camera: ET.Element) -> bool:
    return (camera.get("enabled") or "true").lower() in ("true", "1")


def _pose_of(camera: ET.Element, place: str) -> Float64[np.ndarray, "4 4"]:
    words = (camera.findtext("transform") or "").split()
    if len(words) != 16:
        raise SignalError(f"{place}: transform with {len(words)} numbers; expected 16")
    numbers = [number_of(word, f"{place}: transform") for word in words]
    return np.linalg.inv(rigid([numbers[row : row + 4] for row in range(0, 16, 4)], f"{place}: transform"))


def _lens_of(sensor: ET.Element | None, place: str) -> Lens:
    calibrations = [] if sensor is None else sensor.findall("calibration")
    adjusted = [calibration for calibration in calibrations if calibration.get("class") == "adjusted"]
    if sensor is None or not calibrations:
        raise SignalError(f"{place}: no calibration; expected one: align the cameras, then export again")
    calibration = (adjusted or calibrations)[-1]
    kind = calibration.get("type") or sensor.get("type") or "frame"
    if kind not in KINDS:
        raise SignalError(f"{place}: a camera of type {kind!r:.40}; expected {' or '.join(KINDS)}: undistort first")
    found = calibration.find("resolution")
    resolution = sensor.find("resolution") if found is None else found

    def number(name: str) -> float:
        return number_of(calibration.findtext(name) or 0.0, f"{place}: {name}")

    size = {} if resolution is None else resolution.attrib
    width, height = (round(number_of(size.get(name), f"{place}: {name}")) for name in ("width", "height"))
    if number("p3") or number("p4"):
        raise SignalError(f"{place}: tangential distortion p3, p4; expected none: calibrate without them")
    is_old = calibration.find("f") is None
    focal_x, focal_y = (number("fx"), number("fy")) if is_old else (number("f") + number("b1"), number("f"))
    middle = (0.0, 0.0) if is_old else (width / 2, height / 2)
    radial = (number("k1"), number("k2"), number("k3"), number("k4"))
    distortion = Distortion(radial, (number("p2"), number("p1")), KINDS[kind])
    lens = Lens(width, height, focal_x, focal_y, number("cx") + middle[0], number("cy") + middle[1], distortion)
    check_lens(lens, place)
    refuse_skew(number("skew") if is_old else number("b2"), lens, place)
    return lens
