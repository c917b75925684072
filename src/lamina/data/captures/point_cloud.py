# SPDX-License-Identifier: Apache-2.0
"""Points that a reconstruction found, and the .ply files (text or binary) in which some tools keep them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float64, Int64, UInt8

from lamina.data.splats.ply_header import MAX_HEADER_BYTES, read_elements
from lamina.errors import SignalError

HEADER_END = b"end_header\n"
GREY = 128
"""Of points whose file has no colours."""


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
        SignalError: no .ply, cut off, or vertices without positions.
    """
    try:
        with path.open("rb") as file:
            start = file.read(MAX_HEADER_BYTES)
    except OSError as error:
        raise SignalError(f"{path}: cannot be read: {error.strerror}") from error
    if b"\nformat ascii" in start.partition(HEADER_END)[0]:
        columns, count = _read_text(path)
    else:
        vertices = read_elements(path, {"vertex"}).get("vertex", np.empty(0))
        columns, count = {name: vertices[name] for name in vertices.dtype.names or ()}, len(vertices)
    if not {"x", "y", "z"} <= set(columns):
        raise SignalError(f"{path}: vertices with {', '.join(columns) or 'nothing'}; expected x, y and z")
    positions = np.stack([columns[axis].astype(np.float64) for axis in "xyz"], axis=1)
    colors = np.full((count, 3), GREY, np.uint8)
    if {"red", "green", "blue"} <= set(columns):
        levels = np.stack([columns[name].astype(np.float64) for name in ("red", "green", "blue")], axis=1)
        colors = np.clip(np.nan_to_num(levels), 0, 255).astype(np.uint8)
    return finite_cloud(np.arange(count), positions, colors)


def _read_text(path: Path) -> tuple[dict[str, np.ndarray], int]:
    """Columns of a text file by name, and how many vertices it has; nerfstudio writes such files."""
    header, found, body = path.read_bytes().partition(HEADER_END)
    names: list[str] = []
    elements: list[tuple[str, str]] = []
    for words in (line.split() for line in header.decode("ascii", errors="replace").split("\n")):
        if words[:1] == ["element"] and len(words) == 3:
            elements.append((words[1], words[2]))
        elif words[:1] == ["property"] and elements[-1:] and elements[-1][0] == "vertex":
            names.append(words[-1])
    if not found or not elements or elements[0][0] != "vertex" or not elements[0][1].isdecimal() or not names:
        raise SignalError(f"{path}: expected a .ply header that begins with 'element vertex' and a count")
    values = body.split()
    # Compared as text first: numbers of any length are no counts.
    count = int(elements[0][1]) if len(elements[0][1]) <= len(str(len(values))) else len(values) + 1
    try:
        rows = np.array(values[: count * len(names)], np.float64).reshape(count, len(names))
    except ValueError as error:
        raise SignalError(f"{path}: expected {elements[0][1]} vertices of {len(names)} numbers: {error}") from error
    return {name: rows[:, column] for column, name in enumerate(names)}, count
