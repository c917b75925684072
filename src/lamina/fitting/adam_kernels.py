# SPDX-License-Identifier: Apache-2.0
"""The loop under the optimiser: rows of a parameter and of its moments, changed in place."""

from __future__ import annotations

import numpy as np
from numba import prange

from lamina.compiled import compiled

BLOCK_ROWS = 1024


@compiled(fastmath=True, parallel=True)
def adam_rows(values, first, second, gradients, rows, rates, decays, corrections):
    """One step of Adam on some rows of `values` (n, c); `gradients` (m, c) belong to `rows` (m).

    Each column has its rate; `corrections` are 1 / (1 - decay ** step) of both moments.
    """
    count, width = gradients.shape
    b1, b2 = decays[0], decays[1]
    one, tiny = np.float32(1.0), np.float32(1e-15)
    for block in prange((count + BLOCK_ROWS - 1) // BLOCK_ROWS):
        for index in range(block * BLOCK_ROWS, min(count, (block + 1) * BLOCK_ROWS)):
            row = rows[index]
            for j in range(width):
                g = gradients[index, j]
                m = b1 * first[row, j] + (one - b1) * g
                v = b2 * second[row, j] + (one - b2) * g * g
                first[row, j] = m
                second[row, j] = v
                values[row, j] -= rates[j] * corrections[0] * m / (np.sqrt(corrections[1] * v) + tiny)
