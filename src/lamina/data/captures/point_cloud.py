# SPDX-License-Identifier: Apache-2.0
"""Points that a reconstruction found, and the .ply files (text or binary) in which some tools keep them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float64, Int64, UInt8

from lamina.errors import SignalError

PLY_TYPES = {
    "char": "i1", "uchar": "u1", "short": "<i2", "ushort": "<u2", "int": "<i4", "uint": "<u4", "float": "<f4",
    "double": "<f8", "int8": "i1", "uint8": "u1", "int16": "<i2", "uint16": "<u2", "int32": "<i4", "uint32": "<u4",
    "float32": "<f4", "float64": "<f8",
}  # fmt: skip
"""Source: Greg Turk, The PLY polygon file format, 1994; the names with widths came later."""

HEADER_LIMIT_BYTES = 1 << 16
"""Headers of points have a dozen lines."""


@dataclass(frozen=True, eq=False)
class PointCloud:
    """World positions and their colours."""

    ids: Int64[np.ndarray, " p"]
    """What features of images refer to; the place in the file where the format has no numbers."""
    positions: Float64[np.ndarray, "p 3"]
    colors: UInt8[np.ndarray, "p 3"]
    """8-bit sRGB."""


def empty_cloud() -> PointCloud:
    """No points."""
    return PointCloud(np.empty(0, np.int64), np.empty((0, 3)), np.empty((0, 3), np.uint8))


def finite_cloud(
    ids: Int64[np.ndarray, " p"], positions: Float64[np.ndarray, "p 3"], colors: UInt8[np.ndarray, "p 3"]
) -> PointCloud:
    """The points that are somewhere: tools write positions that are not a number for what they gave up."""
    finite = np.isfinite(positions).all(axis=1)
    return PointCloud(ids[finite], positions[finite], colors[finite])


def read_ply_points(path: Path) -> PointCloud:
    """x, y, z and red, green, blue (grey where there are none) of the vertices; other properties are passed over.

    Raises:
        SignalError: no .ply, cut off, big endian, or vertices without positions.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise SignalError(f"{path}: cannot be read: {error.strerror}") from error
    end = data.find(b"end_header\n", 0, HEADER_LIMIT_BYTES)
    if not data.startswith(b"ply") or end < 0:
        raise SignalError(f"{path}: no .ply file; expected a header from 'ply' to 'end_header'")
    binary, count, layout = _header(data[:end].decode("ascii", errors="replace"), path)
    body = data[end + len(b"end_header\n") :]
    if binary:
        if count * layout.itemsize > len(body):
            raise SignalError(f"{path}: {count} vertices need {count * layout.itemsize} bytes, {len(body)} are left")
        vertices = np.frombuffer(body, layout, count)
    else:
        vertices = _text_vertices(body, count, layout, path)
    positions = np.stack([vertices[axis].astype(np.float64) for axis in "xyz"], axis=1)
    colors = np.full((count, 3), 128, np.uint8)
    if layout.names is not None and {"red", "green", "blue"} <= set(layout.names):
        colors = np.stack([vertices[name].astype(np.uint8) for name in ("red", "green", "blue")], axis=1)
    return finite_cloud(np.arange(count), positions, colors)


def _header(text: str, path: Path) -> tuple[bool, int, np.dtype]:
    """Whether the body is binary, the number of vertices, and their layout."""
    binary, count, element, properties = False, -1, "", []
    for line in text.split("\n"):
        fields = line.split()
        if fields[:1] == ["format"]:
            if fields[1:2] not in (["ascii"], ["binary_little_endian"]):
                raise SignalError(f"{path}: {line.strip()}; expected ascii or binary_little_endian: convert it")
            binary = fields[1] != "ascii"
        elif fields[:1] == ["element"] and len(fields) == 3 and fields[2].isdecimal():
            if count < 0 and fields[1] != "vertex":
                raise SignalError(f"{path}: begins with {fields[1]}; expected the vertices first")
            element = fields[1]
            count = int(fields[2]) if element == "vertex" else count
        elif fields[:1] == ["property"] and element == "vertex":
            if len(fields) != 3 or fields[1] not in PLY_TYPES:
                raise SignalError(f"{path}: {line.strip()}; expected a number type and a name")
            properties.append((fields[2], PLY_TYPES[fields[1]]))
    names = [name for name, _ in properties]
    if count < 0 or not {"x", "y", "z"} <= set(names) or len(set(names)) < len(names):
        raise SignalError(f"{path}: vertices with {', '.join(names) or 'nothing'}; expected x, y, z, each name once")
    return binary, count, np.dtype(properties)


def _text_vertices(body: bytes, count: int, layout: np.dtype, path: Path) -> np.ndarray:
    columns = len(layout.names or ())
    try:
        values = np.array(body.split(None, count * columns)[: count * columns], np.float64)
        rows = values.reshape(count, columns)
    except ValueError as error:
        raise SignalError(f"{path}: expected {count} vertices of {columns} numbers: {error}") from error
    vertices = np.empty(count, layout)
    for column, name in enumerate(layout.names or ()):
        with np.errstate(invalid="ignore"):
            vertices[name] = rows[:, column]
    return vertices
