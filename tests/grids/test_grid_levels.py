# SPDX-License-Identifier: Apache-2.0
"""Rows of sparse lattices, sums over levels, motion: kernels against readable twins, and against what they mean."""

import itertools

import numpy as np
import pytest
from grid_samples import blob_levels

from lamina.anchors.octree import morton_keys
from lamina.grids.bricks import rows_at
from lamina.grids.lattice import Lattice, lattice_around
from lamina.grids.level import coarser_cells, level_of, parents_of
from lamina.grids.reference import rows_by_vertex, upsampled_reference, warped_reference
from lamina.grids.sums import interpolated, restrict, upsampled
from lamina.grids.warp import warp_gradients, warped, warped_reals

EMPTY = -30_000


@pytest.mark.parametrize("seed", range(3))
def test_rows_are_the_corners_of_active_cells_in_morton_order(seed: int) -> None:
    for level in blob_levels(4, seed):
        corners = {
            tuple(np.add(cell, corner).tolist())
            for cell in level.cells.tolist()
            for corner in itertools.product((0, 1), repeat=3)
        }
        assert {tuple(vertex) for vertex in level.vertices.tolist()} == corners
        assert (np.diff(morton_keys(level.vertices).astype(np.int64)) > 0).all()
        rows = rows_by_vertex(level)
        for number, cell in enumerate(level.cells.tolist()):
            for corner in range(8):
                x, y, z = cell[0] + (corner & 1), cell[1] + (corner >> 1 & 1), cell[2] + (corner >> 2)
                assert level.corners[number, corner] == rows[x, y, z]


def test_what_is_not_there_has_no_row() -> None:
    level = blob_levels(3)[-1]
    outside = np.array([[-1, 0, 0], [0, 0, 99], [level.counts[0] + 1, 0, 0]], np.int32)
    assert (rows_at(level.vertex_table, outside) == -1).all()
    np.testing.assert_array_equal(rows_at(level.vertex_table, level.vertices), np.arange(level.row_count))
    np.testing.assert_array_equal(rows_at(level.cell_table, level.cells), np.arange(len(level.cells)))


def test_a_row_has_its_parents_and_orphans_are_refused() -> None:
    levels = blob_levels(3)
    for above, level in itertools.pairwise(levels):
        parents = parents_of(level, above)
        middle = above.vertices[parents].sum(axis=1)
        np.testing.assert_array_equal(middle, 4 * level.vertices)
    lonely = level_of(levels[0].counts, levels[0].cells[:1])
    with pytest.raises(ValueError, match="no active cell of the level above"):
        parents_of(levels[1], lonely)


@pytest.mark.parametrize("seed", range(3))
def test_integers_go_up_as_the_twin_says(seed: int) -> None:
    above, level = blob_levels(3, seed)[-2:]
    values = np.random.default_rng(seed).integers(-(2**23), 2**23, (above.row_count, 4)).astype(np.int32)
    np.testing.assert_array_equal(
        upsampled(parents_of(level, above), values), upsampled_reference(level, above, values)
    )


def test_restriction_is_the_transpose_of_interpolation() -> None:
    above, level = blob_levels(3, 1)[-2:]
    random = np.random.default_rng(2)
    parents = parents_of(level, above)
    values = random.normal(size=(above.row_count, 3)).astype(np.float32)
    gradients = random.normal(size=(level.row_count, 3)).astype(np.float32)
    returned = np.zeros_like(values)
    restrict(parents, gradients, returned)
    forward = float((interpolated(parents, values).astype(np.float64) * gradients).sum())
    assert forward == pytest.approx(float((values.astype(np.float64) * returned).sum()), rel=1e-4)


@pytest.mark.parametrize("halvings", [0, 1, 3])
@pytest.mark.parametrize("seed", range(2))
def test_what_moves_moves_as_the_twin_says(seed: int, halvings: int) -> None:
    random = np.random.default_rng(seed)
    level, before = blob_levels(3, seed)[-1], blob_levels(3, seed, 2)[-1]
    values = random.integers(-(2**23), 2**23, (before.row_count, 4)).astype(np.int32)
    vectors = random.integers(-90, 90, (level.row_count, 3)).astype(np.int32)
    found = warped(level, vectors, halvings, before, values, EMPTY)
    np.testing.assert_array_equal(found, warped_reference(level, vectors, halvings, before, values, EMPTY))


def test_without_motion_what_was_there_stays() -> None:
    level = blob_levels(3)[-1]
    values = np.random.default_rng(0).integers(-999, 999, (level.row_count, 4)).astype(np.int32)
    still = np.zeros((level.row_count, 3), np.int32)
    np.testing.assert_array_equal(warped(level, still, 0, level, values, EMPTY), values)


def test_reals_move_as_integers_do() -> None:
    random = np.random.default_rng(3)
    level, before = blob_levels(3, 4)[-1], blob_levels(3, 4, 2)[-1]
    values = random.integers(-4096, 4096, (before.row_count, 4)).astype(np.int32)
    vectors = random.integers(-40, 40, (level.row_count, 3)).astype(np.int32)
    exact = warped(level, vectors, 0, before, values, EMPTY)
    reals = warped_reals(level, vectors / np.float32(16), 1.0, before, values.astype(np.float32), EMPTY)
    there = (exact[:, 1:] != 0).any(axis=1)
    np.testing.assert_allclose(reals[:, 0], exact[:, 0], atol=0.7)
    np.testing.assert_allclose(reals[there, 1:], exact[there, 1:], atol=1.2)


def test_gradients_of_vectors_are_those_of_small_moves() -> None:
    random = np.random.default_rng(5)
    level = blob_levels(3)[-1]
    values = random.normal(size=(level.row_count, 4)).astype(np.float32)
    inner = np.flatnonzero(np.isin(level.corners, np.arange(level.row_count)).all(axis=1))
    assert len(inner)
    vectors = random.uniform(-0.3, 0.3, (level.row_count, 3)).astype(np.float32)
    weights = random.normal(size=(level.row_count, 4)).astype(np.float32)
    found = np.zeros((level.row_count, 3), np.float32)
    table = level.vertex_table
    warp_gradients(level.vertices, vectors, np.float32(1), *table, level.counts, values, np.float32(0), weights, found)
    # Rows of which all eight neighbors are there: elsewhere the share that is there changes too.
    rows = rows_by_vertex(level)
    for row in random.permutation(level.row_count):
        place = level.vertices[row] - vectors[row]
        around = [tuple((np.floor(place) + c).astype(int).tolist()) for c in itertools.product((0, 1), repeat=3)]
        if not all(vertex in rows for vertex in around) or np.abs(place - np.rint(place)).min() < 0.02:
            continue
        for axis in range(3):
            ends = []
            for sign in (-1, 1):
                shifted = vectors.copy()
                shifted[row, axis] += sign * 1e-2
                ends.append(float((warped_reals(level, shifted, 1.0, level, values, 0.0)[row] * weights[row]).sum()))
            assert found[row, axis] == pytest.approx((ends[1] - ends[0]) / 2e-2, abs=3e-3)
        return
    pytest.fail("no row with all its neighbors")


def test_coarser_cells_hold_all_finer_ones() -> None:
    levels = blob_levels(4, 2)
    for above, level in itertools.pairwise(levels):
        np.testing.assert_array_equal(coarser_cells(level.cells), above.cells)


def test_a_lattice_holds_its_box_and_refuses_what_is_too_large() -> None:
    lattice = lattice_around((-0.5, 0.0, -1.0), (0.7, 2.1, 1.1), 0.018, 4)
    assert lattice.voxel(0) == pytest.approx(0.144)
    assert all(high >= wanted for high, wanted in zip(lattice.far_corner, (0.7, 2.1, 1.1), strict=True))
    assert lattice.cells(3) == tuple(8 * cells for cells in lattice.coarse_cells)
    with pytest.raises(ValueError, match="finest cells"):
        lattice_around((0, 0, 0), (1, 1, 1), 0.0001, 3)
    with pytest.raises(ValueError, match="second corner above"):
        lattice_around((0, 0, 0), (1, 0, 1), 0.1, 3)
    with pytest.raises(ValueError, match="levels"):
        Lattice((0, 0, 0), 0.1, (1, 1, 1), 9)
