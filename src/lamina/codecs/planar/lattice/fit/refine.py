# SPDX-License-Identifier: Apache-2.0
"""Better lattice points for a frozen fit: coordinate descent on the integers, in error plus lambda times bits.

Rounding each number to its nearest step ignores what the neighbours' rounding did. Here the error's gradient at
the lattice
points says for each splat which integer to move by one; a share of the splats moves at a time, so that overlapping
ones do
not all answer the same error. Curvatures are those of a splat on its own (docs/codecs/planar.md, "the lattice").
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numba import prange

from lamina.codecs.planar.lattice import steps
from lamina.codecs.planar.lattice.fit.canvas import Splats
from lamina.codecs.planar.lattice.fit.freeze import quantize_geometry
from lamina.codecs.planar.lattice.fit.optimize import FitPlan, Targets, level_gradients
from lamina.codecs.planar.lattice.splats import LatticeSplats, coded_area, to_parameters
from lamina.compiled import compiled

RECLASS_INTERVAL = 40
"""Sweeps after which splats whose amplitude has left their class get the steps of the new one."""

COST_INTERVAL = 10
"""Sweeps after which the cost of colors is counted anew."""

MOVING_SHARE = 0.25
"""Of the splats may move in a sweep, at first."""

SHARE_DECAY = 0.8
"""The share shrinks by this when a sweep made things worse."""

ERROR_PER_BIT = 0.6 * 2.0 * math.log(2.0) * math.pi / 12.0
"""Squared error that a bit is worth, over step^2: the slope of uniform quantisation, times what measured best."""

COST_MAGNITUDES = 64
"""Colour magnitudes with a cost of their own."""


@dataclass(frozen=True)
class Freedom:
    """Which splats may move, and what their colors are coded against."""

    active: np.ndarray
    """(n,) bool."""
    anchor: np.ndarray
    """(n, 3) int32: colors of the frame before; zero for new splats."""
    is_update: np.ndarray
    """(n,) bool: coded as a change of the frame before."""


def all_free(count: int) -> Freedom:
    """Of a key frame."""
    return Freedom(np.ones(count, bool), np.zeros((count, 3), np.int32), np.zeros(count, bool))


def cost_rows(k: np.ndarray, freedom: Freedom) -> np.ndarray:
    """Row of the cost table for each splat: its class, or one for all updates."""
    return np.where(freedom.is_update, steps.CLASSES, k).astype(np.int32)


def color_costs(points: Points, freedom: Freedom) -> np.ndarray:
    """Bits of each color magnitude, (classes + 1, 3, COST_MAGNITUDES): from the histogram of these splats."""
    costs = np.zeros((steps.CLASSES + 1, 3, COST_MAGNITUDES))
    rows = cost_rows(points.lattice[:, 0], freedom)
    magnitudes = np.minimum(np.abs(points.color - freedom.anchor), COST_MAGNITUDES - 1)
    for row in range(steps.CLASSES + 1):
        chosen = magnitudes[(rows == row) & freedom.active]
        spread = 2.0**row if row < steps.CLASSES else 1.0
        for channel in range(3):
            counts = np.bincount(chosen[:, channel], minlength=COST_MAGNITUDES)
            smooth = counts + 0.4 * np.exp(-np.arange(COST_MAGNITUDES) / spread) + 1e-3
            costs[row, channel] = -np.log2(smooth / smooth.sum()) + (np.arange(COST_MAGNITUDES) > 0)
    return costs


@compiled(inline="always")
def cost_of(costs, row, channel, value):
    """Bits of a color index."""
    return costs[row, channel, min(abs(value), COST_MAGNITUDES - 1)]


@compiled()
def move_splat(i, row, lattice, color, anchor, costs, parameters, gradients, stiffness, step, worth, limits, tables):
    """What `sweep` does to splat `i`; `row` is that of its costs, `stiffness` its own."""
    bins_table, grids_table = tables
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
    energy = math.pi * amplitude * stiffness
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
        is_legal = steps.M_LOWEST <= moved * unit <= steps.M_HIGHEST
        if is_legal and gain > best_gain:
            is_legal = steps.position_grid(k, moved * unit, rho * unit, grids_table) == grid_power
            best, best_gain = (4 + (sign + 1) // 2, gain) if is_legal else (best, best_gain)
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
        value = color[i, channel] - anchor[i, channel]
        for sign in (-1, 1):
            slope = gradients[i, 5 + channel] * step / size * sign
            gain = -(slope + math.pi * stiffness * step * step)
            gain -= worth * cost_of(costs, row, channel, value + sign)
            gain += worth * cost_of(costs, row, channel, value)
            if gain > best_gain:
                best, best_gain = 10 + 2 * channel + (sign + 1) // 2, gain
    if best < 0:
        return
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


@compiled(parallel=True)
def sweep(lattice, color, anchor, rows, parameters, gradients, moving, stiffness, step, worth, costs, limits, tables):
    """Moves one integer of each moving splat by one step where that lowers error plus worth * bits.

    Args:
        lattice: (n, 6) int32 k, m, rho, phi, x, y.
        color: (n, 3) int32.
        anchor: (n, 3) int32 what colors are coded against.
        rows: (n,) row of `costs`.
        parameters: (8, n) what they mean now.
        gradients: (n, 8) of the squared error by `parameters`.
        moving: (n,) bool.
        stiffness: (n,) factor on curvatures: levels that a splat is part of, weighted.
        worth: squared error of one bit.
        limits: (width, height) of the coded area.
        tables: the stored tables of bins and grids.
    """
    for i in prange(lattice.shape[0]):
        if moving[i]:
            # Numba types a prange's index as int64 first and uint64 then; without the cast both would be compiled.
            move_splat(
                np.int64(i), rows[i], lattice, color, anchor, costs, parameters, gradients, stiffness[i], step, worth,
                limits, tables,
            )  # fmt: skip


def refine(
    targets: Targets,
    splats: LatticeSplats,
    plan: FitPlan,
    size: tuple[int, int],
    sweeps: int,
    random: np.random.Generator,
    freedom: Freedom | None = None,
) -> LatticeSplats:
    """Coordinate descent from the given lattice points.

    Args:
        size: (width, height) of the full picture.
        freedom: which splats may move; None: all, each coded on its own.
    """
    now = points_of(splats)
    levels = len(plan.layer_counts)
    search = Search(targets, plan, coded_area(*size), freedom or all_free(splats.count))
    share = MOVING_SHARE
    costs = color_costs(now, search.freedom)
    kept: dict[int, tuple[float, Points, np.ndarray, np.ndarray]] = {}
    for number in range(sweeps):
        is_key = freedom is None
        if is_key and number % RECLASS_INTERVAL == RECLASS_INTERVAL - 1 and number < sweeps - RECLASS_INTERVAL // 2:
            reclass(now.lattice, to_parameters(now.splats(), plan.step), plan.step, search.area)
            kept.clear()
        if number % COST_INTERVAL == 0:
            costs = color_costs(now, search.freedom)
            kept.clear()
        lower = number % (levels - 1) if levels > 1 else -1
        cost, parameters, gradient = search.measure(now, lower, costs)
        if lower in kept and cost > kept[lower][0]:
            # Overlapping splats answered the same error: go back, and let fewer move at a time.
            share *= SHARE_DECAY
            _, now, parameters, gradient = kept[lower]
            now = now.copy()
        else:
            kept[lower] = (cost, now.copy(), parameters, gradient)
        search.move(now, parameters, gradient, random.random(splats.count) < share, costs)
    if kept:
        lower = min(kept)
        if search.measure(now, lower, costs)[0] > kept[lower][0]:
            now = kept[lower][1]
    return now.splats()


class Search:
    """What stays the same during a coordinate descent."""

    def __init__(self, targets: Targets, plan: FitPlan, area: tuple[int, int], freedom: Freedom) -> None:
        levels = len(plan.layer_counts)
        layer = np.repeat(np.arange(levels), plan.layer_counts)
        self.targets, self.plan, self.area, self.freedom = targets, plan, area, freedom
        self.stiffness = 1.0 + plan.lower_weight * (levels - 1 - layer)
        self.worth = ERROR_PER_BIT * plan.step**2 * plan.bit_price
        self.samples = 3.0 * targets.full.pixel_count

    def measure(self, now: Points, lower: int, costs: np.ndarray) -> tuple[float, np.ndarray, np.ndarray]:
        """Error of the top and one lower level plus worth of the colors' bits; parameters and gradients."""
        parameters = to_parameters(now.splats(), self.plan.step)
        newest = len(self.plan.layer_counts) - 1
        gradient, _, error = level_gradients(self.targets, Splats(parameters), self.plan, newest, lower, 0.0)
        rows = cost_rows(now.lattice[:, 0], self.freedom)
        magnitudes = np.minimum(np.abs(now.color - self.freedom.anchor), COST_MAGNITUDES - 1)
        bits = costs[rows[:, None], np.arange(3), magnitudes][self.freedom.active].sum()
        return self.samples * error + self.worth * float(bits), parameters, gradient

    def move(
        self, now: Points, parameters: np.ndarray, gradient: np.ndarray, moving: np.ndarray, costs: np.ndarray
    ) -> None:
        """One sweep, in place."""
        rows = cost_rows(now.lattice[:, 0], self.freedom)
        sweep(
            now.lattice, now.color, self.freedom.anchor, rows, parameters, gradient, moving & self.freedom.active,
            self.stiffness, self.plan.step, self.worth, costs, self.area, steps.stored_tables(),
        )  # fmt: skip


def points_of(splats: LatticeSplats) -> Points:
    """Splats -> points that can move."""
    columns = [splats.k, splats.m, splats.rho, splats.phi, splats.x, splats.y]
    return Points(np.stack(columns, axis=1).astype(np.int32), splats.color.copy())


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


def reclass(lattice: np.ndarray, parameters: np.ndarray, step: float, area: tuple[int, int]) -> None:
    """Puts splats whose amplitude is of another class on the nearest point of that class's lattice, in place."""
    anew = np.zeros_like(lattice)
    quantize_geometry(parameters, step, area, *steps.stored_tables(), anew)
    moved = anew[:, 0] != lattice[:, 0]
    lattice[moved] = anew[moved]
