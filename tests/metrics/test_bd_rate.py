# SPDX-License-Identifier: Apache-2.0
import numpy as np
import pytest

from lamina.errors import SignalError
from lamina.metrics import bd_psnr, bd_rate

PHOTO_ANCHOR = [(0.18, 28.1), (0.42, 30.9), (0.66, 32.7), (0.95, 34.4)]
PHOTO_TEST = [(0.19, 29.0), (0.43, 31.9), (0.70, 33.8), (1.1, 35.9)]
CLIP_ANCHOR = [(24311, 31.02), (48120, 33.87), (80233, 36.11), (151007, 39.4), (230000, 41.9)]
CLIP_TEST = [(21876, 31.5), (41000, 33.9), (90233, 37.0), (131007, 38.9)]


@pytest.mark.parametrize(
    ("anchor", "test", "rate_percent", "quality_db"),
    [
        # Values of bjontegaard 1.3.0, method pchip.
        (PHOTO_ANCHOR, PHOTO_TEST, -20.19501356455933, 0.8545431979757895),
        (CLIP_ANCHOR, CLIP_TEST, -11.849809332973427, 0.5546445389859612),
        (CLIP_TEST, CLIP_ANCHOR, 13.442749520229857, -0.5546445389859612),
    ],
)
def test_agrees_with_the_bjontegaard_package(anchor, test, rate_percent: float, quality_db: float) -> None:
    assert bd_rate(anchor, test) == pytest.approx(rate_percent, abs=1e-9)
    assert bd_psnr(anchor, test) == pytest.approx(quality_db, abs=1e-9)
    assert bd_rate(anchor[::-1], test) == bd_rate(anchor, test)


@pytest.mark.parametrize("seed", range(6))
def test_agrees_with_the_bjontegaard_package_on_random_curves(seed: int) -> None:
    oracle = pytest.importorskip("bjontegaard", reason="the oracle is in the extra group bench")
    rng = np.random.default_rng(seed)
    curves = []
    for _ in range(2):
        rate = np.cumsum(rng.uniform(0.05, 0.5, 6))
        curves.append((rate, 28 + np.cumsum(rng.uniform(0.1, 2.0, 6))))
    points = [list(zip(*curve, strict=True)) for curve in curves]
    options = {"method": "pchip", "min_overlap": 0}
    assert bd_rate(*points) == pytest.approx(oracle.bd_rate(*curves[0], *curves[1], **options), abs=1e-8)
    assert bd_psnr(*points) == pytest.approx(oracle.bd_psnr(*curves[0], *curves[1], **options), abs=1e-8)


def test_half_the_rate_is_minus_50_percent() -> None:
    halved = [(rate / 2, quality) for rate, quality in PHOTO_ANCHOR]
    assert bd_rate(PHOTO_ANCHOR, halved) == pytest.approx(-50, abs=1e-9)
    assert bd_rate(PHOTO_ANCHOR[:2], [(rate * 2, quality) for rate, quality in PHOTO_ANCHOR[:2]]) == pytest.approx(100)
    better = [(rate, quality + 1.5) for rate, quality in PHOTO_ANCHOR]
    assert bd_psnr(PHOTO_ANCHOR, better) == pytest.approx(1.5, abs=1e-9)


def test_bd_rate_rejects_curves_that_do_not_overlap() -> None:
    with pytest.raises(SignalError, match=r"do not overlap in quality: anchor 28\.100\.\.\.34\.400, test 38"):
        bd_rate(PHOTO_ANCHOR, [(rate, quality + 10) for rate, quality in PHOTO_ANCHOR])
    with pytest.raises(SignalError, match=r"do not overlap in log10\(rate\)"):
        bd_psnr(PHOTO_ANCHOR, CLIP_TEST)


@pytest.mark.parametrize(
    ("points", "problem"),
    [
        ([(1.0, 30.0)], "at least 2 points"),
        ([], "at least 2 points"),
        ([(0.0, 30.0), (1.0, 31.0)], "rates above 0"),
        ([(1.0, 30.0), (2.0, float("nan"))], "finite"),
        ([(1.0, 30.0), (2.0, 29.0)], "must grow with rate"),
        ([(1.0, 30.0), (1.0, 31.0)], "must grow with rate"),
    ],
)
def test_bd_rate_rejects_what_is_no_curve(points, problem: str) -> None:
    with pytest.raises(SignalError, match=f"test curve: .*{problem}"):
        bd_rate(PHOTO_ANCHOR, points)
