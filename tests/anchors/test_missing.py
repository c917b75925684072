# SPDX-License-Identifier: Apache-2.0
"""What a level is without: by hand on a small octree, and nothing at the top."""

import numpy as np

from lamina.anchors.missing import continued, missing_shares
from lamina.anchors.octree import Lattice, build_octree, with_ancestors


def small_octree():
    """Two roots: one with two children, of which one has a child; one that ends."""
    cells = [np.array(rows, np.int32).reshape(-1, 3) for rows in ([[1, 1, 1]], [[1, 0, 0]], [[0, 0, 1]])]
    return with_ancestors(cells)


def test_cells_that_go_on_are_those_with_children():
    has_children = continued(small_octree())
    assert [flags.tolist() for flags in has_children] == [[1, 0], [1, 0], [0]]
    assert [len(flags) for flags in continued(small_octree()[:1])] == [2]


def test_what_is_missing_is_the_mean_over_what_is_there():
    layers = small_octree()
    has_children = continued(layers)
    assert missing_shares(layers[:1], has_children[0], 3).tolist() == [1.0, 0.0]
    half = missing_shares(layers[:2], has_children[1], 3)
    assert half.tolist() == [0.25, 0.0, 0.5, 0.0]
    assert not missing_shares(layers, has_children[2], 3).any()


def test_nothing_is_missing_where_nothing_is_to_come():
    points = np.random.default_rng(0).normal(size=(200, 3))
    layers = build_octree(points, Lattice((-4.0, -4.0, -4.0), 8.0, 1, 4))
    has_children = continued(layers)
    assert all(flags.all() for flags in has_children[:-1])
    for level in range(4):
        found = missing_shares(layers[: level + 1], has_children[level], 4)
        assert np.allclose(found, (3 - level) / 3)
    assert missing_shares([layers[0][:0]], has_children[0][:0], 4).shape == (0,)
