# SPDX-License-Identifier: Apache-2.0
"""One picture on its own: pilot, full fit, freeze to the target. Stills, and the key frames of clips."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from jaxtyping import UInt8

from lamina.codec import Progress, Session
from lamina.codecs.planar.config import PlanarConfig
from lamina.codecs.planar.fit.signal import PlanarSignal
from lamina.codecs.planar.lattice.fit import checkpoint as saved
from lamina.codecs.planar.lattice.fit import rate_control
from lamina.codecs.planar.lattice.fit.canvas import Splats
from lamina.codecs.planar.lattice.fit.checkpoint import Frozen, KeyFit
from lamina.codecs.planar.lattice.fit.freeze import freeze
from lamina.codecs.planar.lattice.fit.optimize import FitPlan, begin, fit_levels
from lamina.codecs.planar.lattice.fit.picture import (
    Sketch,
    level_quality,
    make_header,
    make_sketch,
    still_size_bytes,
    to_layers,
)
from lamina.codecs.planar.lattice.fit.rate_control import Outcome, Plan
from lamina.codecs.planar.lattice.fit.refine import refine
from lamina.codecs.planar.model import FramePart
from lamina.codecs.planar.syntax import PlanarHeader
from lamina.errors import Interrupted
from lamina.fitting.checkpoint import Keeper

PILOT_SHARE = 0.08
"""Of the steps go to the pilot fit."""

LEAST_PILOT_STEPS = 40

CORRECTIONS = 4
"""Freezes repeated at most so often to meet a target."""


@dataclass(frozen=True)
class Effort:
    """How much work goes into a freeze."""

    rounds: int
    steps: int
    sweeps: int


PILOT_EFFORT = Effort(1, 10, 20)


def layer_counts(splats: int, shares: tuple[float, ...]) -> tuple[int, ...]:
    """Splats of each layer: in proportion to the shares, at least one each."""
    total = sum(shares)
    edges = [round(splats * sum(shares[: level + 1]) / total) for level in range(len(shares))]
    counts = [edge - below for edge, below in zip(edges, [0, *edges[:-1]], strict=True)]
    return tuple(max(1, count) for count in counts)


def fit_plan(config: PlanarConfig, plan: Plan, steps: int) -> FitPlan:
    """A plan for the optimiser."""
    lattice = config.lattice
    counts = layer_counts(plan.splats, config.layer_shares)
    return FitPlan(counts, steps, plan.step, lattice.lower_weight, lattice.rate_weight)


def freeze_and_measure(
    sketch: Sketch, splats: Splats, plan: FitPlan, signal: PlanarSignal, config: PlanarConfig, effort: Effort
) -> Frozen:
    """Lattice points, payload sizes and quality of a fit; `splats` are left as they were."""
    size = (signal.width, signal.height)
    copy = Splats(
        splats.parameters.copy(), splats.first.copy(), splats.second.copy(), splats.age.copy(), splats.frozen.copy()
    )
    lattice = freeze(sketch.targets, copy, plan, size, effort.rounds, effort.steps)
    random = np.random.default_rng(config.seed)
    lattice = refine(sketch.targets, lattice, plan, size, effort.sweeps, random)
    layers = to_layers(lattice, plan.layer_counts, plan.step, *size)
    header = make_header(signal, config, sketch.background)
    quality = level_quality(sketch, layers)
    outcome = Outcome(splats.count, plan.step, still_size_bytes(header, layers), quality[-1])
    return Frozen(layers, outcome)


def plan_with_pilot(
    sketch: Sketch, signal: PlanarSignal, config: PlanarConfig, session: Session, random: np.random.Generator
) -> Plan:
    """Splats and step for this picture: from a short fit."""
    pixels = signal.width * signal.height
    plan = rate_control.first_plan(config, pixels)
    steps = max(LEAST_PILOT_STEPS, round(PILOT_SHARE * config.lattice.steps))
    rounds = 2 if config.target.psnr_db is not None else 1
    for number in range(rounds):
        draft = fit_plan(config, plan, steps)
        state = begin(sketch.targets, draft, random)

        def report(done: float, error: float, number: int = number) -> None:
            share = PILOT_SHARE * (number + done) / rounds
            session.report(Progress(share, "looking at the picture", -10.0 * np.log10(max(error, 1e-10))))

        splats = fit_levels(sketch.targets, draft, state, report)
        pilot = freeze_and_measure(sketch, splats, draft, signal, config, PILOT_EFFORT).outcome
        plan = rate_control.full_plan(config, pilot, pixels)
    return plan


def fit_still(
    pixels: UInt8[np.ndarray, "h w 3"], signal: PlanarSignal, config: PlanarConfig, session: Session
) -> FramePart:
    """Fits a picture to the configuration's target."""
    sketch = make_sketch(pixels, config, None)
    frozen = fit_key_frame(sketch, signal, config, session)
    header = make_header(signal, config, sketch.background)
    return FramePart(header, 0, 0, True, frozen.layers, level_quality(sketch, frozen.layers))


def fit_key_frame(sketch: Sketch, signal: PlanarSignal, config: PlanarConfig, session: Session) -> Frozen:
    """Fits a picture; again with more or fewer splats while it misses a quality by more than steps can correct.

    All that is done is in the session's checkpoint, from time to time, until whoever has the result removes it.
    """
    header, pixel_count = make_header(signal, config, sketch.background), signal.width * signal.height
    fit = saved.load(session.checkpoint, session.key, header)
    if fit is None:
        random = np.random.default_rng(config.seed)
        plan = plan_with_pilot(sketch, signal, config, session, random)
        fit = first_fit(sketch, config, plan, random)
    while True:
        best = fit_and_freeze(sketch, fit, signal, config, watched(session, header, fit))
        fits = [*fit.fits, best]
        splats = rate_control.splats_for_quality(config, [one.outcome for one in fits], pixel_count)
        if splats is None:
            return min(fits, key=lambda one: abs(rate_control.miss(config, one.outcome, pixel_count)))
        # One source of chance for all fits, wherever one of them was gone on from.
        fit = first_fit(sketch, config, Plan(splats, fit.plan.step), fit.state.random)
        fit.fits = fits


def first_fit(sketch: Sketch, config: PlanarConfig, plan: Plan, random: np.random.Generator) -> KeyFit:
    """A fit that has just begun."""
    draft = fit_plan(config, plan, config.lattice.steps)
    return KeyFit(draft, begin(sketch.targets, draft, random))


def fit_and_freeze(sketch: Sketch, fit: KeyFit, signal: PlanarSignal, config: PlanarConfig, session: Session) -> Frozen:
    """One fit from where it is, on the lattice."""

    def report(done: float, error: float) -> None:
        quality = -10.0 * np.log10(max(error, 1e-10))
        session.report(Progress(PILOT_SHARE + (0.9 - PILOT_SHARE) * done, f"level {fit.state.level}", quality))

    fit_levels(sketch.targets, fit.plan, fit.state, report)
    return freeze_to_target(sketch, fit, signal, config, session)


def watched(session: Session, header: PlanarHeader, fit: KeyFit) -> Session:
    """The session of one fit: its state is kept from time to time, and when it is told to stop."""
    if session.checkpoint is None:
        return session
    path, keep = session.checkpoint, Keeper(session.checkpoint)

    def save(place: Path) -> None:
        saved.save(place, session.key, header, fit)

    def report(progress: Progress) -> None:
        try:
            session.report(progress)
        except Interrupted as stop:
            keep(save, now=True)
            message = f"stopped; the fit so far is in {path}, the same command goes on from there"
            raise Interrupted(message) from stop
        keep(save)

    return replace(session, report=report)


def freeze_to_target(
    sketch: Sketch, fit: KeyFit, signal: PlanarSignal, config: PlanarConfig, session: Session
) -> Frozen:
    """Freezes, with the step corrected until the target is met; the nearest try is kept."""
    pixels, lattice = signal.width * signal.height, config.lattice
    effort = Effort(lattice.freeze_rounds, lattice.freeze_steps, lattice.refine_sweeps)
    session.report(frozen_share(fit))
    while (step := next_step(config, fit, pixels)) is not None:
        plan = replace(fit.plan, step=step)
        fit.tries.append(freeze_and_measure(sketch, fit.state.splats, plan, signal, config, effort))
        session.report(frozen_share(fit))
    return min(fit.tries, key=lambda one: abs(rate_control.miss(config, one.outcome, pixels)))


def frozen_share(fit: KeyFit) -> Progress:
    """Where the freezing of a fit is."""
    quality = fit.tries[-1].outcome.psnr_db if fit.tries else None
    return Progress(0.9 + 0.1 * len(fit.tries) / (CORRECTIONS + 1), "quantising", quality)


def next_step(config: PlanarConfig, fit: KeyFit, pixels: int) -> float | None:
    """Of the next try; None: the target is met, or steps alone bring it no nearer."""
    if not fit.tries:
        return fit.plan.step
    tried = [one.outcome for one in fit.tries]
    off = abs(rate_control.miss(config, tried[-1], pixels))
    step = rate_control.corrected_step(config, tried, pixels)
    refit = config.target.psnr_db is not None and off > rate_control.STEP_REACH
    if off <= rate_control.TOLERANCE or step == tried[-1].step or refit or len(tried) > CORRECTIONS:
        return None
    return step
