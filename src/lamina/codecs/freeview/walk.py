# SPDX-License-Identifier: Apache-2.0
"""The differences of one scale in one frame, coded cell by cell: one walk for both directions.

    cell        is any difference not 0?                    given the cell's past, its parent, its neighbours
    group       features, translation, rotation, offsets    given the past, the parent, the groups before
    value       0 or not, sign, magnitude                   given the same column of past, parent and last cell

A group is one of columns; the past is what the frames before were like, the parent a cell of the scale above in the
same frame. Slots of contexts are laid out here, kept and copied in `memory`.
"""

from __future__ import annotations

import numpy as np

from lamina.codecs.freeview.motion import SUM_LIMIT
from lamina.entropy.binary import fail, ran_dry
from lamina.entropy.kernel import kernel
from lamina.entropy.mixing import code_mixed_bit

GROUPS = 4
COLUMNS = 256
"""Columns of a difference, at most: 128 features, 6 of motion, 3 of each of 31 offsets are 227."""

MAX_CLASS = 21
"""Magnitudes less 1 are coded as a class (their bit length) and the bits below: enough for twice the limit of sums."""

# Whether a cell has any difference: seven models.
ACTIVE_MODELS = 7
ACTIVE_PAST = 0
ACTIVE_NEAR = ACTIVE_PAST + 16 * 4
ACTIVE_BEFORE = ACTIVE_NEAR + 8 * 8 * 2
ACTIVE_LAST = ACTIVE_BEFORE + 28 * 4
ACTIVE_MIXED = ACTIVE_LAST + 4 * 4 * 8
ACTIVE_PARENT = ACTIVE_MIXED + 8 * 8 * 4
ACTIVE_CELL = ACTIVE_PARENT + 16 * 8

# Of an active cell, which groups have any, and its values: five models.
VALUE_MODELS = 5
GROUP_PAST = 0
GROUP_PARENT = GROUP_PAST + GROUPS * 16 * 4
GROUP_LAST = GROUP_PARENT + GROUPS * 16 * 16
GROUP_OWN = GROUP_LAST + GROUPS * 16 * 16
GROUP_NEAR = GROUP_OWN + GROUPS * 16
ZERO_COLUMN = GROUP_NEAR + GROUPS * 8 * 16
ZERO_PAST = ZERO_COLUMN + COLUMNS * 4
ZERO_COUNT = ZERO_PAST + GROUPS * 27 * 3
ZERO_PARENT = ZERO_COUNT + GROUPS * 16 * 16
ZERO_LAST = ZERO_PARENT + COLUMNS * 9
SIGN_COLUMN = ZERO_LAST + COLUMNS * 9
SIGN_PAST = SIGN_COLUMN + COLUMNS
SIGN_PARENT = SIGN_PAST + COLUMNS * 3
SIGN_LAST = SIGN_PARENT + COLUMNS * 3
SIGN_ALL = SIGN_LAST + COLUMNS * 3
CLASS_COLUMN = SIGN_ALL + GROUPS * 27
CLASS_PAST = CLASS_COLUMN + COLUMNS * 24
CLASS_PARENT = CLASS_PAST + GROUPS * 24 * 24
CLASS_LAST = CLASS_PARENT + GROUPS * 24 * 24
CLASS_GROUP = CLASS_LAST + GROUPS * 24 * 24
BITS_HIGH = CLASS_GROUP + GROUPS * 24 * 16
VALUE_ROWS = BITS_HIGH + GROUPS * 24 * 24

# Sets of weights.
SET_GROUP, SET_ZERO, SET_SIGN, SET_CLASS, SET_BITS = 0, 4, 8, 12, 16
VALUE_SETS = 20


@kernel
def sign_of(value):
    """0, 1 for above, 2 for below."""
    return 1 if value > 0 else (2 if value < 0 else 0)


@kernel
def size_of(value):
    """0, 1, 2 for larger."""
    return min(abs(value), 2)


@kernel
def class_of(value):
    """Bit length of a magnitude, 0...23."""
    magnitude = abs(value)
    found = 0
    while magnitude > 0:
        magnitude >>= 1
        found += 1
    return min(found, 23)


@kernel
def code_active(coder, mixer, i, values, past, history, flags, parents, neighbors, above_flags):
    """Whether cell i has any difference; `flags` of cells so far hold a bit a group."""
    parent = parents[i]
    has_parent = 0
    if parent >= 0:
        has_parent = 1 + np.int64(above_flags[parent] != 0)
    near, known, before = 0, 0, 0
    for place in range(27):
        row = neighbors[i, place]
        if row < 0 or row == i:
            continue
        before += np.int64(history[row]) & 1
        if row < i:
            known += 1
            near += np.int64(flags[row] != 0)
    own = np.int64(history[i]) & 15
    last = np.int64(flags[i - 1] != 0) if i > 0 else 0
    second = np.int64(flags[i - 2] != 0) if i > 1 else 0
    parent_groups = np.int64(above_flags[parent]) if parent >= 0 else 0
    mixer.chosen[0] = ACTIVE_PAST + own * 4 + has_parent
    mixer.chosen[1] = ACTIVE_NEAR + (min(near, 7) * 8 + min(known, 7)) * 2 + (own & 1)
    mixer.chosen[2] = ACTIVE_BEFORE + before * 4 + (own & 3)
    mixer.chosen[3] = ACTIVE_LAST + ((last * 2 + second) * 4 + has_parent) * 8 + (own & 7)
    mixer.chosen[4] = ACTIVE_MIXED + (min(near, 7) * 8 + min(before, 7)) * 4 + has_parent
    mixer.chosen[5] = ACTIVE_PARENT + parent_groups * 8 + (own & 7)
    mixer.chosen[6] = ACTIVE_CELL + i
    bit = 0
    for column in range(values.shape[1]):
        if values[i, column] != 0:
            bit = 1
    return code_mixed_bit(coder, mixer, has_parent, bit)


@kernel
def code_value(coder, mixer, group, column, value, must, past, above, last, nonzero, width):
    """One difference of an active group; `must` says that it is not 0."""
    code, code_above, code_last = sign_of(past), sign_of(above), sign_of(last)
    is_other = 1
    if not must:
        mixer.chosen[0] = ZERO_COLUMN + column * 4 + min(nonzero, 3)
        mixer.chosen[1] = (
            ZERO_PAST + (group * 27 + size_of(past) * 9 + size_of(above) * 3 + size_of(last)) * 3 + min(nonzero, 2)
        )
        mixer.chosen[2] = ZERO_COUNT + (group * 16 + min(nonzero, 15)) * 16 + min(width, 15)
        mixer.chosen[3] = ZERO_PARENT + column * 9 + size_of(above) * 3 + size_of(past)
        mixer.chosen[4] = ZERO_LAST + column * 9 + size_of(last) * 3 + size_of(past)
        is_other = code_mixed_bit(coder, mixer, SET_ZERO + group, np.int64(value != 0))
    if is_other == 0:
        return np.int64(0)
    mixer.chosen[0] = SIGN_COLUMN + column
    mixer.chosen[1] = SIGN_PAST + column * 3 + code
    mixer.chosen[2] = SIGN_PARENT + column * 3 + code_above
    mixer.chosen[3] = SIGN_LAST + column * 3 + code_last
    mixer.chosen[4] = SIGN_ALL + group * 27 + code * 9 + code_above * 3 + code_last
    is_below = code_mixed_bit(coder, mixer, SET_SIGN + group, np.int64(value < 0))
    wanted = abs(value) - 1
    wanted_class = class_of(wanted)
    found = 0
    while found < MAX_CLASS:
        mixer.chosen[0] = CLASS_COLUMN + column * 24 + found
        mixer.chosen[1] = CLASS_PAST + (group * 24 + class_of(past)) * 24 + found
        mixer.chosen[2] = CLASS_PARENT + (group * 24 + class_of(above)) * 24 + found
        mixer.chosen[3] = CLASS_LAST + (group * 24 + class_of(last)) * 24 + found
        mixer.chosen[4] = CLASS_GROUP + (group * 24 + found) * 16 + min(nonzero, 15)
        more = code_mixed_bit(coder, mixer, SET_CLASS + group, np.int64(wanted_class > found))
        if more == 0:
            break
        found += 1
    magnitude = np.int64(1) if found > 0 else np.int64(0)
    for place in range(found - 2, -1, -1):
        high = min(magnitude, 7) if found - 1 - place <= 3 else 8 + place
        for model in range(VALUE_MODELS):
            mixer.chosen[model] = BITS_HIGH + (group * 24 + found) * 24 + min(high, 23)
        bit = code_mixed_bit(coder, mixer, SET_BITS + group, (wanted >> place) & 1)
        magnitude = (magnitude << 1) | bit
    magnitude += 1
    return -magnitude if is_below == 1 else magnitude


@kernel
def walk_scale(
    coder, active, values_mixer, values, past, history, flags, is_sent, starts, parents, neighbors, above, above_flags
):
    """All differences of a scale, into or from `values` (n, c); `flags` (n,) get a bit a group that has any.

    Args:
        past: (n, c) of the frame before.
        history: (n,) whether a cell had any, a bit a frame.
        is_sent: (n,) 0 where a cell has nothing to move: nothing is coded.
        starts: (8,) first column of each group and its end; an empty range is not sent.
        parents, neighbors: rows; see `hierarchy`.
        above, above_flags: differences of the scale above in this frame, and their flags.
    """
    last = -1
    for i in range(values.shape[0]):
        if ran_dry(coder):
            return
        flags[i] = 0
        if is_sent[i] == 0:
            continue
        if code_active(coder, active, i, values, past, history, flags, parents, neighbors, above_flags) == 0:
            for column in range(values.shape[1]):
                values[i, column] = 0
            continue
        flags[i] = code_groups(
            coder, values_mixer, i, last, values, past, history, flags, starts, parents, above, above_flags
        )
        last = i


@kernel
def code_groups(coder, mixer, i, last, values, past, history, flags, starts, parents, above, above_flags):
    """The groups and values of an active cell; returns a bit a group that has any."""
    parent = parents[i]
    groups_above = np.int64(above_flags[parent]) if parent >= 0 else np.int64(0)
    groups_last = np.int64(flags[last]) if last >= 0 else np.int64(0)
    found = np.int64(0)
    for group in range(GROUPS):
        first, end = starts[2 * group], starts[2 * group + 1]
        if first == end:
            continue
        bit, was = 0, 0
        for column in range(first, end):
            bit |= np.int64(values[i, column] != 0)
            was |= np.int64(past[i, column] != 0)
        is_last_chance = found == 0
        for other in range(group + 1, GROUPS):
            if starts[2 * other] != starts[2 * other + 1]:
                is_last_chance = False
        if not is_last_chance:
            own = np.int64(history[i]) & 3
            mixer.chosen[0] = GROUP_PAST + (group * 16 + found) * 4 + was * 2 + (own & 1)
            mixer.chosen[1] = GROUP_PARENT + (group * 16 + groups_above) * 16 + found
            mixer.chosen[2] = GROUP_LAST + (group * 16 + groups_last) * 16 + found
            mixer.chosen[3] = GROUP_OWN + group * 16 + found
            mixer.chosen[4] = GROUP_NEAR + (group * 8 + own * 2 + was) * 16 + (groups_above & 15)
            bit = code_mixed_bit(coder, mixer, SET_GROUP + group, bit)
        else:
            bit = 1
        if bit == 0:
            for column in range(first, end):
                values[i, column] = 0
            continue
        found |= np.int64(1) << group
        nonzero = 0
        for column in range(first, end):
            must = nonzero == 0 and column == end - 1
            value_above = above[parent, column] if parent >= 0 else 0
            value_last = values[last, column] if last >= 0 else 0
            value = code_value(
                coder,
                mixer,
                group,
                column,
                np.int64(values[i, column]),
                must,
                np.int64(past[i, column]),
                np.int64(value_above),
                np.int64(value_last),
                nonzero,
                end - first,
            )
            if abs(value) > 2 * SUM_LIMIT:
                fail(coder)
                value = np.int64(0)
            values[i, column] = value
            nonzero += np.int64(value != 0)
    return found
