# SPDX-License-Identifier: Apache-2.0
"""A learned distribution for each channel of latents: values enter, bits with gradients leave; in the end, counts.

The cumulative distribution of a channel is a small network whose weights are above 0, so that it rises; a value's
probability is what it rises by over the value's unit interval. Source: Balle et al., Variational image compression with
a scale hyperprior (ICLR 2018), appendix 6.1; HPC (arXiv 2602.00671), Eq. 12 and 13.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import torch
from jaxtyping import Float, Int32
from torch import Tensor
from torch.nn import functional

FILTERS = (1, 3, 3, 3, 1)
"""Units from layer to layer."""

FIRST_SPREAD = 2.0
"""Of the distribution before any step, about."""

LEAST_PROBABILITY = 1e-9

COUNTS = 1 << 20
"""What probabilities are counted in, for tables."""


@dataclass(frozen=True, eq=False)
class FactorizedPrior:
    """Parameters of all channels."""

    matrices: tuple[Float[Tensor, "c o i"], ...]
    biases: tuple[Float[Tensor, "c o 1"], ...]
    factors: tuple[Float[Tensor, "c o 1"], ...]

    @classmethod
    def fresh(cls, channels: int, generator: torch.Generator) -> FactorizedPrior:
        """Before any step."""
        scale = FIRST_SPREAD ** (1 / (len(FILTERS) - 1))
        matrices, biases, factors = [], [], []
        for layer, (inputs, outputs) in enumerate(pairwise(FILTERS)):
            weight = math.log(math.expm1(1 / scale / outputs))
            matrices.append(torch.full((channels, outputs, inputs), weight).requires_grad_())
            bias = torch.rand((channels, outputs, 1), generator=generator) - 0.5
            # Latents are about 0, and as likely above as below: a distribution that begins there is found sooner.
            biases.append((bias if layer < len(FILTERS) - 2 else torch.zeros_like(bias)).requires_grad_())
            if layer < len(FILTERS) - 2:
                factors.append(torch.zeros((channels, outputs, 1)).requires_grad_())
        return cls(tuple(matrices), tuple(biases), tuple(factors))

    def parameters(self) -> tuple[Tensor, ...]:
        """All of them."""
        return (*self.matrices, *self.biases, *self.factors)

    def bits(self, values: Float[Tensor, "n c"]) -> Float[Tensor, ""]:
        """What values cost together."""
        return -torch.log2(self.probabilities(values).clamp_min(LEAST_PROBABILITY)).sum()

    def probabilities(self, values: Float[Tensor, "n c"]) -> Float[Tensor, "n c"]:
        """Of the unit interval around each value."""
        columns = values.t()[:, None]
        low, high = self._logits(columns - 0.5), self._logits(columns + 0.5)
        # Both sigmoids are taken on the side where they are small: differences near 1 have no digits left.
        side = -torch.sign(low + high).detach()
        return (torch.sigmoid(side * high) - torch.sigmoid(side * low)).abs()[:, 0].t()

    def _logits(self, values: Float[Tensor, "c 1 n"]) -> Float[Tensor, "c 1 n"]:
        for layer, (matrix, bias) in enumerate(zip(self.matrices, self.biases, strict=True)):
            values = functional.softplus(matrix) @ values + bias
            if layer < len(self.factors):
                values = values + torch.tanh(self.factors[layer]) * torch.tanh(values)
        return values

    @torch.no_grad()
    def counts(self, latents: Sequence[Int32[np.ndarray, "n c"]]) -> tuple[list[list[int]], list[int]]:
        """Rows and smallest values for tables, over what each channel has; the last of a row is for all else."""
        rows, lows = [], []
        for channel in range(len(self.matrices[0])):
            own = np.concatenate([scale[:, channel] for scale in latents])
            low, high = (int(own.min()), int(own.max())) if len(own) else (0, 0)
            values = torch.arange(low, high + 1, dtype=torch.float32)[:, None].expand(-1, len(self.matrices[0]))
            shares = self.probabilities(values)[:, channel].numpy()
            rows.append([*(max(1, round(float(share) * COUNTS)) for share in shares), 0])
            lows.append(low)
        return rows, lows
