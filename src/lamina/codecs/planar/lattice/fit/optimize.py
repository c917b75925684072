# SPDX-License-Identifier: Apache-2.0
"""The lattice fit of one picture: levels grow one after the other, all earlier ones keep training.

In: target pixels (rotated colours, background removed), layer sizes, quantiser step. Out: real-valued `Splats`,
layer order.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float32

from lamina.codecs.planar.lattice.fit import placement
from lamina.codecs.planar.lattice.fit.canvas import (
    Canvas,
    Splats,
    gradients,
    make_canvas,
    render_pixels,
    residual_pixels,
)
from lamina.codecs.planar.lattice.fit.color_solver import solve_colors
from lamina.codecs.planar.lattice.fit.kernels import adam_step
from lamina.render.kernels.tile_pixels import from_tiles

LEARNING_RATES = (0.2, 0.05, 0.02)
"""Position in splat sizes, shape in log units, colours in 0...1: measured best on photographs."""

BETAS = (0.85, 0.98)
"""Short memories: splats come and go every few dozen steps."""

FIRST_SHARE = 0.2
"""Of the base layer's splats are placed before the first step; the rest grows on the error."""

GROW_BATCHES = (6, 6, 9)
"""Growth steps in the base, middle and top level's phase; the first half of the phase."""

REALLOCATE_SHARE = 0.15
"""Of the newest layer, moved at the first re-allocation; falls linearly to zero."""

MOVE_BEGIN, MOVE_END = 0.52, 0.85
MOVE_SHARES = tuple(MOVE_BEGIN + 0.04 * k for k in range(9))
"""Parts of a phase at which splats are re-allocated."""

FINAL_RATE = 0.02
"""Learning rates fall along a cosine to this share in the last phase."""

BITS_TO_ERROR = 0.524
"""Squared error that one nat of rate is worth, over step^2: 2 pi / 12 (docs/codecs/planar.md, "rate term")."""


@dataclass(frozen=True)
class FitPlan:
    """What one fit should make."""

    layer_counts: tuple[int, ...]
    """Splats of each layer."""
    steps: int
    step: float
    """Quantiser step q in amplitude units (0...1)."""
    lower_weight: float
    rate_weight: float
    bit_price: float = 1.0
    """What a bit may cost when integers are chosen, in units of the uniform quantiser's slope; rate control of
    clips."""


Report = Callable[[float, float], None]
"""report(done 0...1, mean squared error of the newest level)."""


@dataclass(frozen=True)
class Targets:
    """The picture at the size of each level."""

    canvases: tuple[Canvas, ...]

    @property
    def full(self) -> Canvas:
        """The top level's."""
        return self.canvases[-1]


def make_targets(pixels: tuple[Float32[np.ndarray, "h w 3"], ...]) -> Targets:
    """Canvases of every level, base first; levels of the same size share one."""
    height, width, _ = pixels[-1].shape
    made: dict[tuple[int, ...], Canvas] = {}
    for level in pixels:
        if level.shape not in made:
            made[level.shape] = make_canvas(level, (level.shape[1] / width, level.shape[0] / height))
    return Targets(tuple(made[level.shape] for level in pixels))


def level_gradients(
    targets: Targets, splats: Splats, plan: FitPlan, newest: int, lower: int, rate: float
) -> tuple[np.ndarray, float, float]:
    """Gradients of the newest level's error plus one lower level's (`lower` < 0: none).

    Also the newest level's mean squared error, and that plus the lower level's, weighted.
    """
    counts = np.cumsum(plan.layer_counts)
    weight = plan.lower_weight * newest
    canvas = targets.canvases[newest]
    if lower < 0:
        out, _, error = gradients(canvas, splats, 0, (0.0, 1.0), (rate, plan.step))
        return out, error, error
    split = int(min(counts[lower], splats.count))
    if targets.canvases[lower] is canvas:
        out, low, error = gradients(canvas, splats, split, (weight, 1.0), (rate, plan.step))
        return out, error, error + weight * low
    out, _, error = gradients(canvas, splats, 0, (0.0, 1.0), (rate, plan.step))
    small = targets.canvases[lower]
    below = Splats(np.ascontiguousarray(splats.parameters[:, :split]))
    scale = weight * canvas.pixel_count / small.pixel_count
    extra, _, low = gradients(small, below, 0, (0.0, scale), (0.0, plan.step))
    out[:split] += extra
    return out, error, error + weight * low


def to_full_size(parameters: Float32[np.ndarray, "8 k"], canvas: Canvas) -> Float32[np.ndarray, "8 k"]:
    """Splats placed on a canvas -> full-size parameters, in place."""
    parameters[0] /= canvas.ratios[0]
    parameters[1] /= canvas.ratios[1]
    parameters[2] -= 0.5 * math.log(canvas.ratios[0] * canvas.ratios[1])
    return parameters


@dataclass
class FitState:
    """A fit under way: all that is needed to go on."""

    splats: Splats
    random: np.random.Generator
    level: int = 0
    step: int = 0
    """Next step of the level's phase."""
    at_start: int = 0
    """Splats when the phase began."""


def begin(targets: Targets, plan: FitPlan, random: np.random.Generator) -> FitState:
    """A state with the first splats of the base layer."""
    splats = base_splats(targets.canvases[0], plan, random)
    return FitState(splats, random, at_start=splats.count)


def fit_levels(targets: Targets, plan: FitPlan, state: FitState, report: Report) -> Splats:
    """Grows and trains all levels, from where `state` is; in place, so an exception of `report` loses nothing."""
    phases = phase_steps(plan.steps, len(plan.layer_counts))
    while state.level < len(phases):
        fit_phase(targets, plan, state, (sum(phases[: state.level]), phases[state.level]), report)
        state.level, state.step, state.at_start = state.level + 1, 0, state.splats.count
    return state.splats


def phase_steps(steps: int, levels: int) -> tuple[int, ...]:
    """Steps of each level's phase: the top takes 60 %, the others share the rest, later ones a little more."""
    if levels == 1:
        return (steps,)
    weights = [1.0 + 0.22 * level for level in range(levels - 1)]
    phases = [max(1, round(0.4 * steps * weight / sum(weights))) for weight in weights]
    return (*phases, max(1, steps - sum(phases)))


def base_splats(canvas: Canvas, plan: FitPlan, random: np.random.Generator) -> Splats:
    """The first splats of the base layer, colours solved; in full-size pixels."""
    target = from_tiles(canvas.tiles, canvas.width, canvas.height)
    count = max(1, min(round(FIRST_SHARE * plan.layer_counts[0]), canvas.pixel_count))
    parameters = placement.first_splats(target, count, random)
    splats = Splats(to_full_size(parameters, canvas))
    everything = np.ones(splats.count, bool)
    solve_colors(canvas, splats.parameters, (splats.count,), (1.0,), everything, 8, 0.02)
    return splats


def fit_phase(targets: Targets, plan: FitPlan, state: FitState, span: tuple[int, int], report: Report) -> None:
    """Grows layer `state.level` to its size and trains all up to it. `span`: (steps before, steps of the phase)."""
    start, steps = span
    level = state.level
    goal = int(sum(plan.layer_counts[: level + 1]))
    first_of_layer = int(sum(plan.layer_counts[:level]))
    batches = GROW_BATCHES[min(level, 2)]
    grow_at = {round(steps * 0.5 * (k if level == 0 else k - 0.9) / batches): k for k in range(1, batches + 1)}
    move_at = {round(steps * share) for share in MOVE_SHARES}
    canvas = targets.canvases[level]
    while state.step < steps:
        step = state.step
        if step in grow_at:
            wanted = state.at_start + math.ceil((goal - state.at_start) * grow_at[step] / batches)
            state.splats = grow(canvas, state.splats, wanted - state.splats.count, state.random)
        if step in move_at:
            share = REALLOCATE_SHARE * (MOVE_END - step / steps) / (MOVE_END - MOVE_BEGIN)
            reallocate(canvas, state.splats, first_of_layer, share, state.random)
        lower = (step % level) if level else -1
        rate = plan.rate_weight * BITS_TO_ERROR * plan.step**2 * min(1.0, (start + step) / (0.3 * plan.steps))
        gradient, error, _ = level_gradients(targets, state.splats, plan, level, lower, rate)
        fade = 1.0
        if level == len(plan.layer_counts) - 1:
            fade = FINAL_RATE + (1.0 - FINAL_RATE) * 0.5 * (1.0 + math.cos(math.pi * step / steps))
        descend(state.splats, gradient, fade)
        state.step += 1
        if step % 8 == 0:
            report((start + step) / plan.steps, error)


def descend(splats: Splats, gradient: np.ndarray, fade: float) -> None:
    """One Adam step at `fade` times the learning rates."""
    rates = tuple(fade * rate for rate in LEARNING_RATES)
    adam_step(splats.parameters, gradient, splats.first, splats.second, splats.age, splats.frozen, rates, BETAS)


def grow(canvas: Canvas, splats: Splats, count: int, random: np.random.Generator) -> Splats:
    """Adds `count` splats where the error is."""
    if count <= 0:
        return splats
    new = placement.splats_on_residual(residual_pixels(canvas, splats.parameters), count, random)
    return splats.extended(to_full_size(new, canvas))


def reallocate(canvas: Canvas, splats: Splats, first: int, share: float, random: np.random.Generator) -> None:
    """Moves the least useful `share` of the splats from `first` on to where the error is."""
    count = int(share * (splats.count - first))
    if count <= 0:
        return
    order = np.argpartition(placement.usefulness(splats.parameters[:, first:]), count - 1)[:count] + first
    new = placement.splats_on_residual(residual_pixels(canvas, splats.parameters), count, random)
    to_full_size(new, canvas)
    splats.replace(order[: new.shape[1]], new)


def mean_squared_error(canvas: Canvas, parameters: Float32[np.ndarray, "8 n"]) -> float:
    """Of the rendering, before rounding to 8 bits."""
    target = from_tiles(canvas.tiles, canvas.width, canvas.height)
    return float(np.mean(np.square(target - render_pixels(canvas, parameters)), dtype=np.float64))
