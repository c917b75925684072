# SPDX-License-Identifier: Apache-2.0
"""What a fit descends on: a rendered picture and its photograph enter, a scalar with gradients leaves."""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from lamina.fitting import photometric_kernels as kernels
from lamina.render.kernels.threads import share_threads

WINDOW_SIGMA_PX = 1.5
"""Of SSIM's Gaussian window. Source: Wang et al., Image quality assessment (2004), sec. III-C."""

STABILIZERS = (0.01**2, 0.03**2)
"""C1 and C2 for values 0...1. Source: the same, sec. III-B."""


def photometric(
    rendered: Float[Tensor, "h w 3"], target: Float[Tensor, "h w 3"], ssim_weight: float
) -> Float[Tensor, ""]:
    """(1 - w) mean absolute error + w (1 - mean SSIM), differentiable in `rendered`; values 0...1.

    Source: Kerbl et al., 3D Gaussian Splatting (SIGGRAPH 2023), Eq. 7; SSIM of 11x11 windows, zeros outside.
    """
    if rendered.device.type == "cpu" and rendered.dtype == torch.float32:
        return _Photometric.apply(rendered, target, ssim_weight)  # pyright: ignore[reportReturnType]
    return photometric_reference(rendered, target, ssim_weight)


def photometric_reference(
    rendered: Float[Tensor, "h w 3"], target: Float[Tensor, "h w 3"], ssim_weight: float
) -> Float[Tensor, ""]:
    """The readable twin of `photometric`: any device, any float type."""
    x, y = rendered.permute(2, 0, 1), target.permute(2, 0, 1)
    down, along = (_window_rows(side, x.device, x.dtype) for side in x.shape[1:])
    # Products of matrices: cuDNN convolves in 10-bit mantissas unless told otherwise, and variances are differences.
    mean_x, mean_y, squares, products = down @ torch.stack([x, y, x * x + y * y, x * y]) @ along.T
    variances = squares - mean_x**2 - mean_y**2
    covariance = products - mean_x * mean_y
    c1, c2 = STABILIZERS
    similarity = (2 * mean_x * mean_y + c1) * (2 * covariance + c2)
    similarity = similarity / ((mean_x**2 + mean_y**2 + c1) * (variances + c2))
    return (1 - ssim_weight) * (x - y).abs().mean() + ssim_weight * (1 - similarity.mean())


class _Photometric(torch.autograd.Function):
    """Value and gradient in one pass over the pixels, on the CPU."""

    @staticmethod
    def forward(ctx: Any, rendered: Tensor, target: Tensor, ssim_weight: float) -> Tensor:
        share_threads()
        x, y = (np.ascontiguousarray(picture.detach().numpy().transpose(2, 0, 1)) for picture in (rendered, target))
        planes, height, width = x.shape
        taps = np.array(_half_window(), np.float32)
        products, derivatives = (np.empty((planes, 3, height, width), np.float32) for _ in range(2))
        sums = np.empty((planes * height, 2), np.float32)
        kernels.measure(x, y, taps, np.array(STABILIZERS, np.float32), products, derivatives, sums)
        similarity, absolute = sums.sum(axis=0, dtype=np.float64) / x.size
        weights = np.array([-ssim_weight / x.size, (1 - ssim_weight) / x.size], np.float32)
        gradient = np.empty_like(x)
        kernels.differentiate(x, y, taps, weights, derivatives, gradient)
        ctx.save_for_backward(torch.from_numpy(gradient))
        return rendered.new_tensor((1 - ssim_weight) * absolute + ssim_weight * (1 - similarity))

    @staticmethod
    def backward(ctx: Any, *above: Any) -> Any:
        (gradient,) = ctx.saved_tensors
        return (gradient * above[0]).permute(1, 2, 0), None, None


@lru_cache(maxsize=16)
def _window_rows(side: int, device: torch.device, dtype: torch.dtype) -> Float[Tensor, "side side"]:
    """Row i weighs what is around place i of a side: the window, cut off where the picture ends."""
    half, places = torch.tensor(_half_window(), device=device, dtype=dtype), torch.arange(side, device=device)
    away = (places[:, None] - places).abs()
    return torch.where(away < len(half), half[away.clamp_max(len(half) - 1)], 0.0)


def _half_window() -> list[float]:
    """Taps from the middle outwards; the whole window sums to 1."""
    taps = [math.exp(-(k**2) / (2 * WINDOW_SIGMA_PX**2)) for k in range(6)]
    total = math.fsum([taps[0], *(2 * tap for tap in taps[1:])])
    return [tap / total for tap in taps]
