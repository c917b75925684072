# SPDX-License-Identifier: Apache-2.0
"""Readable twins of the kernels of this room: dictionaries of indices and plain loops, for tests."""

from __future__ import annotations

import itertools

import numpy as np
from jaxtyping import Int32

from lamina.grids.level import Level
from lamina.grids.warp import FRACTION_BITS

CORNERS = tuple((x, y, z) for z, y, x in itertools.product((0, 1), repeat=3))


def rows_by_vertex(level: Level) -> dict[tuple[int, int, int], int]:
    """Row of each vertex."""
    return {(int(x), int(y), int(z)): row for row, (x, y, z) in enumerate(level.vertices)}


def upsampled_reference(level: Level, above: Level, values: Int32[np.ndarray, "a c"]) -> Int32[np.ndarray, "r c"]:
    """`sums.upsampled`, vertex by vertex."""
    rows = rows_by_vertex(above)
    found = np.empty((level.row_count, values.shape[1]), np.int32)
    for row, vertex in enumerate(level.vertices.tolist()):
        parents = [tuple((v + c) >> 1 for v, c in zip(vertex, corner, strict=True)) for corner in CORNERS]
        total = sum(values[rows[x, y, z]].astype(np.int64) for x, y, z in parents)
        found[row] = (total + 4) >> 3
    return found


def warped_reference(
    level: Level, vectors: Int32[np.ndarray, "r 3"], halvings: int, before: Level, values: np.ndarray, empty: int
) -> Int32[np.ndarray, "r c"]:
    """`warp.warped`, vertex by vertex."""
    rows = rows_by_vertex(before)
    found = np.zeros((level.row_count, values.shape[1]), np.int32)
    half, unit = (1 << halvings) >> 1, 1 << FRACTION_BITS
    for row, (vertex, vector) in enumerate(zip(level.vertices.tolist(), vectors.tolist(), strict=True)):
        place = [v * unit - ((d + half) >> halvings) for v, d in zip(vertex, vector, strict=True)]
        density, present, total = 0, 0, np.zeros(values.shape[1], np.int64)
        for corner in CORNERS:
            fractions = [p % unit if c else unit - p % unit for p, c in zip(place, corner, strict=True)]
            weight = fractions[0] * fractions[1] * fractions[2]
            x, y, z = (p // unit + c for p, c in zip(place, corner, strict=True))
            there = rows.get((x, y, z))
            density += weight * (int(values[there, 0]) if there is not None else empty)
            if there is not None:
                present += weight
                total += weight * values[there].astype(np.int64)
        found[row, 0] = (density + (unit**3 >> 1)) // unit**3
        if present:
            found[row, 1:] = total[1:] // present
    return found
