# SPDX-License-Identifier: Apache-2.0
"""Fields on a sparse grid to what rays gather: densities and features of rows enter; sums along rays leave.

    gathered  = sum over samples of T alpha feature       features are shaded once a ray, not once a sample
    behind    = T behind the last sample                  what is seen of the background
    T         = product of (1 - alpha) of the samples before

Gradients reach densities and features. The twin in PyTorch is `volume_reference`. Source: DVGO (arXiv 2111.11215),
Eq. 4 and sec. 4 for the activation after interpolation; TeTriRF (arXiv 2312.06713) for shading what was gathered.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
import torch
from jaxtyping import Float, Float32, UInt64
from torch import Tensor
from torch.autograd.function import once_differentiable

from lamina.render.kernels import volume_march
from lamina.render.kernels.threads import share_threads
from lamina.render.volume_rays import LEAST_TRANSMITTANCE, Optics, Rays, SparseGrid

NEAR = 1e-3
"""World units before a ray's origin where nothing is seen."""

VISIBLE_MARGIN = 1e-3
"""Of densities: cells with corners so far below what counts are not looked into; more than interpolation rounds."""

FIRST_ROOM = 1 << 16
"""Samples that a march has room for at first."""


class Gathered(NamedTuple):
    """What rays have."""

    features: Float[Tensor, "r c"]
    behind: Float[Tensor, " r"]


@dataclass(eq=False)
class SampleRoom:
    """Room for the samples of a march between its forward and its backward pass; grows when it must."""

    size: int = FIRST_ROOM
    arrays: tuple[np.ndarray, ...] = ()

    def opened(self, least: int = 0) -> tuple[np.ndarray, ...]:
        """Cells, fractions, alphas and weights of at least so many samples."""
        if not self.arrays or least > self.size:
            self.size = max(self.size, least + least // 4)
            count = self.size
            self.arrays = (
                np.empty(count, np.int32),
                np.empty((count, 3), np.float32),
                np.empty(count, np.float32),
                np.empty(count, np.float32),
            )
        return self.arrays


@dataclass(eq=False)
class March:
    """Where and how; `heaviest` collects, row by row, the heaviest weight that a sample beside it had."""

    grid: SparseGrid
    optics: Optics
    room: SampleRoom = field(default_factory=SampleRoom)
    heaviest: Float32[np.ndarray, " n"] = field(default_factory=lambda: np.zeros(0, np.float32))

    def kernel_grid(self, densities: Float32[np.ndarray, " n"]) -> tuple[Any, ...]:
        """As kernels take it, with which cells may be seen."""
        grid = self.grid
        visible = self.visible(densities)
        return (grid.origin, np.float32(grid.voxel), grid.counts, grid.slots, grid.rows, grid.corners, visible)

    def visible(self, densities: Float32[np.ndarray, " n"]) -> UInt64[np.ndarray, "slots 8"]:
        """A bit a cell, 64 to a block of 4x4x4: whether a sample in it may count."""
        found = np.empty((len(self.grid.rows), 8), np.uint64)
        least = np.float32(self.optics.least_density - VISIBLE_MARGIN)
        volume_march.mark_visible(self.grid.rows, self.grid.corners, densities, least, found)
        return found

    def kernel_box(self) -> tuple[Any, ...]:
        """Corners, and the distance before which nothing is seen."""
        high = self.grid.origin + np.float32(self.grid.voxel) * np.array(self.grid.counts, np.float32)
        return (self.grid.origin, high, np.float32(NEAR))

    def kernel_optics(self) -> tuple[Any, ...]:
        """Shift, delta, and where samples and rays end."""
        optics = self.optics
        numbers = (optics.shift, optics.delta, optics.least_density, LEAST_TRANSMITTANCE)
        return tuple(np.float32(number) for number in numbers)


def gather(
    march: March,
    densities: Float[Tensor, " n"],
    features: Float[Tensor, "n c"],
    rays: Rays,
    jitters: Float32[np.ndarray, " r"],
) -> Gathered:
    """What each ray gathers; differentiable by densities and features. The first sample of a ray is `jitters` steps in.

    The march's room is in use until the backward pass: give each graph its own.
    """
    return Gathered(*_Gather.apply(densities, features, march, rays, jitters))


def gather_view(
    march: March, densities: Float32[np.ndarray, " n"], features: Float32[np.ndarray, "n c"], rays: Rays
) -> tuple[Float32[np.ndarray, "r c"], Float32[np.ndarray, " r"]]:
    """The same for pictures: on all threads, without gradients; the first sample is half a step in."""
    share_threads()
    count = len(rays.origins)
    out, behind = np.empty((count, features.shape[1]), np.float32), np.empty(count, np.float32)
    grid, (_, high, near) = march.grid, march.kernel_box()
    numbers = np.array([grid.voxel, *grid.counts, near, *march.kernel_optics()], np.float32)
    volume_march.march_view(
        grid.origin, numbers, grid.slots, grid.rows, grid.corners, march.visible(densities), high, densities, features,
        *rays, out, behind, np.empty(0, np.float32),
    )  # fmt: skip
    return out, behind


class _Gather(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, *arguments: Any) -> tuple[Tensor, Tensor]:
        densities, features, march, rays, jitters = arguments
        count = len(rays.origins)
        densities, features = densities.detach().numpy(), features.detach().numpy()
        out, behind = np.empty((count, features.shape[1]), np.float32), np.empty(count, np.float32)
        firsts = np.empty(count + 1, np.int64)
        samples, found, grid = march.room.opened(), -1, march.kernel_grid(densities)
        while found < 0 or found > march.room.size:
            samples = march.room.opened(max(found, 0))
            found = volume_march.march_kept(
                grid, march.kernel_box(), march.kernel_optics(), densities, features, rays.origins,
                rays.directions, jitters, out, behind, firsts, samples,
            )  # fmt: skip
        ctx.march, ctx.values, ctx.kept = march, (densities, features, grid), (firsts, samples, behind)
        return torch.from_numpy(out), torch.from_numpy(behind)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *gradients: Any) -> tuple[Tensor | None, ...]:  # pyright: ignore[reportIncompatibleMethodOverride]
        march, (densities, features, grid), (firsts, samples, behind) = ctx.march, ctx.values, ctx.kept
        density_gradients, feature_gradients = np.zeros_like(densities), np.zeros_like(features)
        out_gradients, behind_gradients = (np.ascontiguousarray(gradient.numpy()) for gradient in gradients)
        volume_march.march_back(
            grid, np.float32(march.optics.delta), features, firsts, samples, behind, out_gradients, behind_gradients,
            (density_gradients, feature_gradients, march.heaviest),
        )  # fmt: skip
        return torch.from_numpy(density_gradients), torch.from_numpy(feature_gradients), None, None, None
