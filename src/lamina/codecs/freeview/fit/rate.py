# SPDX-License-Identifier: Apache-2.0
"""What differences cost, about: rounded ones enter, bits and the slope that descent feels leave.

A value is 0 with probability z, else a sign and a geometric magnitude, each column with statistics of its own: what the
adaptive coder comes near to without its contexts. Bits are counted of rounded values; a value over half a step pays, as
slope, for being further from 0, and half of what leaving 0 cost, so that it returns where it gives too little.

Statistics are those of the frame before together with those of now: of now alone, what is rare gets dearer until it
vanishes (freeview prototype).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float32, Int32

LEAST_RATE = 0.002
"""Of values that are not 0, in the statistics of a column."""

FIRST_RATE = 0.03
"""The same before any frame is known."""

LEAVING = 0.5
"""Of what leaving 0 costs, the part that a value feels on its way back."""


@dataclass(frozen=True, eq=False)
class Statistics:
    """Of each column of a scale."""

    nonzero: Float32[np.ndarray, " c"]
    """Share of values that are not 0."""
    magnitude: Float32[np.ndarray, " c"]
    """Mean magnitude of those, at least 1."""

    @property
    def zero_bits(self) -> Float32[np.ndarray, " c"]:
        """Cost of a 0."""
        return -np.log2(1.0 - self.nonzero)

    @property
    def leaving_bits(self) -> Float32[np.ndarray, " c"]:
        """Cost of a 1 or -1 over that of a 0."""
        stop = 1.0 / self.magnitude
        return -np.log2(self.nonzero / 2 * stop) - self.zero_bits

    @property
    def further_bits(self) -> Float32[np.ndarray, " c"]:
        """Cost of each step further."""
        return -np.log2(1.0 - np.minimum(1.0 / self.magnitude, 0.98))


def first_statistics(columns: int) -> Statistics:
    """Before any frame."""
    return Statistics(np.full(columns, FIRST_RATE, np.float32), np.full(columns, 1.3, np.float32))


def statistics_of(values: Int32[np.ndarray, "n c"], before: Statistics) -> Statistics:
    """Of a frame's values, half and half with what was known before."""
    nonzero = (values != 0).sum(axis=0)
    share = nonzero / max(len(values), 1)
    magnitude = np.abs(values).sum(axis=0) / np.maximum(nonzero, 1)
    magnitude = np.where(nonzero > 0, np.maximum(magnitude, 1.02), before.magnitude)
    mixed = np.clip(0.5 * share + 0.5 * before.nonzero, LEAST_RATE, 0.5)
    return Statistics(mixed.astype(np.float32), (0.5 * magnitude + 0.5 * before.magnitude).astype(np.float32))


def slopes(values: Float32[np.ndarray, "n c"], statistics: Statistics) -> Float32[np.ndarray, "n c"]:
    """Bits by step at each value: 0 for those that round to 0."""
    pull = statistics.further_bits + LEAVING * np.maximum(statistics.leaving_bits, 0.0)
    return np.where(np.abs(values) > 0.5, np.sign(values) * pull, 0.0).astype(np.float32)
