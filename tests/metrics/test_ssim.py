# SPDX-License-Identifier: Apache-2.0
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from lamina.metrics import ms_ssim, scale_count, ssim

SAMPLES = Path(__file__).parents[1] / "samples"

STORED = {
    # (repetition of the sample beyond 64x96, step of quantization): SSIM, MS-SSIM of pytorch-msssim 1.0.0 in float64.
    ((0, 0), 8): (0.9577443026618248, None),
    ((0, 0), 32): (0.764454572486112, None),
    ((0, 0), 96): (0.6249481511851765, None),
    ((136, 135), 8): (0.9631244862115738, 0.9948764455412235),
    ((136, 135), 32): (0.7775808495212083, 0.931087776003252),
    ((136, 135), 96): (0.632674066451986, 0.724757134146985),
}


@pytest.fixture(scope="module")
def photo() -> np.ndarray:
    with Image.open(SAMPLES / "kodim15_96x64.png") as image:
        return np.array(image)


def quantized(picture: np.ndarray, step: int) -> np.ndarray:
    return (picture // step * step + step // 2).astype(np.uint8)


def definition(reference: np.ndarray, decoded: np.ndarray) -> float:
    """SSIM of one plane, window by window in float64."""
    taps = np.exp(-((np.arange(11) - 5.0) ** 2) / 4.5)
    window = np.outer(taps, taps) / taps.sum() ** 2
    patches = [np.lib.stride_tricks.sliding_window_view(p.astype(float), (11, 11)) for p in (reference, decoded)]
    mean_x, mean_y = ((p * window).sum((-1, -2)) for p in patches)
    var_x, var_y = ((p**2 * window).sum((-1, -2)) - m**2 for p, m in zip(patches, (mean_x, mean_y), strict=True))
    covariance = (patches[0] * patches[1] * window).sum((-1, -2)) - mean_x * mean_y
    c1, c2 = 2.55**2, 7.65**2
    values = (2 * mean_x * mean_y + c1) * (2 * covariance + c2)
    return float(np.mean(values / ((mean_x**2 + mean_y**2 + c1) * (var_x + var_y + c2))))


@pytest.mark.parametrize(("extent", "step"), sorted(STORED))
def test_agrees_with_pytorch_msssim(extent, step: int, photo: np.ndarray) -> None:
    picture = np.pad(photo, ((0, extent[0]), (0, extent[1]), (0, 0)), mode="wrap")
    expected, expected_ms = STORED[extent, step]
    assert ssim(picture, quantized(picture, step)) == pytest.approx(expected, abs=2e-6)
    if expected_ms is not None:
        assert ms_ssim(picture, quantized(picture, step)) == pytest.approx(expected_ms, abs=2e-6)


@pytest.mark.parametrize("size", [(64, 96), (11, 11), (12, 31), (40, 11)])
def test_follows_the_definition(size, photo: np.ndarray) -> None:
    first = photo[: size[0], : size[1]]
    second = quantized(first, 24)
    expected = np.mean([definition(first[..., c], second[..., c]) for c in range(3)])
    assert ssim(first, second) == pytest.approx(expected, abs=1e-5)


def test_luma_is_bt601(photo: np.ndarray) -> None:
    second = quantized(photo, 24)
    weights = np.array([0.299, 0.587, 0.114])
    assert ssim(photo, second, luma=True) == pytest.approx(definition(photo @ weights, second @ weights), abs=1e-5)
    grey = np.repeat(photo[..., 1:2], 3, axis=2)
    assert ms_ssim(grey, quantized(grey, 24), luma=True) == pytest.approx(ms_ssim(grey, quantized(grey, 24)), abs=1e-5)


def test_bright_flat_areas_keep_their_digits() -> None:
    rng = np.random.default_rng(4)
    first = (253 + rng.integers(0, 2, (64, 64, 3))).astype(np.uint8)
    second = (253 + rng.integers(0, 2, (64, 64, 3))).astype(np.uint8)
    expected = np.mean([definition(first[..., c], second[..., c]) for c in range(3)])
    assert ssim(first, second) == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize("size", [(1, 1), (1, 50), (10, 3), (11, 64), (64, 96)])
def test_identity_is_one_at_any_size(size, photo: np.ndarray) -> None:
    picture = photo[: size[0], : size[1]]
    assert ssim(picture, picture) == pytest.approx(1.0, abs=1e-6)
    assert ms_ssim(picture, picture) == pytest.approx(1.0, abs=1e-6)
    worse = np.full_like(picture, 128) ^ picture
    assert -1 <= ssim(picture, worse) < 0.999


def test_small_pictures_use_fewer_scales() -> None:
    sides = (1, 10, 11, 20, 21, 41, 81, 160, 161, 5000)
    assert [scale_count(side, 5000) for side in sides] == [1, 1, 1, 1, 2, 3, 4, 4, 5, 5]


def test_the_number_of_threads_changes_nothing(photo: np.ndarray, monkeypatch: pytest.MonkeyPatch) -> None:
    from concurrent.futures import ThreadPoolExecutor

    picture = np.tile(photo, (4, 3, 1))
    several = ms_ssim(picture, quantized(picture, 20))
    monkeypatch.setattr(sys.modules[ms_ssim.__module__], "_workers", lambda: ThreadPoolExecutor(1))
    assert ms_ssim(picture, quantized(picture, 20)) == several


def test_ssim_rejects_other_types_and_sizes(photo: np.ndarray) -> None:
    with pytest.raises(ValueError, match="uint8"):
        ssim(photo, photo / 255.0)
    with pytest.raises(ValueError, match="one size"):
        ms_ssim(photo, photo[:-1])
    with pytest.raises(ValueError, match=r"RGB pixels \(h, w, 3\)"):
        ssim(photo[..., 0], photo[..., 0])
