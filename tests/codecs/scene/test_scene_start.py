# SPDX-License-Identifier: Apache-2.0
"""Where a fit starts: box, first octree, colors and sizes of the first anchors."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from tiny_capture import SMALL, changed, tiny_capture

from lamina.anchors.contraction import Contraction
from lamina.anchors.fitting.first_octree import (
    bounding_cube,
    contraction_of,
    first_octree,
    nearest_to_axes,
    pixels_per_unit,
)
from lamina.anchors.fitting.start import first_state, spacing_of
from lamina.anchors.neural import generate
from lamina.anchors.octree import Lattice, build_octree, verify
from lamina.data.captures import Capture

CPU = torch.device("cpu")


def test_box_holds_cameras_and_points_but_no_outliers():
    capture = tiny_capture()
    outliers = np.concatenate([capture.points, [[4000.0, 0, 0]], 60.0 * np.eye(3)])
    far = replace(capture, points=outliers, point_colors=np.zeros((len(outliers), 3), np.uint8))
    for tried in (capture, far):
        corner, side = bounding_cube(tried)
        assert 5 < side < 10
        for number in tried.train:
            place = tried.views[number].camera.position_world
            assert ((place > corner) & (place < corner + side)).all()


def test_without_points_the_box_is_where_cameras_look():
    capture = tiny_capture(has_points=False)
    corner, side = bounding_cube(capture)
    assert np.abs(corner + side / 2).max() < 0.1
    assert 1.5 < side < 4
    lattice, layers = first_octree(capture, SMALL)
    verify(layers, lattice)
    assert 50 < sum(len(layer) for layer in layers) <= SMALL.anchors.first


def walled(distance: float = 60.0) -> Capture:
    """The tiny capture in a round room."""
    capture = tiny_capture()
    directions = np.random.default_rng(3).normal(size=(1500, 3))
    walls = distance * directions / np.linalg.norm(directions, axis=1, keepdims=True)
    points = np.concatenate([capture.points, walls])
    return replace(capture, points=points, point_colors=np.zeros((len(points), 3), np.uint8))


def test_space_is_contracted_where_much_is_far():
    def chosen(capture: Capture) -> Contraction | None:
        return contraction_of(capture, pixels_per_unit(capture, capture.points))

    assert chosen(tiny_capture()) is None
    assert chosen(tiny_capture(has_points=False)) is None
    contraction = chosen(walled())
    assert contraction is not None
    places = np.stack([view.camera.position_world for view in walled().views])
    assert np.allclose(contraction.center, places.mean(axis=0), atol=1e-3)
    assert 0.1 < contraction.radius < 60.0


def test_contracted_cells_look_more_alike():
    capture = walled()
    spread = {}
    for contracted in (False, True):
        lattice, layers = first_octree(capture, changed(SMALL, "anchors", contracted=contracted, first=600))
        verify(layers, lattice)
        assert (lattice.contraction is not None) == contracted
        middles = lattice.centers(layers[0], 0)
        widths = lattice.sides(layers[0], 0) * pixels_per_unit(capture, middles)
        spread[contracted] = np.log2(widths[widths > 0]).std()
    assert spread[True] < 0.5 * spread[False]


def test_lines_that_meet_give_their_point():
    directions = np.array([[1.0, 0, 0], [0, 1, 0], [0.6, 0.8, 0]])
    point = np.array([0.3, -1.0, 2.0])
    assert np.allclose(nearest_to_axes(point - 4 * directions, directions), point, atol=1e-4)


@pytest.mark.parametrize("first", [50, 200, 500])
def test_first_octree_is_as_large_as_asked(first: int):
    lattice, layers = first_octree(tiny_capture(), changed(SMALL, "anchors", first=first))
    verify(layers, lattice)
    assert first / 4 <= sum(len(layer) for layer in layers) <= first


def test_a_depth_that_is_given_holds_all_points_in_the_finest_layer():
    config = changed(SMALL, "anchors", base_depth=3)
    lattice, layers = first_octree(tiny_capture(), config)
    assert lattice.base_depth == 3
    expected = build_octree(tiny_capture().points, lattice)
    assert all(np.array_equal(found, wanted) for found, wanted in zip(layers, expected, strict=True))


def test_first_gaussians_show_the_colors_of_the_points():
    capture = tiny_capture()
    state = first_state(capture, SMALL, CPU)
    # The finest of the layers that are not left for growing.
    rows = torch.arange(int(state.starts[1]), int(state.starts[2]))
    anchors = state.anchors(rows, state.values.values[rows], torch.ones(len(rows), 3))
    shown, sources = generate(anchors, state.networks.heads, torch.zeros(3))
    nearest = torch.cdist(anchors.positions, torch.from_numpy(capture.points).float()).argmin(dim=1)
    expected = torch.from_numpy(capture.point_colors[nearest]).float() / 255
    assert len(shown) > 0.7 * 3 * len(rows)
    assert (shown.colors - expected[sources // 3]).abs().mean() < 0.12


def test_spacing_is_one_where_cells_are_full_and_grows_where_they_are_sparse():
    lattice = Lattice((0.0, 0.0, 0.0), 1.0, 5, 1)
    flat = np.stack(np.meshgrid(range(8), range(8), [0]), axis=-1).reshape(-1, 3).astype(np.int32)
    assert spacing_of(flat, 0, lattice).max() == 1.0
    apart = spacing_of(4 * flat, 0, lattice)
    assert np.median(apart) == 4.0
    assert spacing_of(flat[:1], 0, lattice).tolist() == [1.0]
