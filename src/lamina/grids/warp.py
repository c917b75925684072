# SPDX-License-Identifier: Apache-2.0
"""Values of the frame before and a field of vectors enter, what the vectors bring to this frame's vertices leaves.

    place      vertex - vector, in 1/16 of the level's voxel
    value      trilinear between the eight vertices of the frame before around it

Where one of the eight holds nothing, density has a stated value, and other channels are the mean of those that are
there, by their weights: whole numbers, rounded down, so that every machine has the same.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float32, Int32

from lamina.compiled import compiled
from lamina.grids.bricks import row_at
from lamina.grids.level import Level

FRACTION_BITS = 4
"""Of places: weights have 4 bits an axis, 12 together."""

VECTOR_UNIT = 1 << FRACTION_BITS
"""Vectors are integers; so many are a voxel of the finest level."""

MAX_VECTOR = 1 << 12
"""Largest magnitude: 256 finest voxels."""


def warped(
    level: Level,
    vectors: Int32[np.ndarray, "r 3"],
    halvings: int,
    before: Level,
    values: Int32[np.ndarray, "b c"],
    empty: int,
) -> Int32[np.ndarray, "r c"]:
    """Values (density first) of the frame before at the rows of this frame's level.

    Args:
        vectors: at each row, in 1/16 of a voxel of the finest level.
        halvings: of this level's voxel to the finest one.
        empty: density where nothing is.
    """
    found = np.empty((level.row_count, values.shape[1]), np.int32)
    tables = (*before.cell_table, before.corners, *before.vertex_table)
    warp_integers(level.vertices, vectors, halvings, tables, before.counts, values, empty, found)
    return found


@compiled()
def corner_row(slots, rows, counts, x, y, z):
    """Row of a vertex that may lie outside of the lattice."""
    if x < 0 or y < 0 or z < 0 or x > counts[0] or y > counts[1] or z > counts[2]:
        return np.int32(-1)
    return row_at(slots, rows, x, y, z)


@compiled()
def find_around(before, counts, x, y, z, near):
    """Rows of the eight vertices around a place, into `near` (8,); whether all are there."""
    cell_slots, cell_rows, corners, slots, rows = before
    if 0 <= x < counts[0] and 0 <= y < counts[1] and 0 <= z < counts[2]:
        cell = row_at(cell_slots, cell_rows, x, y, z)
        if cell >= 0:
            for corner in range(8):
                near[corner] = corners[cell, corner]
            return True
    are_all = True
    for corner in range(8):
        row = corner_row(slots, rows, counts, x + (corner & 1), y + ((corner >> 1) & 1), z + (corner >> 2))
        near[corner] = row
        are_all = are_all and row >= 0
    return are_all


@compiled()
def mix_present(values, near, weights, empty, found):
    """What is found at a place of which a corner holds nothing, into `found` (c,)."""
    present, density = np.int64(0), np.int64(0)
    for corner in range(8):
        if near[corner] >= 0:
            present += weights[corner]
            density += weights[corner] * values[near[corner], 0]
        else:
            density += weights[corner] * empty
    found[0] = (density + (1 << (3 * FRACTION_BITS - 1))) >> (3 * FRACTION_BITS)
    for j in range(1, found.size):
        total = np.int64(0)
        for corner in range(8):
            if near[corner] >= 0:
                total += weights[corner] * values[near[corner], j]
        found[j] = total // present if present > 0 else 0


@compiled()
def warp_integers(vertices, vectors, halvings, before, counts, values, empty, found):
    """See `warped`; `before` are tables and corners of the frame before, `found` (r, c)."""
    half = (np.int64(1) << halvings) >> 1
    near = np.empty(8, np.int32)
    weights = np.empty(8, np.int64)
    for r in range(vertices.shape[0]):
        px = (np.int64(vertices[r, 0]) << FRACTION_BITS) - ((vectors[r, 0] + half) >> halvings)
        py = (np.int64(vertices[r, 1]) << FRACTION_BITS) - ((vectors[r, 1] + half) >> halvings)
        pz = (np.int64(vertices[r, 2]) << FRACTION_BITS) - ((vectors[r, 2] + half) >> halvings)
        are_all = find_around(before, counts, px >> FRACTION_BITS, py >> FRACTION_BITS, pz >> FRACTION_BITS, near)
        fx, fy, fz = px & (VECTOR_UNIT - 1), py & (VECTOR_UNIT - 1), pz & (VECTOR_UNIT - 1)
        for corner in range(8):
            wx = fx if corner & 1 else VECTOR_UNIT - fx
            wy = fy if corner & 2 else VECTOR_UNIT - fy
            wz = fz if corner & 4 else VECTOR_UNIT - fz
            weights[corner] = wx * wy * wz
        if not are_all:
            mix_present(values, near, weights, empty, found[r])
            continue
        for j in range(found.shape[1]):
            total = np.int64((1 << (3 * FRACTION_BITS - 1)) if j == 0 else 0)
            for corner in range(8):
                total += weights[corner] * values[near[corner], j]
            found[r, j] = total >> (3 * FRACTION_BITS)


@compiled(fastmath=True)
def warp_reals(vertices, vectors, scale, slots, rows, counts, values, empty, found):
    """The same in reals, for fits: `vectors` (r, 3) in finest voxels, `scale` voxels of the level in a finest one."""
    channels = values.shape[1]
    near = np.empty(8, np.int32)
    weights = np.empty(8, np.float32)
    for r in range(vertices.shape[0]):
        px = np.float32(vertices[r, 0]) - scale * vectors[r, 0]
        py = np.float32(vertices[r, 1]) - scale * vectors[r, 1]
        pz = np.float32(vertices[r, 2]) - scale * vectors[r, 2]
        x, y, z = np.int64(np.floor(px)), np.int64(np.floor(py)), np.int64(np.floor(pz))
        fx, fy, fz = np.float32(px - x), np.float32(py - y), np.float32(pz - z)
        present, density = np.float32(0), np.float32(0)
        for corner in range(8):
            wx = fx if corner & 1 else np.float32(1) - fx
            wy = fy if corner & 2 else np.float32(1) - fy
            wz = fz if corner & 4 else np.float32(1) - fz
            weights[corner] = wx * wy * wz
            row = corner_row(slots, rows, counts, x + (corner & 1), y + ((corner >> 1) & 1), z + (corner >> 2))
            near[corner] = row
            if row >= 0:
                present += weights[corner]
                density += weights[corner] * values[row, 0]
            else:
                density += weights[corner] * empty
        found[r, 0] = density
        for j in range(1, channels):
            total = np.float32(0)
            for corner in range(8):
                if near[corner] >= 0:
                    total += weights[corner] * values[near[corner], j]
            found[r, j] = total / present if present > np.float32(1e-6) else np.float32(0)


@compiled(fastmath=True)
def warp_gradients(vertices, vectors, scale, slots, rows, counts, values, empty, gradients, vector_gradients):
    """Gradients of vectors from those of what was warped, into `vector_gradients` (r, 3).

    The share of weights of what is there is held fixed: its gradient is noise at the border of what is active.
    """
    channels = values.shape[1]
    for r in range(vertices.shape[0]):
        px = np.float32(vertices[r, 0]) - scale * vectors[r, 0]
        py = np.float32(vertices[r, 1]) - scale * vectors[r, 1]
        pz = np.float32(vertices[r, 2]) - scale * vectors[r, 2]
        x, y, z = np.int64(np.floor(px)), np.int64(np.floor(py)), np.int64(np.floor(pz))
        fx, fy, fz = np.float32(px - x), np.float32(py - y), np.float32(pz - z)
        gx, gy, gz = np.float32(0), np.float32(0), np.float32(0)
        for corner in range(8):
            wx = fx if corner & 1 else np.float32(1) - fx
            wy = fy if corner & 2 else np.float32(1) - fy
            wz = fz if corner & 4 else np.float32(1) - fz
            row = corner_row(slots, rows, counts, x + (corner & 1), y + ((corner >> 1) & 1), z + (corner >> 2))
            told = gradients[r, 0] * empty
            if row >= 0:
                told = gradients[r, 0] * values[row, 0]
                for j in range(1, channels):
                    told += gradients[r, j] * values[row, j]
            gx += told * wy * wz if corner & 1 else -told * wy * wz
            gy += told * wx * wz if corner & 2 else -told * wx * wz
            gz += told * wx * wy if corner & 4 else -told * wx * wy
        vector_gradients[r, 0] = -scale * gx
        vector_gradients[r, 1] = -scale * gy
        vector_gradients[r, 2] = -scale * gz


def warped_reals(
    level: Level, vectors: Float32[np.ndarray, "r 3"], scale: float, before: Level, values: np.ndarray, empty: float
) -> Float32[np.ndarray, "r c"]:
    """`warped` in reals."""
    found = np.empty((level.row_count, values.shape[1]), np.float32)
    table = before.vertex_table
    warp_reals(
        level.vertices, vectors, np.float32(scale), *table, before.counts, values, np.float32(empty), found
    )  # fmt: skip
    return found
