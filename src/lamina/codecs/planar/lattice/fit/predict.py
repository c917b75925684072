# SPDX-License-Identifier: Apache-2.0
"""One predicted frame: move the frame before along the motion, change the splats that pay, add where the error is new.

In: the frame's targets and the decoded layers of the frame before. Out: the layers as the decoder will have them.
What a
change gains is read off the error's gradient at the lattice points, with the curvatures of a splat on its own.
"""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
from numba import prange

from lamina.codecs.planar.lattice.coding import parameters_of, splats_of
from lamina.codecs.planar.lattice.fit import placement
from lamina.codecs.planar.lattice.fit.alignment import aligned, make_scene
from lamina.codecs.planar.lattice.fit.canvas import Splats, residual_pixels
from lamina.codecs.planar.lattice.fit.optimize import FitPlan, descend
from lamina.codecs.planar.lattice.fit.picture import Sketch
from lamina.codecs.planar.lattice.fit.refine import ERROR_PER_BIT
from lamina.codecs.planar.lattice.fit.settle import (
    NEW_BITS,
    Effort,
    Start,
    Work,
    gradients_at,
    joined,
    settle,
    to_points,
    to_states,
    unchanged,
)
from lamina.codecs.planar.lattice.splats import to_parameters
from lamina.codecs.planar.packing import LayerState
from lamina.compiled import compiled
from lamina.render.kernels.tile_pixels import from_tiles

CHANGE_BITS = 12.0
"""Typical cost of a changed splat: what a change must be expected to gain before the splat is set free."""

NEW_SHARE = 0.35
"""At most so many new splats in a frame, as a share of those there: more is a scene cut's business."""

FLAT_VARIANCE = 3.0 * (2.0 / 255.0) ** 2
"""Variance of a picture that has none: two steps of 8 bits in each channel."""

GAIN_OF_NEW = 0.45
"""Share of the new error around a place that a splat put there removes, measured."""


def moved_start(sketch: Sketch, before: tuple[LayerState, ...], size: tuple[int, int], price: float) -> Start:
    """Moves the splats of the frame before as this one wants, if that is better than leaving them."""
    code = int(before[0].integers["step"][0])
    still = joined([splats_of(state) for state in before])
    start = Start(still, tuple(splats_of(state).count for state in before), None, code, code / 65536.0)
    worth = ERROR_PER_BIT * start.step**2 * price
    found = aligned(make_scene(sketch.targets.full, still, start.step), size, before[0].context, worth)
    return start if found is None else replace(start, motion=found[0], splats=found[1])


def start_error(sketch: Sketch, start: Start) -> float:
    """Mean squared error of a start, all channels of a pixel added up, over the picture's variance."""
    canvas = sketch.targets.full
    wanted = from_tiles(canvas.tiles, canvas.width, canvas.height)
    error = np.square(residual_pixels(canvas, to_parameters(start.splats, start.step))).sum(axis=2).mean()
    return float(error / (wanted.var(axis=(0, 1)).sum() + FLAT_VARIANCE))


@compiled(parallel=True)
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


def predict_frame(
    sketch: Sketch,
    before: tuple[LayerState, ...],
    start: Start,
    error_before: np.ndarray,
    size: tuple[int, int],
    effort: Effort,
    random: np.random.Generator,
) -> tuple[LayerState, ...]:
    """Layers of the next frame.

    Args:
        start: the frame before, moved.
        error_before: (h, w) blurred squared error of the frame before, as it was left.
    """
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
        gradient = gradients_at(sketch, state.parameters, plan, step)
        descend(state, gradient, 0.5 * (1.0 - step / effort.steps) + 0.02)
    work = Work(sketch, start, order, size, effort)
    points, freedom = to_points(work, state.parameters, free)
    return to_states(work, settle(work, points, freedom, plan, random), plan.layer_counts, before)


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


def decoded_error(sketch: Sketch, layers: tuple[LayerState, ...]) -> np.ndarray:
    """(h, w) blurred squared error of a frame as it will be decoded, for the next frame."""
    parameters = np.ascontiguousarray(np.concatenate([parameters_of(state) for state in layers], axis=1))
    return placement.blur(np.square(residual_pixels(sketch.targets.full, parameters)).sum(axis=2), 1.0)
