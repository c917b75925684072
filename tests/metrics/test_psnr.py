# SPDX-License-Identifier: Apache-2.0
import math

import numpy as np
import pytest

from lamina.metrics import finite_db, mean_psnr, mean_squared_error, psnr
from lamina.metrics.psnr import JSON_CAP_DB


def test_psnr_follows_the_definition() -> None:
    rng = np.random.default_rng(1)
    first, second = (rng.integers(0, 256, (33, 47, 3), dtype=np.uint8) for _ in range(2))
    error = np.mean((first.astype(np.float64) - second) ** 2)
    assert mean_squared_error(first, second) == pytest.approx(error, rel=1e-12)
    assert psnr(first, second) == pytest.approx(10 * math.log10(65025 / error), rel=1e-12)


def test_one_step_everywhere_is_48_13_db() -> None:
    first = np.full((4, 4, 3), 100, np.uint8)
    assert psnr(first, first + np.uint8(1)) == pytest.approx(48.1308, abs=1e-4)
    assert psnr(first, first - np.uint8(1)) == psnr(first, first + np.uint8(1))


def test_identity_is_infinite_and_capped_for_json() -> None:
    picture = np.zeros((1, 1, 3), np.uint8)
    assert psnr(picture, picture) == math.inf
    assert finite_db(math.inf) == JSON_CAP_DB == 100.0
    assert finite_db(31.5) == 31.5


def test_mean_psnr_is_the_mean_of_each() -> None:
    zero = np.zeros((2, 2, 3), np.uint8)
    pairs = [(zero, zero + np.uint8(step)) for step in (1, 10)] + [(zero, zero)]
    assert mean_psnr(pairs) == pytest.approx((48.1308 + 28.1308 + 100) / 3, abs=1e-4)


def test_psnr_rejects_other_types_and_sizes() -> None:
    zero = np.zeros((2, 2, 3), np.uint8)
    with pytest.raises(ValueError, match="round to 8 bits first"):
        psnr(zero, zero.astype(np.float32))
    with pytest.raises(ValueError, match="one size"):
        psnr(zero, zero[:1])
    with pytest.raises(ValueError, match="one size"):
        psnr(zero[:0], zero[:0])
    with pytest.raises(ValueError, match="at least one pair"):
        mean_psnr([])
