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
from jaxtyping import Int32

from lamina.codecs.volume.syntax import COLORS, STEP_KINDS, VALUE_LIMIT
from lamina.compiled import compiled


def channel_steps(steps: Sequence[int], level: int, channel_count: int) -> Int32[np.ndarray, " c"]:
    """Step of each channel of a level, from those of a group's header."""
    density, luma, color, extra = steps[STEP_KINDS * level : STEP_KINDS * (level + 1)]
    row = [density, luma, *(color for _ in range(COLORS - 1))]
    return np.array([*row, *(extra for _ in range(channel_count - len(row)))], np.int32)


def expected_densities(moved: Int32[np.ndarray, "r c"], base: Int32[np.ndarray, "r c"]) -> Int32[np.ndarray, " r"]:
    """What is known of densities before their symbols are, saturated at `VALUE_LIMIT`."""
    found = np.empty(len(moved), np.int32)
    add_densities(moved, base, found)
    return found


def finish_level(
    base: Int32[np.ndarray, "r c"],
    moved: Int32[np.ndarray, "r c"],
    symbols: Int32[np.ndarray, "r c"],
    steps: Int32[np.ndarray, " c"],
) -> None:
    """Differences and values of a level, in the places of what the level above says and of what is expected."""
    add_in_place(base, moved, symbols, steps.astype(np.int64))


@compiled()
def add_in_place(base, moved, symbols, steps):
    """`base` += symbols * steps and `moved` += `base`, both saturated."""
    low, high = np.int64(-VALUE_LIMIT), np.int64(VALUE_LIMIT)
    for r in range(base.shape[0]):
        for c in range(base.shape[1]):
            difference = min(max(np.int64(base[r, c]) + np.int64(symbols[r, c]) * steps[c], low), high)
            base[r, c] = difference
            moved[r, c] = min(max(np.int64(moved[r, c]) + difference, low), high)


@compiled()
def add_densities(moved, base, found):
    """`found` (r,) = the first channel of both, saturated."""
    for r in range(found.size):
        found[r] = min(max(np.int64(moved[r, 0]) + np.int64(base[r, 0]), -VALUE_LIMIT), VALUE_LIMIT)
