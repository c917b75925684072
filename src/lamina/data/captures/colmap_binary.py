# SPDX-License-Identifier: Apache-2.0
"""cameras.bin, images.bin and points3D.bin enter, a COLMAP model's nouns leave. Little endian, no magic, no checksums.

The bytes are other people's: every count is held against the bytes that are left before anything is made of it.
"""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np

from lamina.data.captures.colmap import MODEL_NAMES, RegisteredImage, lens_of, parameter_count
from lamina.data.captures.lens import Lens
from lamina.data.captures.point_cloud import PointCloud, finite_cloud
from lamina.data.captures.poses import pose_of
from lamina.errors import SignalError

CAMERA = struct.Struct("<IiQQ")
"""Id, model, width, height; then the model's numbers."""
IMAGE = struct.Struct("<I4d3dI")
"""Id, quaternion, translation, camera id; then the name ending in a zero byte, a count and so many features."""
FEATURE = np.dtype([("position", "<f8", 2), ("point", "<i8")])
POINT = struct.Struct("<Q3d3BdQ")
"""Id, position, colour, error, length of the track; then the track, two 32-bit numbers an observation."""
TRACK_BYTES = 8
NAME_LIMIT_BYTES = 4096
"""The longest path that Linux takes."""


class _Bytes:
    """A file's bytes and a position; never reads past the end."""

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            self.data = path.read_bytes()
        except OSError as error:
            raise SignalError(f"{path}: cannot be read: {error.strerror}") from error
        self.position = 0

    def count(self, least_bytes: int, what: str) -> int:
        """A 64-bit count of items that take at least so many bytes each."""
        start = self.position
        (count,) = self.take(struct.Struct("<Q"), f"number of {what}")
        left = len(self.data) - self.position
        if count * least_bytes > left:
            raise SignalError(
                f"{self.path}: at byte {start}: {count} {what}, which need {count * least_bytes} bytes, where {left} "
                f"are left; the file is cut off or no COLMAP model"
            )
        return count

    def take(self, layout: struct.Struct, what: str) -> tuple:
        if layout.size > len(self.data) - self.position:
            raise SignalError(
                f"{self.path}: ends at byte {len(self.data)} within {what} (at byte {self.position}); "
                f"the file is cut off: copy or export it again"
            )
        values = layout.unpack_from(self.data, self.position)
        self.position += layout.size
        return values

    def name(self, what: str) -> str:
        """Text up to a zero byte."""
        end = self.data.find(b"\0", self.position, self.position + NAME_LIMIT_BYTES)
        if end < 0:
            raise SignalError(f"{self.path}: at byte {self.position}: {what} does not end; the file is damaged")
        text = self.data[self.position : end].decode("utf-8", errors="replace")
        self.position = end + 1
        return text


def read_cameras(path: Path) -> dict[int, Lens]:
    """Lenses by camera id.

    Raises:
        SignalError: cut off, damaged, or of a model that we do not undistort.
    """
    source = _Bytes(path)
    cameras: dict[int, Lens] = {}
    for _ in range(source.count(CAMERA.size, "cameras")):
        number, model_number, width, height = source.take(CAMERA, "a camera")
        place = f"{path}: camera {number}"
        known = 0 <= model_number < len(MODEL_NAMES)
        model = MODEL_NAMES[model_number] if known else f"number {model_number}"
        layout = struct.Struct(f"<{parameter_count(model, place)}d")
        cameras[number] = lens_of(model, width, height, source.take(layout, "a camera's numbers"), place)
    return cameras


def read_images(path: Path) -> tuple[RegisteredImage, ...]:
    """Registered images in order of their names.

    Raises:
        SignalError: cut off or damaged.
    """
    source = _Bytes(path)
    images: list[RegisteredImage] = []
    for _ in range(source.count(IMAGE.size + 1 + 8, "images")):
        number, *pose, camera_id = source.take(IMAGE, "an image")
        name = source.name("the name of an image")
        count = source.count(FEATURE.itemsize, "features")
        features = np.frombuffer(source.data, FEATURE, count, source.position)
        source.position += features.nbytes
        motion = pose_of(tuple(pose[:4]), tuple(pose[4:]), f"{path}: image {number} ({name})")
        images.append(RegisteredImage(name, camera_id, motion, features["position"], features["point"]))
    return tuple(sorted(images, key=lambda image: image.name))


def read_points(path: Path) -> PointCloud:
    """Triangulated points in order of the file; those with positions that are not finite are left out.

    Raises:
        SignalError: cut off or damaged.
    """
    source = _Bytes(path)
    count = source.count(POINT.size, "points")
    ids = np.empty(count, np.int64)
    positions = np.empty((count, 3), np.float64)
    colors = np.empty((count, 3), np.uint8)
    for i in range(count):
        number, x, y, z, red, green, blue, _, track = source.take(POINT, "a point")
        # Signed, as the features of images have them.
        ids[i] = number if number < 1 << 63 else -1
        positions[i] = x, y, z
        colors[i] = red, green, blue
        if track * TRACK_BYTES > len(source.data) - source.position:
            raise SignalError(
                f"{path}: at byte {source.position}: point {number} is seen {track} times, but the file "
                f"ends at byte {len(source.data)}; it is cut off or damaged"
            )
        source.position += track * TRACK_BYTES
    return finite_cloud(ids, positions, colors)
