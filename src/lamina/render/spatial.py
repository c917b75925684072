# SPDX-License-Identifier: Apache-2.0
"""Spatial rendering: Gaussians3D and a camera in, pixels out, differentiable. Sorted, blended front to back.

    alpha_n(p) = min(0.999, o_n exp(-1/2 (p - mu_n)^T Sigma_n^-1 (p - mu_n))), dropped under 1/255
    pixel(p)   = sum_n color_n alpha_n T_n + background T_end,   T_n = prod of 1 - alpha of all splats in front of n

One readable twin (spatial_reference), and fast twins of it for CPU (Numba) and CUDA (gsplat).
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int32
from torch import Tensor

from lamina.cameras.camera import Camera
from lamina.render.backends import Backend, choose_backend
from lamina.render.constants import TILE_PX
from lamina.render.gaussians3d import Gaussians3D
from lamina.render.spatial_cpu import render_cpu
from lamina.render.spatial_cuda import render_cuda, require_gsplat
from lamina.render.spatial_reference import blend

__all__ = ["Backend", "Gaussians3D", "SpatialImage", "render_spatial", "tile_grid"]


@dataclass(frozen=True)
class SpatialImage:
    """A rendered picture."""

    pixels: Float[Tensor, "h w 3"]
    """Not clamped; over the background."""
    alpha: Float[Tensor, "h w"]
    """0...1: how much of the background is hidden."""
    radii_px: Int32[Tensor, " n"]
    """Reach of each Gaussian on the picture along the axis where it is larger; 0: it touches no pixel."""


def tile_grid(camera: Camera) -> tuple[int, int]:
    """Rows and columns of tiles of a camera's picture."""
    return -(-camera.height // TILE_PX), -(-camera.width // TILE_PX)


def render_spatial(
    gaussians: Gaussians3D,
    camera: Camera,
    *,
    background: tuple[float, float, float] = (0.0, 0.0, 0.0),
    screen_offsets_px: Float[Tensor, "n 2"] | None = None,
    tiles: Bool[Tensor, "r c"] | None = None,
    backend: Backend = "auto",
) -> SpatialImage:
    """One picture; differentiable in all fields of the Gaussians and in `screen_offsets_px`.

    A Gaussian that is behind the near plane, fainter than 1/255, not finite, without extent, or beyond what float32 can
    place contributes nothing and gets zero gradients.

    Args:
        gaussians: any order; those of equal depth are blended in the order given.
        camera: a pinhole; no gradient flows to it.
        background: what is behind all.
        screen_offsets_px: added to the projected centres; zeros that require gradients tell d loss / d screen position.
        tiles: squares of `constants.TILE_PX` pixels, row by row, that are drawn: elsewhere is background, and Gaussians
            that touch none of them have radius 0; None: all are.
        backend: see `backends.Backend`.

    Raises:
        ValueError: the offsets do not fit the Gaussians, the tiles do not fit the picture, the backend cannot work
            where the tensors are, or splats and tiles make more than 268 million pairs (CPU only:
            `kernels.tile_lists.ENTRY_LIMIT`).
        BackendUnavailable: `backend="cuda"` without a CUDA device or gsplat.

    Source: Kerbl et al., 3D Gaussian Splatting (SIGGRAPH 2023); conventions as gsplat 1.5, `classic` mode.
    """
    offsets = torch.zeros_like(gaussians.means[:, :2]) if screen_offsets_px is None else screen_offsets_px
    if offsets.shape != (len(gaussians), 2):
        raise ValueError(f"screen_offsets_px must have shape ({len(gaussians)}, 2), got {tuple(offsets.shape)}")
    if tiles is not None and tuple(tiles.shape) != tile_grid(camera):
        raise ValueError(f"tiles must have shape {tile_grid(camera)}, got {tuple(tiles.shape)}")
    match choose_backend(backend, gaussians.means.device.type, "gsplat", require_gsplat):
        case "cpu":
            return SpatialImage(*render_cpu(gaussians, camera, background, offsets, tiles))
        case "cuda":
            return SpatialImage(*render_cuda(gaussians, camera, background, offsets, tiles))
        case _:
            return SpatialImage(*blend(gaussians, camera, gaussians.means.new_tensor(background), offsets, tiles))
