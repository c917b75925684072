# SPDX-License-Identifier: Apache-2.0
"""Better lattice points for a frozen fit: coordinate descent on the integers, in error plus lambda times bits.

Rounding each number to its nearest step ignores what the neighbours' rounding did. Here the error's gradient at the lattice
points says for each splat which integer to move by one; a share of the splats moves at a time, so that overlapping ones do
not all answer the same error. Curvatures are those of a splat on its own (docs/codecs/planar.md, "the lattice").
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numba import njit, prange

from lamina.codecs.planar.lattice import steps
from lamina.codecs.planar.lattice.canvas import Splats
from lamina.codecs.planar.lattice.freeze import quantize_geometry
from lamina.codecs.planar.lattice.optimize import FitPlan, Targets, level_gradients
from lamina.codecs.planar.lattice.splats import LatticeSplats, coded_area, to_parameters

RECLASS_INTERVAL = 40
"""Sweeps after which splats whose amplitude has left their class get the steps of the new one."""

COST_INTERVAL = 10
"""Sweeps after which the cost of colors is counted anew."""

MOVING_SHARE = 0.25
"""Of the splats may move in a sweep, at first."""

SHARE_DECAY = 0.8
"""The share shrinks by this when a sweep made things worse."""

ERROR_PER_BIT = 2.0 * math.log(2.0) * math.pi / 12.0
"""Squared error that a bit is worth, over step^2: the slope of uniform quantisation at this step."""

COST_MAGNITUDES = 64
"""Colour magnitudes with a cost of their own."""


def color_costs(splats: LatticeSplats) -> np.ndarray:
    """Bits of each color magnitude, (classes, 3, COST_MAGNITUDES): from the histogram of these splats."""
    costs = np.zeros((steps.CLASSES, 3, COST_MAGNITUDES))
    for k in range(steps.CLASSES):
        chosen = np.abs(splats.color[splats.k == k])
        for channel in range(3):
            counts = np.bincount(np.minimum(chosen[:, channel], COST_MAGNITUDES - 1), minlength=COST_MAGNITUDES)
            smooth = counts + 0.4 * np.exp(-np.arange(COST_MAGNITUDES) / 2.0**k) + 1e-3
            costs[k, channel] = -np.log2(smooth / smooth.sum()) + (np.arange(COST_MAGNITUDES) > 0)
    return costs


@njit(cache=True, nogil=True, inline="always")
def cost_of(costs, k, channel, value):
    """Bits of a color index."""
    return costs[k, channel, min(abs(value), COST_MAGNITUDES - 1)]


@njit(cache=True, nogil=True, parallel=True, error_model="numpy")
def sweep(lattice, color, parameters, gradients, moving, stiffness, step, worth, costs, limits, tables):
    """Moves one integer of each moving splat by one step where that lowers error plus worth * bits.

    Args:
        lattice: (n, 6) int32 k, m, rho, phi, x, y.
        color: (n, 3) int32.
        parameters: (8, n) what they mean now.
        gradients: (n, 8) of the squared error by `parameters`.
        moving: (n,) bool.
        stiffness: (n,) factor on curvatures: levels that a splat is part of, weighted.
        worth: squared error of one bit.
        limits: (width, height) of the coded area.
        tables: the stored tables of bins and grids.
    """
    bins_table, grids_table = tables
    for i in prange(lattice.shape[0]):
        if not moving[i]:
            continue
        k, m, rho, phi = lattice[i, 0], lattice[i, 1], lattice[i, 2], lattice[i, 3]
        unit = steps.shape_step(k)
        bins = steps.angle_bins(k, rho * unit, bins_table)
        grid_power = steps.position_grid(k, m * unit, rho * unit, grids_table)
        grid = 1 << (grid_power + 4)
        turn = 2.0 * math.pi * phi / bins
        rho_real = rho * unit / 256.0
        size = math.exp(parameters[2, i])
        amplitude = 0.0
        along = gradients[i, 2]
        for channel in range(3):
            amplitude += (color[i, channel] * step) ** 2
            along -= gradients[i, 5 + channel] * parameters[5 + channel, i]
        energy = math.pi * amplitude * stiffness[i]
        cosine, sine = math.cos(turn), math.sin(turn)
        best, best_gain = -1, 0.0
        # Positions: curvature pi |a|^2 conic.
        cosh, sinh = math.cosh(2.0 * rho_real), math.sinh(2.0 * rho_real)
        for axis in range(2):
            conic = (cosh - (sinh * cosine if axis == 0 else -sinh * cosine)) / (size * size)
            for sign in (-1, 1):
                moved = lattice[i, 4 + axis] + sign * grid
                delta = sign * grid / 16.0
                gain = -(gradients[i, axis] * delta + 0.5 * energy * conic * delta * delta)
                if gain > best_gain and 0 <= moved < limits[axis] * 16:
                    best, best_gain = 2 * axis + (sign + 1) // 2, gain
        for sign in (-1, 1):
            delta = sign * unit / 256.0
            gain = -(along * delta + energy * delta * delta)
            moved = m + sign
            if gain > best_gain and steps.M_LOWEST <= moved * unit <= steps.M_HIGHEST:
                if steps.position_grid(k, moved * unit, rho * unit, grids_table) == grid_power:
                    best, best_gain = 4 + (sign + 1) // 2, gain
            if bins > 1:
                delta = sign * 2.0 * math.pi / bins
                slope = rho_real * (cosine * gradients[i, 4] - sine * gradients[i, 3])
                gain = -(slope * delta + energy * 0.25 * sinh * sinh * delta * delta)
                if gain > best_gain:
                    best, best_gain = 6 + (sign + 1) // 2, gain
            moved = rho + sign
            if moved >= 1 and rho >= 1 and moved * unit <= steps.RHO_LIMIT:
                new_bins = steps.angle_bins(k, moved * unit, bins_table)
                new_phi = int(math.floor(phi * new_bins / bins + 0.5)) % new_bins
                twist = 2.0 * math.pi * (new_phi / new_bins - phi / bins)
                twist -= 2.0 * math.pi * math.floor(twist / (2.0 * math.pi) + 0.5)
                delta = sign * unit / 256.0
                slope = cosine * gradients[i, 3] + sine * gradients[i, 4]
                turn_slope = rho_real * (cosine * gradients[i, 4] - sine * gradients[i, 3])
                gain = -(slope * delta + turn_slope * twist)
                gain -= energy * (delta * delta + 0.25 * sinh * sinh * twist * twist)
                if gain > best_gain and steps.position_grid(k, m * unit, moved * unit, grids_table) == grid_power:
                    best, best_gain = 8 + (sign + 1) // 2, gain
        for channel in range(3):
            value = color[i, channel]
            for sign in (-1, 1):
                slope = gradients[i, 5 + channel] * step / size * sign
                gain = -(slope + math.pi * stiffness[i] * step * step)
                gain -= worth * (cost_of(costs, k, channel, value + sign) - cost_of(costs, k, channel, value))
                if gain > best_gain:
                    best, best_gain = 10 + 2 * channel + (sign + 1) // 2, gain
        if best < 0:
            continue
        sign = 2 * (best & 1) - 1
        if best < 4:
            lattice[i, 4 + best // 2] += sign * grid
        elif best < 6:
            lattice[i, 1] += sign
        elif best < 8:
            lattice[i, 3] = (phi + sign) % bins
        elif best < 10:
            new_bins = steps.angle_bins(k, (rho + sign) * unit, bins_table)
            lattice[i, 3] = int(math.floor(phi * new_bins / bins + 0.5)) % new_bins
            lattice[i, 2] += sign
        else:
            color[i, (best - 10) // 2] += sign


def refine(
    targets: Targets,
    splats: LatticeSplats,
    plan: FitPlan,
    size: tuple[int, int],
    sweeps: int,
    random: np.random.Generator,
) -> LatticeSplats:
    """Coordinate descent from the given lattice points. `size`: (width, height) of the full picture."""
    now = Points(
        np.stack([splats.k, splats.m, splats.rho, splats.phi, splats.x, splats.y], axis=1).astype(np.int32),
        splats.color.copy(),
    )
    levels = len(plan.layer_counts)
    layer = np.repeat(np.arange(levels), plan.layer_counts)
    stiffness = 1.0 + plan.lower_weight * (levels - 1 - layer)
    area = coded_area(*size)
    worth = ERROR_PER_BIT * plan.step**2
    samples = 3.0 * targets.full.pixel_count
    share = MOVING_SHARE
    costs = color_costs(splats)
    kept: dict[int, tuple[float, Points, np.ndarray, np.ndarray]] = {}
    for number in range(sweeps):
        if number % RECLASS_INTERVAL == RECLASS_INTERVAL - 1 and number < sweeps - RECLASS_INTERVAL // 2:
            reclass(now.lattice, to_parameters(now.splats(), plan.step), plan.step, area)
            kept.clear()
        if number % COST_INTERVAL == 0:
            costs = color_costs(now.splats())
            kept.clear()
        lower = number % (levels - 1) if levels > 1 else -1
        parameters = to_parameters(now.splats(), plan.step)
        gradient, _, error = level_gradients(targets, Splats(parameters), plan, levels - 1, lower, 0.0)
        cost = samples * error + worth * color_bits(now, costs)
        if lower in kept and cost > kept[lower][0]:
            # Overlapping splats answered the same error: go back, and let fewer move at a time.
            share *= SHARE_DECAY
            _, now, parameters, gradient = kept[lower]
            now = now.copy()
        else:
            kept[lower] = (cost, now.copy(), parameters, gradient)
        moving = random.random(len(now.lattice)) < share
        sweep(
            now.lattice, now.color, parameters, gradient, moving, stiffness, plan.step, worth, costs, area,
            steps.stored_tables(),
        )  # fmt: skip
    lower = min(kept) if kept else -1
    final = to_parameters(now.splats(), plan.step)
    _, _, error = level_gradients(targets, Splats(final), plan, levels - 1, lower, 0.0)
    if kept and samples * error + worth * color_bits(now, costs) > kept[lower][0]:
        now = kept[lower][1]
    return now.splats()


@dataclass
class Points:
    """Lattice points under way; arrays change in place."""

    lattice: np.ndarray
    """(n, 6) int32 k, m, rho, phi, x, y."""
    color: np.ndarray
    """(n, 3) int32."""

    def copy(self) -> Points:
        """A copy that does not change with this one."""
        return Points(self.lattice.copy(), self.color.copy())

    def splats(self) -> LatticeSplats:
        """The same as splats."""
        k, m, rho, phi, x, y = (np.ascontiguousarray(column) for column in self.lattice.T)
        return LatticeSplats(k, m, rho, phi, x, y, self.color.copy())


def color_bits(points: Points, costs: np.ndarray) -> float:
    """Bits of all colors."""
    k = points.lattice[:, :1]
    return float(costs[k, np.arange(3), np.minimum(np.abs(points.color), COST_MAGNITUDES - 1)].sum())


def reclass(lattice: np.ndarray, parameters: np.ndarray, step: float, area: tuple[int, int]) -> None:
    """Puts splats whose amplitude is of another class on the nearest point of that class's lattice, in place."""
    anew = np.zeros_like(lattice)
    quantize_geometry(parameters, step, area, *steps.stored_tables(), anew)
    moved = anew[:, 0] != lattice[:, 0]
    lattice[moved] = anew[moved]
