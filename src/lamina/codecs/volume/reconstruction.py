# SPDX-License-Identifier: Apache-2.0
"""Symbols of a level enter, values of its rows leave, in integers of 2**-12.

    expected      = what vectors bring from the frame before, summed to this level; of a key frame 0
    difference    = up(difference of the level above) + symbol * step
    value         = expected + difference

So each level is predicted from itself alone, and whatever levels a viewer leaves out, none drifts by it.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from jaxtyping import Int32, Int64

from lamina.codecs.volume.syntax import COLORS, STEP_KINDS, VALUE_LIMIT
from lamina.compiled import compiled


def channel_steps(steps: Sequence[int], level: int, channel_count: int) -> Int32[np.ndarray, " c"]:
    """Step of each channel of a level, from those of a group's header."""
    density, luma, color, extra = steps[STEP_KINDS * level : STEP_KINDS * (level + 1)]
    row = [density, luma, *(color for _ in range(COLORS - 1))]
    return np.array([*row, *(extra for _ in range(channel_count - len(row)))], np.int32)


def add_symbols(
    base: Int32[np.ndarray, "r c"], symbols: Int32[np.ndarray, "r c"], steps: Int32[np.ndarray, " c"]
) -> Int32[np.ndarray, "r c"]:
    """Differences: what the level above says, and the level's own; saturated at `VALUE_LIMIT`."""
    found = np.empty_like(base)
    add_scaled(base, symbols, steps.astype(np.int64), found)
    return found


def saturated_sum(one: Int32[np.ndarray, "r c"], other: Int32[np.ndarray, "r c"]) -> Int32[np.ndarray, "r c"]:
    """Sums, saturated at `VALUE_LIMIT`."""
    found = np.empty_like(one)
    add_scaled(one, other, np.ones(one.shape[1], np.int64), found)
    return found


@compiled()
def add_scaled(base, symbols, steps: Int64[np.ndarray, " c"], found):
    """`found` = base + symbols * steps, saturated."""
    for r in range(base.shape[0]):
        for c in range(base.shape[1]):
            value = np.int64(base[r, c]) + np.int64(symbols[r, c]) * steps[c]
            found[r, c] = min(max(value, -VALUE_LIMIT), VALUE_LIMIT)
