# SPDX-License-Identifier: Apache-2.0
"""The fused pass of a fit: render two levels, compare with a target, gather moments, without leaving a tile.

In: geometry (8, n), colours (3, n), tile lists, tiled target. Out: moments of every entry (as `planar_cpu`), squared
errors. Splats are in layer order, so one walk over a tile's list gives the lower level (splats before `split`) and
the top level.
"""

from __future__ import annotations

import numpy as np
from numba import prange

from lamina.compiled import compiled
from lamina.render.kernels.planar_cpu import add_splat, splat_moments
from lamina.render.kernels.tile_pixels import COLUMN, HALF, ROW, ZERO

TWO = np.float32(2.0)


@compiled(inline="always", fastmath=True)
def compare_tile(lower, top, wanted, valid_columns, valid_rows, weights):
    """Leaves dL/dpixel in `lower` (for splats of both levels) and `top`; returns both squared errors.

    Args:
        lower: (768) the lower level's pixels, replaced.
        top: (768) the top level's pixels, replaced.
        wanted: (768) target.
        valid_columns: pixels right of these are outside the picture.
        valid_rows: pixels below these are outside the picture.
        weights: float32 (lower, top) factors of the squared errors.
    """
    if valid_columns < 16 or valid_rows < 16:
        for p in range(768):
            if (p & 15) >= valid_columns or ((p & 255) >> 4) >= valid_rows:
                top[p] = ZERO
                lower[p] = ZERO
    weight_lower, weight_top = TWO * weights[0], TWO * weights[1]
    error_lower = error_top = ZERO
    for p in range(768):
        low = lower[p] - wanted[p]
        high = top[p] - wanted[p]
        error_lower += low * low
        error_top += high * high
        top[p] = weight_top * high
        lower[p] = weight_top * high + weight_lower * low
    return error_lower, error_top


@compiled(parallel=True, fastmath=True)
def error_moments(
    geometry, colors, tile_starts, entry_splat, entry_rows, size, target, split, weights, moments, errors
):
    """Moments of the weighted squared error of two levels.

    Args:
        geometry: (8, n) as `tile_lists.build_tile_lists` takes it.
        colors: (3, n).
        tile_starts: of the tile lists.
        entry_splat: of the tile lists.
        entry_rows: of the tile lists.
        size: (width, height) pixels.
        target: (tiles, 768), zero outside the picture.
        split: splats [0, split) are the lower level; 0: there is none.
        weights: float32 (lower, top) factors of the squared errors.
        moments: (entries, 9) out.
        errors: (tiles, 2) out: squared error of the lower and the top level.
    """
    width, height = size
    tiles_x = (width + 15) // 16
    for tile in prange(tile_starts.shape[0] - 1):
        left = np.float32((tile % tiles_x) * 16)
        upper = np.float32((tile // tiles_x) * 16)
        top = np.zeros(768, np.float32)
        lower = np.zeros(768, np.float32)
        pending = split > 0
        for k in range(tile_starts[tile], tile_starts[tile + 1]):
            i = entry_splat[k]
            if pending and i >= split:
                lower[:] = top
                pending = False
            rows = entry_rows[k]
            start = np.uint64(rows >> 4) * np.uint64(16)
            stop = np.uint64(rows & 15) * np.uint64(16) + np.uint64(16)
            add_splat(
                top, COLUMN, ROW, start, stop, geometry[0, i] - left, geometry[1, i] - upper,
                HALF * geometry[2, i], geometry[3, i], HALF * geometry[4, i], colors[0, i], colors[1, i], colors[2, i],
            )  # fmt: skip
        if pending:
            lower[:] = top
        valid_columns, valid_rows = width - (tile % tiles_x) * 16, height - (tile // tiles_x) * 16
        errors[tile, 0], errors[tile, 1] = compare_tile(lower, top, target[tile], valid_columns, valid_rows, weights)
        for k in range(tile_starts[tile], tile_starts[tile + 1]):
            i = entry_splat[k]
            grad = lower if i < split else top
            rows = entry_rows[k]
            start = np.uint64(rows >> 4) * np.uint64(16)
            stop = np.uint64(rows & 15) * np.uint64(16) + np.uint64(16)
            splat_moments(
                grad, COLUMN, ROW, start, stop, geometry[0, i] - left, geometry[1, i] - upper,
                HALF * geometry[2, i], geometry[3, i], HALF * geometry[4, i], colors[0, i], colors[1, i], colors[2, i],
                moments[k],
            )  # fmt: skip
