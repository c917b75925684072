# SPDX-License-Identifier: Apache-2.0
"""Integer probability tables: apportionment, checks at the door, histograms."""

import subprocess
import sys
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lamina.entropy.tables import (
    MAX_TABLE_VALUES,
    FrequencyTables,
    apportion,
    count_values,
    tables_from_counts,
)

COUNT = st.integers(0, 10**15) | st.integers(0, 20)


@given(st.lists(COUNT, min_size=1, max_size=300))
@settings(max_examples=200, deadline=None)
def test_apportion_sums_and_keeps_every_entry(counts):
    frequencies = apportion(counts)
    assert sum(frequencies) == 65536
    assert min(frequencies) >= 1
    order = sorted(range(len(counts)), key=lambda i: counts[i])
    assert all(frequencies[a] <= frequencies[b] + 1 for a, b in pairwise(order))


def test_apportion_is_proportional_with_ties_to_the_earlier():
    assert apportion([1, 1, 1]) == [21846, 21845, 21845]
    assert apportion([3, 1]) == [49152, 16384]
    assert apportion([10**9, 0, 1]) == [65534, 1, 1]


@pytest.mark.parametrize("counts", [[], [1, -1], [1] * 65537])
def test_apportion_rejects_impossible_counts(counts):
    with pytest.raises(ValueError, match="counts"):
        apportion(counts)


def test_bucket_entries_start_the_search():
    tables = tables_from_counts([[1, 5, 1000, 5, 1, 0], [1] * 600], [0, 0])
    for row in range(2):
        cumulative = tables.cumulative[tables.offsets[row] : tables.offsets[row + 1]]
        for bucket, entry in enumerate(tables.bucket_entries[row]):
            assert cumulative[entry] <= bucket * 256 < cumulative[entry + 1]


@pytest.mark.parametrize(
    ("cumulative", "offsets", "lows"),
    [
        ([0, 5, 65535], [0, 3], [0]),
        ([1, 5, 65536], [0, 3], [0]),
        ([0, 5, 5, 65536], [0, 4], [0]),
        ([0, 65536], [0, 2], [0]),
        ([0, 5, 65536], [0, 4], [0]),
        ([0, 5, 65536], [0, 3], [1 << 21]),
        ([0, 5, 65536, 0, 9, 3, 65536], [0, 3, 7], [0, 0]),
    ],
)
def test_tables_reject_rows_that_do_not_rise_to_the_total(cumulative, offsets, lows):
    with pytest.raises(ValueError, match=r"expected|must rise|beyond"):
        FrequencyTables(np.array(cumulative, np.uint32), np.array(offsets, np.int64), np.array(lows, np.int32))


def test_tables_from_counts_rejects_wrong_sizes():
    with pytest.raises(ValueError, match="2 smallest values"):
        tables_from_counts([[1, 1]], [0, 0])
    with pytest.raises(ValueError, match="no rows"):
        tables_from_counts([], [])
    with pytest.raises(ValueError, match="expected 3"):
        tables_from_counts([[1] * (MAX_TABLE_VALUES + 2)], [0])


def test_count_values_keeps_the_fullest_window():
    values = np.array([5, 6, 6, 7, 1000, -(2**28), 3])
    rows, lows = count_values(values, np.array([0, 0, 0, 0, 0, 0, 2]), 3, max_values=3)
    assert rows == [[1, 2, 1, 2], [0, 0], [1, 0]]
    assert lows == [5, 0, 3]


def test_tables_need_no_numba():
    code = (
        "import sys, lamina.entropy, lamina.entropy.tables; sys.exit('numba' in sys.modules or 'torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_count_values_rejects_unknown_tables():
    with pytest.raises(ValueError, match="table indices"):
        count_values(np.array([1]), np.array([2]), 2)
