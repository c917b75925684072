# SPDX-License-Identifier: Apache-2.0
"""Octrees as occupied children, masks as bits: round trips, sizes, streams that end too early."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scene_samples import sphere

from lamina.anchors.coding.masks import code_masks
from lamina.anchors.coding.tree import (
    children_of,
    code_base,
    code_continued,
    code_depth,
    family_of,
    fresh_tree_mixer,
    occupancy_of,
)
from lamina.anchors.context.neighborhood import Family
from lamina.anchors.missing import continued
from lamina.anchors.octree import Lattice, Layers, build_octree, morton_keys
from lamina.entropy.walk import Coder, expect_end, open_reader, write_stream
from lamina.errors import BitstreamError

MOST_BITS = 5.0
"""An anchor, of the tree, all levels together (what the project asks of a scene)."""


def octree(points: np.ndarray, base_depth: int, layer_count: int) -> Layers:
    return build_octree(points, Lattice((-1.25, -1.25, -1.25), 2.5, base_depth, layer_count))


def streams_of(layers: Layers, base_depth: int) -> list[bytes]:
    has_children = continued(layers)

    def run(layer: int, coder: Coder) -> None:
        mixer = fresh_tree_mixer()
        if layer == 0:
            code_base(coder, mixer, base_depth, layers[0])
        else:
            code_depth(coder, mixer, layers[layer - 1], has_children[layer - 1], layers[layer])
        code_continued(coder, mixer, layers[layer], has_children[layer].copy())

    return [write_stream(lambda coder, layer=layer: run(layer, coder)) for layer in range(len(layers))]


def decoded(streams: list[bytes], base_depth: int) -> list[np.ndarray]:
    found: list[np.ndarray] = []
    has_children = np.zeros(0, np.uint8)
    for layer, data in enumerate(streams):
        coder, mixer = open_reader(data), fresh_tree_mixer()
        if layer == 0:
            found.append(code_base(coder, mixer, base_depth, None))
        else:
            found.append(code_depth(coder, mixer, found[-1], has_children, None))
        has_children = np.zeros(len(found[-1]), np.uint8)
        code_continued(coder, mixer, found[-1], has_children)
        expect_end(coder)
    return found


@given(count=st.integers(1, 80), seed=st.integers(0, 99), base_depth=st.integers(0, 4), layer_count=st.integers(1, 4))
@settings(deadline=None, max_examples=40)
def test_trees_come_back(count: int, seed: int, base_depth: int, layer_count: int) -> None:
    layers = octree(sphere(count, seed), base_depth, layer_count)
    found = decoded(streams_of(layers, base_depth), base_depth)
    assert all(np.array_equal(a, b) for a, b in zip(layers, found, strict=True))


def test_layers_without_children_come_back() -> None:
    layers = octree(sphere(30), 2, 2)
    pruned = (layers[0], layers[1][:3], np.zeros((0, 3), np.int32))
    found = decoded(streams_of(pruned, 2), 2)
    assert all(np.array_equal(a, b) for a, b in zip(pruned, found, strict=True))


def test_a_surface_takes_few_bits() -> None:
    layers = octree(sphere(20_000), 4, 4)
    size_bytes = sum(len(data) for data in streams_of(layers, 4))
    assert 8 * size_bytes / sum(len(cells) for cells in layers) < MOST_BITS


def test_families() -> None:
    cells = octree(sphere(40), 3, 1)[0]
    above = np.unique(cells >> 1, axis=0).astype(np.int32)
    above = above[np.argsort(morton_keys(above))]
    occupancy = occupancy_of(above, cells)
    assert np.array_equal(children_of(above, occupancy), cells)
    assert np.array_equal(family_of(cells), np.repeat(occupancy, [int(o).bit_count() for o in occupancy]))


def test_streams_that_end_too_early_are_errors() -> None:
    layers = octree(sphere(400), 3, 2)
    data = streams_of(layers, 3)
    for length in range(0, len(data[1]) - 1, 7):
        with pytest.raises(BitstreamError):
            decoded([data[0], data[1][:length]], 3)


def relatives(parents: np.ndarray, has_children: np.ndarray) -> Family:
    """A layer of which only what masks look at is known."""
    nothing = np.zeros((len(parents), 3), np.int32)
    return Family(
        parents, parents, nothing[:, 0], np.zeros((len(parents), 2), np.int64), nothing, nothing, has_children
    )


@given(count=st.integers(0, 40), width=st.integers(1, 31), share=st.floats(0, 1), seed=st.integers(0, 99))
@settings(deadline=None, max_examples=40)
def test_masks_come_back(count: int, width: int, share: float, seed: int) -> None:
    random = np.random.default_rng(seed)
    above = (random.random((7, width)) < share).astype(np.uint8)
    masks = (random.random((count, width)) < share).astype(np.uint8)
    family = relatives(random.integers(-1, 7, count), random.integers(0, 2, count).astype(np.uint8))
    data = write_stream(lambda coder: code_masks(coder, family, above, masks.copy()))
    found, coder = np.zeros_like(masks), open_reader(data)
    code_masks(coder, family, above, found)
    expect_end(coder)
    assert np.array_equal(found, masks)


def test_masks_with_habits_take_few_bits() -> None:
    random = np.random.default_rng(0)
    habits = np.array([[0.95, 0.9, 0.5, 0.05, 0.02], [0.05, 0.3, 0.5, 0.9, 0.02]])
    has_children = random.integers(0, 2, 4000).astype(np.uint8)
    masks = (random.random((4000, 5)) < habits[has_children]).astype(np.uint8)
    family = relatives(np.full(4000, -1), has_children)
    data = write_stream(lambda coder: code_masks(coder, family, masks[:0], masks.copy()))
    entropy = -(habits * np.log2(habits) + (1 - habits) * np.log2(1 - habits)).sum(axis=1).mean()
    assert 8 * len(data) / 4000 < 1.1 * entropy
