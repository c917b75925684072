# SPDX-License-Identifier: Apache-2.0
"""A capture enters, a part leaves: training in steps, the octree changing, then integers. Encoder side only."""

from __future__ import annotations

import math
from collections.abc import Iterator

from lamina.anchors.fitting import checkpoint as saved
from lamina.anchors.fitting.adjustment import drop_unused
from lamina.anchors.fitting.descent import FINISH_STEPS, Watch, device_of, is_trained, train
from lamina.anchors.fitting.quantizing import quantize, settle_context, tune
from lamina.anchors.fitting.start import first_state
from lamina.anchors.fitting.state import FitState
from lamina.anchors.fitting.training import FitInput
from lamina.codec import Session
from lamina.codecs.scene.config import SceneConfig
from lamina.codecs.scene.fit.finish import assemble, shown_views, size_bytes_of
from lamina.codecs.scene.fit.rate_control import corrected_octaves, plan_for_bytes, steered_rate_weight
from lamina.codecs.scene.model import ScenePart
from lamina.data.captures import Capture, with_points
from lamina.errors import Interrupted, SignalError
from lamina.fitting import checkpoint
from lamina.fitting.checkpoint import Keeper
from lamina.fitting.resume import is_whole

CORRECTIONS = 6
"""Quantised again at most so often to meet a size."""

TOLERANCE = 0.02
"""A size met this well is not corrected."""


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

    def steer(state: FitState) -> float:
        return steered_rate_weight(state, planned, len(shown_views(signal)))

    try:
        for trained in train(scene, state, watch, steer if planned.size_bytes is not None else None):
            state = trained
            keep(lambda path, state=state: saved.save(path, session.key, state), now=is_trained(state, scene))
        part = finish(scene, state, watch)
    except Interrupted as stop:
        raise stopped(stop, session, None if is_trained(state, scene) else state) from None
    yield part
    checkpoint.remove(session.checkpoint)


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
