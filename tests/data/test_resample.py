# SPDX-License-Identifier: Apache-2.0
import numpy as np
import pytest

from lamina.data import downsample_area


def box_matrix(size: int, new_size: int) -> np.ndarray:
    """Weights of each input sample in each output sample, from the definition."""
    edges = np.arange(new_size + 1) * size / new_size
    cells = np.arange(size)
    overlap = np.minimum(edges[1:, None], cells + 1) - np.maximum(edges[:-1, None], cells)
    return np.clip(overlap, 0, None) * new_size / size


@pytest.mark.parametrize("size", [(32, 48), (37, 55), (64, 96), (1, 1), (63, 1)])
def test_downsample_area_averages_exact_boxes(size: tuple[int, int], photo: np.ndarray) -> None:
    pixels = photo.astype(np.float32) / 255
    rows, columns = box_matrix(64, size[0]), box_matrix(96, size[1])
    expected = np.einsum("ih,hwc,jw->ijc", rows, pixels.astype(np.float64), columns)
    got = downsample_area(pixels, *size)
    assert got.dtype == np.float32
    assert np.abs(got - expected).max() < 2e-6
    assert got.mean() == pytest.approx(pixels.mean(), abs=1e-6)


def test_downsample_area_takes_uint8_and_views(photo: np.ndarray) -> None:
    flipped = photo[::-1, ::-1]
    assert np.allclose(downsample_area(flipped, 16, 24), downsample_area(photo, 16, 24)[::-1, ::-1], atol=1e-3)


@pytest.mark.parametrize("size", [(0, 5), (65, 96), (64, 97)])
def test_downsample_area_rejects_empty_and_larger(size: tuple[int, int], photo: np.ndarray) -> None:
    with pytest.raises(ValueError, match=r"expected 1x1\.\.\.96x64"):
        downsample_area(photo.astype(np.float32), *size)
