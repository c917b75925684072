# SPDX-License-Identifier: Apache-2.0
"""The lattice: which steps a splat's numbers are coded with, in integer arithmetic. Shared by encoder and decoder.

One number, the step q, sets all: colours are coded as amplitudes a = c exp(m) in steps of q, and every geometric
parameter in the step that costs the same squared error (docs/codecs/planar.md, "the lattice"):

    class k = round(log2(|a| / q)), coded;  h = min(1/2, 2^-k);  m and rho in steps of h
    phi = 2 theta in n = 4 round(pi sinh(2 rho) / 4h) bins, at least 4; one bin when rho = 0
    position on a grid of 2^p px, p = round(log2(1.3 exp(m) 2^-k / sqrt(cosh 2 rho))), -3...1

m and rho are multiples of 1/256; what depends on them through sinh and cosh comes from stored integer tables, so
counts of
bins and grids are the same on every machine.
"""

from __future__ import annotations

import functools
from decimal import Decimal, localcontext

import numpy as np

from lamina.compiled import compiled

UNIT = 256
"""m and rho are integers over this."""

CLASSES = 9
"""k = 0...8: amplitudes up to 2^8.5 steps keep their own precision, larger ones share the finest."""

RHO_LIMIT = 640
"""rho <= 2.5, in 1/256: see kernels.LARGEST_RHO."""

M_LOWEST, M_HIGHEST = -384, 2304
"""exp(-1.5) = 0.22 px ... exp(9) = 8103 px, in 1/256."""

CELL_PX = 2
"""Positions are coded as 2-px cells by a quadtree, and as raw sub-cell bits below."""

FINEST_GRID, COARSEST_GRID = -3, 1
"""Position grids of 1/8 ... 2 px."""

POSITION_UNITS = 16
"""Positions are integers over this many to the pixel: centers of the finest grid's cells are whole numbers."""

LOG2_SCALE = 65536
LOG2_E_SCALED = 94548
"""log2(e) * 65536, rounded."""
GRID_BIAS_SCALED = 24805 + 32768
"""(log2(1.3) + 1/2) * 65536: 1.3 is the theory's grid factor, 1/2 turns floor into round."""


@functools.cache
def stored_tables() -> tuple[np.ndarray, np.ndarray]:
    """Integer tables over rho = 0...640 / 256: 64 pi sinh(2 rho) * 256, and log2(cosh 2 rho) / 2 * 65536, rounded.

    Decimal arithmetic is specified to the last digit, so these are the same everywhere; a test pins their hash.
    """
    with localcontext() as context:
        context.prec = 40
        pi = Decimal("3.141592653589793238462643383279502884197")
        ln2 = Decimal(2).ln()
        bins, grids = [], []
        growth = (Decimal(2) / UNIT).exp()
        power = Decimal(1)
        for _ in range(RHO_LIMIT + 1):
            sinh, cosh = (power - 1 / power) / 2, (power + 1 / power) / 2
            bins.append(int((64 * 256 * pi * sinh).to_integral_value()))
            grids.append(int((LOG2_SCALE * cosh.ln() / ln2 / 2).to_integral_value()))
            power *= growth
    return np.array(bins, np.int64), np.array(grids, np.int64)


@compiled(inline="always")
def shape_step(k):
    """Step of m and rho of class k, in 1/256."""
    return max(1, min(128, 256 >> k))


@compiled(inline="always")
def angle_bins(k, rho, bins_table):
    """Bins of phi over the full turn; `rho` in 1/256."""
    if rho == 0:
        return 1
    step = shape_step(k)
    quarter = (bins_table[rho] + step * 128) // (step * 256)
    return 4 * max(1, quarter)


@compiled(inline="always")
def position_grid(k, m, rho, grids_table):
    """p: positions are on a grid of 2^p px; `m` and `rho` in 1/256."""
    exponent = ((m * LOG2_E_SCALED) >> 8) - (k << 16) - grids_table[rho] + GRID_BIAS_SCALED
    return min(COARSEST_GRID, max(FINEST_GRID, exponent >> 16))


@compiled()
def _position_grids(k, m, rho, grids_table, out):
    for i in range(k.shape[0]):
        unit = shape_step(k[i])
        out[i] = position_grid(k[i], m[i] * unit, rho[i] * unit, grids_table)


def position_grids(k: np.ndarray, m: np.ndarray, rho: np.ndarray) -> np.ndarray:
    """P of each splat: (n,) int32."""
    out = np.empty(len(k), np.int32)
    _position_grids(k, m, rho, stored_tables()[1], out)
    return out
