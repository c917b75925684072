# SPDX-License-Identifier: Apache-2.0
"""The integer octree: keys, parents, building, and what `verify` refuses."""

import numpy as np
import pytest

from lamina.anchors.octree import (
    MAX_DEPTH,
    Lattice,
    build_octree,
    indices_of,
    morton_keys,
    octants,
    parent_rows,
    rows_of,
    verify,
    with_ancestors,
)

LATTICE = Lattice((-1.0, 0.0, 2.0), 4.0, base_depth=3, layer_count=4)


def random_points(count: int) -> np.ndarray:
    # A surface rather than a volume: some children are alone, some have siblings.
    points = np.random.default_rng(5).uniform(0, 4, (count, 3))
    points[:, 2] = 1 + np.sin(points[:, 0]) * np.cos(points[:, 1])
    return points + LATTICE.origin


def key_by_bits(index: np.ndarray) -> int:
    return sum(((int(index[axis]) >> bit) & 1) << (3 * bit + axis) for bit in range(MAX_DEPTH) for axis in range(3))


def test_keys_interleave_bits_and_return():
    indices = np.random.default_rng(1).integers(0, 1 << MAX_DEPTH, (200, 3)).astype(np.int32)
    keys = morton_keys(indices)
    assert keys.tolist() == [key_by_bits(index) for index in indices]
    assert np.array_equal(indices_of(keys), indices)
    assert np.array_equal(keys >> np.uint64(3), morton_keys(indices >> 1))
    assert np.array_equal(keys & np.uint64(7), octants(indices).astype(np.uint64))


def test_build_gives_every_point_a_node_in_every_layer():
    points = random_points(500)
    layers = build_octree(points, LATTICE)
    verify(layers, LATTICE)
    assert [len(layer) for layer in layers] == sorted(len(layer) for layer in layers)
    for layer, indices in enumerate(layers):
        found = rows_of(morton_keys(LATTICE.locate(points, layer)), morton_keys(indices))
        assert (found >= 0).all()
        assert set(found.tolist()) == set(range(len(indices)))


def test_parents_are_half_the_index_and_contain_their_children():
    layers = build_octree(random_points(300), LATTICE)
    for layer in range(1, 4):
        rows = parent_rows(layers[layer], layers[layer - 1])
        assert np.array_equal(layers[layer - 1][rows], layers[layer] >> 1)
        assert (np.diff(rows) >= 0).all(), "children stand in the order of their parents"
        distance = LATTICE.centers(layers[layer], layer) - LATTICE.centers(layers[layer - 1][rows], layer - 1)
        assert np.allclose(np.abs(distance), LATTICE.voxel(layer) / 2)


def test_centers_are_located_in_their_own_cells():
    layers = build_octree(random_points(100), LATTICE)
    for layer, indices in enumerate(layers):
        assert np.array_equal(LATTICE.locate(LATTICE.centers(indices, layer), layer), indices)


def test_points_outside_are_dropped_and_none_gives_an_empty_tree():
    outside = np.array([[-1.1, 1.0, 3.0], [0.0, 4.0, 3.0]])
    layers = build_octree(outside, LATTICE)
    verify(layers, LATTICE)
    assert [len(layer) for layer in layers] == [0] * 4
    assert parent_rows(np.zeros((2, 3), np.int32), layers[0]).tolist() == [-1, -1]


def test_ancestors_are_added_and_duplicates_removed():
    empty = np.zeros((0, 3), np.int32)
    lone = np.array([[6, 7, 3], [6, 7, 3]], np.int32)
    layers = with_ancestors((empty, empty, lone, empty))
    assert [layer.tolist() for layer in layers] == [[[1, 1, 0]], [[3, 3, 1]], [[6, 7, 3]], []]


@pytest.mark.parametrize(
    ("layers", "problem"),
    [
        ([[[0, 0, 0]], [[2, 0, 0]]], "no parent"),
        ([[[0, 0, 0]], [[1, 0, 0], [0, 0, 0]]], "Morton order"),
        ([[[0, 0, 0]], [[0, 0, 0], [0, 0, 0]]], "each once"),
        ([[[8, 0, 0]], [[0, 0, 0]]], "outside"),
        ([[[0, 0, 0]]], "expected 2 layers"),
    ],
)
def test_verify_says_what_is_wrong(layers: list[list[list[int]]], problem: str):
    lattice = Lattice((0.0, 0.0, 0.0), 1.0, base_depth=3, layer_count=2)
    with pytest.raises(ValueError, match=problem):
        verify([np.array(layer, np.int32) for layer in layers], lattice)


@pytest.mark.parametrize("change", [{"side": 0.0}, {"layer_count": 0}, {"base_depth": 18}, {"origin": (np.nan, 0, 0)}])
def test_lattice_refuses_what_has_no_size_or_is_too_deep(change: dict):
    fields = {"origin": (0.0, 0.0, 0.0), "side": 1.0, "base_depth": 3, "layer_count": 4, **change}
    with pytest.raises(ValueError, match="expected"):
        Lattice(**fields)
