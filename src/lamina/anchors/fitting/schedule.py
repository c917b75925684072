# SPDX-License-Identifier: Apache-2.0
"""What is on at a step of a fit, and how fast each part learns: step numbers enter, switches and rates leave."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from lamina.anchors.config import AnchorFitConfig
from lamina.anchors.context.layout import ContextLayout

MOST_MASK_RATE = 0.05
"""Of short fits: at more, masks fall by noise (bonsai at quarter size, 3,000 steps)."""

OFFSET_END, OPACITY_END, COLOR_END, MASK_END, CONTEXT_END, STEP_END = 0.01, 0.01, 0.00625, 0.1, 0.002, 0.05
"""Share of the first rate that is left at the end. Source: Scaffold-GS and HAC, arguments (fact sheet 2.3)."""


@dataclass(frozen=True)
class Stage:
    """What is on."""

    grows: bool
    """Statistics are taken, and the octree changes every interval."""
    changes: bool
    """It changes now."""
    has_lower_levels: bool
    has_noise: bool
    has_rate: bool
    is_half_size: bool
    least_opacity: float
    """That Gaussians are drawn with."""


def stage_at(step: int, config: AnchorFitConfig) -> Stage:
    """Of step 1, 2, ..."""
    schedule, growth = config.schedule, config.growth
    share = step / schedule.steps
    paused = schedule.noise_from <= share < schedule.noise_from + schedule.pause
    grows = growth.enabled and schedule.grow_from <= share <= schedule.grow_until
    return Stage(
        grows,
        grows and not paused and step % growth.interval_steps == 0,
        share >= schedule.grow_from,
        share >= schedule.noise_from,
        share >= schedule.rate_from,
        share < schedule.half_size_until,
        config.anchors.least_opacity if share < schedule.rate_from else 0.0,
    )


@dataclass(frozen=True)
class Rates:
    """Learning rates of one step."""

    values: Float[Tensor, " c"]
    """Of each column."""
    masks: float
    heads: tuple[float, float, float]
    context: tuple[float, float]
    """Networks of the probability model, quantiser steps of layers."""


def rates_at(step: int, config: AnchorFitConfig, layout: ContextLayout) -> Rates:
    """All fall geometrically from their first value to a share of it."""
    schedule = config.schedule
    share = step / schedule.steps

    def fallen(first: float, end: float) -> float:
        return first * math.exp(share * math.log(end))

    final = schedule.final_share
    columns = torch.empty(layout.channels)
    firsts = (schedule.feature_rate, schedule.scaling_rate, schedule.offset_rate)
    for group, first, end in zip(layout.groups, firsts, (final, final, OFFSET_END), strict=True):
        columns[group] = fallen(first, end)
    opacity, covariance, color = schedule.head_rates
    heads = (fallen(opacity, OPACITY_END), fallen(covariance, final), fallen(color, COLOR_END))
    context = (fallen(schedule.context_rate, CONTEXT_END), fallen(schedule.step_rate, STEP_END))
    masks = fallen(min(MOST_MASK_RATE, schedule.mask_travel / schedule.steps), MASK_END)
    return Rates(columns, masks, heads, context)
