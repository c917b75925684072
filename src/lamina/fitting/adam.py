# SPDX-License-Identifier: Apache-2.0
"""Tensors under optimisation whose rows learn when they are seen: values, moments and gradients enter, values leave."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Int64
from torch import Tensor

from lamina.fitting.adam_kernels import adam_rows
from lamina.render.kernels.threads import share_threads

DECAYS = (0.9, 0.999)
"""Of Adam's moments."""

TINY = 1e-15
"""Adam's epsilon. Source: 3DGS, gaussian_model.py."""


@dataclass(eq=False)
class Parameter:
    """A tensor under optimisation, with its moments; gradients come for some of its rows."""

    values: Float[Tensor, "n c"]
    first: Float[Tensor, "n c"]
    second: Float[Tensor, "n c"]

    @classmethod
    def of(cls, values: Float[Tensor, "n c"]) -> Parameter:
        """Fresh moments."""
        return cls(values, torch.zeros_like(values), torch.zeros_like(values))

    def leaf(self, rows: Int64[Tensor, " m"]) -> Float[Tensor, "m c"]:
        """Some rows, as a tensor that collects gradients."""
        return self.values.index_select(0, rows).requires_grad_()

    def descend(
        self, rows: Int64[Tensor, " m"], gradient: Float[Tensor, "m c"], rates: Float[Tensor, " c"], step: int
    ) -> None:
        """One step of Adam on these rows, each column at its own rate; rows out of view keep their moments.

        Source: Kingma, Ba, Adam (2015); rows in view alone, as Mallick et al., Taming 3DGS (2024).
        """
        corrections = [1 / (1 - decay**step) for decay in DECAYS]
        if self.values.device.type == "cpu":
            share_threads()
            values, first, second = (tensor.numpy() for tensor in (self.values, self.first, self.second))
            decays, scales = np.array(DECAYS, np.float32), np.array(corrections, np.float32)
            slopes = gradient.contiguous().numpy()
            adam_rows(values, first, second, slopes, rows.numpy(), rates.numpy(), decays, scales)
            return
        first = torch.lerp(gradient, self.first[rows], DECAYS[0])
        second = torch.lerp(gradient.square(), self.second[rows], DECAYS[1])
        self.first[rows], self.second[rows] = first, second
        self.values[rows] -= rates * corrections[0] * first / ((corrections[1] * second).sqrt() + TINY)

    def rearranged(self, origin: Int64[Tensor, " m"], fresh: Float[Tensor, "f c"]) -> Parameter:
        """Rows taken from `origin`; where it is -1, the next fresh row with moments of zero."""
        new = origin < 0
        moved = [tensor[origin.clamp_min(0)] for tensor in (self.values, self.first, self.second)]
        moved[0][new], moved[1][new], moved[2][new] = fresh, 0.0, 0.0
        return Parameter(*moved)
