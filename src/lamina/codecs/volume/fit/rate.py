# SPDX-License-Identifier: Apache-2.0
"""What integers cost, about: those of a frame enter, bits of each value of each channel of each level leave.

Lengths under the frequencies of now, smoothed by a falling prior so that what is rare keeps a price; between integers
they are taken as straight lines. What the adaptive coder's contexts save is not in them.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float32, Int32

from lamina.compiled import compiled

REACH = 24
"""Integers beyond cost what this one does, and their slope."""

PRIOR = 0.5
"""Of a count, added to that of 0; e ** -0.3 of it for each further one."""

FALL = 0.3


def level_bits(symbols: Int32[np.ndarray, "r c"]) -> Float32[np.ndarray, "c s"]:
    """Bits of -REACH...REACH, by channel."""
    counts = np.zeros((symbols.shape[1], 2 * REACH + 1), np.float64)
    count_symbols(symbols, counts)
    counts += PRIOR * np.exp(-FALL * np.abs(np.arange(-REACH, REACH + 1)))
    return (-np.log2(counts / counts.sum(axis=1, keepdims=True))).astype(np.float32)


def bits_of(symbols: Sequence[Int32[np.ndarray, "r c"]]) -> list[Float32[np.ndarray, "c s"]]:
    """Of all levels."""
    return [level_bits(own) for own in symbols]


@compiled()
def count_symbols(symbols, counts):
    """Adds up symbols in `counts` (c, 2 reach + 1)."""
    reach = counts.shape[1] // 2
    for r in range(symbols.shape[0]):
        for c in range(symbols.shape[1]):
            counts[c, min(max(symbols[r, c], -reach), reach) + reach] += 1
