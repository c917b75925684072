# SPDX-License-Identifier: Apache-2.0
"""Tables of rounded normal values: pinned, symmetric, and as short as exact scales within a tenth of a per cent."""

import hashlib
from math import erfc, log2, sqrt

import numpy as np
import pytest

from lamina.entropy.gaussian_tables import (
    SCALE_COUNT,
    TABLES_SHA256,
    _exp_of_minus,
    _power_of_two,
    gaussian_scales,
    gaussian_tables,
    scale_indices,
)
from lamina.entropy.rans import decode_indexed, encode_indexed, ideal_size_bytes


def probabilities(scale: float) -> tuple[np.ndarray, np.ndarray]:
    """Values and their exact probabilities, out to where a double ends."""
    reach = int(9 * scale) + 4
    above = np.array([erfc((k - 0.5) / scale / sqrt(2)) / 2 for k in range(1, reach + 2)])
    side = above[:-1] - above[1:]
    return np.arange(-reach, reach + 1), np.concatenate([side[::-1], [1 - 2 * above[0]], side])


def mean_bits(scale: float, table: int) -> tuple[float, float]:
    """Of a value: with its own probabilities, with the table's."""
    values, shares = probabilities(scale)
    tables = gaussian_tables()
    lengths = [8 * ideal_size_bytes(values[i : i + 1], np.array([table]), tables) for i in range(len(values))]
    shares = np.maximum(shares, 1e-300)
    return float(-(shares * np.log2(shares)).sum()), float((shares * lengths).sum())


def test_tables_are_the_pinned_ones() -> None:
    tables = gaussian_tables()
    arrays = (tables.cumulative.astype("<u4"), tables.offsets.astype("<i8"), tables.lows.astype("<i4"))
    assert hashlib.sha256(b"".join(array.tobytes() for array in arrays)).hexdigest() == TABLES_SHA256


def test_tables_are_symmetric_and_widen() -> None:
    tables = gaussian_tables()
    assert tables.table_count == SCALE_COUNT
    for row, low in zip(np.split(tables.cumulative, tables.offsets[1:-1]), tables.lows.tolist(), strict=True):
        frequencies = np.diff(row.astype(np.int64))[:-1]
        assert len(frequencies) == 1 - 2 * low
        assert np.abs(frequencies - frequencies[::-1]).max() <= 1  # a remainder may go to one of a pair
    assert (np.diff(tables.lows) <= 0).all()


def test_series_are_the_functions() -> None:
    for value in (-3274, -1, 0, 1, 517, 8192):
        assert _power_of_two(value, 60) / 2**60 == pytest.approx(2 ** (value / 1024), rel=1e-15)
    for value in (0.0, 1e-5, 0.3, 1.0):
        assert _exp_of_minus(int(value * 2**96)) / 2**96 == pytest.approx(np.exp(-value), rel=1e-15)


def test_index_is_the_nearest_in_log2_and_saturates() -> None:
    asked = np.arange(-6000, 11000, 7)
    distances = np.abs(asked[:, None] / 1024 - np.log2(gaussian_scales()))
    found = scale_indices(asked.astype(np.int32))
    assert found.dtype == np.uint16
    assert np.allclose(distances[np.arange(len(asked)), found], distances.min(axis=1), atol=1e-12)
    assert scale_indices(np.array([[-(2**40), 2**40]])).tolist() == [[0, 63]]


def test_the_grid_costs_under_half_a_per_cent_of_exact_scales() -> None:
    ideal, spent, largest = 0.0, 0.0, 0.0
    for log2_scale in np.arange(-3.18, 6.5, 0.11):
        exact, by_table = mean_bits(2**log2_scale, int(scale_indices(np.array([round(log2_scale * 1024)]))[0]))
        ideal, spent, largest = ideal + exact, spent + by_table, max(largest, by_table - exact)
    assert spent / ideal - 1 < 0.001
    assert largest < 0.009


@pytest.mark.parametrize("index", [0, 12, 30, 63])
def test_a_table_codes_its_own_scale_almost_ideally(index) -> None:
    exact, by_table = mean_bits(float(gaussian_scales()[index]), index)
    assert 0 < by_table - exact < 0.0002 + 0.001 * exact


def test_surprises_come_back_and_cost_at_most_an_escape() -> None:
    tables = gaussian_tables()
    values = np.array([0, 2, -2, 3, -700, 5000, 2**29, -(2**29), 1], np.int32)
    indices = np.array([0, 0, 0, 0, 0, 63, 5, 63, 40], np.uint16)
    data = encode_indexed(values, indices, tables)
    assert decode_indexed(data, indices, tables).tolist() == values.tolist()
    assert ideal_size_bytes(values[1:2], indices[1:2], tables) <= 2
    assert ideal_size_bytes(values[4:5], indices[4:5], tables) <= (16 + 5 + log2(2 * 700) + 1) / 8
