# SPDX-License-Identifier: Apache-2.0
"""The march through a sparse grid against its readable twin: what rays gather, and gradients of what holds it."""

import sys
from pathlib import Path

import numpy as np
import pytest
import torch

sys.path.append(str(Path(__file__).parents[1] / "grids"))
from grid_samples import blob_levels

from lamina.render.volume import Gathered, March, SampleRoom, gather, gather_view
from lamina.render.volume_rays import Optics, Rays, SparseGrid, rays_of
from lamina.render.volume_reference import gather_reference

VOXEL = 0.11


def sparse_grid(seed: int, level_number: int = 3) -> SparseGrid:
    level = blob_levels(4, seed)[level_number]
    origin = np.array([-0.3, 0.2, -0.6], np.float32)
    return SparseGrid(origin, VOXEL, level.counts, *level.cell_table, level.corners)


def rays_into(grid: SparseGrid, count: int, seed: int) -> Rays:
    """From around at random places of the grid; some miss it."""
    random = np.random.default_rng(seed)
    extent = VOXEL * np.array(grid.counts)
    middle = grid.origin + 0.5 * extent
    away = random.normal(size=(count, 3))
    origins = middle + 2.5 * extent.max() * away / np.linalg.norm(away, axis=1, keepdims=True)
    targets = grid.origin + random.uniform(-0.1, 1.1, (count, 3)) * extent
    directions = targets - origins
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    return Rays(origins.astype(np.float32), directions.astype(np.float32))


def field_on(grid: SparseGrid, seed: int, channels: int = 3) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    count = int(grid.corners.max()) + 1
    densities = torch.randn(count, generator=generator) * 3 - 1
    return densities.requires_grad_(), torch.rand(count, channels, generator=generator).requires_grad_()


@pytest.mark.parametrize("delta", [0.5, 1.0, 4.0])
@pytest.mark.parametrize("seed", range(3))
def test_the_kernel_gathers_what_the_twin_does_with_its_gradients(seed: int, delta: float) -> None:
    grid, optics = sparse_grid(seed), Optics(-3.0, delta)
    rays, jitters = rays_into(grid, 60, seed), np.random.default_rng(seed).random(60, np.float32)
    found: list[tuple[Gathered, tuple[torch.Tensor, ...]]] = []
    for twin in (False, True):
        densities, features = field_on(grid, seed)
        if twin:
            gathered = gather_reference(grid, optics, densities, features, rays, jitters)
        else:
            gathered = gather(March(grid, optics), densities, features, rays, jitters)
        weights = torch.randn(60, 4, generator=torch.Generator().manual_seed(9))
        (weights * torch.cat([gathered.features, gathered.behind[:, None]], dim=1)).sum().backward()
        assert densities.grad is not None
        assert features.grad is not None
        found.append((gathered, (densities.grad, features.grad)))
    (fast, fast_gradients), (slow, slow_gradients) = found
    assert 0.1 < float(slow.behind.detach().mean()) < 0.95
    torch.testing.assert_close(fast.features, slow.features, rtol=0, atol=2e-3)
    torch.testing.assert_close(fast.behind, slow.behind, rtol=0, atol=2e-3)
    for one, other in zip(fast_gradients, slow_gradients, strict=True):
        assert float((one - other).norm() / other.norm()) < 2e-3


def test_gradients_are_those_of_small_changes() -> None:
    grid, optics = sparse_grid(1), Optics(0.0, 0.5)
    rays, jitters = rays_into(grid, 40, 4), np.full(40, 0.5, np.float32)
    densities, features = field_on(grid, 6)
    with torch.no_grad():
        densities.clamp_(-2.0, 0.0)

    def total(values: torch.Tensor) -> torch.Tensor:
        gathered = gather(March(grid, optics), values, features, rays, jitters)
        return gathered.features.sum() + 2 * gathered.behind.sum()

    (gradient,) = torch.autograd.grad(total(densities), densities)
    row = int(gradient.abs().argmax())
    ends = []
    for sign in (-1, 1):
        moved = densities.detach().clone()
        moved[row] += sign * 2e-2
        ends.append(float(total(moved).detach()))
    assert float(gradient[row]) == pytest.approx((ends[1] - ends[0]) / 4e-2, rel=2e-2)


def test_a_view_is_what_its_rays_gather_and_room_grows() -> None:
    grid, optics = sparse_grid(0), Optics(-3.0, 0.5)
    rays = rays_into(grid, 300, 8)
    densities, features = field_on(grid, 2)
    march = March(grid, optics, SampleRoom(16))
    gathered = gather(march, densities, features, rays, np.full(300, 0.5, np.float32))
    assert march.room.size > 16
    seen, behind = gather_view(march, densities.detach().numpy(), features.detach().numpy(), rays)
    np.testing.assert_allclose(seen, gathered.features.detach().numpy(), atol=1e-6)
    np.testing.assert_allclose(behind, gathered.behind.detach().numpy(), atol=1e-6)


def test_rays_go_through_the_middles_of_pixels() -> None:
    from lamina.cameras.camera import Camera

    camera = Camera(np.eye(4), 20.0, 22.0, 4.5, 3.0, 8, 6)
    rays = rays_of(camera)
    places, _ = camera.project(rays.origins + 3 * rays.directions.astype(np.float64))
    rows, columns = np.mgrid[0:6, 0:8]
    np.testing.assert_allclose(places, np.stack([columns, rows], axis=-1).reshape(-1, 2) + 0.5, atol=1e-4)
    np.testing.assert_allclose(np.linalg.norm(rays.directions, axis=1), 1, atol=1e-6)
