# SPDX-License-Identifier: Apache-2.0
"""Rate control on made-up sizes: it reaches the rate, from sizes alone."""

from collections.abc import Callable
from fractions import Fraction

import numpy as np
import pytest

from lamina.fitting.pace import BOUNDS, Pace

FRAMES_PER_SECOND = Fraction(25)
WEIGHT = 0.003
RATE = 8e5
FRAME_BYTES = RATE / 8 / 25


def played(size: Callable[[int, float], float], frames: int, rate: float = RATE) -> tuple[list[int], list[float]]:
    """Sizes and lambdas of frames whose size is that of (frame, lambda)."""
    pace = Pace.of(WEIGHT, rate, FRAMES_PER_SECOND)
    sizes, weights = [], []
    for frame in range(frames):
        weights.append(pace.rate_weight)
        sizes.append(round(size(frame, pace.rate_weight)))
        pace = pace.after(sizes[-1])
    return sizes, weights


def noisy(at_first_weight: float, slope: float = 0.6, seed: int = 0) -> Callable[[int, float], float]:
    """Sizes fall with a power of lambda, and differ by a fifth from frame to frame."""
    noise = np.random.default_rng(seed).lognormal(0, 0.2, 2_000)
    first = WEIGHT
    return lambda frame, weight: at_first_weight * (weight / first) ** -slope * noise[frame]


@pytest.mark.parametrize("ratio", [0.3, 1.0, 2.0, 4.0])
@pytest.mark.parametrize("slope", [0.4, 0.8])
def test_the_rate_is_reached(ratio: float, slope: float) -> None:
    sizes, _ = played(noisy(ratio * FRAME_BYTES, slope), 600)
    assert np.mean(sizes[:300]) == pytest.approx(FRAME_BYTES, rel=0.04)
    assert np.mean(sizes[300:]) == pytest.approx(FRAME_BYTES, rel=0.03)


def test_lambda_settles() -> None:
    _, weights = played(noisy(2 * FRAME_BYTES), 300)
    late = np.log(weights[150:])
    assert np.std(late) < 0.25
    assert np.mean(late) > np.log(weights[0])


def test_a_scene_that_changes_is_followed() -> None:
    calm, wild = noisy(FRAME_BYTES), noisy(3 * FRAME_BYTES)
    sizes, _ = played(lambda frame, weight: (calm if frame < 200 else wild)(frame, weight), 500)
    assert np.mean(sizes[350:]) == pytest.approx(FRAME_BYTES, rel=0.08)


def test_lambda_stays_in_its_bounds_whatever_comes() -> None:
    first = WEIGHT
    for size in (0.0, 1e9):
        _, weights = played(lambda frame, weight, size=size: size, 400)
        assert first * BOUNDS[0] <= min(weights)
        assert max(weights) <= first * BOUNDS[1]


def test_it_follows_from_sizes_alone() -> None:
    """Told the same sizes, whoever goes on is where the first one was."""
    sizes, weights = played(noisy(2 * FRAME_BYTES), 50)
    pace = Pace.of(WEIGHT, RATE, FRAMES_PER_SECOND)
    for size in sizes[:40]:
        pace = pace.after(size)
    assert pace.rate_weight == weights[40]


def test_without_a_rate_lambda_stays() -> None:
    pace = Pace.of(0.02, None, FRAMES_PER_SECOND)
    assert pace.after(10**6).rate_weight == pace.rate_weight == 0.02


def test_a_frame_is_allowed_its_share_of_a_second() -> None:
    pace = Pace.of(WEIGHT, RATE, Fraction(30_000, 1_001))
    assert pace.frame_bytes == pytest.approx(RATE / 8 / (30_000 / 1_001))
