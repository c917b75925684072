# SPDX-License-Identifier: Apache-2.0
"""Depths -> front to back: a radix sort of floats by their bits, stable, so that equal depths keep their order."""

from __future__ import annotations

import numpy as np

from lamina.compiled import compiled

DIGIT_BITS = 11
"""Three passes sort 32 bits, and the counts of a pass (2048) stay in L1."""

DIGITS = 1 << DIGIT_BITS
PASSES = 3


@compiled()
def count_digits(keys, depths, order):
    """Keys and numbers of all finite depths, one after the other, the counts of each digit, and how many there are."""
    counts = np.zeros((PASSES, DIGITS), np.int64)
    bits = depths.view(np.uint32)
    found = 0
    for i in range(depths.shape[0]):
        if depths[i] < np.inf:
            key = bits[i]
            keys[found] = key
            order[found] = i
            found += 1
            for turn in range(PASSES):
                counts[turn, (key >> np.uint32(turn * DIGIT_BITS)) & np.uint32(DIGITS - 1)] += 1
    return counts, found


@compiled()
def sort_by_depth(depths):
    """Numbers (int32) of all entries of `depths` (float32, none negative) under infinity, ascending by depth."""
    keys, order = np.empty(depths.shape[0], np.uint32), np.empty(depths.shape[0], np.int32)
    counts, found = count_digits(keys, depths, order)
    other_keys, other_order = np.empty(found, np.uint32), np.empty(found, np.int32)
    for turn in range(PASSES):
        position = 0
        for digit in range(DIGITS):
            count = counts[turn, digit]
            counts[turn, digit] = position
            position += count
        shift = np.uint32(turn * DIGIT_BITS)
        for k in range(found):
            digit = (keys[k] >> shift) & np.uint32(DIGITS - 1)
            position = counts[turn, digit]
            counts[turn, digit] = position + 1
            other_keys[position] = keys[k]
            other_order[position] = order[k]
        keys, other_keys = other_keys, keys
        order, other_order = other_order, order
    return order[:found].copy()
