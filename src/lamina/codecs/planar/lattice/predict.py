# SPDX-License-Identifier: Apache-2.0
"""One predicted frame: move the frame before along the motion, change the splats that pay, add where the error is new.

In: the frame's targets and the decoded layers of the frame before. Out: the layers as the decoder will have them.
What a
change gains is read off the error's gradient at the lattice points, with the curvatures of a splat on its own.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
from numba import njit, prange

from lamina.codecs.planar.lattice import placement, steps
from lamina.codecs.planar.lattice.canvas import Splats, render_pixels, residual_pixels
from lamina.codecs.planar.lattice.coding import (
    LayerContext,
    parameters_of,
    splats_of,
    state_of,
    tree_order,
)
from lamina.codecs.planar.lattice.freeze import quantize_geometry
from lamina.codecs.planar.lattice.motion import estimate, move_places
from lamina.codecs.planar.lattice.optimize import FitPlan, descend, level_gradients
from lamina.codecs.planar.lattice.picture import Sketch
from lamina.codecs.planar.lattice.refine import ERROR_PER_BIT, Freedom, Points, points_of, refine
from lamina.codecs.planar.lattice.splats import LatticeSplats, coded_area, to_parameters
from lamina.codecs.planar.lattice.update import CHANGED, KEPT, RECOLORED, REMOVED
from lamina.codecs.planar.model import LayerState

CHANGE_BITS = 12.0
"""Typical cost of a changed splat: what a change must be expected to gain before the splat is set free."""

FLAG_BITS = 4.0
GEOMETRY_BITS = 11.0
COLOR_BITS = 2.0
"""Costs of a change when it is decided whether to keep it: flag, geometry, and each color that changes."""

NEW_BITS = 27.0
"""Typical cost of a new splat."""

NEW_SHARE = 0.35
"""At most so many new splats in a frame, as a share of those there: more is a scene cut's business."""

GAIN_OF_NEW = 0.45
"""Share of the new error around a place that a splat put there removes, measured."""


@dataclass(frozen=True)
class Start:
    """The frame before, moved: where a predicted frame begins."""

    splats: LatticeSplats
    """All layers, base first."""
    counts: tuple[int, ...]
    motion: np.ndarray | None
    step_code: int
    step: float


def moved_start(sketch: Sketch, before: tuple[LayerState, ...], size: tuple[int, int], price: float) -> Start:
    """Estimates motion and moves the splats of the frame before, if that is better than leaving them."""
    code = int(before[0].integers["step"][0])
    still = joined([splats_of(state) for state in before])
    start = Start(still, tuple(splats_of(state).count for state in before), None, code, code / 65536.0)
    canvas = sketch.targets.full
    rendered = render_pixels(canvas, to_parameters(still, start.step))
    from lamina.render.kernels.planar_cpu import from_tiles

    wanted = from_tiles(canvas.tiles, canvas.width, canvas.height)
    worth = ERROR_PER_BIT * start.step**2 * price
    field = estimate(np.ascontiguousarray(wanted[:, :, 0]), np.ascontiguousarray(rendered[:, :, 0]), worth)
    if not field.any():
        return start
    x, y = still.x.copy(), still.y.copy()
    move_places(x, y, field, coded_area(*size))
    moved = replace(still, x=x, y=y)
    bits = 2.0 * field.shape[0] * field.shape[1] + 4.0 * np.count_nonzero(np.diff(field, axis=1))
    error_still = np.square(wanted - rendered).sum(dtype=np.float64)
    error_moved = np.square(residual_pixels(canvas, to_parameters(moved, start.step))).sum(dtype=np.float64)
    if error_moved + worth * bits > error_still:
        return start
    return replace(start, splats=moved, motion=field)


def joined(layers: list[LatticeSplats]) -> LatticeSplats:
    """Layers one after the other."""
    names = ("k", "m", "rho", "phi", "x", "y", "color")
    return LatticeSplats(*(np.concatenate([getattr(layer, name) for layer in layers]) for name in names))


@njit(cache=True, nogil=True, parallel=True, error_model="numpy")
def expected_gains(parameters, gradients, gains):
    """Error that each splat could remove on its own, by colors and by geometry: (n, 2)."""
    for i in prange(parameters.shape[1]):
        size = math.exp(parameters[2, i])
        rho = math.hypot(parameters[3, i], parameters[4, i])
        energy, by_color, along = 0.0, 0.0, gradients[i, 2]
        for channel in range(3):
            energy += math.pi * (parameters[5 + channel, i] * size) ** 2
            slope = gradients[i, 5 + channel] / size
            by_color += slope * slope / (4.0 * math.pi)
            along -= gradients[i, 5 + channel] * parameters[5 + channel, i]
        energy = max(energy, 1e-12)
        flat = math.cosh(2.0 * rho) / (size * size)
        by_shape = (gradients[i, 0] ** 2 + gradients[i, 1] ** 2) / (2.0 * energy * flat)
        by_shape += (along * along + gradients[i, 3] ** 2 + gradients[i, 4] ** 2) / (4.0 * energy)
        gains[i, 0] = by_color
        gains[i, 1] = by_shape


def plan_of(counts: tuple[int, ...], start: Start, lower_weight: float, price: float) -> FitPlan:
    """A plan for the passes of a predicted frame."""
    return FitPlan(counts, 1, start.step, lower_weight, 0.0, price)


def gradients_at(sketch: Sketch, parameters: np.ndarray, plan: FitPlan, number: int) -> np.ndarray:
    """Gradients of the top and one lower level's error."""
    levels = len(plan.layer_counts)
    lower = number % (levels - 1) if levels > 1 else -1
    return level_gradients(sketch.targets, Splats(parameters), plan, levels - 1, lower, 0.0)[0]


def predict_frame(
    sketch: Sketch,
    before: tuple[LayerState, ...],
    error_before: np.ndarray,
    size: tuple[int, int],
    effort: Effort,
    random: np.random.Generator,
) -> tuple[LayerState, ...]:
    """Layers of the next frame. `error_before`: (h, w) blurred squared error of the frame before, as it was left."""
    start = moved_start(sketch, before, size, effort.price)
    worth = ERROR_PER_BIT * start.step**2 * effort.price
    parameters = to_parameters(start.splats, start.step)
    plan = plan_of(start.counts, start, effort.lower_weight, effort.price)
    gains = np.empty((start.splats.count, 2))
    expected_gains(parameters, gradients_at(sketch, parameters, plan, 0), gains)
    active = gains.sum(axis=1) > CHANGE_BITS * worth
    residual = residual_pixels(sketch.targets.full, parameters)
    new, homes = new_splats(residual, error_before, start, worth, effort.layer_shares, random)
    merged, plan, order = merge(parameters, new, homes, plan)
    is_new = order >= start.splats.count
    free = is_new.copy()
    free[~is_new] = active[order[~is_new]]
    if not free.any():
        return unchanged(start, before)
    state = Splats(merged)
    state.frozen[~free] = 2
    for step in range(effort.steps):
        gradient = gradients_at_state(sketch, state, plan, step)
        descend(state, gradient, 0.5 * (1.0 - step / effort.steps) + 0.02)
    points, freedom = to_points(state.parameters, start, order, free, size)
    final = settle(sketch, points, freedom, plan, start, order, size, effort, random)
    return to_states(final, start, order, plan.layer_counts, before, size)


@dataclass(frozen=True)
class Effort:
    """How much work goes into a predicted frame, and what a bit may cost."""

    steps: int
    sweeps: int
    lower_weight: float
    layer_shares: tuple[float, ...]
    """Of new splats."""
    price: float


def gradients_at_state(sketch: Sketch, state: Splats, plan: FitPlan, number: int) -> np.ndarray:
    """Gradients for the optimiser."""
    return gradients_at(sketch, state.parameters, plan, number)


def new_splats(
    residual: np.ndarray,
    error_before: np.ndarray,
    start: Start,
    worth: float,
    shares: tuple[float, ...],
    random: np.random.Generator,
) -> tuple[np.ndarray, np.ndarray]:
    """New splats where the error is larger than it was, and the layer of each."""
    error = placement.blur(np.square(residual).sum(axis=2), 1.0)
    fresh = np.maximum(error - 1.2 * error_before, 0.0)
    fresh[fresh < 0.5 * float(error_before.mean())] = 0.0
    count = int(min(GAIN_OF_NEW * fresh.sum(dtype=np.float64) / (NEW_BITS * worth), NEW_SHARE * start.splats.count))
    if count < 1:
        return np.zeros((8, 0), np.float32), np.zeros(0, np.int64)
    parameters = placement.splats_at(residual, fresh, count, random)
    # The strongest become base splats, in proportion to the layers' sizes.
    order = np.argsort(-placement.usefulness(parameters), kind="stable")
    edges = np.cumsum(shares)[:-1] / sum(shares)
    homes = np.empty(parameters.shape[1], np.int64)
    homes[order] = np.searchsorted(edges, (np.arange(len(order)) + 0.5) / len(order))
    return parameters, homes


def merge(
    parameters: np.ndarray, new: np.ndarray, homes: np.ndarray, plan: FitPlan
) -> tuple[np.ndarray, FitPlan, np.ndarray]:
    """Old and new splats in layer order, new ones last in their layer.

    Returns parameters, the plan with the new counts, and for each splat its index among old ones followed by new ones.
    """
    pieces, counts, first = [], [], 0
    total = parameters.shape[1]
    for layer, count in enumerate(plan.layer_counts):
        mine = total + np.flatnonzero(homes == layer)
        pieces.append(np.concatenate([np.arange(first, first + count), mine]))
        counts.append(count + len(mine))
        first += count
    order = np.concatenate(pieces)
    everything = np.concatenate([parameters, new], axis=1)
    return np.ascontiguousarray(everything[:, order]), replace(plan, layer_counts=tuple(counts)), order


def to_points(
    parameters: np.ndarray, start: Start, order: np.ndarray, free: np.ndarray, size: tuple[int, int]
) -> tuple[Points, Freedom]:
    """Rounds to the lattice: new splats as in key frames, free old ones in their own class, others as they were."""
    old = points_of(start.splats)
    n = len(order)
    area = coded_area(*size)
    lattice = np.zeros((n, 6), np.int32)
    quantize_geometry(parameters, start.step, area, *steps.stored_tables(), lattice)
    is_old = order < start.splats.count
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


@njit(cache=True, nogil=True, parallel=True, error_model="numpy")
def round_in_class(parameters, kept, limits, bins_table, grids_table, lattice, chosen):
    """Nearest lattice points of `chosen` splats that keep their class and the offset of their grid from `kept`."""
    for i in prange(lattice.shape[0]):
        if not chosen[i]:
            continue
        k = kept[i, 0]
        unit = steps.shape_step(k)
        m = int(math.floor(parameters[2, i] * 256.0 / unit + 0.5))
        m = min(max(m, -((-steps.M_LOWEST) // unit)), steps.M_HIGHEST // unit)
        rho_real = math.hypot(parameters[3, i], parameters[4, i])
        rho = min(int(math.floor(rho_real * 256.0 / unit + 0.5)), steps.RHO_LIMIT // unit)
        bins = steps.angle_bins(k, rho * unit, bins_table)
        turn = math.atan2(parameters[4, i], parameters[3, i]) / (2.0 * math.pi)
        shift = steps.position_grid(k, m * unit, rho * unit, grids_table) + 4
        lattice[i, 0], lattice[i, 1], lattice[i, 2] = k, m, rho
        lattice[i, 3] = int(math.floor(turn * bins + 0.5)) % bins
        for axis in range(2):
            cells = math.floor((parameters[axis, i] * 16.0 - kept[i, 4 + axis]) / (1 << shift) + 0.5)
            place = kept[i, 4 + axis] + (int(cells) << shift)
            while place < 0:
                place += 1 << shift
            while place >= limits[axis] * 16:
                place -= 1 << shift
            lattice[i, 4 + axis] = place


def settle(
    sketch: Sketch,
    points: Points,
    freedom: Freedom,
    plan: FitPlan,
    start: Start,
    order: np.ndarray,
    size: tuple[int, int],
    effort: Effort,
    random: np.random.Generator,
) -> Points:
    """Refines free splats and takes back changes that do not pay, in turns."""
    old = points_of(start.splats)
    is_old = order < start.splats.count
    kept = Points(np.zeros_like(points.lattice), freedom.anchor)
    kept.lattice[is_old] = old.lattice[order[is_old]]
    worth = ERROR_PER_BIT * start.step**2 * effort.price
    rounds = 3
    for _ in range(rounds):
        splats = refine(sketch.targets, points.splats(), plan, size, effort.sweeps // rounds, random, freedom)
        points = points_of(splats)
        for part in range(4):
            parameters = to_parameters(points.splats(), plan.step)
            gradient = gradients_at(sketch, parameters, plan, part)
            chosen = freedom.active & (random.random(len(order)) < 0.4)
            take_back(points, kept, parameters, gradient, chosen, is_old, start.step, worth)
    return points


def take_back(
    points: Points,
    kept: Points,
    parameters: np.ndarray,
    gradient: np.ndarray,
    chosen: np.ndarray,
    is_old: np.ndarray,
    step: float,
    worth: float,
) -> None:
    """Undoes changes, or only those of geometry, and drops new splats, whose gain is below their bits; in place."""
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
    points: Points,
    start: Start,
    order: np.ndarray,
    counts: tuple[int, ...],
    before: tuple[LayerState, ...],
    size: tuple[int, int],
) -> tuple[LayerState, ...]:
    """Points in layer order -> states with the flags that say what changed."""
    old = points_of(start.splats)
    splats = points.splats()
    states, first, first_old = [], 0, 0
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
        added = tree_order(splats.taken(fresh), *size)
        context = LayerContext(
            before[layer].context.contexts, before[layer].context.update_contexts, flags, added.count, start.motion
        )
        together = joined([splats.taken(rows[flags != REMOVED]), added])
        states.append(state_of(together, start.step_code, context))
        first += count
        first_old += len(rows)
    return tuple(states)


def decoded_error(sketch: Sketch, layers: tuple[LayerState, ...]) -> np.ndarray:
    """(h, w) blurred squared error of a frame as it will be decoded, for the next frame."""
    parameters = np.ascontiguousarray(np.concatenate([parameters_of(state) for state in layers], axis=1))
    return placement.blur(np.square(residual_pixels(sketch.targets.full, parameters)).sum(axis=2), 1.0)
