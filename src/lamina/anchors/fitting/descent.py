# SPDX-License-Identifier: Apache-2.0
"""Training: a first state enters; the state after each step leaves, the octree changing on the way."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch

from lamina.anchors.config import AnchorFitConfig
from lamina.anchors.fitting.adjustment import adjust, drop_empty, drop_unused
from lamina.anchors.fitting.schedule import stage_at
from lamina.anchors.fitting.state import FitState
from lamina.anchors.fitting.training import FitInput, take_step
from lamina.codec import Progress, Session
from lamina.render.spatial_cuda import find_missing, require_gsplat

REPORT_STEPS = 5
"""Steps between two reports."""

SWEEP_STEPS = 500
"""Steps from one removal of emptied anchors to the next, while the rate counts."""

MEMORY = 0.02
"""Weight of a step in the running mean of the error."""

FINISH_STEPS = 150
"""What masking, quantising and measuring take, in steps, about; tuning counts beside."""


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


def train(
    scene: FitInput, state: FitState, watch: Watch, steer: Callable[[FitState], float] | None = None
) -> Iterator[FitState]:
    """Steps from where the state is to the last; yields the state after each.

    `steer` says lambda after each step in which the rate counts; None: it stays.
    """
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
        if stage.has_rate and steer is not None:
            state.rate_weight = steer(state)
        yield state
        if state.step % REPORT_STEPS == 0:
            watch.report(state.step, f"step {state.step} of {config.schedule.steps}, {state.count} anchors")
