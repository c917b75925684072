# SPDX-License-Identifier: Apache-2.0
"""Who moves with whom: cells of scales, their parents and neighbours, the cells of each anchor."""

from dataclasses import replace

import numpy as np
import pytest
from freeview_samples import first_part, rest_of
from scene_samples import FULL, sample

from lamina.anchors.octree import Layers, morton_keys
from lamina.codecs.freeview.config import MotionConfig
from lamina.codecs.freeview.fit.start import median_reach, motion_facts, scale_depths
from lamina.codecs.freeview.hierarchy import Hierarchy, cell_count, hierarchy_of

BASE_DEPTH = 2


@pytest.fixture(scope="module")
def layers() -> Layers:
    return sample(FULL, points=90).layers


def ancestors(layers: Layers, layer: int, depth: int) -> list[tuple[int, ...]]:
    """Of each anchor of a layer, the cell of a depth that it stands in; by division."""
    shift = 2.0 ** (depth - BASE_DEPTH - layer)
    return [tuple(int(np.floor(index * shift)) for index in cell) for cell in layers[layer].tolist()]


def cells_of(hierarchy: Hierarchy, layers: Layers, scale: int, depth: int) -> dict[int, set[tuple[int, ...]]]:
    """Row of a scale -> the cells in which its anchors stand: one each, where the scale is right."""
    found: dict[int, set[tuple[int, ...]]] = {}
    every = [cell for layer in range(len(layers)) for cell in ancestors(layers, layer, depth)]
    for row, cell in zip(hierarchy.members[scale].tolist(), every, strict=True):
        found.setdefault(row, set()).add(cell)
    return found


@pytest.mark.parametrize("depths", [(1, 3), (2, 3), (0, 2), (0, 1)])
def test_each_anchor_stands_in_its_cell_and_each_cell_has_anchors(layers: Layers, depths: tuple[int, ...]) -> None:
    hierarchy = hierarchy_of(layers, BASE_DEPTH, depths, 3)
    for scale, depth in enumerate(depths):
        found = cells_of(hierarchy, layers, scale, depth)
        assert all(len(cells) == 1 for cells in found.values())
        assert sorted(found) == list(range(hierarchy.scales[scale].count))
        assert len({cell for cells in found.values() for cell in cells}) == len(found)
    assert hierarchy.scales[2].count == sum(map(len, layers))
    assert (hierarchy.members[2] == np.arange(sum(map(len, layers)))).all()


def test_parents_are_the_cells_above(layers: Layers) -> None:
    depths = (1, 3)
    hierarchy = hierarchy_of(layers, BASE_DEPTH, depths, 3)
    assert (hierarchy.scales[0].parents == -1).all()
    assert (hierarchy.scales[1].parents >= 0).all()
    for members, above, scale in (
        (hierarchy.members[1], hierarchy.members[0], hierarchy.scales[1]),
        (hierarchy.members[2], hierarchy.members[1], hierarchy.scales[2]),
    ):
        assert (scale.parents[members] == above).all()


def test_neighbors_are_beside(layers: Layers) -> None:
    hierarchy = hierarchy_of(layers, BASE_DEPTH, (2, 3), 3)
    places = np.stack(np.meshgrid(*[[-1, 0, 1]] * 3, indexing="ij"), axis=-1)[..., ::-1].reshape(-1, 3)
    cells = np.array(sorted(set(ancestors(layers, 0, 2)), key=lambda cell: int(morton_keys(np.array([cell]))[0])))
    known = {tuple(cell): row for row, cell in enumerate(cells.tolist())}
    for row, cell in enumerate(cells.tolist()):
        expected = [known.get(tuple(np.add(cell, place).tolist()), -1) for place in places]
        assert hierarchy.scales[0].neighbors[row].tolist() == expected
    first = len(layers[0])
    top = hierarchy.scales[2].neighbors
    assert top[:first].max() < first
    assert (top[first : first + len(layers[1])][top[first : first + len(layers[1])] >= 0] >= first).all()
    assert (top[:, 13] == np.arange(len(top))).all()


def test_a_level_has_the_same_cells_as_the_whole() -> None:
    rest = rest_of(first_part())
    whole = rest.hierarchy(2)
    for level in (0, 1):
        own = rest.hierarchy(level)
        for scale in range(level + 1):
            assert (own.scales[scale].parents == whole.scales[scale].parents).all()
            assert (own.scales[scale].neighbors == whole.scales[scale].neighbors).all()
            count = len(own.members[scale])
            assert (own.members[scale] == whole.members[scale][:count]).all()


def test_one_level_is_the_anchors_themselves() -> None:
    rest = rest_of(first_part(1))
    (scale,) = rest.hierarchy(0).scales
    assert (scale.parents == -1).all()
    assert scale.count == len(rest.level(0).anchors)


def test_cells_are_counted_as_they_come(layers: Layers) -> None:
    for depth, scale in ((0, 0), (1, 0), (2, 0), (2, 1), (3, 1)):
        expected = {cell for layer in range(scale + 1) for cell in ancestors(layers, layer, depth)}
        assert cell_count(layers, BASE_DEPTH, depth, scale) == len(expected)


def test_depths_are_found_by_the_ratio(layers: Layers) -> None:
    facts = first_part().facts.anchors
    live = sum(map(len, layers))
    fine, coarse = (scale_depths(facts, layers, ratio, live) for ratio in (0.9, 0.05))
    assert fine[0] < fine[1]
    assert coarse[0] < coarse[1]
    assert sum(coarse) < sum(fine)
    for scale, depth in enumerate(fine):
        assert depth <= facts.base_depth + scale


def test_the_flattest_tree_has_just_room_for_its_scales(layers: Layers) -> None:
    flat = replace(first_part().facts.anchors, base_depth=0)
    assert scale_depths(flat, layers, 0.5, 10) == (0, 1)


def test_the_unit_is_the_middle_reach_of_anchors_that_show() -> None:
    first = first_part()
    rest = rest_of(first)
    anchors = rest.level(2).anchors
    live = anchors.masks.amax(dim=1) > 0
    reaches = anchors.scalings[live, :3].log().mean(dim=1).exp().numpy()
    unit = median_reach(first.facts.anchors, first.layers)
    assert unit == pytest.approx(np.exp(np.median(np.log(reaches))), rel=1e-5)
    facts = motion_facts(MotionConfig(), first.facts.anchors, first.layers)
    assert facts.unit == unit
    assert len(facts.depths) == 2
