# SPDX-License-Identifier: Apache-2.0
"""Growing and pruning: thresholds by layer, parents made, origins, what a budget keeps, which leaves go."""

import numpy as np
import pytest

from lamina.anchors.growth import GrowthRule, Statistics, grow, prune
from lamina.anchors.octree import Lattice, build_octree, parent_rows, verify, with_ancestors

LATTICE = Lattice((0.0, 0.0, 0.0), 8.0, base_depth=1, layer_count=3)
"""Cells of 4, 2 and 1."""
EMPTY = np.zeros((0, 3), np.int32)
ROOT = with_ancestors([np.array([[0, 0, 0]], np.int32), EMPTY, EMPTY])
RULE = GrowthRule(1.0, 1.0)
"""Layers 0, 1, 2 ask for 1, 2, 4."""


def listed(layers: tuple) -> list[list[list[int]]]:
    return [layer.tolist() for layer in layers]


@pytest.mark.parametrize(
    ("pull", "expected"),
    [
        (0.5, [[[0, 0, 0]], [], []]),
        (1.5, [[[0, 0, 0], [1, 0, 0]], [], []]),
        (2.5, [[[0, 0, 0], [1, 0, 0]], [[2, 0, 0]], []]),
    ],
)
def test_pull_decides_the_layer_and_parents_are_made(pull: float, expected: list):
    centers, significance = np.array([[[5.0, 1.0, 1.0]]]), np.array([[pull]], np.float32)
    grown, origin = grow(ROOT, LATTICE, centers, significance, RULE)
    verify(grown, LATTICE)
    assert listed(grown) == expected
    assert origin.tolist() == [0] * sum(len(layer) for layer in grown)


def test_finest_layer_grows_in_itself():
    layers = with_ancestors([EMPTY, EMPTY, np.array([[0, 0, 0]], np.int32)])
    centers = np.full((3, 1, 3), 0.5)
    centers[2] = [7.5, 7.5, 7.5]
    grown, _ = grow(layers, LATTICE, centers, np.array([[0.0], [0.0], [100.0]], np.float32), RULE)
    assert listed(grown) == [[[0, 0, 0], [1, 1, 1]], [[0, 0, 0], [3, 3, 3]], [[0, 0, 0], [7, 7, 7]]]


def test_cells_that_are_taken_or_outside_ask_for_nothing():
    centers = np.array([[[1.0, 1.0, 1.0], [-1.0, 1.0, 1.0], [9.0, 1.0, 1.0]]])
    grown, _ = grow(ROOT, LATTICE, centers, np.full((1, 3), 1.5, np.float32), RULE)
    assert listed(grown) == listed(ROOT)


def test_room_goes_to_the_most_significant_and_origins_follow_them():
    layers = with_ancestors([np.array([[0, 0, 0], [1, 1, 1]], np.int32), EMPTY, EMPTY])
    centers = np.array([[[5.0, 1, 1], [1, 5.0, 1]], [[1, 1, 5.0], [5.0, 1, 1]]])
    significance = np.array([[1.2, 1.4], [1.3, 1.9]], np.float32)
    grown, origin = grow(layers, LATTICE, centers, significance, GrowthRule(1.0, 1.0, room=2))
    assert listed(grown)[0] == [[0, 0, 0], [1, 0, 0], [0, 1, 0], [1, 1, 1]]
    assert origin.tolist() == [0, 1, 0, 1], "the cell that two ask for takes after the one that is pulled harder"


def test_growth_of_many_keeps_a_strict_tree():
    random = np.random.default_rng(3)
    lattice = Lattice((0.0, 0.0, 0.0), 1.0, base_depth=2, layer_count=4)
    layers = build_octree(random.uniform(0, 1, (200, 3)) ** 2, lattice)
    count = sum(len(layer) for layer in layers)
    significance = random.exponential(1.0, (count, 3)).astype(np.float32)
    grown, origin = grow(layers, lattice, random.uniform(-0.1, 1.1, (count, 3, 3)), significance, GrowthRule(1.0, 0.2))
    verify(grown, lattice)
    assert len(origin) == sum(len(layer) for layer in grown) > count
    assert origin.min() >= 0
    kept = [{tuple(index) for index in layer.tolist()} for layer in layers]
    assert all(old <= {tuple(i) for i in new.tolist()} for old, new in zip(kept, grown, strict=True))


def test_pruning_takes_faint_leaves_and_then_faint_parents():
    cells = np.array([[0, 0, 0], [1, 0, 0], [4, 0, 0]], np.int32)
    layers = with_ancestors([EMPTY, EMPTY, cells])
    # Rows: 0, 1 | 2, 3 | 4, 5, 6; the first two cells are children of row 2, the third of row 3.
    faint = np.array([False, True, True, False, True, True, True])
    left = prune(layers, faint)
    verify(left, LATTICE)
    assert listed(left) == [[[0, 0, 0], [1, 0, 0]], [[2, 0, 0]], []]
    assert listed(prune(layers, ~faint)) == listed(layers), "parents of what stays stay"
    assert (parent_rows(left[1], left[0]) >= 0).all()


def test_statistics_are_means_over_what_was_drawn():
    seen = Statistics.none(3, 2)
    drawn = np.array([True, True, False])
    for gradient in (1.0, 3.0):
        gradients = np.array([gradient, 8.0, 9.0], np.float32)
        seen.observe(np.array([0, 2]), np.array([1, 4, 5]), gradients, drawn, np.array([0.5, 0.25, 0.5], np.float32))
    seen.observe(np.array([0]), np.array([1]), np.array([5.0], np.float32), drawn[:1], np.array([0.5], np.float32))
    assert seen.significance(1).tolist() == [[0, 3], [0, 0], [8, 0]]
    assert seen.significance(3).tolist() == [[0, 3], [0, 0], [0, 0]]
    assert seen.opacities.tolist() == [1.5, 0, 1.5]
    assert seen.visits.tolist() == [3, 0, 2]
