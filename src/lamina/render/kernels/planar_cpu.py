# SPDX-License-Identifier: Apache-2.0
"""Planar accumulation on the CPU: sum of coloured 2D Gaussians, forward and backward, tile by tile.

In: geometry (8, n), colours (3, n), tile lists. Out: tiled pixels, or gradients as moments per splat:
sum g G_k (3 rows), then sum t, t dx, t dy, t dx^2, t dx dy, t dy^2 with t = g (c . G): the chain to any shape
parameters is then exact and cheap. Pixels are tiled: (tiles, 3, 256) float32, zero outside the picture.

Loops are written so that LLVM makes vector code of them: one flat loop per (tile, splat) over whole tile rows, a
polynomial for exp (its argument is bounded by the cut-off), sums reduced once per (tile, splat).
"""

from __future__ import annotations

import numpy as np
from numba import njit, prange

from lamina.render.constants import CUTOFF_EXPONENT, TILE_AREA_PX, TILE_PX

AREA = np.int64(TILE_AREA_PX)
MOMENTS = 9

# exp(p) for p in [-ln 255, 0] as poly(p / 16)^16; the polynomial is exp's on [-0.3465, 0], minimax degree 4 (relative
# error 1.3e-6 after the power).
SIXTEENTH = np.float32(1.0 / 16.0)
E0, E1, E2, E3, E4 = (
    np.float32(v)
    for v in (0.9999999189895517, 0.9999888873646101, 0.4997504244476486, 0.16467033242596515, 0.034997879067121006)
)
FLOOR = np.float32(-CUTOFF_EXPONENT)
ZERO = np.float32(0.0)
HALF = np.float32(0.5)

COLUMN = (np.arange(TILE_AREA_PX) % TILE_PX + 0.5).astype(np.float32)
ROW = (np.arange(TILE_AREA_PX) // TILE_PX + 0.5).astype(np.float32)


@njit(inline="always", cache=True, fastmath=True, error_model="numpy")
def gaussian(dx, dy, half_xx, xy, half_yy):
    """exp(-(half_xx dx^2 + xy dx dy + half_yy dy^2)), zero beyond the cut-off."""
    power = -(dx * (half_xx * dx + xy * dy) + half_yy * dy * dy)
    r = max(power, FLOOR) * SIXTEENTH
    e = E0 + r * (E1 + r * (E2 + r * (E3 + r * E4)))
    e = e * e
    e = e * e
    e = e * e
    e = e * e
    return e if power > FLOOR else ZERO


@njit(inline="always", cache=True, fastmath=True, error_model="numpy")
def add_splat(acc, column, row, start, stop, x, y, half_xx, xy, half_yy, c0, c1, c2):
    """Adds one splat to rows start...stop (flat pixel indices) of a tile."""
    for p in range(start, stop):
        g = gaussian(column[p] - x, row[p] - y, half_xx, xy, half_yy)
        acc[p] += c0 * g
        acc[p + np.uint64(256)] += c1 * g
        acc[p + np.uint64(512)] += c2 * g


@njit(inline="always", cache=True, fastmath=True, error_model="numpy")
def splat_moments(grad, column, row, start, stop, x, y, half_xx, xy, half_yy, c0, c1, c2, out):
    """Moments of one splat over rows start...stop of a tile; `grad` is (768,) dL/dpixel."""
    s0 = s1 = s2 = ZERO
    t0 = tx = ty = txx = txy = tyy = ZERO
    for p in range(start, stop):
        dx = column[p] - x
        dy = row[p] - y
        g = gaussian(dx, dy, half_xx, xy, half_yy)
        g0 = grad[p]
        g1 = grad[p + np.uint64(256)]
        g2 = grad[p + np.uint64(512)]
        s0 += g * g0
        s1 += g * g1
        s2 += g * g2
        t = g * (c0 * g0 + c1 * g1 + c2 * g2)
        u = t * dx
        v = t * dy
        t0 += t
        tx += u
        ty += v
        txx += u * dx
        txy += u * dy
        tyy += v * dy
    out[0] = s0
    out[1] = s1
    out[2] = s2
    out[3] = t0
    out[4] = tx
    out[5] = ty
    out[6] = txx
    out[7] = txy
    out[8] = tyy


@njit(cache=True, nogil=True, parallel=True, fastmath=True, error_model="numpy")
def accumulate_tiles(geometry, colors, tile_starts, entry_splat, entry_rows, tiles_x, split, lower, top):
    """Renders splats [0, split) into `lower` and all into `top`, both (tiles, 768)."""
    for tile in prange(tile_starts.shape[0] - 1):
        left = np.float32((tile % tiles_x) * 16)
        upper = np.float32((tile // tiles_x) * 16)
        acc = top[tile]
        for p in range(768):
            acc[p] = ZERO
        pending = split > 0
        for k in range(tile_starts[tile], tile_starts[tile + 1]):
            i = entry_splat[k]
            if pending and i >= split:
                lower[tile, :] = acc
                pending = False
            rows = entry_rows[k]
            start = np.uint64(rows >> 4) * np.uint64(16)
            stop = np.uint64(rows & 15) * np.uint64(16) + np.uint64(16)
            add_splat(
                acc, COLUMN, ROW, start, stop, geometry[0, i] - left, geometry[1, i] - upper,
                HALF * geometry[2, i], geometry[3, i], HALF * geometry[4, i], colors[0, i], colors[1, i], colors[2, i],
            )  # fmt: skip
        if pending:
            lower[tile, :] = acc


@njit(cache=True, nogil=True, parallel=True, fastmath=True, error_model="numpy")
def moments_of_tiles(geometry, colors, tile_starts, entry_splat, entry_rows, tiles_x, split, grad_lower, grad_top, out):
    """Moments of every entry, (entries, 9): splats below `split` see `grad_lower`, the others `grad_top`."""
    for tile in prange(tile_starts.shape[0] - 1):
        left = np.float32((tile % tiles_x) * 16)
        upper = np.float32((tile // tiles_x) * 16)
        for k in range(tile_starts[tile], tile_starts[tile + 1]):
            i = entry_splat[k]
            grad = grad_lower[tile] if i < split else grad_top[tile]
            rows = entry_rows[k]
            start = np.uint64(rows >> 4) * np.uint64(16)
            stop = np.uint64(rows & 15) * np.uint64(16) + np.uint64(16)
            splat_moments(
                grad, COLUMN, ROW, start, stop, geometry[0, i] - left, geometry[1, i] - upper,
                HALF * geometry[2, i], geometry[3, i], HALF * geometry[4, i], colors[0, i], colors[1, i], colors[2, i],
                out[k],
            )  # fmt: skip


@njit(cache=True, nogil=True, parallel=True)
def gather_moments(splat_starts, splat_entries, entry_moments, out):
    """Sums the moments of each splat's entries: (n, 9). One writer a splat: the same sums on any thread count."""
    for i in prange(splat_starts.shape[0] - 1):
        for j in range(out.shape[1]):
            out[i, j] = 0.0
        for s in range(splat_starts[i], splat_starts[i + 1]):
            k = splat_entries[s]
            for j in range(out.shape[1]):
                out[i, j] += entry_moments[k, j]


def to_tiles(pixels: np.ndarray) -> np.ndarray:
    """(h, w, 3) -> (tiles, 768): planes of each 16 x 16 tile one after the other, zero beyond the picture."""
    height, width, _ = pixels.shape
    rows, columns = -(-height // TILE_PX), -(-width // TILE_PX)
    padded = np.zeros((rows * TILE_PX, columns * TILE_PX, 3), np.float32)
    padded[:height, :width] = pixels
    tiled = padded.reshape(rows, TILE_PX, columns, TILE_PX, 3).transpose(0, 2, 4, 1, 3)
    return np.ascontiguousarray(tiled.reshape(rows * columns, 3 * TILE_AREA_PX))


def from_tiles(tiles: np.ndarray, width: int, height: int) -> np.ndarray:
    """(tiles, 768) -> (h, w, 3): the inverse of `to_tiles`."""
    rows, columns = -(-height // TILE_PX), -(-width // TILE_PX)
    grid = tiles.reshape(rows, columns, 3, TILE_PX, TILE_PX).transpose(0, 3, 1, 4, 2)
    return np.ascontiguousarray(grid.reshape(rows * TILE_PX, columns * TILE_PX, 3)[:height, :width])
