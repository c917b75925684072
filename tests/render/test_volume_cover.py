# SPDX-License-Identifier: Apache-2.0
"""Pixels that may see something: no ray beside them meets anything, whatever the camera; far from all are left."""

import sys
from pathlib import Path

import numpy as np
import pytest

sys.path.append(str(Path(__file__).parents[1] / "grids"))
from grid_samples import blob_levels

from lamina.cameras.camera import Camera, look_at
from lamina.render.volume import March, gather_view
from lamina.render.volume_cover import covered_pixels
from lamina.render.volume_rays import Optics, SparseGrid, rays_of

VOXEL = 0.1


def march_of(seed: int) -> tuple[March, np.ndarray, np.ndarray]:
    """A blob in which some vertices are dense."""
    level = blob_levels(4, seed)[3]
    grid = SparseGrid(np.array([-0.3, 0.2, -0.6], np.float32), VOXEL, level.counts, *level.cell_table, level.corners)
    random = np.random.default_rng(seed)
    densities = np.where(random.random(level.row_count) < 0.05, 6.0, -30.0).astype(np.float32)
    return March(grid, Optics(-3.0, 0.5)), densities, random.random((level.row_count, 3)).astype(np.float32)


def camera_at(march: March, direction: np.ndarray, distance: float) -> Camera:
    """Looks at the middle of the grid."""
    middle = march.grid.origin + 0.5 * VOXEL * np.array(march.grid.counts)
    place = middle + distance * direction / np.linalg.norm(direction)
    pose = look_at(place, middle, np.array([0.1, 0.0, 1.0]))
    return Camera(np.linalg.inv(pose), 50.0, 52.0, 40.0, 30.0, 80, 60)


@pytest.mark.parametrize("seed", range(8))
def test_what_is_seen_is_covered(seed: int) -> None:
    march, densities, features = march_of(seed)
    extent = VOXEL * max(march.grid.counts)
    camera = camera_at(march, np.random.default_rng(seed).normal(size=3), (2.0 + 0.5 * (seed % 3)) * extent)
    _, behind = gather_view(march, densities, features, rays_of(camera))
    seen, covered = behind.reshape(60, 80) < 1, covered_pixels(march.grid, march.visible(densities), camera)
    assert seen.any()
    assert not (seen & ~covered).any()
    assert covered.mean() < 0.7


def test_inside_everything_is_covered_and_without_anything_nothing() -> None:
    march, densities, _ = march_of(0)
    camera = camera_at(march, np.array([0.0, 1.0, 0.0]), 0.01)
    assert covered_pixels(march.grid, march.visible(densities), camera).all()
    assert not covered_pixels(march.grid, march.visible(np.full_like(densities, -30.0)), camera).any()


def test_cells_are_marked_that_have_a_dense_corner() -> None:
    march, densities, _ = march_of(1)
    visible, grid = march.visible(densities), march.grid
    for slot, place in np.argwhere(grid.rows >= 0):
        is_marked = int(visible[slot, place >> 6]) >> int(place & 63) & 1
        assert is_marked == (densities[grid.corners[grid.rows[slot, place]]] > 0).any()
