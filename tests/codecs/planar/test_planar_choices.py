# SPDX-License-Identifier: Apache-2.0
"""A user's choices become a configuration; what means nothing is refused."""

import pytest

from lamina.codec import Choices, Target
from lamina.codecs.planar import CODEC
from lamina.codecs.planar.config import RateTarget
from lamina.media.configuring import configured, target_of


def test_choices_change_a_preset() -> None:
    fields = {"scalability": "resolution", "group_frames": 8, "lattice.steps": 99}
    config = configured(CODEC, Choices("fast", Target("size_bytes", 9000), 2), fields)
    assert (config.layer_count, config.target) == (2, RateTarget(size_bytes=9000))
    assert (config.scalability, config.group_frames, config.lattice.steps) == ("resolution", 8, 99)


def test_without_choices_the_preset_stands() -> None:
    assert configured(CODEC, Choices("paper")).target == RateTarget(splats=9000)


@pytest.mark.parametrize(
    ("choices", "fields", "said"),
    [
        (Choices("defualt"), {}, "did you mean 'default'"),
        (Choices(level_count=9), {}, r"1\.\.\.8"),
        (Choices(target=Target("rate_weight", 0.004)), {}, "rate_weight means nothing to planar, which takes bits"),
        (Choices(target=Target("psnr_db", -3.0)), {}, "above 0"),
        (Choices(), {"group_frame": 3}, "did you mean group_frames"),
        (Choices(), {"lattice.stepz": 3}, "did you mean steps"),
        (Choices(), {"seed.of.chance": 3}, "has no field 'of.chance'"),
        (Choices(), {"group_frames": 0}, r"1\.\.\.1024"),
    ],
)
def test_rejects_choices_that_mean_nothing(choices: Choices, fields: dict, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        configured(CODEC, choices, fields)


def test_rejects_two_targets() -> None:
    with pytest.raises(ValueError, match="one target at a time, got bits_per_pixel and psnr_db"):
        target_of(bits_per_pixel=0.5, psnr_db=30.0)
