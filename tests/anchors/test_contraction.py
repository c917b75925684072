# SPDX-License-Identifier: Apache-2.0
"""Space contracted together: there and back, where it is as it is, and how wide its cells are."""

import numpy as np
import pytest

from lamina.anchors.contraction import Contraction
from lamina.anchors.cube import FARTHEST
from lamina.anchors.octree import Lattice, build_octree, verify

CONTRACTION = Contraction((1.0, -2.0, 0.5), 3.0)


def points_at(distances: np.ndarray, seed: int = 0) -> np.ndarray:
    """So many radii from the centre, in any direction."""
    directions = np.random.default_rng(seed).normal(size=(len(distances), 3))
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    return np.asarray(CONTRACTION.center) + CONTRACTION.radius * distances[:, None] * directions


def test_points_come_back():
    points = points_at(np.geomspace(1e-6, 1e6, 200))
    assert np.allclose(CONTRACTION.expanded(CONTRACTION.contracted(points)), points, rtol=1e-12, atol=1e-12)


def test_inside_the_radius_space_is_as_it_is():
    points = points_at(np.linspace(0, 1, 50))
    contracted = CONTRACTION.contracted(points)
    assert np.allclose(contracted, (points - CONTRACTION.center) / CONTRACTION.radius)
    assert np.allclose(CONTRACTION.stretch(contracted), CONTRACTION.radius)


def test_far_points_are_a_logarithm_away_in_the_same_direction():
    distances = np.geomspace(1, 1e6, 50)
    points = points_at(distances)
    contracted = CONTRACTION.contracted(points)
    assert np.allclose(np.linalg.norm(contracted, axis=1), 1 + np.log(distances))
    apart = points - CONTRACTION.center
    assert np.allclose(np.cross(contracted, apart) / np.linalg.norm(apart, axis=1)[:, None], 0, atol=1e-12)


def test_stretch_is_the_cube_root_of_what_volumes_do():
    places = CONTRACTION.contracted(points_at(np.array([0.2, 0.9, 1.5, 4.0, 60.0])))
    step = 1e-5
    for place, said in zip(places, CONTRACTION.stretch(places), strict=True):
        moved = place + step * np.concatenate([np.eye(3), -np.eye(3)])
        there = CONTRACTION.expanded(moved)
        jacobian = (there[:3] - there[3:]) / (2 * step)
        assert said == pytest.approx(abs(np.linalg.det(jacobian)) ** (1 / 3), rel=1e-6)


def test_a_lattice_of_drawn_space_holds_points_in_cells_that_grow_with_distance():
    points = points_at(np.geomspace(0.01, 500, 400))
    lattice = Lattice((-8.0, -8.0, -8.0), 16.0, 3, 3, CONTRACTION)
    assert lattice.contains(points).all()
    assert not lattice.contains(points_at(np.array([1e4]))).any()
    layers = build_octree(points, lattice)
    verify(layers, lattice)
    for layer, cells in enumerate(layers):
        centers, sides = lattice.centers(cells, layer), lattice.sides(cells, layer)
        assert np.array_equal(lattice.locate(centers, layer), cells)
        distance = np.linalg.norm(centers - CONTRACTION.center, axis=1) / CONTRACTION.radius
        least = lattice.voxel(layer) * CONTRACTION.radius
        assert np.allclose(sides[distance < 0.8], least)
        assert sides[distance > 100].min() > 10 * least
        assert (distance > 100).any()


@pytest.mark.parametrize("change", [{"center": (float("nan"), 0, 0)}, {"radius": 0.0}, {"radius": float("inf")}])
def test_what_has_no_size_is_refused(change: dict):
    with pytest.raises(ValueError, match="expected a finite centre"):
        Contraction(**({"center": (0.0, 0.0, 0.0), "radius": 1.0} | change))


def test_a_cube_too_far_in_drawn_space_is_refused():
    Lattice((-FARTHEST,) * 3, 2 * FARTHEST, 0, 1, CONTRACTION)
    with pytest.raises(ValueError, match="contracted space"):
        Lattice((-FARTHEST,) * 3, 2.1 * FARTHEST, 0, 1, CONTRACTION)
