# SPDX-License-Identifier: Apache-2.0
"""Rows of the cells around each cell, against a search among all."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lamina.anchors.neighbors import ITSELF, NEIGHBORS, neighbor_rows
from lamina.anchors.octree import morton_keys


def searched(cells: np.ndarray) -> np.ndarray:
    """The readable twin."""
    row_of = {tuple(cell): row for row, cell in enumerate(cells.tolist())}
    steps = [(place % 3 - 1, place // 3 % 3 - 1, place // 9 - 1) for place in range(NEIGHBORS)]
    return np.array(
        [[row_of.get((x + dx, y + dy, z + dz), -1) for dx, dy, dz in steps] for x, y, z in cells.tolist()], np.int32
    ).reshape(-1, NEIGHBORS)


def in_order(cells: np.ndarray) -> np.ndarray:
    cells = np.unique(cells, axis=0).astype(np.int32)
    return cells[np.argsort(morton_keys(cells))]


@given(count=st.integers(1, 60), depth=st.integers(0, 4), seed=st.integers(0, 99))
@settings(deadline=None, max_examples=60)
def test_rows_are_those_that_a_search_finds(count: int, depth: int, seed: int) -> None:
    cells = in_order(np.random.default_rng(seed).integers(0, 1 << depth, (count, 3)))
    assert np.array_equal(neighbor_rows(cells), searched(cells))


@pytest.mark.parametrize("corner", [0, (1 << 20) - 3])
def test_corners_of_the_deepest_octree(corner: int) -> None:
    cells = in_order(corner + np.random.default_rng(1).integers(0, 3, (9, 3)))
    rows = neighbor_rows(cells)
    assert np.array_equal(rows, searched(cells))
    assert np.array_equal(rows[:, ITSELF], np.arange(len(cells)))


def test_nothing_has_no_neighbors() -> None:
    assert neighbor_rows(np.zeros((0, 3), np.int32)).shape == (0, NEIGHBORS)
