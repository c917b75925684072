# SPDX-License-Identifier: Apache-2.0
"""Presets, targets, groups, and what a configuration refuses."""

from dataclasses import replace
from typing import Any

import pytest

from lamina.codec import Choices, Target
from lamina.codecs.freeview.config import PRESETS, BirthConfig, FreeviewConfig, MotionConfig, NetworkedConfig, configure


def test_presets_and_choices() -> None:
    assert configure(Choices("default")) == FreeviewConfig()
    fast = configure(Choices("fast"))
    assert fast.motion.iterations < FreeviewConfig().motion.iterations
    assert fast.first.schedule.steps < FreeviewConfig().first.schedule.steps
    assert configure(Choices("fast", level_count=2)).first_frame.level_count == 2
    assert set(PRESETS) >= {"default", "fast"}


def test_targets() -> None:
    paced = configure(Choices("fast", target=Target("bits_per_second", 8e5)))
    assert paced.bits_per_second == 8e5
    assert paced.rate_weight == PRESETS["fast"].rate_weight
    weighed = configure(Choices("fast", target=Target("rate_weight", 0.01)))
    assert (weighed.rate_weight, weighed.bits_per_second) == (0.01, None)


def test_the_first_frame_has_the_levels_and_the_seed_of_the_whole() -> None:
    first = FreeviewConfig(level_count=2, seed=9, device="cpu").first_frame
    assert (first.level_count, first.seed, first.device) == (2, 9, "cpu")


@pytest.mark.parametrize(
    ("group_frames", "join_groups", "joins"),
    [(10, 3, [0, 30, 60]), (10, 0, [0]), (1, 1, list(range(70))), (20, 1, [0, 20, 40, 60])],
)
def test_groups_and_where_a_viewer_can_join(group_frames: int, join_groups: int, joins: list[int]) -> None:
    config = FreeviewConfig(group_frames=group_frames, join_groups=join_groups)
    assert [frame for frame in range(70) if config.is_join(frame)] == joins
    assert [config.group_of(frame) for frame in (0, group_frames - 1, group_frames)] == [0, 0, 1]


@pytest.mark.parametrize(
    ("fields", "match"),
    [
        ({"level_count": 0}, "level_count is 0, expected 1...8"),
        ({"level_count": 9}, "level_count is 9"),
        ({"group_frames": 0}, "group_frames is 0"),
        ({"join_groups": -1}, "join_groups is -1, expected at least 0"),
        ({"rate_weight": 0.0}, "rate_weight must be above 0"),
        ({"bits_per_second": -5.0}, "bits_per_second must be above 0"),
    ],
)
def test_rejects_what_is_out_of_range(fields: dict[str, Any], match: str) -> None:
    with pytest.raises(ValueError, match=match):
        FreeviewConfig(**fields)


@pytest.mark.parametrize(
    ("fields", "match"),
    [
        ({"iterations": 0}, "motion.iterations is 0, expected 1...1000000"),
        ({"ratio": 5.0}, "motion.ratio is 5.0, expected 0.001...1"),
        ({"ratio": 0.0}, "motion.ratio is 0.0"),
        ({"feature_step": 0.0}, "motion.feature_step is 0.0"),
        ({"translation_step": -1.0}, "motion.translation_step is -1.0"),
        ({"rotation_step": float("nan")}, "motion.rotation_step is nan"),
        ({"offset_step": float("inf")}, "motion.offset_step is inf"),
        ({"offset_rate": -0.1}, "motion.offset_rate is -0.1"),
        ({"final_rate": 2.0}, "motion.final_rate is 2.0, expected 0...1"),
        ({"lower_share": 2.0}, "motion.lower_share is 2.0"),
        ({"active_share": 9.0}, "motion.active_share is 9.0"),
        ({"changed": -1.0}, "motion.changed is -1.0"),
    ],
)
def test_rejects_motion_out_of_range(fields: dict[str, Any], match: str) -> None:
    with pytest.raises(ValueError, match=match):
        MotionConfig(**fields)


@pytest.mark.parametrize(
    ("fields", "match"),
    [
        ({"error": -0.1}, "births.error is -0.1, expected 0...1"),
        ({"least_share": 1.5}, "births.least_share is 1.5"),
        ({"cube_cells": 0}, "births.cube_cells is 0, expected 1...256"),
        ({"cube_cells": 100_000}, "births.cube_cells is 100000"),
        ({"least_cells": 0}, "births.least_cells is 0"),
        ({"most": -1}, "births.most is -1"),
        ({"iterations": -1}, "births.iterations is -1"),
        ({"departures_every": 0}, "births.departures_every is 0, expected 1"),
    ],
)
def test_rejects_births_out_of_range(fields: dict[str, Any], match: str) -> None:
    with pytest.raises(ValueError, match=match):
        BirthConfig(**fields)


@pytest.mark.parametrize(
    ("fields", "match"),
    [
        ({"scale_count": 9}, "networked.scale_count is 9, expected 1...8"),
        ({"channels": 64}, "networked.channels is 64, expected 1...63"),
        ({"neighbors": 0}, "networked.neighbors is 0"),
        ({"hidden": 1024}, "networked.hidden is 1024"),
        ({"feature_gain": -2.0}, "networked.feature_gain is -2.0"),
        ({"ratio": 0.0}, "networked.ratio is 0.0"),
    ],
)
def test_rejects_networks_out_of_range(fields: dict[str, Any], match: str) -> None:
    with pytest.raises(ValueError, match=match):
        NetworkedConfig(**fields)


def test_rejects_presets_that_are_not_there() -> None:
    with pytest.raises(ValueError, match="fastest"):
        configure(Choices("fastest"))


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"scale_count": 0}, r"networked.scale_count is 0, expected 1...8"),
        ({"scale_count": 9}, r"networked.scale_count is 9"),
        ({"channels": 64}, r"networked.channels is 64, expected 1...63"),
        ({"neighbors": 16}, r"networked.neighbors is 16, expected 1...15"),
        ({"hidden": 0}, r"networked.hidden is 0"),
        ({"iterations": 0}, r"networked.iterations is 0"),
        ({"ratio": 1.5}, r"networked.ratio is 1.5"),
    ],
)
def test_networks_beyond_the_format_are_refused_before_the_fit(fields: dict[str, float], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        replace(PRESETS["paper"].networked, **fields)


def test_more_anchors_than_a_decoder_takes_are_refused_before_the_fit() -> None:
    paper = PRESETS["paper"]
    assert paper.networked is not None
    assert paper.first.anchors.limit <= paper.networked.most_anchors
    with pytest.raises(ValueError, match=r"first.anchors.limit is \d+, expected at most 266305 with these channels"):
        replace(paper, networked=replace(paper.networked, channels=63))


@pytest.mark.parametrize("levels", [2, 3])
def test_frames_of_networks_have_one_level(levels: int) -> None:
    with pytest.raises(ValueError, match=f"level_count is {levels}, expected 1: frames of preset paper have one level"):
        configure(Choices("paper", level_count=levels))
