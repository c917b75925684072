# SPDX-License-Identifier: Apache-2.0
"""The paper's optimisation loop: something to be trained and the targets of all levels enter; it is trained in place.

Which lower level is supervised beside the top level in step k: k mod (L - 1) (cyclic), drawn at random, or none.

Source: P-GSVC, Eq. 9, algorithm 1, and sec. 4.1 (learning rate, convergence).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal, Protocol

import numpy as np
from jaxtyping import Float32
from torch import Tensor

from lamina.codecs.planar.config import PgsvcConfig
from lamina.codecs.planar.pgsvc.fit.adan import Adan
from lamina.codecs.planar.pgsvc.fit.objective import LevelTarget, joint_errors

LowerLevels = Literal["cyclic", "random", "none"]


@dataclass(frozen=True)
class Schedule:
    """Length and learning rate of one optimisation, and when it may stop early."""

    steps: int
    learning_rate: float
    halving_steps: int
    patience: int
    change: float
    stop_from: int
    lower_levels: LowerLevels = "cyclic"
    seed: int = 1
    """Of the random order."""

    def rate_at(self, step: int) -> float:
        """Learning rate of a step."""
        return self.learning_rate * 0.5 ** (step // max(self.halving_steps, 1))

    def lower_level(self, step: int, level_count: int) -> int:
        """Lower level that is supervised in a step; -1: none."""
        if level_count < 2 or self.lower_levels == "none":
            return -1
        if self.lower_levels == "random":
            return int(np.random.default_rng((self.seed, step)).integers(level_count - 1))
        return step % (level_count - 1)


def make_schedule(config: PgsvcConfig, steps: int, lower_levels: LowerLevels = "cyclic", seed: int = 1) -> Schedule:
    """The schedule that a configuration asks for."""
    return Schedule(
        steps,
        config.learning_rate,
        config.halving_steps,
        config.convergence_patience,
        config.convergence_change,
        config.convergence_from,
        lower_levels,
        seed,
    )


class Trainee(Protocol):
    """What can be optimised: parameters that become splats."""

    @property
    def counts(self) -> tuple[int, ...]:
        """Splats of each layer now."""
        ...

    def splats(
        self, parameters: Float32[Tensor, "*shape"]
    ) -> tuple[Float32[Tensor, "8 n"], Float32[Tensor, ""] | None]:
        """Raw splats, differentiable, and a loss of their own to add (None: none)."""
        ...

    def after_step(self, optimizer: Adan, step: int) -> None:
        """What happens after each step: pruning, codebooks."""
        ...


@dataclass
class Descent:
    """Where an optimisation is: with the optimiser's and the trainee's state, all that a checkpoint needs."""

    step: int = 0
    """Steps done."""
    best_loss: float = float("inf")
    stale_steps: int = 0
    """Steps since the joint loss last improved by more than the schedule's `change`."""
    top_error: float = float("nan")
    """Mean squared error of the top level, before the last step."""
    lower_errors: dict[int, float] = field(default_factory=dict)
    """The latest of each lower level."""

    def note(self, lower: int, top_error: float, lower_error: float, change: float) -> None:
        """Take in the errors of a step."""
        self.top_error = top_error
        if lower >= 0:
            self.lower_errors[lower] = lower_error
        below = sum(self.lower_errors.values()) / max(len(self.lower_errors), 1)
        loss = top_error + below
        self.stale_steps += 1
        if loss < self.best_loss - change:
            self.best_loss = loss
            self.stale_steps = 0

    def is_over(self, schedule: Schedule) -> bool:
        """Whether all steps are done or the loss has converged."""
        converged = self.step >= schedule.stop_from and self.stale_steps >= schedule.patience
        return self.step >= schedule.steps or converged


def descend(
    trainee: Trainee,
    optimizer: Adan,
    targets: tuple[LevelTarget, ...],
    schedule: Schedule,
    descent: Descent,
    tick: Callable[[Descent], None],
) -> None:
    """Optimise until the schedule's end or convergence; `tick` is called before each step and may raise to stop."""
    while not descent.is_over(schedule):
        tick(descent)
        step = descent.step
        lower = schedule.lower_level(step, len(targets))
        leaf = optimizer.parameters.detach().requires_grad_()
        raw, own_loss = trainee.splats(leaf)
        errors = joint_errors(raw, targets, trainee.counts, lower)
        loss = errors.loss if own_loss is None else errors.loss + own_loss
        loss.backward()
        assert leaf.grad is not None, "the loss depends on the parameters"
        optimizer.step(leaf.grad, schedule.rate_at(step))
        descent.note(lower, errors.top, errors.lower, schedule.change)
        descent.step = step + 1
        trainee.after_step(optimizer, step)
