# SPDX-License-Identifier: Apache-2.0
"""Presets, targets, groups, and what a configuration refuses."""

from typing import Any

import pytest

from lamina.codec import Choices, Target
from lamina.codecs.volume.config import PRESETS, KeyConfig, VolumeConfig, configure
from lamina.codecs.volume.fit.key_frame import integer_steps, vector_step


def test_presets_and_choices() -> None:
    assert configure(Choices("default")) == VolumeConfig()
    fast = configure(Choices("fast"))
    assert fast.predicted.whole_steps < VolumeConfig().predicted.whole_steps
    assert configure(Choices("fast", level_count=2)).level_count == 2
    assert set(PRESETS) >= {"default", "fast"}


def test_targets() -> None:
    paced = configure(Choices("fast", target=Target("bits_per_second", 3e6)))
    assert paced.bits_per_second == 3e6
    assert paced.rate_weight == PRESETS["fast"].rate_weight
    weighed = configure(Choices("fast", target=Target("rate_weight", 0.01)))
    assert (weighed.rate_weight, weighed.bits_per_second) == (0.01, None)
    sized = configure(Choices("fast", target=Target("size_bytes", 2e5)))
    assert (sized.size_bytes, sized.bits_per_second) == (200_000, None)


def test_groups() -> None:
    config = VolumeConfig(group_frames=4)
    assert [config.group_of(frame) for frame in (0, 3, 4, 9)] == [0, 0, 1, 2]
    assert [frame for frame in range(10) if config.is_key(frame)] == [0, 4, 8]


def test_steps_are_those_configured_at_the_finest_level_and_smaller_above() -> None:
    config = VolumeConfig()
    steps = integer_steps(config.steps, 4)
    assert steps[-4:] == (4096, 246, 369, 246)
    assert steps[0] == round(4096 / 1.4**3)
    assert vector_step(config.steps) == 4


@pytest.mark.parametrize(
    ("fields", "match"),
    [
        ({"level_count": 0}, "level_count is 0, expected 1...8"),
        ({"level_count": 9}, "level_count is 9"),
        ({"group_frames": 0}, "group_frames is 0"),
        ({"rays": 3}, "rays 3"),
        ({"hidden": 500}, "hidden is 500"),
        ({"extra_channels": 13}, "extra_channels 13"),
        ({"box": (0.0, 0.0, 0.0, 1.0, 0.0, 1.0)}, "box is"),
        ({"rate_weight": 0.0}, "rate_weight must be above 0"),
        ({"bits_per_second": -5.0}, "bits_per_second must be above 0"),
        ({"size_bytes": 0}, "size_bytes must be above 0"),
        ({"size_bytes": 9, "bits_per_second": 9.0}, "one target at a time"),
        ({"voxel": 0.0}, "voxel must be above 0"),
        ({"key": KeyConfig(level_steps=())}, "level_steps"),
    ],
)
def test_rejects_what_is_out_of_range(fields: dict[str, Any], match: str) -> None:
    with pytest.raises(ValueError, match=match):
        VolumeConfig(**fields)
