# SPDX-License-Identifier: Apache-2.0
"""What a symbol costs while a model is trained: distances from means and scales enter, bits with gradients leave."""

from __future__ import annotations

import math

import torch
from jaxtyping import Float
from torch import Tensor

from lamina.entropy.gaussian_tables import gaussian_scales
from lamina.quantize.training import straight_through

MAX_BITS = 40.0
"""A surprise is charged at most this: what an escape costs."""

FAR = 5.0
"""Standard deviations from which a tail is its asymptote: 4 % off there, where a symbol costs over 20 bits."""

ROOT_HALF = math.sqrt(0.5)


def gaussian_bits(residuals: Float[Tensor, "*shape"], log2_scales: Float[Tensor, "*shape"]) -> Float[Tensor, "*shape"]:
    """-log2 of a normal's mass within half a step of each residual; both in steps, scales as the coder's tables have.

    By symmetry of the larger tail, so that nothing cancels; far out by its asymptote. Scales beyond the tables are
    brought back with their gradient intact.
    """
    lowest, highest = math.log2(gaussian_scales()[0]), math.log2(gaussian_scales()[-1])
    bounded = straight_through(log2_scales, log2_scales.clamp(lowest, highest))
    sharpness = torch.exp2(-bounded)
    size = residuals.abs()
    near = (size - 0.5) * sharpness
    mass = torch.special.erfc(near * ROOT_HALF) - torch.special.erfc((size + 0.5) * sharpness * ROOT_HALF)
    far = near.clamp_min(FAR)
    tail = far.square() * 0.5 + torch.log(far) + 0.5 * math.log(2 * math.pi)
    nats = torch.where(near < FAR, -torch.log((0.5 * mass).clamp_min(1e-30)), tail)
    return (nats / math.log(2.0)).clamp_max(MAX_BITS)
