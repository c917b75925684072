# SPDX-License-Identifier: Apache-2.0
"""Planar rendering on the CPU as a differentiable operation: tensors in, tensors out, Numba kernels inside.

float32 tensors are used where they lie; float64 is rounded to float32 on the way in, and pixels and gradients are
widened on the way out. The same bits come out for any number of threads.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor
from torch.autograd.function import once_differentiable

from lamina.render.gaussians2d import Gaussians2D
from lamina.render.kernels import planar_cpu, planar_splats, tile_lists
from lamina.render.kernels.threads import share_threads
from lamina.render.planar_arrays import SplatArrays, accumulate_arrays


def render_cpu(
    gaussians: Gaussians2D, split: int, width: int, height: int
) -> tuple[Float[Tensor, "h w 3"], Float[Tensor, "h w 3"]]:
    """Splats [0, split) alone, and all of them. With split = 0 the first picture is empty (0, 0, 3)."""
    return _PlanarCpu.apply(gaussians.positions, gaussians.covariances, gaussians.colors, split, width, height)


class _PlanarCpu(torch.autograd.Function):
    """Forward keeps the tile lists; backward reduces gradients to moments per splat and chains them to the inputs."""

    @staticmethod
    def forward(
        ctx: Any, positions: Tensor, covariances: Tensor, colors: Tensor, split: int, width: int, height: int
    ) -> tuple[Tensor, Tensor]:
        splats = SplatArrays(_as_float32(positions), _as_float32(covariances), _as_float32(colors))
        found = accumulate_arrays(splats, split, width, height)
        ctx.save_for_backward(covariances)
        ctx.kept = (found.geometry, found.planes, found.lists, split)
        return torch.from_numpy(found.lower).to(positions.dtype), torch.from_numpy(found.top).to(positions.dtype)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *grad_outputs: Any) -> tuple[Tensor | None, ...]:  # pyright: ignore[reportIncompatibleMethodOverride]
        grad_lower, grad_top = grad_outputs
        share_threads()
        geometry, planes, lists, split = ctx.kept
        top = _as_float32(grad_top)
        # Splats of the lower level are in both pictures.
        lower = _as_float32(grad_lower + grad_top) if split > 0 else top
        n, entries = geometry.shape[1], lists.entry_splat.shape[0]
        entry_moments = np.empty((entries, tile_lists.MOMENTS), np.float32)
        moments = np.empty((n, tile_lists.MOMENTS), np.float32)
        planar_cpu.moments_of_pixels(
            geometry, planes, lists.tile_starts, lists.entry_splat, lists.entry_rows, split, lower, top, entry_moments
        )
        tile_lists.gather_moments(lists.splat_starts, lists.splat_entries, entry_moments, moments)
        gradients = tuple(np.empty((n, size), np.float32) for size in (2, 3, 3))
        planar_splats.moments_to_gradients(moments, _as_float32(ctx.saved_tensors[0]), *gradients)
        return *(torch.from_numpy(gradient).to(grad_top.dtype) for gradient in gradients), None, None, None


def _as_float32(tensor: Tensor) -> np.ndarray:
    """The tensor's own memory where it is contiguous float32, a copy otherwise."""
    return tensor.detach().to(torch.float32).contiguous().numpy()
