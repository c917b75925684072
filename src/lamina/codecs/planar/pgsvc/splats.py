# SPDX-License-Identifier: Apache-2.0
"""The paper's splat parameters: rows of a float32 table enter, `Gaussians2D` in full-size pixels leave.

Rows of a (8, n) table ("raw splats"): u_x, u_y (position before tanh: x = (tanh(u) + 1) / 2 of the width), l11, l21,
l22 (Cholesky factor in full-size pixels before the bound of + 0.5 on its diagonal), and the weighted colour w c. In
training the table has a ninth row, the weight w, and the colour rows hold c alone.

Source: Zhang et al., GaussianImage (ECCV 2024), sec. 3.1; P-GSVC, sec. 3.2.
"""

from __future__ import annotations

import torch
from jaxtyping import Float, Float32
from torch import Tensor

from lamina.render.planar import Gaussians2D, cholesky_to_covariance

RAW_ROWS = 8
"""Position, Cholesky factor, weighted colour."""

WEIGHT_ROW = 8
"""Of a training table."""

TRAINING_ROWS = 9

CHOLESKY_BOUND_PX = 0.5
"""Added to the diagonal of the Cholesky factor: young splats are at least half a pixel wide (GaussianImage)."""

NEW_WEIGHT = 0.01
"""w of a splat that is new: it has to earn its place before the next pruning (LonganWANG-cs/GSVC,
GaussianSplats_Represent.py)."""


def random_splats(count: int, generator: torch.Generator) -> Float32[Tensor, "9 n"]:
    """New splats for training: positions uniform over the picture, Cholesky factors and colours uniform in 0...1.

    Source: Xinjie-Q/GaussianImage, gaussianimage_cholesky.py.
    """
    table = torch.rand(TRAINING_ROWS, count, generator=generator)
    table[:2] = torch.atanh((2.0 * table[:2] - 1.0).clamp(-1.0 + 1e-6, 1.0 - 1e-6))
    table[WEIGHT_ROW] = NEW_WEIGHT
    return table


def weighted(raw: Float32[Tensor, "8 n"]) -> Float32[Tensor, "9 n"]:
    """A training table of finished splats: w = 1."""
    return torch.cat([raw, torch.ones_like(raw[:1])])


def fold_weights(table: Float32[Tensor, "9 n"]) -> Float32[Tensor, "8 n"]:
    """Raw splats of a training table: colour rows become w c. Differentiable."""
    return torch.cat([table[:5], table[5:8] * table[WEIGHT_ROW]])


def to_gaussians(raw: Float[Tensor, "8 n"], width: int, height: int) -> Gaussians2D:
    """Gaussians in pixels of a picture of that full size. Differentiable."""
    size = raw.new_tensor([width, height])
    positions = (torch.tanh(raw[:2].T) + 1.0) * (0.5 * size)
    covariances = cholesky_to_covariance(raw[2] + CHOLESKY_BOUND_PX, raw[3], raw[4] + CHOLESKY_BOUND_PX)
    return Gaussians2D(positions, covariances, raw[5:8].T.contiguous())
