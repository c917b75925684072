# SPDX-License-Identifier: Apache-2.0
"""What stands in for a quantiser during training: reals enter, reals with a useful gradient leave."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor


def straight_through(values: Float[Tensor, "*shape"], replacement: Float[Tensor, "*shape"]) -> Float[Tensor, "*shape"]:
    """`replacement` on the way forward; on the way back the gradient goes to `values` unchanged."""
    return values + (replacement - values).detach()


def round_straight_through(values: Float[Tensor, "*shape"]) -> Float[Tensor, "*shape"]:
    """Nearest integers (halves to even) with the gradient of the identity."""
    return straight_through(values, torch.round(values))


def add_uniform_noise(
    values: Float[Tensor, "*shape"], generator: torch.Generator | None = None
) -> Float[Tensor, "*shape"]:
    """Rounding's stand-in for rate models: independent noise, uniform in [-0.5, 0.5) of a step.

    Source: Balle, Laparra, Simoncelli, End-to-end optimized image compression (ICLR 2017), sec. 3.
    """
    noise = torch.rand(values.shape, generator=generator, dtype=values.dtype, device=values.device)
    return values + (noise - 0.5)


def scale_gradient(values: Float[Tensor, "*shape"], factor: float) -> Float[Tensor, "*shape"]:
    """The same values; their gradient is multiplied by `factor`."""
    scaled = values * factor
    return scaled + (values - scaled).detach()
