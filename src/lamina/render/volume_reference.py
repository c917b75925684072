# SPDX-License-Identifier: Apache-2.0
"""The readable twin of `volume`: every sample of every ray, no skipping, PyTorch alone."""

from __future__ import annotations

import numpy as np
import torch
from jaxtyping import Float, Float32
from torch import Tensor

from lamina.render.volume import NEAR, Gathered
from lamina.render.volume_rays import LEAST_TRANSMITTANCE, STEPS_PER_VOXEL, Optics, Rays, SparseGrid


def gather_reference(
    grid: SparseGrid,
    optics: Optics,
    densities: Float[Tensor, " n"],
    features: Float[Tensor, "n c"],
    rays: Rays,
    jitters: Float32[np.ndarray, " r"],
) -> Gathered:
    """What `volume.gather` does, ray by ray."""
    lines = zip(torch.from_numpy(rays.origins), torch.from_numpy(rays.directions), jitters.tolist(), strict=True)
    found = [_gather_ray(grid, optics, densities, features, *line) for line in lines]
    return Gathered(torch.stack([one.features for one in found]), torch.stack([one.behind for one in found]))


def _gather_ray(
    grid: SparseGrid,
    optics: Optics,
    densities: Tensor,
    features: Tensor,
    origin: Tensor,
    direction: Tensor,
    jitter: float,
) -> Gathered:
    low = torch.from_numpy(grid.origin)
    counts = torch.tensor(grid.counts)
    one, other = (low - origin) / direction, (low + grid.voxel * counts - origin) / direction
    enter = torch.clamp(torch.minimum(one, other).amax(), min=NEAR)
    leave = torch.maximum(one, other).amin()
    behind, gathered = densities.new_ones(()), features.new_zeros(features.shape[1])
    if leave <= enter:
        return Gathered(gathered, behind)
    step = grid.voxel / STEPS_PER_VOXEL
    steps = torch.arange(int((leave - enter) / step - jitter) + 1) + jitter
    places = (origin + (enter + steps[:, None] * step) * direction - low) / grid.voxel
    cells = torch.minimum(torch.clamp(places.long(), min=0), counts - 1)
    for place, cell in zip(places, cells.tolist(), strict=True):
        number = _cell_at(grid, *cell)
        if number < 0:
            continue
        rows = torch.from_numpy(grid.corners[number]).long()
        weights = _corner_weights(place - torch.tensor(cell))
        density = (weights * densities[rows]).sum()
        if density < optics.least_density:
            continue
        keep = (1 + torch.exp(torch.clamp(density + optics.shift, max=30.0))) ** -optics.delta
        gathered = gathered + behind * (1 - keep) * (weights[:, None] * features[rows]).sum(dim=0)
        behind = behind * keep
        if behind < LEAST_TRANSMITTANCE:
            break
    return Gathered(gathered, behind)


def _cell_at(grid: SparseGrid, x: int, y: int, z: int) -> int:
    slot = int(grid.slots[x >> 3, y >> 3, z >> 3])
    place = sum(((x >> b & 1) | (y >> b & 1) << 1 | (z >> b & 1) << 2) << 3 * b for b in range(3))
    return int(grid.rows[slot, place]) if slot >= 0 else -1


def _corner_weights(fractions: Tensor) -> Tensor:
    """Of the eight corners, x fastest."""
    x, y, z = (torch.stack([1 - fraction, fraction]) for fraction in fractions)
    return (z[:, None, None] * y[None, :, None] * x[None, None, :]).reshape(8)
