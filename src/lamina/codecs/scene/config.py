# SPDX-License-Identifier: Apache-2.0
"""The scene codec's configuration: that of anchors and their fit; presets. No torch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType

from lamina.anchors.config import (
    AnchorConfig,
    AnchorFitConfig,
    ContextConfig,
    GrowthConfig,
    LossConfig,
    ScheduleConfig,
)
from lamina.codec import Choices, preset_of


@dataclass(frozen=True)
class SceneConfig(AnchorFitConfig):
    """Configuration of one encode (`lamina.anchors.config` says what each field means)."""


def configure(choices: Choices) -> SceneConfig:
    """A preset with what a user chose.

    Raises:
        ValueError: no such preset, or a value out of range.
    """
    config = preset_of(PRESETS, choices.preset)
    if choices.level_count is not None:
        config = replace(config, level_count=choices.level_count)
    target = choices.target
    if target is None:
        return config
    if target.kind == "size_bytes":
        return replace(config, size_bytes=round(target.value))
    return replace(config, rate_weight=target.value)


def _paper() -> SceneConfig:
    """ProGS to the letter where it says, Scaffold-GS and HAC where it follows them (fact sheet 2, 3, 6)."""
    rates = {
        "feature_rate": 0.0075,
        "scaling_rate": 0.007,
        "offset_rate": 0.05,
        "head_rates": (0.002, 0.004, 0.008),
        "final_share": 1.0,
    }
    return SceneConfig(
        rate_weight=4e-3,
        anchors=AnchorConfig(
            32, 10, 32, level_input=False, first=200_000, limit=1 << 20, contracted=False, spare_layers=0,
            least_opacity=0.0, random_offsets=0.0, warm_colors=False,
        ),
        growth=GrowthConfig(least_sightings=0.4, is_paced=False),
        loss=LossConfig(
            coarse_to_fine="all", lower_weight=1.0, half_size_levels=0, lower_pixels=1 << 32, info_nce=0.005
        ),
        context=ContextConfig(
            parent=False, neighbors=False, hash_grid=True, adaptive_steps=True, chained=False, feature_groups=1,
            true_rounding=False, settle_steps=0, masks=False, hidden=100, sample_share=0.05,
        ),
        schedule=ScheduleConfig(
            steps=40_000, half_size_until=0.0, step_pixels=1 << 32, grow_from=0.04, grow_until=0.625,
            noise_from=0.325, pause=0.025, rate_from=0.5, tune_steps=0, **rates,
        ),
    )  # fmt: skip


PRESETS: Mapping[str, SceneConfig] = MappingProxyType(
    {
        "default": SceneConfig(schedule=ScheduleConfig(steps=20_000)),
        "fast": SceneConfig(
            anchors=AnchorConfig(first=18_000, limit=44_000), schedule=ScheduleConfig(steps=8_000, tune_steps=200)
        ),
        "paper": _paper(),
    }
)
