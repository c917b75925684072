# SPDX-License-Identifier: Apache-2.0
"""Blending on the CPU: splats in depth order, tile by tile, forward and backward; both front to back.

In: records (n, 16), one cache line a splat, tile lists. Out: pixels and alpha, or moments of every entry as the planar
kernels have them: sum w G_k (3), then sum t, t dx, t dy, t dx^2, t dx dy, t dy^2 with t = dL / d log alpha.

A pixel's transmittance is negative once it has stopped: nothing more is added to it, and its size is still known.
Backward needs one scalar a pixel: R, what splats not yet visited and the background give to (pixel . gradient).

    dL / d alpha = T (color . g) - R_behind / (1 - alpha)
    t = alpha dL / d alpha = w (color . g) - R_behind w / T_next
"""

from __future__ import annotations

import numpy as np
from numba import prange

from lamina.compiled import compiled
from lamina.render.constants import ALPHA_MAX, TILE_AREA_PX, TILE_PX, TRANSMITTANCE_STOP
from lamina.render.kernels.simd import (
    choose_above,
    fill_row,
    load_row,
    negative_size,
    prefetch,
    store_row,
    store_sums,
    sum_row,
)
from lamina.render.kernels.tile_lists import MOMENTS
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

FIELDS = 16
"""Numbers of a record: x, y, half conic xx, conic xy, half conic yy, log opacity, three colors; then padding."""

MOST = np.float32(ALPHA_MAX)
STOP = np.float32(TRANSMITTANCE_STOP)
EXIT_EVERY = 8
"""Splats between two looks whether a tile has any pixel left."""

AHEAD = 6
"""Entries between asking for a record and using it: a record of the nearest cache is the exception, lists being sorted
by depth and not by place."""


@compiled(parallel=True)
def pack_records(order, screen, colors, geometry, records, places):
    """Geometry (8, n) for the tile lists, records (n, FIELDS) for blending, and the place of each Gaussian in both."""
    final = order.shape[0] - 1
    for k in prange(order.shape[0]):
        ahead = order[min(k + 2 * AHEAD, final)]
        prefetch(screen, ahead * screen.shape[1])
        prefetch(screen, ahead * screen.shape[1] + screen.shape[1] - 1)
        prefetch(colors, ahead * 3)
        i = order[k]
        places[i] = k
        for row in range(8):
            geometry[row, k] = screen[i, row]
        records[k, 0], records[k, 1] = screen[i, 0], screen[i, 1]
        records[k, 2], records[k, 3], records[k, 4] = HALF * screen[i, 2], screen[i, 3], HALF * screen[i, 4]
        records[k, 5] = screen[i, 8]
        records[k, 6], records[k, 7], records[k, 8] = colors[i, 0], colors[i, 1], colors[i, 2]


@compiled(inline="always", fastmath=True)
def blend_splat(acc, left_over, start, stop, x, y, half_xx, xy, half_yy, log_opacity, c0, c1, c2):
    """Blends one splat behind what rows start...stop (flat pixel indices) of a tile already have."""
    dx = load_row(COLUMN, 0) - x
    of_column = dx * dx * (-half_xx) + log_opacity
    slope = dx * (-xy)
    dy = fill_row(ROW[start] - y)
    p = start
    while p < stop:
        g = gaussian_row(of_column + dy * (slope - dy * half_yy), log_opacity)
        alpha = choose_above(MOST, g, g, MOST)
        before = load_row(left_over, p)
        w = alpha * before
        after = before - w
        w = choose_above(w, ZERO, after, STOP)
        store_row(left_over, p, choose_above(after, negative_size(before), after, STOP))
        store_row(acc, p, load_row(acc, p) + w * c0)
        store_row(acc, p + GREEN, load_row(acc, p + GREEN) + w * c1)
        store_row(acc, p + BLUE, load_row(acc, p + BLUE) + w * c2)
        dy = dy + ONE
        p += NEXT_ROW


@compiled(inline="always", fastmath=True)
def blend_moments(grad, left_over, behind, start, stop, x, y, half_xx, xy, half_yy, log_opacity, c0, c1, c2, out):
    """Moments of one splat over rows start...stop; `left_over` and `behind` are brought past it."""
    dx = load_row(COLUMN, 0) - x
    of_column = dx * dx * (-half_xx) + log_opacity
    slope = dx * (-xy)
    dy = fill_row(ROW[start] - y)
    s0 = s1 = s2 = fill_row(ZERO)
    t0 = ty = tyy = fill_row(ZERO)
    p = start
    while p < stop:
        g = gaussian_row(of_column + dy * (slope - dy * half_yy), log_opacity)
        alpha = choose_above(MOST, g, g, MOST)
        before = load_row(left_over, p)
        w = alpha * before
        after = before - w
        w = choose_above(w, ZERO, after, STOP)
        store_row(left_over, p, choose_above(after, negative_size(before), after, STOP))
        g0 = load_row(grad, p)
        g1 = load_row(grad, p + GREEN)
        g2 = load_row(grad, p + BLUE)
        s0 = s0 + w * g0
        s1 = s1 + w * g1
        s2 = s2 + w * g2
        own = w * (g0 * c0 + g1 * c1 + g2 * c2)
        rest = load_row(behind, p) - own
        store_row(behind, p, rest)
        # An alpha that was clamped does not move with the splat's shape.
        t = choose_above(ZERO, own - rest * (w / after), g, MOST)
        t0 = t0 + t
        t = t * dy
        ty = ty + t
        tyy = tyy + t * dy
        dy = dy + ONE
        p += NEXT_ROW
    u = t0 * dx
    store_sums(out, 0, (s0, s1, s2, t0, u, ty, u * dx, ty * dx))
    out[8] = sum_row(tyy)


@compiled(inline="always", fastmath=True)
def any_left(left_over):
    """Whether any pixel of a tile still takes splats."""
    total = fill_row(ZERO)
    for row in range(TILE_PX):
        values = load_row(left_over, np.uint64(row * TILE_PX))
        total = total + choose_above(values, ZERO, values, ZERO)
    return sum_row(total) > ZERO


@compiled(inline="always")
def aligned_rows(count):
    """Zeros, so placed that no row of sixteen crosses a line of the cache: that alone halves the time of a row."""
    room = np.zeros(count + TILE_PX, np.float32)
    first = (-room.ctypes.data // 4) % TILE_PX
    return room[first : first + count]


@compiled(inline="always")
def start_tile(left_over, columns, rows):
    """Full transmittance inside the picture; what lies beyond it has stopped from the beginning."""
    for p in range(TILE_AREA_PX):
        left_over[p] = ONE if p % TILE_PX < columns and p // TILE_PX < rows else -ONE


@compiled(parallel=True, fastmath=True)
def blend_pixels(records, tile_starts, entry_splat, entry_rows, tile_order, background, pixels, alpha, tile_stops):
    """Pictures (h, w, 3) and (h, w), and the entry of each tile before which all its pixels had stopped."""
    height, width = alpha.shape
    final = entry_splat.shape[0] - 1
    tiles_x = (width + TILE_PX - 1) // TILE_PX
    for turn in prange(tile_order.shape[0]):
        tile = tile_order[turn]
        column, row = (tile % tiles_x) * TILE_PX, (tile // tiles_x) * TILE_PX
        left, upper = np.float32(column), np.float32(row)
        columns, rows = min(TILE_PX, width - column), min(TILE_PX, height - row)
        acc = aligned_rows(3 * TILE_AREA_PX)
        left_over = aligned_rows(TILE_AREA_PX)
        start_tile(left_over, columns, rows)
        k, last = tile_starts[tile], tile_starts[tile + 1]
        while k < last and any_left(left_over):
            pause = min(k + EXIT_EVERY, last)
            while k < pause:
                prefetch(records, entry_splat[min(k + AHEAD, final)] * FIELDS)
                i = entry_splat[k]
                span = entry_rows[k]
                blend_splat(
                    acc, left_over, np.uint64(span >> 4) * NEXT_ROW, np.uint64(span & 15) * NEXT_ROW + NEXT_ROW,
                    records[i, 0] - left, records[i, 1] - upper, records[i, 2], records[i, 3], records[i, 4],
                    records[i, 5], records[i, 6], records[i, 7], records[i, 8],
                )  # fmt: skip
                k += 1
        tile_stops[tile] = k
        for p in range(TILE_AREA_PX):
            remaining = abs(left_over[p])
            left_over[p] = ONE - remaining
            for channel in range(3):
                acc[p + channel * TILE_AREA_PX] += remaining * background[channel]
        write_tile(acc, pixels, column, row)
        for y in range(rows):
            for x in range(columns):
                alpha[row + y, column + x] = left_over[y * TILE_PX + x]


@compiled(inline="always", fastmath=True)
def start_behind(behind, grad, pixels, alpha, grad_alpha, column, row, columns, rows):
    """R before any splat: pixel . gradient, of which alpha's gradient takes its share of the background."""
    for p in range(TILE_AREA_PX):
        behind[p] = ZERO
    for y in range(rows):
        for x in range(columns):
            p = y * TILE_PX + x
            total = (alpha[row + y, column + x] - ONE) * grad_alpha[row + y, column + x]
            for channel in range(3):
                total += pixels[row + y, column + x, channel] * grad[p + channel * TILE_AREA_PX]
            behind[p] = total


@compiled(parallel=True, fastmath=True)
def moments_of_blend(
    records, tile_starts, tile_stops, entry_splat, entry_rows, tile_order, pixels, alpha, grad_pixels, grad_alpha, out
):
    """Moments of every entry, (entries, MOMENTS), from gradients (h, w, 3) and (h, w)."""
    height, width = alpha.shape
    final = entry_splat.shape[0] - 1
    tiles_x = (width + TILE_PX - 1) // TILE_PX
    for turn in prange(tile_order.shape[0]):
        tile = tile_order[turn]
        column, row = (tile % tiles_x) * TILE_PX, (tile // tiles_x) * TILE_PX
        left, upper = np.float32(column), np.float32(row)
        columns, rows = min(TILE_PX, width - column), min(TILE_PX, height - row)
        grad = aligned_rows(3 * TILE_AREA_PX)
        left_over = aligned_rows(TILE_AREA_PX)
        behind = aligned_rows(TILE_AREA_PX)
        read_tile(grad_pixels, column, row, grad)
        start_tile(left_over, columns, rows)
        start_behind(behind, grad, pixels, alpha, grad_alpha, column, row, columns, rows)
        for k in range(tile_starts[tile], tile_stops[tile]):
            prefetch(records, entry_splat[min(k + AHEAD, final)] * FIELDS)
            i = entry_splat[k]
            span = entry_rows[k]
            blend_moments(
                grad, left_over, behind,
                np.uint64(span >> 4) * NEXT_ROW, np.uint64(span & 15) * NEXT_ROW + NEXT_ROW,
                records[i, 0] - left, records[i, 1] - upper, records[i, 2], records[i, 3], records[i, 4],
                records[i, 5], records[i, 6], records[i, 7], records[i, 8], out[k],
            )  # fmt: skip
        for k in range(tile_stops[tile], tile_starts[tile + 1]):
            for j in range(MOMENTS):
                out[k, j] = ZERO
