# SPDX-License-Identifier: Apache-2.0
"""A capture enters, a part leaves: training in steps, the octree changing, then integers. Encoder side only."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import torch

from lamina.anchors.config import AnchorFitConfig
from lamina.anchors.fitting import checkpoint as saved
from lamina.anchors.fitting.adjustment import adjust, drop_empty, drop_unused
from lamina.anchors.fitting.quantizing import quantize, settle_context, tune
from lamina.anchors.fitting.schedule import stage_at
from lamina.anchors.fitting.start import first_state
from lamina.anchors.fitting.state import FitState
from lamina.anchors.fitting.training import FitInput, take_step
from lamina.codec import Progress, Session
from lamina.codecs.scene.config import SceneConfig
from lamina.codecs.scene.fit.finish import assemble, shown_views, size_bytes_of
from lamina.codecs.scene.fit.rate_control import corrected_octaves, plan_for_bytes, steered_rate_weight
from lamina.codecs.scene.model import ScenePart
from lamina.data.captures import Capture, with_points
from lamina.errors import Interrupted, SignalError
from lamina.fitting import checkpoint
from lamina.fitting.checkpoint import Keeper
from lamina.fitting.resume import is_whole
from lamina.render.spatial_cuda import find_missing, require_gsplat

REPORT_STEPS = 5
"""Steps between two reports."""

SWEEP_STEPS = 500
"""Steps from one removal of emptied anchors to the next, while the rate counts."""

MEMORY = 0.02
"""Weight of a step in the running mean of the error."""

FINISH_STEPS = 150
"""What masking, quantising and measuring take, in steps, about; tuning counts beside."""

CORRECTIONS = 6
"""Quantised again at most so often to meet a size."""

TOLERANCE = 0.02
"""A size met this well is not corrected."""


@dataclass
class Watch:
    """Between the steps and whoever watches."""

    session: Session
    config: AnchorFitConfig
    error: float | None = None
    """Running mean of the squared error."""

    def note(self, error: float) -> None:
        """Takes in a step's error."""
        self.error = error if self.error is None else self.error + MEMORY * (error - self.error)

    def report(self, step: float, stage: str) -> None:
        """Says where the fit is; `step` counts tuning and finishing too. Raises `Interrupted`."""
        schedule = self.config.schedule
        quality = None if self.error is None else -10.0 * math.log10(max(self.error, 1e-10))
        total = schedule.steps + schedule.tune_steps + FINISH_STEPS
        self.session.report(Progress(min(step / total, 1.0), stage, quality))


def fit(signal: Capture, config: SceneConfig, session: Session) -> Iterator[ScenePart]:
    """Fits a scene to its target; yields one part, or none where the session's stream has it all.

    Raises:
        SignalError: the capture has no view to fit to.
        TargetError: the size is too small for any scene.
        BackendUnavailable: CUDA was asked for and is not there.
        Interrupted: the session raised it; the fit so far is in its checkpoint.
    """
    if not signal.train:
        raise SignalError(f"{signal.name}: all views are held out, none is left to fit a scene to")
    if is_whole(session.written, config.level_count):
        return
    signal = with_points(signal, session.report, config.seed)
    planned = plan_for_bytes(config, len(shown_views(signal)))
    scene = FitInput(signal, planned, device_of(planned))
    watch = Watch(session, planned)
    fresh = first_state(signal, planned, scene.device)
    state = saved.load(session.checkpoint, session.key, fresh) or fresh
    keep = Keeper(session.checkpoint)
    try:
        for trained in train(scene, state, watch):
            state = trained
            keep(lambda path, state=state: saved.save(path, session.key, state), now=is_trained(state, scene))
        part = finish(scene, state, watch)
    except Interrupted as stop:
        raise stopped(stop, session, None if is_trained(state, scene) else state) from None
    yield part
    checkpoint.remove(session.checkpoint)


def is_trained(state: FitState, scene: FitInput) -> bool:
    """Whether only finishing is left, which always starts from here."""
    return state.step == scene.config.schedule.steps


def device_of(config: AnchorFitConfig) -> torch.device:
    """Where to fit: without gsplat the kernels for the CPU are faster than a GPU without any.

    Raises:
        BackendUnavailable: CUDA was asked for, and it or gsplat is not there.
    """
    if config.device == "cuda":
        require_gsplat()
    return torch.device("cpu" if config.device == "cpu" or find_missing() else "cuda")


def train(scene: FitInput, state: FitState, watch: Watch) -> Iterator[FitState]:
    """Steps from where the state is to the last; yields the state after each."""
    config = scene.config
    while state.step < config.schedule.steps:
        stage = stage_at(state.step + 1, config)
        if stage.has_noise and not stage_at(state.step, config).has_noise:
            state.networks.context.initialize(state.values.values)
        watch.note(take_step(scene, state))
        if stage.changes:
            state = adjust(state, config)
        if config.context.masks and stage.has_rate and not stage_at(state.step - 1, config).has_rate:
            state = drop_unused(state, scene)
        elif config.context.masks and stage.has_rate and state.step % SWEEP_STEPS == 0:
            state = drop_empty(state)
        if stage.has_rate and config.size_bytes is not None:
            state.rate_weight = steered_rate_weight(state, config, len(shown_views(scene.capture)))
        yield state
        if state.step % REPORT_STEPS == 0:
            watch.report(state.step, f"step {state.step} of {config.schedule.steps}, {state.count} anchors")


def finish(scene: FitInput, state: FitState, watch: Watch) -> ScenePart:
    """Integers, with steps corrected until the size is met; the nearest try is kept."""
    schedule, size_bytes = scene.config.schedule, scene.config.size_bytes
    watch.report(schedule.steps, "dropping what is not seen")
    state = drop_unused(state, scene)
    watch.report(schedule.steps + FINISH_STEPS / 4, "learning what will be coded")
    settle_context(scene, state)
    tried: list[tuple[float, int]] = []
    octaves, heads = 0.0, state.networks.heads
    for _ in range(CORRECTIONS if size_bytes is not None else 0):
        watch.report(schedule.steps + FINISH_STEPS / 3, "quantising to size")
        quantized = quantize(scene, state, octaves)
        tried.append((octaves, size_bytes_of(assemble(scene, quantized, heads, measured=False))))
        assert size_bytes is not None
        if abs(tried[-1][1] / size_bytes - 1) <= TOLERANCE:
            break
        octaves = corrected_octaves(tried, size_bytes)
    if tried:
        octaves = min(tried, key=lambda one: abs(math.log(one[1] / (size_bytes or 1))))[0]
    quantized = quantize(scene, state, octaves)

    def report(done: float) -> None:
        watch.report(schedule.steps + FINISH_STEPS / 2 + done * schedule.tune_steps, "tuning generators")

    heads = tune(scene, state, quantized, report)
    watch.report(schedule.steps + FINISH_STEPS / 2 + schedule.tune_steps, "measuring levels")
    return assemble(scene, quantized, heads)


def stopped(stop: Interrupted, session: Session, state: FitState | None) -> Interrupted:
    """Saves a fit under way and says so; None: it was saved when training ended, and finishing has changed it since."""
    if session.checkpoint is None:
        return stop
    if state is not None:
        saved.save(session.checkpoint, session.key, state)
    return Interrupted(f"stopped; the fit so far is in {session.checkpoint}, the same command goes on from there")
