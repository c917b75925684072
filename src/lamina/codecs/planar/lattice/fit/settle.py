# SPDX-License-Identifier: Apache-2.0
"""Changed splats -> lattice points that pay: rounded in their class, refined, taken back where a change gains little.

In: a predicted frame's parameters after optimising. Out: layer states with the flags that say what changed.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numba import prange

from lamina.codecs.planar.lattice import steps
from lamina.codecs.planar.lattice.coding import LayerContext, state_of, tree_order
from lamina.codecs.planar.lattice.fit.canvas import Splats
from lamina.codecs.planar.lattice.fit.freeze import nearest_shape, quantize_geometry
from lamina.codecs.planar.lattice.fit.optimize import FitPlan, level_gradients
from lamina.codecs.planar.lattice.fit.picture import Sketch
from lamina.codecs.planar.lattice.fit.refine import ERROR_PER_BIT, Freedom, Points, points_of, refine
from lamina.codecs.planar.lattice.motion import Motion
from lamina.codecs.planar.lattice.splats import LatticeSplats, coded_area, to_parameters
from lamina.codecs.planar.lattice.update import CHANGED, KEPT, RECOLORED, REMOVED
from lamina.codecs.planar.packing import LayerState
from lamina.compiled import compiled

FLAG_BITS = 4.0
GEOMETRY_BITS = 11.0
COLOR_BITS = 2.0
"""Costs of a change when it is decided whether to keep it: flag, geometry, and each color that changes."""

SETTLE_ROUNDS, TAKE_BACK_PASSES, TAKE_BACK_SHARE = 3, 4, 0.4
"""Rounds of refining and taking back; in each, so many passes over so large a share of the changes."""

NEW_BITS = 27.0
"""Typical cost of a new splat."""


@dataclass(frozen=True)
class Start:
    """The frame before, moved: where a predicted frame begins."""

    splats: LatticeSplats
    """All layers, base first."""
    counts: tuple[int, ...]
    motion: Motion | None
    step_code: int
    step: float


@dataclass(frozen=True)
class Effort:
    """How much work goes into a predicted frame, and what a bit may cost."""

    steps: int
    sweeps: int
    lower_weight: float
    layer_shares: tuple[float, ...]
    """Of new splats."""
    price: float


def joined(layers: list[LatticeSplats]) -> LatticeSplats:
    """Layers one after the other."""
    names = ("k", "m", "rho", "phi", "x", "y", "color")
    return LatticeSplats(*(np.concatenate([getattr(layer, name) for layer in layers]) for name in names))


def gradients_at(sketch: Sketch, parameters: np.ndarray, plan: FitPlan, number: int) -> np.ndarray:
    """Gradients of the top and one lower level's error."""
    levels = len(plan.layer_counts)
    lower = number % (levels - 1) if levels > 1 else -1
    return level_gradients(sketch.targets, Splats(parameters), plan, levels - 1, lower, 0.0)[0]


def to_points(work: Work, parameters: np.ndarray, free: np.ndarray) -> tuple[Points, Freedom]:
    """Rounds to the lattice: new splats as in key frames, free old ones in their own class, others as they were."""
    start, order, is_old = work.start, work.order, work.is_old
    old = points_of(start.splats)
    n = len(order)
    area = coded_area(*work.size)
    lattice = np.zeros((n, 6), np.int32)
    quantize_geometry(parameters, start.step, area, *steps.stored_tables(), lattice)
    anchor = np.zeros((n, 3), np.int32)
    anchor[is_old] = old.color[order[is_old]]
    kept = np.zeros((n, 6), np.int32)
    kept[is_old] = old.lattice[order[is_old]]
    round_in_class(parameters, kept, area, *steps.stored_tables(), lattice, is_old)
    still = is_old & ~free
    lattice[still] = kept[still]
    scale = np.exp(steps_of_size(lattice)) / start.step
    color = np.rint(parameters[5:8].T * scale[:, None]).astype(np.int32)
    color[still] = anchor[still]
    return Points(lattice, color), Freedom(free, anchor, is_old)


def steps_of_size(lattice: np.ndarray) -> np.ndarray:
    """Log size of lattice points."""
    unit = np.maximum(1, np.minimum(128, 256 >> lattice[:, 0]))
    return lattice[:, 1] * unit / 256.0


@compiled(parallel=True)
def round_in_class(parameters, kept, limits, bins_table, grids_table, lattice, chosen):
    """Nearest lattice points of `chosen` splats that keep their class and the offset of their grid from `kept`."""
    for i in prange(lattice.shape[0]):
        if not chosen[i]:
            continue
        k = kept[i, 0]
        unit = steps.shape_step(k)
        m, rho, phi = nearest_shape(parameters[2, i], parameters[3, i], parameters[4, i], k, bins_table)
        shift = steps.position_grid(k, m * unit, rho * unit, grids_table) + 4
        lattice[i, 0], lattice[i, 1], lattice[i, 2], lattice[i, 3] = k, m, rho, phi
        for axis in range(2):
            cells = math.floor((parameters[axis, i] * 16.0 - kept[i, 4 + axis]) / (1 << shift) + 0.5)
            place = kept[i, 4 + axis] + (int(cells) << shift)
            while place < 0:
                place += 1 << shift
            while place >= limits[axis] * 16:
                place -= 1 << shift
            lattice[i, 4 + axis] = place


@dataclass(frozen=True)
class Work:
    """A predicted frame under way."""

    sketch: Sketch
    start: Start
    order: np.ndarray
    """(n,) each splat's index among those of the frame before, new ones counted on from there."""
    size: tuple[int, int]
    effort: Effort

    @property
    def is_old(self) -> np.ndarray:
        """(n,) bool: was there in the frame before."""
        return self.order < self.start.splats.count

    @property
    def worth(self) -> float:
        """Squared error that a bit may cost."""
        return ERROR_PER_BIT * self.start.step**2 * self.effort.price


def settle(work: Work, points: Points, freedom: Freedom, plan: FitPlan, random: np.random.Generator) -> Points:
    """Refines free splats and takes back changes that do not pay, in turns."""
    old = points_of(work.start.splats)
    kept = Points(np.zeros_like(points.lattice), freedom.anchor)
    kept.lattice[work.is_old] = old.lattice[work.order[work.is_old]]
    sweeps = work.effort.sweeps // SETTLE_ROUNDS
    for _ in range(SETTLE_ROUNDS):
        splats = refine(work.sketch.targets, points.splats(), plan, work.size, sweeps, random, freedom)
        points = points_of(splats)
        for part in range(TAKE_BACK_PASSES):
            parameters = to_parameters(points.splats(), plan.step)
            gradient = gradients_at(work.sketch, parameters, plan, part)
            chosen = freedom.active & (random.random(len(work.order)) < TAKE_BACK_SHARE)
            take_back(work, points, kept, parameters, gradient, chosen)
    return points


def take_back(
    work: Work, points: Points, kept: Points, parameters: np.ndarray, gradient: np.ndarray, chosen: np.ndarray
) -> None:
    """Undoes changes, or only those of geometry, and drops new splats, whose gain is below their bits; in place."""
    step, worth, is_old = work.start.step, work.worth, work.is_old
    back = to_parameters(kept.splats(), step)
    same_shape = np.all(points.lattice == kept.lattice, axis=1)
    changed_colors = np.count_nonzero(points.color != kept.color, axis=1)
    size, rho = np.exp(parameters[2].astype(np.float64)), np.hypot(parameters[3], parameters[4])
    amplitude = np.square(points.color * step).sum(axis=1)
    delta = (back - parameters).astype(np.float64)
    now, then = points.color * step, kept.color * step
    slope = np.sum(gradient[:, 5:8] / size[:, None] * (then - now), axis=1)
    curve = np.pi * np.square(then - now).sum(axis=1)
    along = gradient[:, 2] - np.sum(gradient[:, 5:8] * parameters[5:8].T, axis=1)
    slope_shape = gradient[:, 0] * delta[0] + gradient[:, 1] * delta[1] + along * delta[2]
    slope_shape += gradient[:, 3] * delta[3] + gradient[:, 4] * delta[4]
    flat = np.cosh(2.0 * rho) / size**2
    twist = (np.sinh(2.0 * rho) / np.maximum(2.0 * rho, 1e-6)) ** 2
    curve_shape = 0.5 * flat * (delta[0] ** 2 + delta[1] ** 2) + delta[2] ** 2 + twist * (delta[3] ** 2 + delta[4] ** 2)
    harm_shape = slope_shape + np.pi * amplitude * curve_shape
    harm = slope + curve + harm_shape
    bits = FLAG_BITS + COLOR_BITS * (1 + changed_colors) + GEOMETRY_BITS * ~same_shape
    changed = ~same_shape | (changed_colors > 0)
    undo = chosen & is_old & changed & (harm < bits * worth)
    points.lattice[undo], points.color[undo] = kept.lattice[undo], kept.color[undo]
    straighten = chosen & is_old & ~same_shape & ~undo & (harm_shape < GEOMETRY_BITS * worth)
    points.lattice[straighten] = kept.lattice[straighten]
    drop = np.sum(-gradient[:, 5:8] * parameters[5:8].T, axis=1) + np.pi * amplitude
    gone = chosen & ~is_old & (drop < NEW_BITS * worth)
    points.color[gone] = 0


def unchanged(start: Start, before: tuple[LayerState, ...]) -> tuple[LayerState, ...]:
    """The frame before, moved."""
    states, first = [], 0
    for layer, count in enumerate(start.counts):
        old: LayerContext = before[layer].context
        context = LayerContext(old.contexts, old.update_contexts, np.zeros(count, np.uint8), 0, start.motion)
        splats = start.splats.taken(slice(first, first + count))
        states.append(state_of(splats, start.step_code, context))
        first += count
    return tuple(states)


def to_states(
    work: Work, points: Points, counts: tuple[int, ...], before: tuple[LayerState, ...]
) -> tuple[LayerState, ...]:
    """Points in layer order -> states with the flags that say what changed."""
    start, order = work.start, work.order
    old = points_of(start.splats)
    splats = points.splats()
    states, first = [], 0
    for layer, count in enumerate(counts):
        mine = np.arange(first, first + count)
        is_old = order[mine] < start.splats.count
        rows, source = mine[is_old], order[mine[is_old]]
        flags = np.full(len(rows), KEPT, np.uint8)
        recolored = np.any(points.color[rows] != old.color[source], axis=1)
        reshaped = np.any(points.lattice[rows] != old.lattice[source], axis=1)
        flags[recolored] = RECOLORED
        flags[reshaped] = CHANGED
        flags[~np.any(points.color[rows] != 0, axis=1)] = REMOVED
        fresh = mine[~is_old]
        fresh = fresh[np.any(points.color[fresh] != 0, axis=1)]
        added = tree_order(splats.taken(fresh), *work.size)
        context = LayerContext(
            before[layer].context.contexts, before[layer].context.update_contexts, flags, added.count, start.motion
        )
        together = joined([splats.taken(rows[flags != REMOVED]), added])
        states.append(state_of(together, start.step_code, context))
        first += count
    return tuple(states)
