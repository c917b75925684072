# SPDX-License-Identifier: Apache-2.0
"""The hash grid's loops: lattice positions and signs enter, sums of weighted signs leave; gradients the other way.

Corners and weights are integers, the same for training and for coding. One call is one thread's share (positions on the
way forward, levels on the way back), so results do not depend on the number of threads.
"""

from __future__ import annotations

import numpy as np

from lamina.compiled import compiled
from lamina.networks.constants import (
    AXIS_X,
    AXIS_Z,
    FIRST,
    FRACTION_BITS,
    MASK,
    NODES,
    POSITION_BITS,
    PRIMES,
    SUM_BITS,
)

LANES = 4
"""Features are padded to a multiple of this: a row is then one load, and the compiler makes vectors of it."""

_BLOCK = 128
"""Positions whose corners are found at once, in vectors; they stay in the nearest cache."""
_DROPPED = POSITION_BITS - FRACTION_BITS
_UNIT = 1 << FRACTION_BITS
_PRIME_Y, _PRIME_Z = PRIMES[1:]
_REALS_PER_SUM = 2.0**-SUM_BITS


@compiled()
def find_nodes(positions, start, nodes, below, fraction):
    """Node at or below each of a block's coordinates on one axis, and the fraction to the next node, 0...1023.

    The outermost nodes are never used (HAC's border rule: they are skipped and the other weights renormalised); that
    equals clamping to 1...nodes - 2.
    """
    lowest, highest = np.uint32(1 << POSITION_BITS), np.uint32(nodes - 2) << np.uint32(POSITION_BITS)
    half, cells = np.uint32(1 << (POSITION_BITS - 1)), np.uint32(nodes - 2)
    for n in range(min(_BLOCK, positions.size - start)):
        place = min(max(np.uint32(positions[start + n]) * cells + half, lowest), highest)
        below[n] = place >> np.uint32(POSITION_BITS)
        fraction[n] = (place >> np.uint32(_DROPPED)) & np.uint32(_UNIT - 1)


@compiled()
def find_corners(positions, start, level, entries, weights):
    """Entries and weights of the corners around a block of positions, corner by corner; returns how many corners."""
    axes = 3 if level[AXIS_Z] >= 0 else 2
    below, fraction = np.empty((3, _BLOCK), np.uint32), np.empty((3, _BLOCK), np.uint32)
    for axis in range(axes):
        find_nodes(positions[level[AXIS_X + axis]], start, level[NODES], below[axis], fraction[axis])
    if axes == 2:
        below[2] = 0
        fraction[2] = 0
    nodes, first, mask = np.uint32(level[NODES]), np.uint32(level[FIRST]), np.uint32(level[MASK])
    for corner in range(1 << axes):
        i, j, k = np.uint32(corner & 1), np.uint32(corner >> 1 & 1), np.uint32(corner >> 2)
        entry, weight = entries[corner], weights[corner]
        for n in range(min(_BLOCK, positions.shape[1] - start)):
            x, y, z = below[0, n] + i, below[1, n] + j, below[2, n] + k
            if mask == 0:
                entry[n] = first + x + nodes * (y + nodes * z)
            else:
                entry[n] = first + ((x ^ (y * np.uint32(_PRIME_Y)) ^ (z * np.uint32(_PRIME_Z))) & mask)
            right = fraction[0, n] if i else np.uint32(_UNIT) - fraction[0, n]
            down = fraction[1, n] if j else np.uint32(_UNIT) - fraction[1, n]
            deep = fraction[2, n] if k else np.uint32(_UNIT) - fraction[2, n]
            weight[n] = right * down * deep
    return 1 << axes


@compiled()
def sum_signs(positions, first_row, last_row, table, signs, sums):
    """sums[n, level, f] = sum over corners of weight * sign, for rows `first_row` to before `last_row`."""
    entries, weights = np.empty((8, _BLOCK), np.uint32), np.empty((8, _BLOCK), np.uint32)
    for start in range(first_row, last_row, _BLOCK):
        for level in range(table.shape[0]):
            corners = find_corners(positions[:, :last_row], start, table[level], entries, weights)
            for lane in range(0, signs.shape[1], LANES):
                for n in range(min(_BLOCK, last_row - start)):
                    a, b, c, d = np.int32(0), np.int32(0), np.int32(0), np.int32(0)
                    for corner in range(corners):
                        weight, entry = np.int32(weights[corner, n]), np.uint64(entries[corner, n])
                        a += weight * signs[entry, lane]
                        b += weight * signs[entry, lane + 1]
                        c += weight * signs[entry, lane + 2]
                        d += weight * signs[entry, lane + 3]
                    row = sums[start + n, level]
                    row[lane], row[lane + 1], row[lane + 2], row[lane + 3] = a, b, c, d


@compiled()
def spread_gradient(positions, table, level, gradients, sign_gradients):
    """Adds to the signs of one level what they are owed: weight * gradient of their sums, in reals."""
    entries, weights = np.empty((8, _BLOCK), np.uint32), np.empty((8, _BLOCK), np.uint32)
    for start in range(0, positions.shape[1], _BLOCK):
        corners = find_corners(positions, start, table[level], entries, weights)
        for lane in range(0, sign_gradients.shape[1], LANES):
            for n in range(min(_BLOCK, positions.shape[1] - start)):
                row = gradients[start + n, level]
                a, b, c, d = row[lane], row[lane + 1], row[lane + 2], row[lane + 3]
                for corner in range(corners):
                    weight = np.float32(weights[corner, n]) * np.float32(_REALS_PER_SUM)
                    owed = sign_gradients[np.uint64(entries[corner, n])]
                    owed[lane] += weight * a
                    owed[lane + 1] += weight * b
                    owed[lane + 2] += weight * c
                    owed[lane + 3] += weight * d


@compiled()
def mark_entries(positions, table, is_used):
    """Sets the flag of every entry that some position weighs with more than 0."""
    entries, weights = np.empty((8, _BLOCK), np.uint32), np.empty((8, _BLOCK), np.uint32)
    for level in range(table.shape[0]):
        for start in range(0, positions.shape[1], _BLOCK):
            for corner in range(find_corners(positions, start, table[level], entries, weights)):
                for n in range(min(_BLOCK, positions.shape[1] - start)):
                    if weights[corner, n] > 0:
                        is_used[entries[corner, n]] = True
