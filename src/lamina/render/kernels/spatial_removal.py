# SPDX-License-Identifier: Apache-2.0
"""What a picture loses with each splat: absolute errors with it and without it, exact, in one pass front to back.

Without a splat of opacity alpha a pixel changes by

    -alpha T color + alpha / (1 - alpha) R,      R: what all behind it give to the pixel, background included

so no picture has to be rendered again. What the early stop of a pixel left out stays left out.
"""

from __future__ import annotations

import numpy as np
from numba import prange

from lamina.compiled import compiled
from lamina.render.constants import TILE_AREA_PX, TILE_PX
from lamina.render.kernels.simd import (
    choose_above,
    fill_row,
    load_row,
    negative_size,
    prefetch,
    store_row,
    sum_row,
)
from lamina.render.kernels.spatial_blend import AHEAD, FIELDS, MOST, STOP, aligned_rows, start_tile
from lamina.render.kernels.tile_pixels import (
    BLUE,
    COLUMN,
    GREEN,
    NEXT_ROW,
    ONE,
    ROW,
    ZERO,
    gaussian_row,
    read_tile,
)


@compiled(inline="always", fastmath=True)
def cost_of_channel(behind, error, p, w, share, color):
    """By how much absolute errors of a row grow without the splat; `behind` is brought past it."""
    rest = load_row(behind, p) - w * color
    store_row(behind, p, rest)
    now = load_row(error, p)
    return negative_size(now) - negative_size(now - w * color + rest * share)


@compiled(inline="always", fastmath=True)
def cost_of_splat(error, left_over, behind, start, stop, x, y, half_xx, xy, half_yy, log_opacity, c0, c1, c2):
    """The same over rows start...stop of a tile and three channels; `left_over` and `behind` are brought past it."""
    dx = load_row(COLUMN, 0) - x
    of_column = dx * dx * (-half_xx) + log_opacity
    slope = dx * (-xy)
    dy = fill_row(ROW[start] - y)
    total = fill_row(ZERO)
    p = start
    while p < stop:
        g = gaussian_row(of_column + dy * (slope - dy * half_yy), log_opacity)
        alpha = choose_above(MOST, g, g, MOST)
        before = load_row(left_over, p)
        w = alpha * before
        after = before - w
        w = choose_above(w, ZERO, after, STOP)
        store_row(left_over, p, choose_above(after, negative_size(before), after, STOP))
        share = w / after
        total = total + cost_of_channel(behind, error, p, w, share, c0)
        total = total + cost_of_channel(behind, error, p + GREEN, w, share, c1)
        total = total + cost_of_channel(behind, error, p + BLUE, w, share, c2)
        dy = dy + ONE
        p += NEXT_ROW
    return sum_row(total)


@compiled(parallel=True, fastmath=True)
def removal_costs(
    records, tile_starts, tile_stops, entry_splat, entry_rows, tile_order, pixels, target, entry_costs
):  # fmt: skip
    """Cost of each entry; `pixels` is what was rendered of all splats, and `target` what there should be."""
    height, width, _ = pixels.shape
    final = entry_splat.shape[0] - 1
    tiles_x = (width + TILE_PX - 1) // TILE_PX
    for turn in prange(tile_order.shape[0]):
        tile = tile_order[turn]
        column, row = (tile % tiles_x) * TILE_PX, (tile // tiles_x) * TILE_PX
        left, upper = np.float32(column), np.float32(row)
        behind = aligned_rows(3 * TILE_AREA_PX)
        error = aligned_rows(3 * TILE_AREA_PX)
        left_over = aligned_rows(TILE_AREA_PX)
        read_tile(pixels, column, row, behind)
        read_tile(target, column, row, error)
        for p in range(3 * TILE_AREA_PX):
            error[p] = behind[p] - error[p]
        start_tile(left_over, min(TILE_PX, width - column), min(TILE_PX, height - row))
        for k in range(tile_starts[tile], tile_stops[tile]):
            prefetch(records, entry_splat[min(k + AHEAD, final)] * FIELDS)
            i = entry_splat[k]
            span = entry_rows[k]
            entry_costs[k] = cost_of_splat(
                error, left_over, behind,
                np.uint64(span >> 4) * NEXT_ROW, np.uint64(span & 15) * NEXT_ROW + NEXT_ROW,
                records[i, 0] - left, records[i, 1] - upper, records[i, 2], records[i, 3], records[i, 4],
                records[i, 5], records[i, 6], records[i, 7], records[i, 8],
            )  # fmt: skip
        for k in range(tile_stops[tile], tile_starts[tile + 1]):
            entry_costs[k] = ZERO


@compiled(parallel=True)
def gather_costs(splat_starts, splat_entries, entry_costs, order, costs):
    """Sums over the entries of each splat; splat i is Gaussian `order[i]`."""
    for i in prange(order.shape[0]):
        total = np.float32(0.0)
        for s in range(splat_starts[i], splat_starts[i + 1]):
            total += entry_costs[splat_entries[s]]
        costs[order[i]] = total
