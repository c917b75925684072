# SPDX-License-Identifier: Apache-2.0
"""Planar accumulation in Triton: one program a tile, forward and backward.

In: values (n, 8) float32 rows x, y, conic xx, xy, yy, three colours; the splats of each tile in one list. Out: pixels
(h, w, 3), or moments of every entry (e, 9) as in kernels/planar_cpu.py. Also runs, slowly, under TRITON_INTERPRET=1.
"""

from __future__ import annotations

import torch
import triton
import triton.language as tl
from jaxtyping import Float, Int
from torch import Tensor

from lamina.render.constants import CUTOFF_EXPONENT, TILE_AREA_PX, TILE_PX

VALUES = 8
MOMENTS = 9
FORWARD_WARPS = 4
"""128 threads share a tile's 256 pixels."""
BACKWARD_WARPS = 1
"""One warp a tile: sums over its pixels then need no shared memory."""


@triton.jit
def _gaussian(values, splat, column, row, cutoff: tl.constexpr):
    """exp(-power) at each pixel, zero beyond the cut-off; and the offsets from the centre."""
    at = values + splat * 8
    dx = column - tl.load(at)
    dy = row - tl.load(at + 1)
    power = 0.5 * (tl.load(at + 2) * dx * dx + tl.load(at + 4) * dy * dy) + tl.load(at + 3) * dx * dy
    # Under 0 is rounding: of a needle, whose conic's terms cancel.
    return tl.where(power < cutoff, tl.exp(-tl.maximum(power, 0.0)), 0.0), dx, dy


@triton.jit
def _accumulate_range(values, entry_splat, first, last, column, row, red, green, blue, cutoff: tl.constexpr):
    """Adds entries first...last - 1 to three planes."""
    for k in range(first, last):
        splat = tl.load(entry_splat + k)
        g, _, _ = _gaussian(values, splat, column, row, cutoff)
        red += g * tl.load(values + splat * 8 + 5)
        green += g * tl.load(values + splat * 8 + 6)
        blue += g * tl.load(values + splat * 8 + 7)
    return red, green, blue


@triton.jit
def _accumulate_tile(
    values, entry_splat, tile_starts, tile_splits, lower, top, width, height, tiles_x,
    has_lower: tl.constexpr, cutoff: tl.constexpr, tile_px: tl.constexpr, area: tl.constexpr,
):  # fmt: skip
    """One tile of both pictures."""
    tile = tl.program_id(0)
    pixel = tl.arange(0, area)
    x = (tile % tiles_x) * tile_px + pixel % tile_px
    y = (tile // tiles_x) * tile_px + pixel // tile_px
    column, row = x.to(tl.float32) + 0.5, y.to(tl.float32) + 0.5
    inside = (x < width) & (y < height)
    offset = (y * width + x) * 3
    red = tl.zeros((area,), tl.float32)
    green = tl.zeros((area,), tl.float32)
    blue = tl.zeros((area,), tl.float32)
    first, middle, last = tl.load(tile_starts + tile), tl.load(tile_splits + tile), tl.load(tile_starts + tile + 1)
    red, green, blue = _accumulate_range(values, entry_splat, first, middle, column, row, red, green, blue, cutoff)
    if has_lower:
        tl.store(lower + offset, red, inside)
        tl.store(lower + offset + 1, green, inside)
        tl.store(lower + offset + 2, blue, inside)
    red, green, blue = _accumulate_range(values, entry_splat, middle, last, column, row, red, green, blue, cutoff)
    tl.store(top + offset, red, inside)
    tl.store(top + offset + 1, green, inside)
    tl.store(top + offset + 2, blue, inside)


@triton.jit
def _moments_range(values, entry_splat, first, last, column, row, red, green, blue, out, cutoff: tl.constexpr):
    """Moments of entries first...last - 1; `red`, `green`, `blue` are dL/dpixel."""
    for k in range(first, last):
        splat = tl.load(entry_splat + k)
        g, dx, dy = _gaussian(values, splat, column, row, cutoff)
        at = values + splat * 8
        t = g * (tl.load(at + 5) * red + tl.load(at + 6) * green + tl.load(at + 7) * blue)
        u, v = t * dx, t * dy
        to = out + k * 9
        tl.store(to, tl.sum(g * red, 0))
        tl.store(to + 1, tl.sum(g * green, 0))
        tl.store(to + 2, tl.sum(g * blue, 0))
        tl.store(to + 3, tl.sum(t, 0))
        tl.store(to + 4, tl.sum(u, 0))
        tl.store(to + 5, tl.sum(v, 0))
        tl.store(to + 6, tl.sum(u * dx, 0))
        tl.store(to + 7, tl.sum(u * dy, 0))
        tl.store(to + 8, tl.sum(v * dy, 0))


@triton.jit
def _moments_tile(
    values, entry_splat, tile_starts, tile_splits, grad_lower, grad_top, out, width, height, tiles_x,
    cutoff: tl.constexpr, tile_px: tl.constexpr, area: tl.constexpr,
):  # fmt: skip
    """Moments of one tile's entries: those below the split see `grad_lower`, the others `grad_top`."""
    tile = tl.program_id(0)
    pixel = tl.arange(0, area)
    x = (tile % tiles_x) * tile_px + pixel % tile_px
    y = (tile // tiles_x) * tile_px + pixel // tile_px
    column, row = x.to(tl.float32) + 0.5, y.to(tl.float32) + 0.5
    inside = (x < width) & (y < height)
    offset = (y * width + x) * 3
    first, middle, last = tl.load(tile_starts + tile), tl.load(tile_splits + tile), tl.load(tile_starts + tile + 1)
    red = tl.load(grad_lower + offset, inside, 0.0)
    green = tl.load(grad_lower + offset + 1, inside, 0.0)
    blue = tl.load(grad_lower + offset + 2, inside, 0.0)
    _moments_range(values, entry_splat, first, middle, column, row, red, green, blue, out, cutoff)
    red = tl.load(grad_top + offset, inside, 0.0)
    green = tl.load(grad_top + offset + 1, inside, 0.0)
    blue = tl.load(grad_top + offset + 2, inside, 0.0)
    _moments_range(values, entry_splat, middle, last, column, row, red, green, blue, out, cutoff)


def accumulate(
    values: Float[Tensor, "n 8"],
    entry_splat: Int[Tensor, " e"],
    tile_starts: Int[Tensor, " t1"],
    tile_splits: Int[Tensor, " t"],
    has_lower: bool,
    width: int,
    height: int,
) -> tuple[Float[Tensor, "h w 3"], Float[Tensor, "h w 3"]]:
    """Pictures of the entries before each tile's split (empty unless `has_lower`), and of all entries."""
    top = values.new_empty((height, width, 3))
    lower = torch.empty_like(top) if has_lower else values.new_empty((0, 0, 3))
    _accumulate_tile[(tile_splits.shape[0],)](  # pyright: ignore[reportIndexIssue]
        values, entry_splat, tile_starts, tile_splits, lower, top, width, height, -(-width // TILE_PX), has_lower,
        CUTOFF_EXPONENT, TILE_PX, TILE_AREA_PX, num_warps=FORWARD_WARPS,
    )  # fmt: skip
    return lower, top


def moments(
    values: Float[Tensor, "n 8"],
    entry_splat: Int[Tensor, " e"],
    tile_starts: Int[Tensor, " t1"],
    tile_splits: Int[Tensor, " t"],
    grad_lower: Float[Tensor, "h w 3"],
    grad_top: Float[Tensor, "h w 3"],
) -> Float[Tensor, "e 9"]:
    """Moments of every entry, in list order."""
    height, width, _ = grad_top.shape
    out = values.new_empty((entry_splat.shape[0], MOMENTS))
    _moments_tile[(tile_splits.shape[0],)](  # pyright: ignore[reportIndexIssue]
        values, entry_splat, tile_starts, tile_splits, grad_lower, grad_top, out, width, height, -(-width // TILE_PX),
        CUTOFF_EXPONENT, TILE_PX, TILE_AREA_PX, num_warps=BACKWARD_WARPS,
    )  # fmt: skip
    return out
