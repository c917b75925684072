# SPDX-License-Identifier: Apache-2.0
"""A frame as HPC trains it (preset `paper`): pictures enter, the integers of all levels and their tables leave.

Levels enter one after the other, each with a loss of its own, and stop one after the other at the end (sec. 4.2). What
a level adds is noisy by the width of a step (Eq. 8) until it stops, and integers from then on, so that finer ones make
up for it. A key frame brings full grids, frames between what they add to the frame before, level by level (Eq. 3). The
network is fitted with the key frame and serves its group. Levels are summed: the paper leaves open how they join.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from lamina.codecs.volume.config import PaperConfig
from lamina.codecs.volume.fit.descent import LOSS_SCALE, PRICE_STEPS, Descent, Shading
from lamina.codecs.volume.fit.field import FieldFit, Price, descend, field_of, sent_level
from lamina.codecs.volume.fit.key_frame import (
    KeyFrame,
    Stage,
    contents_of,
    fresh_shading,
    integer_steps,
    real_steps,
    rounded_network,
    vector_step,
)
from lamina.codecs.volume.fit.level_prior import LevelPrior
from lamina.codecs.volume.fit.predicted import expect
from lamina.codecs.volume.fit.rate import REACH
from lamina.codecs.volume.fit.rays import rays_through
from lamina.codecs.volume.fit.silhouettes import hull_cells, masks_of
from lamina.codecs.volume.frame_coding import LevelContent, LevelState
from lamina.codecs.volume.syntax import GroupHead
from lamina.errors import SignalError
from lamina.grids.bricks import Indices
from lamina.grids.level import all_cells

LAST_RATE = 0.1
"""Of the first rates, what the last step has. Source: DVGO, configs/default.py, a tenth over the training."""


@dataclass(frozen=True)
class Schedule:
    """Which levels are trained in which step."""

    steps: int
    activation_steps: int
    level_count: int
    does_freeze: bool

    @classmethod
    def of(cls, paper: PaperConfig, steps: int, level_count: int) -> Schedule:
        """For a frame."""
        activation_steps = max(1, round(paper.activation_share * steps))
        return cls(steps, activation_steps, level_count, paper.does_freeze)

    def top(self, step: int) -> int:
        """The finest level that has entered."""
        return min(step // self.activation_steps, self.level_count - 1)

    def bottom(self, step: int) -> int:
        """The coarsest level that has not stopped: level l stops `activation_steps` a level before the end."""
        if not self.does_freeze:
            return 0
        left = -(-(self.steps - step) // self.activation_steps)
        return max(0, self.top(step) - max(left - 1, 0))


def fit_key_frame_progressively(stage: Stage, frame: int, log_gains: Float[Tensor, "v 3"] | None) -> KeyFrame:
    """The integers of a key frame, and the network of its group; gains are found where none are known, if at all.

    Raises:
        SignalError: a picture cannot be decoded, or the box has too many cells.
    """
    config, paper = stage.config, paper_of(stage)
    steps = integer_steps(config.steps, stage.facts.level_count)
    if not paper.has_gains:
        log_gains = torch.zeros(len(stage.views), 3)
    descent = descent_of(stage, frame, steps, fresh_shading(stage, frame, log_gains))
    key = config.key
    priors = train(stage, descent, paper.key_steps, (key.density_rate, key.color_rate))
    head = GroupHead(False, 0, vector_step(config.steps), steps, rounded_network(descent)[1])
    return KeyFrame(head, with_tables(descent.field, priors), descent.shading.log_gains.detach())


def fit_residuals_progressively(
    stage: Stage, frame: int, head: GroupHead, before: Sequence[LevelState], shading: Shading
) -> tuple[LevelContent, ...]:
    """What a frame adds to the one before, level by level.

    Raises:
        SignalError: a picture cannot be decoded.
    """
    predicted = stage.config.predicted
    descent = descent_of(stage, frame, head.steps, shading)
    unmoved = np.zeros((descent.field.levels[0].level.row_count, 3), np.int32)
    expect(stage, descent.field, head, before, unmoved)
    priors = train(stage, descent, paper_of(stage).frame_steps, (predicted.density_rate, predicted.color_rate))
    return with_tables(descent.field, priors)


def paper_of(stage: Stage) -> PaperConfig:
    """Of a stage whose configuration has one."""
    paper = stage.config.paper
    assert paper is not None, "progressive training belongs to preset paper"
    return paper


def descent_of(stage: Stage, frame: int, steps: tuple[int, ...], shading: Shading) -> Descent:
    """A field of nothing, and the rays through its box.

    Raises:
        SignalError: a picture cannot be decoded, or the box has too many cells.
    """
    lattice = stage.facts.lattice()
    cells = cells_of_box(stage, frame)
    try:
        field = field_of(lattice, cells, real_steps(stage.facts, steps))
    except ValueError as error:
        raise SignalError(f"{stage.capture.name}: {error}; choose another box or a larger voxel") from None
    rays = rays_through(stage.capture, frame, stage.views, lattice, (sent_level(lattice), cells))
    return Descent(stage.facts, stage.config, field, rays, shading, stage.random(frame), stage.rate_weight)


def cells_of_box(stage: Stage, frame: int) -> Indices:
    """Active cells of the level whose cells are sent last."""
    lattice = stage.facts.lattice()
    if paper_of(stage).is_dense:
        try:
            return all_cells(lattice.cells(sent_level(lattice)))
        except ValueError as error:
            raise SignalError(f"{stage.capture.name}: {error}; choose another box or a larger voxel") from None
    return hull_cells(masks_of(stage.capture, frame, stage.views), lattice, sent_level(lattice))


def train(stage: Stage, descent: Descent, steps: int, rates: tuple[float, float]) -> list[LevelPrior]:
    """All steps of a frame; what is left is rounded. Returns what bits are estimated by."""
    paper, fit = paper_of(stage), descent.field
    schedule = Schedule.of(paper, steps, len(fit.levels))
    generator = torch.Generator().manual_seed(int(descent.random.integers(1 << 40)))
    priors = [
        LevelPrior.fresh(
            fit.steps.shape[1],
            generator,
            is_learned=paper.prior == "factorized",
            is_by_channel=paper.is_table_by_channel,
        )
        for _ in fit.levels
    ]
    channel_rates = np.full(fit.steps.shape[1], rates[1], np.float32)
    channel_rates[0] = rates[0]
    price, error = Price(), 1.0
    add_up(fit, paper, schedule, 0)
    for step in range(steps):
        top, bottom = schedule.top(step), schedule.bottom(step)
        if step % PRICE_STEPS == 0 or len(price.bits) <= top:
            price = price_of(descent, priors, paper, top, generator)
            stage.tell(step / steps, error)
        for level in range(bottom, top + 1):
            weight = 1.0 if level == len(fit.levels) - 1 else paper.lower_weight
            error = descent.look(level, descent.config.rays, weight, notes=False)
        fit.restrict_gradients(top, bottom)
        descend(fit, top, bottom, channel_rates * np.float32(LAST_RATE ** (step / steps)), price)
        add_up(fit, paper, schedule, step + 1)
    fit.noise_seed, fit.is_rounded = None, True
    fit.add_up(len(fit.levels) - 1)
    price_of(descent, priors, paper, len(fit.levels) - 1, generator)
    return priors


def add_up(fit: FieldFit, paper: PaperConfig, schedule: Schedule, step: int) -> None:
    """Values of all levels that have entered: those that have stopped are integers."""
    top, bottom = schedule.top(step), schedule.bottom(step)
    fit.noise_seed, fit.is_rounded = None, True
    if bottom > 0 and (step == 0 or schedule.bottom(step - 1) < bottom):
        fit.add_up(bottom - 1)
    fit.noise_seed = step if paper.has_noise else None
    fit.add_up(top, bottom)


def price_of(
    descent: Descent, priors: list[LevelPrior], paper: PaperConfig, top: int, generator: torch.Generator
) -> Price:
    """Of bits and absolute values, after the priors of levels that have entered have learned of what is there now."""
    bits: list[np.ndarray] = []
    integers = np.abs(np.arange(-REACH, REACH + 1))
    for level in range(top + 1):
        steps = descent.field.steps[level]
        own = priors[level].bits(descent.field.levels[level].additions, steps, generator)
        bits.append((own + paper.absolute_weight * steps[:, None] * integers).astype(np.float32))
    return Price(LOSS_SCALE * descent.rate_weight / (3 * len(descent.rays.views)), bits)


def with_tables(field: FieldFit, priors: list[LevelPrior]) -> tuple[LevelContent, ...]:
    """What is sent of a field, and under which tables."""
    return tuple(
        content._replace(counts=prior.counts(content.symbols))
        for content, prior in zip(contents_of(field, None), priors, strict=True)
    )
