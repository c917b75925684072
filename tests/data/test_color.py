# SPDX-License-Identifier: Apache-2.0
import numpy as np
import pytest

from lamina.data import ColorInfo, default_color, rgb_to_yuv, yuv_to_rgb
from lamina.data.color import LUMA_WEIGHTS, chroma_shape, reduce_full_scale, reduce_to_8_bits

SITES = ("left", "center", "topleft")


def psnr_db(first: np.ndarray, second: np.ndarray) -> float:
    return 10 * np.log10(255**2 / max(np.mean((first.astype(float) - second) ** 2), 1e-10))


def matrix_of(color: ColorInfo) -> np.ndarray:
    """RGB (0...1) to Y Cb Cr (0...1, -0.5...0.5), from the definition."""
    red, blue = LUMA_WEIGHTS[color.matrix]
    luma = np.array([red, 1 - red - blue, blue])
    return np.stack([luma, ([0, 0, 1] - luma) / (2 * (1 - blue)), ([1, 0, 0] - luma) / (2 * (1 - red))])


@pytest.mark.parametrize("matrix", sorted(LUMA_WEIGHTS))
@pytest.mark.parametrize("full_range", [False, True])
def test_444_follows_the_definition_in_float64(matrix: str, full_range: bool, photo: np.ndarray) -> None:
    color = ColorInfo(matrix, full_range, "444")
    ycc = photo / 255.0 @ matrix_of(color).T
    scale, offset = ([255, 255, 255], [0, 128, 128]) if full_range else ([219, 224, 224], [16, 128, 128])
    expected = np.clip(np.floor(ycc * scale + offset + 0.5), 0, 255)
    planes = np.stack(rgb_to_yuv(photo, color), axis=2)
    # float32 may round the other way where the exact value is a half, nowhere else.
    assert np.mean(planes != expected) < 1e-3
    assert np.abs(planes - expected).max() <= 1
    back = (planes - offset) / scale @ np.linalg.inv(matrix_of(color)).T
    expected_rgb = np.clip(np.floor(back * 255 + 0.5), 0, 255)
    rgb = yuv_to_rgb(*rgb_to_yuv(photo, color), color)
    assert np.mean(rgb != expected_rgb) < 1e-3
    assert np.abs(rgb.astype(int) - photo).max() <= 2


def test_known_colors_of_bt709_limited() -> None:
    # ITU-R BT.709 / SMPTE color bars at 100 %: white, black, pure red, green, blue.
    rgb = np.array([[[255, 255, 255], [0, 0, 0], [255, 0, 0], [0, 255, 0], [0, 0, 255]]], np.uint8)
    y, u, v = rgb_to_yuv(rgb, ColorInfo("bt709", full_range=False, subsampling="444"))
    assert y is not None
    assert y.tolist() == [[235, 16, 63, 173, 32]]
    assert u.tolist() == [[128, 128, 102, 42, 240]]
    assert v.tolist() == [[128, 128, 240, 26, 118]]


@pytest.mark.parametrize("site", SITES)
def test_420_expanded_and_reduced_again_is_unchanged(site: str) -> None:
    rng = np.random.default_rng(5)
    color = ColorInfo("bt709", full_range=False, subsampling="420", chroma_site=site)
    # Mild chroma around mid grey: every expanded color lies inside RGB, so that rounding alone can change it.
    y = rng.integers(110, 140, (48, 64), dtype=np.uint8)
    u, v = (rng.integers(118, 138, (24, 32), dtype=np.uint8) for _ in range(2))
    y2, u2, v2 = rgb_to_yuv(yuv_to_rgb(y, u, v, color), color)
    assert np.array_equal(y, y2)
    assert np.abs(u2.astype(int) - u).max() <= 1
    assert np.abs(v2.astype(int) - v).max() <= 1
    assert np.mean(u2 != u) < 0.02
    assert np.mean(v2 != v) < 0.06


@pytest.mark.parametrize(("site", "floor_db"), [("left", 40.0), ("center", 38.9), ("topleft", 40.5)])
def test_a_photograph_survives_420(site: str, floor_db: float, photo: np.ndarray) -> None:
    color = ColorInfo("bt601", full_range=False, subsampling="420", chroma_site=site)
    assert psnr_db(photo, yuv_to_rgb(*rgb_to_yuv(photo, color), color)) > floor_db


@pytest.mark.parametrize("site", SITES)
def test_chroma_is_shifted_by_the_siting(site: str) -> None:
    # A chroma ramp: the value at a luma position tells where the samples are taken to sit.
    color = ColorInfo("bt709", full_range=True, subsampling="420", chroma_site=site)
    ramp = (np.arange(16) * 4 + 96).astype(np.uint8)
    y = np.full((32, 32), 128, np.uint8)
    neutral = np.full((16, 16), 128, np.uint8)
    across = yuv_to_rgb(y, neutral, np.tile(ramp, (16, 1)), color)[16, :, 0].astype(float)
    down = yuv_to_rgb(y, neutral, np.tile(ramp[:, None], (1, 16)), color)[:, 16, 0].astype(float)
    gain = 2 * (1 - LUMA_WEIGHTS["bt709"][0])
    for values, centered in ((across, site == "center"), (down, site != "topleft")):
        position = np.arange(4, 28) / 2 - (0.25 if centered else 0.0)
        expected = 128 + gain * (position * 4 + 96 - 128)
        assert np.abs(values[4:28] - expected).max() <= 0.51


@pytest.mark.parametrize("subsampling", ["420", "422", "444", "400"])
@pytest.mark.parametrize("size", [(1, 1), (1, 2), (2, 1), (3, 5), (64, 63)])
def test_any_size_and_subsampling_keeps_grey(size: tuple[int, int], subsampling: str) -> None:
    color = default_color(720, subsampling)
    grey = np.full((*size, 3), 77, np.uint8)
    y, u, v = rgb_to_yuv(grey, color)
    assert y.shape == size
    assert (np.zeros((0, 0)) if u is None else u).shape == chroma_shape(*size, subsampling)
    assert np.abs(yuv_to_rgb(y, u, v, color).astype(int) - 77).max() <= 1


def test_untagged_video_is_709_from_720_lines_on() -> None:
    assert default_color(720) == ColorInfo("bt709", full_range=False, subsampling="420", chroma_site="left")
    assert default_color(719).matrix == "bt601"


def test_reduction_of_deep_samples_rounds() -> None:
    assert reduce_to_8_bits(np.array([64, 65, 66, 940, 1023], np.uint16), 10).tolist() == [16, 16, 17, 235, 255]
    assert reduce_full_scale(np.array([0, 128, 129, 65535], np.uint16), 16).tolist() == [0, 0, 1, 255]
    assert reduce_full_scale(np.array([0, 1023, 512], np.uint16), 10).tolist() == [0, 255, 128]


def test_yuv_to_rgb_rejects_wrong_planes() -> None:
    y = np.zeros((4, 4), np.uint8)
    with pytest.raises(ValueError, match=r"chroma u of \(2, 2\)"):
        yuv_to_rgb(y, y, y, default_color(4))
    with pytest.raises(ValueError, match="luma plane"):
        yuv_to_rgb(y.astype(np.float32), None, None, default_color(4, "400"))
    with pytest.raises(ValueError, match="matrix, got rgb"):
        yuv_to_rgb(y, y, y, ColorInfo("rgb", full_range=True, subsampling="444"))


def test_rgb_to_yuv_rejects_other_types() -> None:
    with pytest.raises(ValueError, match="uint8 pixels"):
        rgb_to_yuv(np.zeros((4, 4, 3), np.float32), default_color(4))
