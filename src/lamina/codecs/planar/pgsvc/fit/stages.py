# SPDX-License-Identifier: Apache-2.0
"""One frame's two optimisations, interruptible: targets and where to start enter, integers of all layers leave.

Stage one trains splats with weights, stage two fine-tunes them with quantisers in the loop. A `FrameSession` reports
progress from both and, when the user stops, keeps what is needed to go on from the very step.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import torch
from jaxtyping import Float32
from torch import Tensor

from lamina.codec import Progress
from lamina.codecs.planar.pgsvc.fit.adan import STATE_NAMES, Adan
from lamina.codecs.planar.pgsvc.fit.descent import Descent, Schedule, descend
from lamina.codecs.planar.pgsvc.fit.objective import LevelTarget
from lamina.codecs.planar.pgsvc.fit.predicted import PredictedFineTuning
from lamina.codecs.planar.pgsvc.fit.pruning import Pruning
from lamina.codecs.planar.pgsvc.fit.quantizers import KeyFineTuning
from lamina.codecs.planar.pgsvc.fit.training import Trained, WeightedSplats, continue_training
from lamina.codecs.planar.pgsvc.layers import Integers
from lamina.errors import Interrupted
from lamina.fitting.checkpoint import SAVE_SECONDS

REPORT_SECONDS = 0.2
"""Between two reports."""

FineTuning = KeyFineTuning | PredictedFineTuning
Arrays = dict[str, np.ndarray]


@dataclass
class FrameSession:
    """Reports and checkpoints of one frame."""

    send: Callable[[Progress], None]
    """Raises `Interrupted` to stop."""
    stage: str
    """What is being done, in a few words."""
    done_from: float
    """Share of the whole job that is done before this frame."""
    done_to: float
    keep: Callable[[Arrays], None]
    """Called with the state from time to time, and when the user stops."""
    resumed: Arrays | None = None
    """State to go on from."""
    last_report: float = 0.0
    """The first report of a frame comes at once."""
    last_kept: float = field(default_factory=time.monotonic)

    def report(self, share: float, top_error: float, state: Callable[[], Arrays]) -> None:
        """Report at most every `REPORT_SECONDS`; keep the state when the monitor stops the fit."""
        now = time.monotonic()
        if now - self.last_report < REPORT_SECONDS:
            return
        self.last_report = now
        quality_db = -10.0 * float(np.log10(top_error)) if top_error > 0.0 else None
        done = self.done_from + (self.done_to - self.done_from) * min(share, 1.0)
        try:
            self.send(Progress(done, self.stage, quality_db))
        except Interrupted:
            self.keep(state())
            raise
        if now - self.last_kept >= SAVE_SECONDS:
            self.last_kept = now
            self.keep(state())

    def resume(self, stage: str) -> Arrays | None:
        """The resumed state if it is of this stage."""
        if self.resumed is None or str(self.resumed["stage"]) != stage:
            return None
        return self.resumed


def train(
    table: Float32[Tensor, "9 n"],
    counts: tuple[int, ...],
    targets: tuple[LevelTarget, ...],
    schedule: Schedule,
    pruning: Pruning,
    session: FrameSession,
) -> Trained:
    """Stage one. A session that stopped in stage two goes straight to its result."""
    tuned = session.resume("tune")
    if tuned is not None:
        return _trained_from(tuned)
    trainee, optimizer, descent = WeightedSplats(counts, pruning), Adan(table.clone()), Descent()
    found = session.resume("train")
    if found is not None:
        descent = _descent_from(found)
        optimizer = Adan.from_state(_tensors(found, STATE_NAMES), int(found["age"]))
        trainee.counts = tuple(int(count) for count in found["counts"])
        trainee.origin = torch.from_numpy(found["origin"])

    def tick(trainee: WeightedSplats, optimizer: Adan, now: Descent) -> None:
        session.report(0.5 * now.step / schedule.steps, now.top_error, lambda: _train_state(trainee, optimizer, now))

    return continue_training(trainee, optimizer, descent, targets, schedule, tick)


def fine_tune(
    tuning: FineTuning,
    trained: Trained,
    targets: tuple[LevelTarget, ...],
    schedule: Schedule,
    session: FrameSession,
) -> tuple[Integers, ...]:
    """Stage two."""
    optimizer, descent = Adan(tuning.start.clone()), Descent()
    found = session.resume("tune")
    if found is not None:
        descent = _descent_from(found)
        optimizer = Adan.from_state(_tensors(found, STATE_NAMES), int(found["age"]))
        tuning.restore({name: torch.from_numpy(found[f"tuning.{name}"]) for name in tuning.state()})

    def tick(now: Descent) -> None:
        share = 0.5 + 0.5 * now.step / schedule.steps
        session.report(share, now.top_error, lambda: _tune_state(tuning, trained, optimizer, now))

    descend(tuning, optimizer, targets, schedule, descent, tick)
    return tuning.integers(optimizer.parameters)


def _train_state(trainee: WeightedSplats, optimizer: Adan, descent: Descent) -> Arrays:
    counts = {"counts": np.array(trainee.counts), "origin": trainee.origin.numpy()}
    return {"stage": np.array("train")} | counts | _optimizer_state(optimizer) | _descent_state(descent)


def _tune_state(tuning: FineTuning, trained: Trained, optimizer: Adan, descent: Descent) -> Arrays:
    result = {
        "trained.raw": trained.raw.numpy(),
        "trained.weights": trained.weights.numpy(),
        "trained.counts": np.array(trained.counts),
        "trained.origin": trained.origin.numpy(),
        "trained.steps": np.array(trained.steps),
    }
    state = {f"tuning.{name}": value.numpy() for name, value in tuning.state().items()}
    return {"stage": np.array("tune")} | result | state | _optimizer_state(optimizer) | _descent_state(descent)


def _trained_from(arrays: Arrays) -> Trained:
    return Trained(
        torch.from_numpy(arrays["trained.raw"]),
        torch.from_numpy(arrays["trained.weights"]),
        tuple(int(count) for count in arrays["trained.counts"]),
        torch.from_numpy(arrays["trained.origin"]),
        int(arrays["trained.steps"]),
    )


def _optimizer_state(optimizer: Adan) -> Arrays:
    return {name: value.numpy() for name, value in optimizer.state().items()} | {"age": np.array(optimizer.age)}


def _descent_state(descent: Descent) -> Arrays:
    return {
        "step": np.array(descent.step),
        "best_loss": np.array(descent.best_loss),
        "stale_steps": np.array(descent.stale_steps),
        "top_error": np.array(descent.top_error),
        "lower_levels": np.array(list(descent.lower_errors), np.int64),
        "lower_values": np.array(list(descent.lower_errors.values()), np.float64),
    }


def _descent_from(arrays: Arrays) -> Descent:
    lower = zip(arrays["lower_levels"].tolist(), arrays["lower_values"].tolist(), strict=True)
    return Descent(
        int(arrays["step"]),
        float(arrays["best_loss"]),
        int(arrays["stale_steps"]),
        float(arrays["top_error"]),
        dict(lower),
    )


def _tensors(arrays: Arrays, names: tuple[str, ...]) -> dict[str, Tensor]:
    return {name: torch.from_numpy(arrays[name]) for name in names}
