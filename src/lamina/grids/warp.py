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
    scratch = np.empty(8, np.int32), np.empty(8, np.int64)
    warp_integers(level.vertices, vectors, halvings, tables, before.counts, values, empty, scratch, found)
    return found


@compiled()
def corner_row(slots, rows, counts, x, y, z):
    """Row of a vertex that may lie outside of the lattice."""
    if x < 0 or y < 0 or z < 0 or x > counts[0] or y > counts[1] or z > counts[2]:
        return np.int32(-1)
    return row_at(slots, rows, x, y, z)


@compiled(_nrt=False)
def mix_present(before, counts, place, scratch, values, empty, found, r):
    """What is found at a place in no active cell, into row r of `found`: some corners may hold something."""
    slots, rows = before
    near, weights = scratch
    px, py, pz = place
    present, density = np.int64(0), np.int64(0)
    for corner in range(8):
        a, b, c = corner & 1, (corner >> 1) & 1, corner >> 2
        fx, fy, fz = px & (VECTOR_UNIT - 1), py & (VECTOR_UNIT - 1), pz & (VECTOR_UNIT - 1)
        weight = (fx if a else VECTOR_UNIT - fx) * (fy if b else VECTOR_UNIT - fy) * (fz if c else VECTOR_UNIT - fz)
        x, y, z = (px >> FRACTION_BITS) + a, (py >> FRACTION_BITS) + b, (pz >> FRACTION_BITS) + c
        row = corner_row(slots, rows, counts, x, y, z)
        near[corner], weights[corner] = max(row, 0), weight if row >= 0 else 0
        if row >= 0:
            present += weight
            density += weight * values[row, 0]
        else:
            density += weight * empty
    found[r, 0] = (density + (1 << (3 * FRACTION_BITS - 1))) >> (3 * FRACTION_BITS)
    for j in range(1, found.shape[1]):
        total = np.int64(0)
        if present > 0:
            for corner in range(8):
                total += weights[corner] * values[near[corner], j]
            total = total // present
        found[r, j] = total


@compiled(_nrt=False)
def warp_integers(vertices, vectors, halvings, before, counts, values, empty, scratch, found):
    """See `warped`; `before` are tables and corners of the frame before, `scratch` (8,) twice, `found` (r, c).

    Without reference counts, which take longer than the sums do. In an active cell all corners are there.
    """
    cell_slots, cell_rows, corners, slots, rows = before
    half = (np.int64(1) << halvings) >> 1
    for r in range(vertices.shape[0]):
        px = (np.int64(vertices[r, 0]) << FRACTION_BITS) - ((np.int64(vectors[r, 0]) + half) >> halvings)
        py = (np.int64(vertices[r, 1]) << FRACTION_BITS) - ((np.int64(vectors[r, 1]) + half) >> halvings)
        pz = (np.int64(vertices[r, 2]) << FRACTION_BITS) - ((np.int64(vectors[r, 2]) + half) >> halvings)
        x, y, z, cell = px >> FRACTION_BITS, py >> FRACTION_BITS, pz >> FRACTION_BITS, np.int32(-1)
        if 0 <= x < counts[0] and 0 <= y < counts[1] and 0 <= z < counts[2]:
            cell = row_at(cell_slots, cell_rows, x, y, z)
        if cell < 0:
            mix_present((slots, rows), counts, (px, py, pz), scratch, values, empty, found, r)
            continue
        fx, fy, fz = px & (VECTOR_UNIT - 1), py & (VECTOR_UNIT - 1), pz & (VECTOR_UNIT - 1)
        gx, gy, gz = VECTOR_UNIT - fx, VECTOR_UNIT - fy, VECTOR_UNIT - fz
        w0, w1, w2, w3 = gx * gy, fx * gy, gx * fy, fx * fy
        r0, r1, r2, r3 = corners[cell, 0], corners[cell, 1], corners[cell, 2], corners[cell, 3]
        r4, r5, r6, r7 = corners[cell, 4], corners[cell, 5], corners[cell, 6], corners[cell, 7]
        # Density is rounded to the nearest, all else down.
        nearest = np.int64(1 << (3 * FRACTION_BITS - 1))
        for j in range(found.shape[1]):
            front = (w0 * values[r0, j] + w1 * values[r1, j]) + (w2 * values[r2, j] + w3 * values[r3, j])
            back = (w0 * values[r4, j] + w1 * values[r5, j]) + (w2 * values[r6, j] + w3 * values[r7, j])
            found[r, j] = (front * gz + back * fz + nearest) >> (3 * FRACTION_BITS)
            nearest = np.int64(0)


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
