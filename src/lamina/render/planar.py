# SPDX-License-Identifier: Apache-2.0
"""Planar rendering: Gaussians2D in, pixels out, differentiable. A plain sum: no sorting, no opacity, no background.

    pixel(p) = sum_n  color_n  exp(-1/2 (p - mu_n)^T Sigma_n^-1 (p - mu_n)),   terms under 1/255 dropped

One readable twin (reference), and fast twins of it for CPU (Numba) and CUDA (Triton).
"""

from __future__ import annotations

from jaxtyping import Float
from torch import Tensor

from lamina.render.backends import Backend, choose_backend
from lamina.render.gaussians2d import Gaussians2D, cholesky_to_covariance, concatenate, log_euclidean_to_covariance
from lamina.render.planar_cpu import render_cpu
from lamina.render.planar_cuda import render_cuda, require_cuda
from lamina.render.planar_reference import accumulate, accumulate_levels

__all__ = [
    "Backend",
    "Gaussians2D",
    "cholesky_to_covariance",
    "concatenate",
    "log_euclidean_to_covariance",
    "render_planar",
    "render_planar_levels",
]


def render_planar(
    gaussians: Gaussians2D, width: int, height: int, *, backend: Backend = "auto"
) -> Float[Tensor, "h w 3"]:
    """Sum of all splats at every pixel centre; not clamped. Differentiable in positions, covariances and colors.

    A splat ends at the ellipse where it falls under 1/255 of its color. One whose covariance is not positive definite,
    not finite, or under a millionth or over a hundred million pixels wide contributes nothing and gets zero gradients.
    Colors must be finite.

    Raises:
        ValueError: width or height is under 1, or the backend cannot work where the tensors are.
        BackendUnavailable: `backend="cuda"` without a CUDA device or Triton.

    Source: Zhang et al., GaussianImage (ECCV 2024), Eq. 6.
    """
    return _render(gaussians, 0, width, height, backend)[1]


def render_planar_levels(
    gaussians: Gaussians2D, split: int, width: int, height: int, *, backend: Backend = "auto"
) -> tuple[Float[Tensor, "h w 3"], Float[Tensor, "h w 3"]]:
    """Two levels in one pass: splats [0, split) alone, and all of them. Otherwise as `render_planar`.

    Raises:
        ValueError: split is not in 0...n, or as `render_planar`.
        BackendUnavailable: as `render_planar`.
    """
    if not 0 <= split <= len(gaussians):
        raise ValueError(f"split must be in 0...{len(gaussians)} splats, got {split}")
    lower, top = _render(gaussians, split, width, height, backend)
    return (lower if split > 0 else top.new_zeros(top.shape)), top


def _render(gaussians: Gaussians2D, split: int, width: int, height: int, backend: Backend) -> tuple[Tensor, Tensor]:
    if width < 1 or height < 1:
        raise ValueError(f"a picture needs at least 1 x 1 pixels, got {width} x {height}")
    splats = (gaussians.positions, gaussians.covariances, gaussians.colors)
    match choose_backend(backend, gaussians.positions.device.type, "triton", require_cuda):
        case "cpu":
            return render_cpu(gaussians, split, width, height)
        case "cuda":
            return render_cuda(gaussians, split, width, height)
        case _ if split > 0:
            return accumulate_levels(*splats, split, width, height)
        case _:
            top = accumulate(*splats, width, height)
            return top, top
