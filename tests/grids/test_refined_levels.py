# SPDX-License-Identifier: Apache-2.0
"""Levels of all children of another: what is found cell by cell is what is found for any cells."""

import numpy as np
import pytest
from grid_samples import blob_levels

from lamina.anchors.octree import indices_of, morton_keys
from lamina.grids.level import all_cells, all_children, level_of, parents_of
from lamina.grids.refined import refined


@pytest.mark.parametrize("seed", range(4))
def test_all_children_are_found_as_any_cells_are(seed: int) -> None:
    for above in blob_levels(4, seed):
        x, y, z = above.counts
        expected = level_of((2 * x, 2 * y, 2 * z), all_children(above.cells))
        level, parents = refined(above)
        assert level.counts == expected.counts
        for name in ("cells", "vertices", "corners"):
            np.testing.assert_array_equal(getattr(level, name), getattr(expected, name))
        for one, other in ((level.cell_table, expected.cell_table), (level.vertex_table, expected.vertex_table)):
            np.testing.assert_array_equal(one.slots, other.slots)
            np.testing.assert_array_equal(one.rows, other.rows)
        np.testing.assert_array_equal(parents, parents_of(expected, above))


def test_too_many_children_are_refused() -> None:
    above = level_of((128, 128, 32), all_cells((128, 128, 32)))
    with pytest.raises(ValueError, match="4194304 active cells"):
        refined(above)


def test_all_cells_are_in_the_order_of_rows() -> None:
    cells = all_cells((3, 2, 5))
    assert len({tuple(cell) for cell in cells.tolist()}) == 30
    np.testing.assert_array_equal(cells, indices_of(np.sort(morton_keys(cells))))
    with pytest.raises(ValueError, match="expected at most"):
        all_cells((128, 128, 129))
