# SPDX-License-Identifier: Apache-2.0
"""Planar accumulation on the CPU: sum of coloured 2D Gaussians, forward and backward, tile by tile.

In: geometry (8, n), colours (3, n), tile lists. Out: tiled pixels, or gradients as moments per splat:
sum g G_k (3 rows), then sum t, t dx, t dy, t dx^2, t dx dy, t dy^2 with t = g (c . G): the chain to any shape
parameters is then exact and cheap. Pixels are tiled: (tiles, 3, 256) float32, zero outside the picture.

A pixel row of a tile is one vector (simd.py). What depends on the column alone is computed once per (tile, splat), the
sums over rows stay in registers column by column, exp is a polynomial (its argument is bounded by the cut-off).
"""

from __future__ import annotations

import numpy as np
from numba import prange

from lamina.compiled import compiled
from lamina.render.constants import TILE_AREA_PX, TILE_PX
from lamina.render.kernels.simd import fill_row, load_row, store_row, store_sums, sum_row
from lamina.render.kernels.tile_pixels import (
    BLUE,
    COLUMN,
    GREEN,
    HALF,
    NEXT_ROW,
    ONE,
    ROW,
    ZERO,
    gaussian_row,
    read_tile,
    write_tile,
)


@compiled(inline="always", fastmath=True)
def add_splat(acc, column, row, start, stop, x, y, half_xx, xy, half_yy, c0, c1, c2):
    """Adds one splat to rows start...stop (flat pixel indices) of a tile."""
    dx = load_row(column, 0) - x
    of_column = dx * dx * (-half_xx)
    slope = dx * (-xy)
    dy = fill_row(row[start] - y)
    p = start
    while p < stop:
        g = gaussian_row(of_column + dy * (slope - dy * half_yy), ZERO)
        store_row(acc, p, load_row(acc, p) + g * c0)
        store_row(acc, p + GREEN, load_row(acc, p + GREEN) + g * c1)
        store_row(acc, p + BLUE, load_row(acc, p + BLUE) + g * c2)
        dy = dy + ONE
        p += NEXT_ROW


@compiled(inline="always", fastmath=True)
def splat_moments(grad, column, row, start, stop, x, y, half_xx, xy, half_yy, c0, c1, c2, out):
    """Moments of one splat over rows start...stop of a tile; `grad` is (768,) dL/dpixel."""
    dx = load_row(column, 0) - x
    of_column = dx * dx * (-half_xx)
    slope = dx * (-xy)
    dy = fill_row(row[start] - y)
    s0 = s1 = s2 = fill_row(ZERO)
    ty = tyy = fill_row(ZERO)
    p = start
    while p < stop:
        g = gaussian_row(of_column + dy * (slope - dy * half_yy), ZERO)
        g0 = load_row(grad, p)
        g1 = load_row(grad, p + GREEN)
        g2 = load_row(grad, p + BLUE)
        s0 = s0 + g * g0
        s1 = s1 + g * g1
        s2 = s2 + g * g2
        v = g * (g0 * c0 + g1 * c1 + g2 * c2) * dy
        ty = ty + v
        tyy = tyy + v * dy
        dy = dy + ONE
        p += NEXT_ROW
    t = s0 * c0 + s1 * c1 + s2 * c2
    u = t * dx
    store_sums(out, 0, (s0, s1, s2, t, u, ty, u * dx, ty * dx))
    out[8] = sum_row(tyy)


@compiled()
def pack_splats(geometry, colors):
    """(n, 8) rows x, y, half conic xx, conic xy, half conic yy, three colors: one cache line a splat and not eleven."""
    splats = np.empty((geometry.shape[1], 8), np.float32)
    for i in range(geometry.shape[1]):
        splats[i, 0], splats[i, 1] = geometry[0, i], geometry[1, i]
        splats[i, 2], splats[i, 3], splats[i, 4] = HALF * geometry[2, i], geometry[3, i], HALF * geometry[4, i]
        splats[i, 5], splats[i, 6], splats[i, 7] = colors[0, i], colors[1, i], colors[2, i]
    return splats


@compiled(fastmath=True)
def add_entries(acc, first, last, splats, entry_splat, entry_rows, left, upper):
    """Adds entries first...last - 1 to the tile whose corner is (left, upper) pixels."""
    for k in range(first, last):
        i = entry_splat[k]
        rows = entry_rows[k]
        start = np.uint64(rows >> 4) * NEXT_ROW
        stop = np.uint64(rows & 15) * NEXT_ROW + NEXT_ROW
        add_splat(
            acc, COLUMN, ROW, start, stop, splats[i, 0] - left, splats[i, 1] - upper,
            splats[i, 2], splats[i, 3], splats[i, 4], splats[i, 5], splats[i, 6], splats[i, 7],
        )  # fmt: skip


@compiled(fastmath=True)
def entry_moments_of(grad, first, last, splats, entry_splat, entry_rows, left, upper, out):
    """Moments of entries first...last - 1 of the tile whose corner is (left, upper) pixels."""
    for k in range(first, last):
        i = entry_splat[k]
        rows = entry_rows[k]
        start = np.uint64(rows >> 4) * NEXT_ROW
        stop = np.uint64(rows & 15) * NEXT_ROW + NEXT_ROW
        splat_moments(
            grad, COLUMN, ROW, start, stop, splats[i, 0] - left, splats[i, 1] - upper,
            splats[i, 2], splats[i, 3], splats[i, 4], splats[i, 5], splats[i, 6], splats[i, 7],
            out[k],
        )  # fmt: skip


@compiled(inline="always")
def first_above(entry_splat, first, last, split):
    """First entry of a tile whose splat is not below `split`; splats ascend within a tile."""
    while first < last:
        middle = (first + last) // 2
        if entry_splat[middle] < split:
            first = middle + 1
        else:
            last = middle
    return first


@compiled(parallel=True, fastmath=True)
def accumulate_tiles(geometry, colors, tile_starts, entry_splat, entry_rows, tiles_x, split, lower, top):
    """Renders splats [0, split) into `lower` and all into `top`, both (tiles, 768)."""
    splats = pack_splats(geometry, colors)
    for tile in prange(tile_starts.shape[0] - 1):
        left = np.float32((tile % tiles_x) * TILE_PX)
        upper = np.float32((tile // tiles_x) * TILE_PX)
        first, last = tile_starts[tile], tile_starts[tile + 1]
        acc = top[tile]
        acc[:] = ZERO
        if split > 0:
            middle = first_above(entry_splat, first, last, split)
            add_entries(acc, first, middle, splats, entry_splat, entry_rows, left, upper)
            lower[tile, :] = acc
            first = middle
        add_entries(acc, first, last, splats, entry_splat, entry_rows, left, upper)


@compiled(parallel=True, fastmath=True)
def moments_of_tiles(geometry, colors, tile_starts, entry_splat, entry_rows, tiles_x, split, grad_lower, grad_top, out):
    """Moments of every entry, (entries, 9): splats below `split` see `grad_lower`, the others `grad_top`."""
    splats = pack_splats(geometry, colors)
    for tile in prange(tile_starts.shape[0] - 1):
        left = np.float32((tile % tiles_x) * TILE_PX)
        upper = np.float32((tile // tiles_x) * TILE_PX)
        first, last = tile_starts[tile], tile_starts[tile + 1]
        middle = first_above(entry_splat, first, last, split)
        entry_moments_of(grad_lower[tile], first, middle, splats, entry_splat, entry_rows, left, upper, out)
        entry_moments_of(grad_top[tile], middle, last, splats, entry_splat, entry_rows, left, upper, out)


@compiled(parallel=True, fastmath=True)
def accumulate_pixels(geometry, colors, tile_starts, entry_splat, entry_rows, split, lower, top):
    """As `accumulate_tiles`, into (h, w, 3) pictures: a tile's sums never leave the cache."""
    splats = pack_splats(geometry, colors)
    tiles_x = (top.shape[1] + TILE_PX - 1) // TILE_PX
    for tile in prange(tile_starts.shape[0] - 1):
        column, row = (tile % tiles_x) * TILE_PX, (tile // tiles_x) * TILE_PX
        left, upper = np.float32(column), np.float32(row)
        first, last = tile_starts[tile], tile_starts[tile + 1]
        acc = np.zeros(3 * TILE_AREA_PX, np.float32)
        if split > 0:
            middle = first_above(entry_splat, first, last, split)
            add_entries(acc, first, middle, splats, entry_splat, entry_rows, left, upper)
            write_tile(acc, lower, column, row)
            first = middle
        add_entries(acc, first, last, splats, entry_splat, entry_rows, left, upper)
        write_tile(acc, top, column, row)


@compiled(parallel=True, fastmath=True)
def moments_of_pixels(geometry, colors, tile_starts, entry_splat, entry_rows, split, grad_lower, grad_top, out):
    """As `moments_of_tiles`, from (h, w, 3) gradients."""
    splats = pack_splats(geometry, colors)
    tiles_x = (grad_top.shape[1] + TILE_PX - 1) // TILE_PX
    for tile in prange(tile_starts.shape[0] - 1):
        column, row = (tile % tiles_x) * TILE_PX, (tile // tiles_x) * TILE_PX
        left, upper = np.float32(column), np.float32(row)
        first, last = tile_starts[tile], tile_starts[tile + 1]
        grad = np.zeros(3 * TILE_AREA_PX, np.float32)
        if split > 0:
            middle = first_above(entry_splat, first, last, split)
            read_tile(grad_lower, column, row, grad)
            entry_moments_of(grad, first, middle, splats, entry_splat, entry_rows, left, upper, out)
            first = middle
        read_tile(grad_top, column, row, grad)
        entry_moments_of(grad, first, last, splats, entry_splat, entry_rows, left, upper, out)
