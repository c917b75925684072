# SPDX-License-Identifier: Apache-2.0
"""Configuration, schedule and rate control of the scene codec: numbers only, no fit."""

from dataclasses import replace
from itertools import pairwise

import pytest
from tiny_capture import SMALL, changed

from lamina.anchors.config import AnchorConfig, LossConfig, ScheduleConfig
from lamina.anchors.fitting.schedule import rates_at, stage_at
from lamina.anchors.fitting.start import layout_of
from lamina.codec import Choices, Target
from lamina.codecs.scene import CODEC
from lamina.codecs.scene.config import PRESETS, SceneConfig
from lamina.codecs.scene.fit.rate_control import corrected_octaves, header_bytes, plan_for_bytes
from lamina.errors import TargetError
from lamina.media.configuring import configured


def test_choices_become_configuration():
    config = configured(CODEC, Choices("fast", Target("rate_weight", 0.004), 3), {"device": "cpu", "seed": 7})
    assert (config.rate_weight, config.level_count, config.device, config.seed) == (0.004, 3, "cpu", 7)
    assert config.schedule == PRESETS["fast"].schedule
    assert configured(CODEC, Choices(target=Target("size_bytes", 1000))).size_bytes == 1000
    assert configured(CODEC, Choices("paper")) == PRESETS["paper"]


@pytest.mark.parametrize(
    ("choices", "problem"),
    [
        (Choices(level_count=9), "level_count is 9"),
        (Choices(target=Target("splats", 5)), "splats means nothing to scene"),
        (Choices(target=Target("rate_weight", -1.0)), "above 0"),
        (Choices("papier"), "did you mean 'paper'"),
    ],
)
def test_bad_choices_are_refused(choices: Choices, problem: str):
    with pytest.raises(ValueError, match=problem):
        configured(CODEC, choices)


@pytest.mark.parametrize(
    "change",
    [
        {"schedule": ScheduleConfig(steps=0)},
        {"schedule": ScheduleConfig(step_pixels=0)},
        {"loss": LossConfig(lower_pixels=0)},
        {"schedule": ScheduleConfig(mask_travel=-1.0)},
        {"anchors": AnchorConfig(offsets=32)},
        {"level_count": 0},
    ],
)
def test_impossible_configurations_are_refused(change: dict):
    with pytest.raises(ValueError, match=r"expected|at least"):
        SceneConfig(**change)


def test_the_papers_schedule_is_the_papers():
    paper = PRESETS["paper"]
    first = {}
    for step in range(1, 40_001):
        stage = stage_at(step, paper)
        for name in ("grows", "has_lower_levels", "has_noise", "has_rate"):
            if getattr(stage, name):
                first.setdefault(name, step)
    assert first == {"grows": 1600, "has_lower_levels": 1600, "has_noise": 13_000, "has_rate": 20_000}
    changes = [step for step in range(1, 40_001) if stage_at(step, paper).changes]
    assert changes[0] == 1600
    assert changes[-1] == 25_000
    assert not any(13_000 <= step < 14_000 for step in changes)
    assert not any(stage_at(step, paper).is_half_size for step in (1, 100, 39_999))


def test_rates_fall_geometrically_to_what_is_said():
    layout = layout_of(SMALL)
    steps = SMALL.schedule.steps
    early, middle, late = (rates_at(step, SMALL, layout) for step in (0, steps // 2, steps))
    assert early.values[0] == pytest.approx(SMALL.schedule.feature_rate)
    assert late.values[0] == pytest.approx(SMALL.schedule.feature_rate * SMALL.schedule.final_share)
    assert middle.values[-1] ** 2 == pytest.approx(float(early.values[-1] * late.values[-1]), rel=1e-4)
    assert early.heads == SMALL.schedule.head_rates


def test_small_sizes_get_fewer_anchors_and_large_ones_the_presets():
    config = replace(PRESETS["fast"], size_bytes=200_000)
    planned = plan_for_bytes(config, 100)
    assert 64 < planned.anchors.limit < config.anchors.limit
    assert planned.anchors.first <= planned.anchors.limit
    assert plan_for_bytes(replace(config, size_bytes=10**8), 100) == replace(config, size_bytes=10**8)
    with pytest.raises(TargetError, match="ask for"):
        plan_for_bytes(replace(config, size_bytes=1000), 100)
    assert plan_for_bytes(SMALL, 100) == SMALL


def test_header_grows_with_networks_and_views():
    sizes = [
        header_bytes(SMALL, 0),
        header_bytes(SMALL, 50),
        header_bytes(changed(SMALL, "anchors", hidden=32), 50),
        header_bytes(changed(SMALL, "context", hash_grid=True), 50),
    ]
    assert all(more > less for less, more in pairwise(sizes))


def test_octaves_are_found_by_the_secant():
    def size_of(octaves: float) -> int:
        return round(5000 + 20_000 * 2.0 ** (-0.9 * octaves))

    tried = [(0.0, size_of(0.0))]
    for _ in range(5):
        octaves = corrected_octaves(tried, 15_000)
        tried.append((octaves, size_of(octaves)))
    assert tried[-1][1] == pytest.approx(15_000, rel=0.01)
    assert corrected_octaves([(0.0, 10**9)], 10) == 3.0
