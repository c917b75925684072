# SPDX-License-Identifier: Apache-2.0
"""A user's choices become a configuration; what means nothing is refused."""

import pytest

from lamina.codec import Choices
from lamina.codecs.planar.config import RateTarget, configure


def test_choices_change_a_preset() -> None:
    config = configure(Choices("fast", size_bytes=9000, layers=2, scalability="resolution", group_frames=8, seed=3))
    assert (config.layer_count, config.target) == (2, RateTarget(size_bytes=9000))
    assert (config.scalability, config.group_frames, config.seed) == ("resolution", 8, 3)


def test_without_choices_the_preset_stands() -> None:
    assert configure(Choices("paper")).target == RateTarget(splats=9000)


@pytest.mark.parametrize(
    ("choices", "said"),
    [
        (Choices("defualt"), "did you mean 'default'"),
        (Choices(layers=9), r"1\.\.\.8"),
        (Choices(bits_per_pixel=0.5, psnr_db=30.0), "one target at a time"),
        (Choices(rate_weight=0.004), "rate_weight means nothing to pictures and clips"),
    ],
)
def test_rejects_choices_that_mean_nothing(choices: Choices, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        configure(choices)
