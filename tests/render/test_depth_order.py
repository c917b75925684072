# SPDX-License-Identifier: Apache-2.0
"""Front to back: the radix sort against NumPy's stable one."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lamina.render.kernels.depth_order import sort_by_depth


@settings(max_examples=60, deadline=None, derandomize=True)
@given(st.lists(st.floats(0.0, 2.0**127, width=32) | st.just(float("inf")) | st.sampled_from([0.5, 1.0]), max_size=60))
def test_depths_are_sorted_stably_and_infinite_ones_left_out(depths):
    values = np.array(depths, np.float32)
    expected = [i for i in np.argsort(values, kind="stable") if np.isfinite(values[i])]
    assert sort_by_depth(values).tolist() == expected


@pytest.mark.parametrize("count", [0, 1, 100_000])
def test_many_depths_are_sorted(count):
    values = np.random.default_rng(1).gamma(2.0, 3.0, count).astype(np.float32)
    assert np.array_equal(sort_by_depth(values), np.argsort(values, kind="stable"))
