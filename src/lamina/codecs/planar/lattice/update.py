# SPDX-License-Identifier: Apache-2.0
"""How a predicted frame changes the splats of the frame before: one flag a splat, deltas for those that changed.

Splats keep their slots: those that stay keep their order, removed ones are flagged, new ones follow at the end.
Written once
for both directions.
"""

from __future__ import annotations

import numpy as np

from lamina.codecs.planar.lattice.motion import MOTION_CONTEXTS
from lamina.codecs.planar.lattice.steps import M_HIGHEST, M_LOWEST, RHO_LIMIT, angle_bins, position_grid, shape_step
from lamina.codecs.planar.lattice.walk import C0, PHI, RHO, K, M, X
from lamina.entropy.binary import code_bit, fail, is_reading, ran_dry
from lamina.entropy.kernel import kernel
from lamina.entropy.symbols import code_signed

KEPT, RECOLORED, CHANGED, REMOVED = range(4)
"""Flags: as it was; new colors; new geometry and colors; gone."""

DELTA_CAP = 8
DELTA_CONTEXTS = DELTA_CAP + 2
COLOR_GROUPS = 3

FLAG_BASE = MOTION_CONTEXTS
KIND_BASE = FLAG_BASE + 9
COLOR_BASE = KIND_BASE + 6
GEOMETRY_BASE = COLOR_BASE + 3 * COLOR_GROUPS * DELTA_CONTEXTS
UPDATE_CONTEXTS = GEOMETRY_BASE + 5 * DELTA_CONTEXTS


@kernel
def code_delta(coder, contexts, row, value):
    """A small difference."""
    return code_signed(coder, contexts, row, DELTA_CAP, value)


@kernel
def code_flag(coder, contexts, activity, past, flag):
    """One splat's flag, given how many of the two before it in order changed, and how it was coded last."""
    base = FLAG_BASE + 3 * activity + min(past, 2)
    if code_bit(coder, contexts, base, np.int64(flag != KEPT)) == 0:
        return np.int64(KEPT)
    base = KIND_BASE + 2 * min(past, 2)
    if code_bit(coder, contexts, base, np.int64(flag == RECOLORED)):
        return np.int64(RECOLORED)
    return np.int64(REMOVED) if code_bit(coder, contexts, base + 1, np.int64(flag == REMOVED)) else np.int64(CHANGED)


@kernel
def turned(phi, bins, new_bins):
    """The nearest bin when the number of bins changes."""
    return ((2 * phi * new_bins + bins) // (2 * bins)) % new_bins


@kernel
def code_geometry(coder, contexts, bins_table, grids_table, before, after, i, limits):
    """New size, axis ratio, angle and position of splat i as differences; `limits`: pixels of the coded area."""
    k = before[i, K]
    unit = shape_step(k)
    m = before[i, M] + code_delta(coder, contexts, GEOMETRY_BASE, after[i, M] - before[i, M])
    rho = before[i, RHO] + code_delta(coder, contexts, GEOMETRY_BASE + DELTA_CONTEXTS, after[i, RHO] - before[i, RHO])
    if m * unit < M_LOWEST or m * unit > M_HIGHEST or rho < 0 or rho * unit > RHO_LIMIT:
        fail(coder)
        m, rho = np.int64(before[i, M]), np.int64(before[i, RHO])
    bins = angle_bins(k, rho * unit, bins_table)
    guess = turned(before[i, PHI], angle_bins(k, before[i, RHO] * unit, bins_table), bins)
    delta = after[i, PHI] - guess
    half = bins // 2
    if delta > half:
        delta -= bins
    elif delta < -half:
        delta += bins
    delta = code_delta(coder, contexts, GEOMETRY_BASE + 2 * DELTA_CONTEXTS, delta)
    if delta > half or delta < -half:
        fail(coder)
        delta = np.int64(0)
    shift = position_grid(k, m * unit, rho * unit, grids_table) + 4
    for axis in range(2):
        context = GEOMETRY_BASE + (3 + axis) * DELTA_CONTEXTS
        cells = code_delta(coder, contexts, context, (after[i, X + axis] - before[i, X + axis]) >> shift)
        place = before[i, X + axis] + (min(max(cells, -(1 << 16)), 1 << 16) << shift)
        if place < 0 or place >= limits[axis] * 16:
            fail(coder)
            place = np.int64(before[i, X + axis])
        after[i, X + axis] = place
    after[i, M], after[i, RHO], after[i, PHI] = m, rho, (guess + delta + bins) % bins


@kernel
def code_updates(coder, contexts, bins_table, grids_table, before, after, flags, past, limits):
    """Flags and deltas of all splats of the frame before.

    Args:
        before: (n, 9) rows of the walk, positions in 1/16 px, moved along the motion field.
        after: (n, 9) the same of this frame: given when writing (removed rows are ignored), filled when reading.
        flags: (n,) uint8, given or filled.
        past: (n,) uint8 flags of the frame before.
        limits: (width, height) of the coded area in pixels.
    """
    activity = np.int64(0)
    older = np.int64(0)
    for i in range(before.shape[0]):
        if ran_dry(coder):
            return
        flag = code_flag(coder, contexts, activity + older, past[i], flags[i])
        flags[i] = flag
        older = activity
        activity = np.int64(flag != KEPT)
        if is_reading(coder):
            for j in range(before.shape[1]):
                after[i, j] = before[i, j]
        if flag == CHANGED:
            code_geometry(coder, contexts, bins_table, grids_table, before, after, i, limits)
        if flag in (CHANGED, RECOLORED):
            group = min(before[i, K] >> 1, COLOR_GROUPS - 1)
            for channel in range(3):
                context = COLOR_BASE + (channel * COLOR_GROUPS + group) * DELTA_CONTEXTS
                delta = code_delta(coder, contexts, context, after[i, C0 + channel] - before[i, C0 + channel])
                value = before[i, C0 + channel] + delta
                if abs(value) >= 1 << 24:
                    fail(coder)
                    value = np.int64(0)
                after[i, C0 + channel] = value
