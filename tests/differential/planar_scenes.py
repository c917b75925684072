# SPDX-License-Identifier: Apache-2.0
"""Scenes and measures of the planar twins' comparisons."""

import math
from collections.abc import Callable

import torch
from torch import Tensor

from lamina.render.gaussians2d import Gaussians2D, log_euclidean_to_covariance

Renderer = Callable[[Gaussians2D, int, int, int], tuple[Tensor, Tensor]]


def random_splats(count: int, width: int, height: int, *, seed: int, axis_ratio: float = 4.0) -> Gaussians2D:
    """Float64 splats of 1 to 4 pixels (geometric mean) all over the picture and a little beyond it, any orientation.

    The values are exact in float32; the long axis is up to `axis_ratio` times the short one.
    """
    generator = torch.Generator().manual_seed(seed)
    size = torch.tensor([width, height], dtype=torch.float64)
    positions = (torch.rand(count, 2, generator=generator, dtype=torch.float64) * 1.4 - 0.2) * size
    scale = torch.rand(count, generator=generator, dtype=torch.float64) * 3.0 + 1.0
    rho = 0.5 * math.log(axis_ratio) * torch.rand(count, generator=generator, dtype=torch.float64)
    angle = 2.0 * math.pi * torch.rand(count, generator=generator, dtype=torch.float64)
    covariances = log_euclidean_to_covariance(torch.log(scale), rho * torch.cos(angle), rho * torch.sin(angle))
    colors = 0.3 * torch.randn(count, 3, generator=generator, dtype=torch.float64)
    return Gaussians2D(*(tensor.float().double() for tensor in (positions, covariances, colors)))


def gradients(
    render: Renderer, splats: Gaussians2D, split: int, width: int, height: int, dtype: torch.dtype
) -> tuple[list[Tensor], list[Tensor]]:
    """Pictures and gradients of a loss over both, in float64 whatever the renderer works in."""
    leaves = [t.to(dtype).requires_grad_() for t in (splats.positions, splats.covariances, splats.colors)]
    lower, top = render(Gaussians2D(*leaves), split, width, height)
    generator = torch.Generator().manual_seed(1)
    weights = torch.randn(2, height, width, 3, generator=generator, dtype=torch.float64).to(top)
    loss = (weights[0] * lower).sum() + (weights[1] * top).sum() + (top * top).sum()
    return [lower.detach().double(), top.detach().double()], [g.double() for g in torch.autograd.grad(loss, leaves)]


def relative_error(found: Tensor, expected: Tensor) -> float:
    """|found - expected| / |expected| in the Euclidean norm; 0 where both vanish."""
    norm = expected.norm().item()
    return (found - expected).norm().item() / norm if norm else found.norm().item()
