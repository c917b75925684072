# SPDX-License-Identifier: Apache-2.0
"""A camera's colors corrected by a gain a channel, fitted on other pictures than the one measured."""

import numpy as np
import pytest

from lamina.metrics import finite_db, psnr
from lamina.metrics.color_gain import color_sums


def pair(seed: int, gains: tuple[float, float, float]) -> tuple[np.ndarray, np.ndarray]:
    """What a camera with these gains saw, and what is decoded."""
    decoded = np.random.default_rng(seed).integers(20, 180, (12, 17, 3)).astype(np.uint8)
    return np.rint(decoded * np.array(gains)).astype(np.uint8), decoded


def test_gains_are_found_on_other_pictures() -> None:
    gains = (1.2, 0.9, 1.0)
    sums = [color_sums(*pair(seed, gains)) for seed in range(3)]
    total = sums[0] + sums[1] + sums[2]
    others = total - sums[0]
    np.testing.assert_allclose(others.gains(), gains, atol=1e-3)
    raw = psnr(*pair(0, gains))
    assert sums[0].psnr(np.ones(3)) == pytest.approx(raw, abs=1e-9)
    # What is left is that the reference is rounded.
    assert sums[0].psnr(others.gains()) > 60 > raw + 20


def test_corrected_error_is_that_of_multiplied_pixels() -> None:
    reference, decoded = pair(4, (1.1, 1.0, 0.8))
    noisy = decoded + np.random.default_rng(5).integers(0, 9, decoded.shape).astype(np.uint8)
    gains = np.array([1.07, 0.98, 0.83])
    error = np.square(noisy * gains - reference).mean()
    assert color_sums(reference, noisy).psnr(gains) == pytest.approx(10 * np.log10(255**2 / error))


def test_black_and_equal_pictures_have_figures() -> None:
    black = np.zeros((2, 3, 3), np.uint8)
    sums = color_sums(black, black)
    assert sums.gains().tolist() == [1.0, 1.0, 1.0]
    assert sums.psnr(sums.gains()) == finite_db(np.inf)


def test_rejects_pairs_that_do_not_match() -> None:
    with pytest.raises(ValueError, match="one size"):
        color_sums(np.zeros((2, 3, 3), np.uint8), np.zeros((3, 2, 3), np.uint8))
