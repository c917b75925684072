# SPDX-License-Identifier: Apache-2.0
"""Unquantised layered splats of one picture: level targets and a configuration enter, raw splats of all layers leave.

`joint` is the paper's method; `random`, `sequential`, `monolithic` and `pruning` are its comparators (sec. 3.4 and
4.1), options of the same code. Tables are (9, n), splats in layer order.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from jaxtyping import Float32
from torch import Tensor

from lamina.codecs.planar.config import PgsvcConfig, Training
from lamina.codecs.planar.pgsvc.fit.adan import Adan
from lamina.codecs.planar.pgsvc.fit.descent import Descent, Schedule, descend, make_schedule
from lamina.codecs.planar.pgsvc.fit.objective import LevelTarget, residual_target
from lamina.codecs.planar.pgsvc.fit.pruning import Pruning, extra_counts, keep_heaviest
from lamina.codecs.planar.pgsvc.splats import WEIGHT_ROW, fold_weights, random_splats

Tick = Callable[["WeightedSplats", Adan, Descent], None]
"""Called before each step with all that a checkpoint needs; may raise to stop."""


class WeightedSplats:
    """Splats with weights in training: the paper's w, and the pruning that it decides. State of one optimisation."""

    def __init__(self, initial_counts: tuple[int, ...], pruning: Pruning) -> None:
        self.initial_counts = initial_counts
        self.pruning = pruning
        self.counts = initial_counts
        """Splats of each layer now."""
        self.origin = torch.arange(sum(initial_counts))
        """Of each splat: its column in the table that training began with."""

    def splats(self, parameters: Float32[Tensor, "9 n"]) -> tuple[Float32[Tensor, "8 n"], None]:
        """Weights folded into colours; no loss of their own."""
        return fold_weights(parameters), None

    def after_step(self, optimizer: Adan, step: int) -> None:
        """Remove the lightest splats when it is time."""
        if not self.pruning.is_due(step):
            return
        wanted = tuple(
            count - removed for count, removed in zip(self.initial_counts, self.pruning.removed_by(step), strict=True)
        )
        kept = keep_heaviest(optimizer.parameters[WEIGHT_ROW], self.counts, wanted)
        optimizer.keep(kept)
        self.origin = self.origin[kept]
        self.counts = wanted


@dataclass(frozen=True)
class Trained:
    """What training leaves."""

    raw: Float32[Tensor, "8 n"]
    """Splats in layer order, weights folded into colours."""
    weights: Float32[Tensor, " n"]
    counts: tuple[int, ...]
    """Splats of each layer."""
    origin: Tensor
    """Of each splat: its column in the table that training began with."""
    steps: int


def train_table(
    table: Float32[Tensor, "9 n"],
    counts: tuple[int, ...],
    targets: tuple[LevelTarget, ...],
    schedule: Schedule,
    pruning: Pruning,
    tick: Tick,
) -> Trained:
    """Optimise splats that are already there, one target a level; `counts` are the layers' sizes at the start."""
    trainee, optimizer, descent = WeightedSplats(counts, pruning), Adan(table.clone()), Descent()
    return continue_training(trainee, optimizer, descent, targets, schedule, tick)


def continue_training(
    trainee: WeightedSplats,
    optimizer: Adan,
    descent: Descent,
    targets: tuple[LevelTarget, ...],
    schedule: Schedule,
    tick: Tick,
) -> Trained:
    """As `train_table`, from wherever the state is: a checkpoint's, for example."""
    descend(trainee, optimizer, targets, schedule, descent, lambda now: tick(trainee, optimizer, now))
    settle(trainee, optimizer)
    table = optimizer.parameters
    return Trained(fold_weights(table), table[WEIGHT_ROW].clone(), trainee.counts, trainee.origin, descent.step)


def settle(trainee: WeightedSplats, optimizer: Adan) -> None:
    """Remove what is still due: training may converge, or end, before the last pruning."""
    last = trainee.pruning.times * trainee.pruning.interval - 1
    wanted = tuple(n - r for n, r in zip(trainee.initial_counts, trainee.pruning.removals, strict=True))
    if trainee.counts != wanted:
        trainee.after_step(optimizer, last)


def fit_layers(
    targets: tuple[LevelTarget, ...],
    counts: tuple[int, ...],
    config: PgsvcConfig,
    training: Training,
    seed: int,
    tick: Tick,
) -> tuple[Trained, ...]:
    """Fit a picture from random splats by one of the paper's trainings.

    Returns one `Trained` that holds all layers in order; `monolithic` returns one a level, each a model of its own.

    Args:
        targets: of each level, base first.
        counts: splats of each layer in the end.
        config: schedule.
        training: the method.
        seed: of initial splats and the random order.
        tick: called before each step; may raise to stop.
    """
    generator = torch.Generator().manual_seed(seed)
    if training == "sequential":
        return (_fit_sequential(targets, counts, config, generator, tick),)
    if training == "monolithic":
        totals = [sum(counts[: level + 1]) for level in range(len(counts))]
        return tuple(
            _fit_random_start((target,), (total,), config, generator, tick)
            for target, total in zip(targets, totals, strict=True)
        )
    if training == "pruning":
        top = _fit_random_start(targets[-1:], (sum(counts),), config, generator, tick)
        order = torch.argsort(top.weights.abs(), descending=True, stable=True)
        return (Trained(top.raw[:, order], top.weights[order], counts, top.origin[order], top.steps),)
    lower_levels = "random" if training == "random" else "cyclic"
    schedule = make_schedule(config, config.steps, lower_levels, seed)
    pruning = key_pruning(counts, config)
    start = tuple(count + extra for count, extra in zip(counts, pruning.removals, strict=True))
    return (train_table(random_splats(sum(start), generator), start, targets, schedule, pruning, tick),)


def key_pruning(counts: tuple[int, ...], config: PgsvcConfig) -> Pruning:
    """Pruning of an I-frame."""
    shares = removal_shares(config, len(counts))
    return Pruning(extra_counts(counts, shares), config.key_prune_until, config.prune_interval)


def predicted_pruning(counts: tuple[int, ...], config: PgsvcConfig) -> Pruning:
    """Pruning of a P-frame."""
    shares = removal_shares(config, len(counts))
    return Pruning(extra_counts(counts, shares), config.predicted_prune_until, config.prune_interval)


def removal_shares(config: PgsvcConfig, layer_count: int) -> tuple[float, ...]:
    """The configured shares for this many layers: the last one again and again where there are more layers."""
    shares = config.removal_shares[:layer_count]
    return shares + (config.removal_shares[-1],) * (layer_count - len(shares))


def _fit_random_start(
    targets: tuple[LevelTarget, ...],
    counts: tuple[int, ...],
    config: PgsvcConfig,
    generator: torch.Generator,
    tick: Tick,
) -> Trained:
    """One layer, top level only."""
    pruning = key_pruning(counts, config)
    start = tuple(count + extra for count, extra in zip(counts, pruning.removals, strict=True))
    schedule = make_schedule(config, config.steps, "none")
    return train_table(random_splats(sum(start), generator), start, targets, schedule, pruning, tick)


def _fit_sequential(
    targets: tuple[LevelTarget, ...],
    counts: tuple[int, ...],
    config: PgsvcConfig,
    generator: torch.Generator,
    tick: Tick,
) -> Trained:
    """Layer by layer, the earlier ones frozen (Eq. 6): each is fitted to what is left of its level's target."""
    removals = key_pruning(counts, config).removals
    done: list[Trained] = []
    for level, target in enumerate(targets):
        goal = residual_target(target, torch.cat([part.raw for part in done], dim=1)) if done else target
        pruning = Pruning((removals[level],), config.key_prune_until, config.prune_interval)
        start = (counts[level] + removals[level],)
        schedule = make_schedule(config, config.steps, "none")
        done.append(train_table(random_splats(sum(start), generator), start, (goal,), schedule, pruning, tick))
    return Trained(
        torch.cat([part.raw for part in done], dim=1),
        torch.cat([part.weights for part in done]),
        counts,
        torch.arange(sum(counts)),
        sum(part.steps for part in done),
    )
