# SPDX-License-Identifier: Apache-2.0
"""The symbols of one level in one frame, coded block by block: one walk for both directions.

    block       4x4x4 vertices: is any symbol not 0?       given the blocks before, parents, whether it may be seen
    row         is any of the vertex's symbols not 0?      given neighbours, parents, the frame before, what is expected
    value       0 or not, sign, magnitude                  given the same channel there, and channels before it

What is expected of a vertex's density before its symbols are known says most of whether there are any: what is hidden
inside and what is empty is left alone. Contexts go on from frame to frame within a group.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from jaxtyping import Int32, UInt8

from lamina.codecs.volume.syntax import SYMBOL_LIMIT
from lamina.entropy.binary import fail, ran_dry
from lamina.entropy.kernel import kernel
from lamina.entropy.mixing import Mixer, code_mixed_bit, fresh_mixer
from lamina.entropy.walk import Coder
from lamina.grids.bricks import BrickTable
from lamina.grids.level import Level

CHANNELS = 16
DENSITY_CLASSES = 16
DENSITY_SHIFT = 12
"""A class of expected density is 1 wide."""

MAX_CLASS = 15
"""Magnitudes less 1 are coded as their bit length and the bits below."""

# Blocks: three models; rows: five; values: five.
BLOCK_MODELS, ROW_MODELS, VALUE_MODELS = 3, 5, 5
BLOCK_LAST = 0
BLOCK_PARENTS = BLOCK_LAST + 8 * 8
BLOCK_DENSITY = BLOCK_PARENTS + 8 * 8
BLOCK_ROWS = BLOCK_DENSITY + DENSITY_CLASSES * 8

ROW_NEAR = 0
ROW_SUM = ROW_NEAR + 8 * 8 * 2
ROW_PAST = ROW_SUM + 8 * 8 * 8
ROW_DENSITY = ROW_PAST + 8 * 8 * 4
ROW_LAST = ROW_DENSITY + DENSITY_CLASSES * 8 * 8
ROW_SLOTS = ROW_LAST + 8 * 8 * DENSITY_CLASSES

ZERO_NEAR = 0
ZERO_PARITY = ZERO_NEAR + CHANNELS * 8 * 8 * 4
ZERO_OTHERS = ZERO_PARITY + CHANNELS * 8 * 8 * 4
ZERO_LAST = ZERO_OTHERS + CHANNELS * 8 * 4 * 8
ZERO_DENSITY = ZERO_LAST + CHANNELS * 3 * 3 * 8
SIGN_FACES = ZERO_DENSITY + CHANNELS * DENSITY_CLASSES * 8
SIGN_PARENT = SIGN_FACES + CHANNELS * 27
SIGN_PARITY = SIGN_PARENT + CHANNELS * 3 * 9
SIGN_OTHERS = SIGN_PARITY + CHANNELS * 8 * 3
SIGN_DENSITY = SIGN_OTHERS + CHANNELS * 27
CLASS_NEAR = SIGN_DENSITY + CHANNELS * DENSITY_CLASSES
CLASS_PARENT = CLASS_NEAR + CHANNELS * 16 * 8
CLASS_OTHERS = CLASS_PARENT + CHANNELS * 16 * 8
CLASS_PARITY = CLASS_OTHERS + CHANNELS * 16 * 8
CLASS_DENSITY = CLASS_PARITY + CHANNELS * 16 * 8
BITS_PLAIN = CLASS_DENSITY + CHANNELS * 16 * DENSITY_CLASSES
VALUE_ROWS = BITS_PLAIN + CHANNELS * 16 * 16

SET_ZERO, SET_SIGN, SET_CLASS, SET_BITS = 0, CHANNELS, 2 * CHANNELS, 3 * CHANNELS
VALUE_SETS = 4 * CHANNELS


class Memory(NamedTuple):
    """What the walk of one level has learned; kernels change its arrays in place."""

    blocks: Mixer
    rows: Mixer
    values: Mixer

    def copied(self) -> Memory:
        """Another that can be changed."""
        return Memory(*(copied_mixer(mixer) for mixer in self))


class Around(NamedTuple):
    """What is known beside a level's symbols when they are coded."""

    parents: Int32[np.ndarray, "r 8"]
    """Rows of the level above; none (0, 8) for level 0."""
    above: Int32[np.ndarray, "a c"]
    """Symbols of the level above."""
    past: Int32[np.ndarray, " r"]
    """Row of each vertex in the frame before; -1: none."""
    before: Int32[np.ndarray, "b c"]
    """Symbols of the frame before."""
    density: Int32[np.ndarray, " r"]
    """Expected, in units of 2**-12."""


def copied_mixer(mixer: Mixer) -> Mixer:
    """Another that can be changed."""
    return mixer._replace(
        slots=mixer.slots.copy(), weights=mixer.weights.copy(), chosen=mixer.chosen.copy(), logits=mixer.logits.copy()
    )


def fresh_memory() -> Memory:
    """At a key frame."""
    return Memory(
        fresh_mixer(BLOCK_ROWS, 1, BLOCK_MODELS),
        fresh_mixer(ROW_SLOTS, 8, ROW_MODELS),
        fresh_mixer(VALUE_ROWS, VALUE_SETS, VALUE_MODELS),
    )


@kernel
def size_class(value):
    """Of a sum of magnitudes: 0...7."""
    if value < 4:
        return value
    if value < 6:
        return np.int64(4)
    if value < 10:
        return np.int64(5)
    return np.int64(6) if value < 18 else np.int64(7)


@kernel
def density_class(value):
    """Of an expected density: 0...15, a unit each around what is neither empty nor solid."""
    return min(max((np.int64(value) >> DENSITY_SHIFT) + 8, 0), DENSITY_CLASSES - 1)


@kernel
def sign_of(value):
    """0, 1 for above, 2 for below."""
    return 1 if value > 0 else (2 if value < 0 else 0)


@kernel
def bit_length(value):
    """0 for 0."""
    found = np.int64(0)
    while value > 0:
        value >>= 1
        found += 1
    return found


@kernel
def look_up(slots, rows, x, y, z):
    """Row of a vertex; -1: none."""
    if x < 0 or y < 0 or z < 0:
        return np.int64(-1)
    slot = np.int64(slots[x >> 3, y >> 3, z >> 3])
    if slot < 0:
        return np.int64(-1)
    place = (x & 1) | ((x & 2) << 2) | ((x & 4) << 4)
    place |= ((y & 1) << 1) | ((y & 2) << 3) | ((y & 4) << 5)
    place |= ((z & 1) << 2) | ((z & 2) << 4) | ((z & 4) << 6)
    return np.int64(rows[slot, place])


@kernel
def find_near(vertices, slots, rows, i, near):
    """Rows of six neighbours that come before: across three faces, then three edges."""
    x, y, z = np.int64(vertices[i, 0]), np.int64(vertices[i, 1]), np.int64(vertices[i, 2])
    near[0] = look_up(slots, rows, x - 1, y, z)
    near[1] = look_up(slots, rows, x, y - 1, z)
    near[2] = look_up(slots, rows, x, y, z - 1)
    near[3] = look_up(slots, rows, x - 1, y - 1, z)
    near[4] = look_up(slots, rows, x - 1, y, z - 1)
    near[5] = look_up(slots, rows, x, y - 1, z - 1)


@kernel
def same_block(vertices, i, j):
    """Whether two rows lie in one block of 4x4x4 vertices."""
    return (
        vertices[i, 0] >> 2 == vertices[j, 0] >> 2
        and vertices[i, 1] >> 2 == vertices[j, 1] >> 2
        and vertices[i, 2] >> 2 == vertices[j, 2] >> 2
    )


@kernel
def code_block(coder, mixer, around, symbols, first, end, last):
    """Whether any symbol of rows first...end-1 is not 0; `last` has a bit a block before."""
    parents, above, _, _, density = around
    told, most = np.int64(0), np.int64(0)
    for i in range(first, end):
        most = max(most, density_class(density[i]))
        if parents.shape[0] > 0:
            for c in range(above.shape[1]):
                told += min(abs(np.int64(above[parents[i, 0], c])), 2)
    bit = np.int64(0)
    for i in range(first, end):
        for c in range(symbols.shape[1]):
            bit |= np.int64(symbols[i, c] != 0)
    size = min((end - first) >> 3, 7)
    mixer.chosen[0] = BLOCK_LAST + (last & 7) * 8 + size
    mixer.chosen[1] = BLOCK_PARENTS + size_class(told) * 8 + size
    mixer.chosen[2] = BLOCK_DENSITY + most * 8 + (last & 7)
    return code_mixed_bit(coder, mixer, 0, bit)


@kernel
def code_row(coder, mixer, around, symbols, flags, vertices, near, i):
    """Whether any symbol of a row is not 0; `flags` are those of rows so far."""
    parents, above, past, before, density = around
    parity = (vertices[i, 0] & 1) | ((vertices[i, 1] & 1) << 1) | ((vertices[i, 2] & 1) << 2)
    crowd, known, total = np.int64(0), np.int64(0), np.int64(0)
    for k in range(6):
        if near[k] >= 0:
            known += 1
            crowd += np.int64(flags[near[k]])
            for c in range(symbols.shape[1]):
                total += min(abs(np.int64(symbols[near[k], c])), 4)
    told = np.int64(0)
    if parents.shape[0] > 0:
        for k in range(8):
            for c in range(above.shape[1]):
                told += np.int64(above[parents[i, k], c] != 0)
    was = np.int64(0)
    if past[i] >= 0:
        was = np.int64(1)
        for c in range(before.shape[1]):
            was += min(abs(np.int64(before[past[i], c])), 2)
        was = min(was, 3)
    solid = density_class(density[i])
    last = np.int64(flags[i - 1]) if i > 0 else np.int64(0)
    second = np.int64(flags[i - 2]) if i > 1 else np.int64(0)
    third = np.int64(flags[i - 3]) if i > 2 else np.int64(0)
    mixer.chosen[0] = ROW_NEAR + ((crowd * 8 + parity) * 2) + np.int64(known == 6)
    mixer.chosen[1] = ROW_SUM + (size_class(total) * 8 + size_class(told >> 1)) * 8 + parity
    mixer.chosen[2] = ROW_PAST + (size_class(total) * 8 + parity) * 4 + was
    mixer.chosen[3] = ROW_DENSITY + (solid * 8 + size_class(total)) * 8 + parity
    mixer.chosen[4] = ROW_LAST + ((last * 4 + second * 2 + third) * 8 + crowd) * DENSITY_CLASSES + solid
    bit = np.int64(0)
    for c in range(symbols.shape[1]):
        bit |= np.int64(symbols[i, c] != 0)
    return code_mixed_bit(coder, mixer, parity, bit)


@kernel
def code_value(coder, mixer, c, value, must, told):
    """One symbol of an active row; `must` says that it is not 0. `told`: see `code_channels`."""
    near, parent, parity, others, size_others, last, second, faces, upper, was, signs, solid = told
    is_other = np.int64(1)
    if not must:
        mixer.chosen[0] = ZERO_NEAR + ((c * 8 + near) * 8 + parent) * 4 + min(others, 3)
        mixer.chosen[1] = ZERO_PARITY + ((c * 8 + parity) * 8 + near) * 4 + min(was, 3)
        mixer.chosen[2] = ZERO_OTHERS + ((c * 8 + size_others) * 4 + min(others, 3)) * 8 + parity
        mixer.chosen[3] = ZERO_LAST + ((c * 3 + last) * 3 + second) * 8 + near
        mixer.chosen[4] = ZERO_DENSITY + (c * DENSITY_CLASSES + solid) * 8 + size_others
        is_other = code_mixed_bit(coder, mixer, SET_ZERO + c, np.int64(value != 0))
    if is_other == 0:
        return np.int64(0)
    mixer.chosen[0] = SIGN_FACES + c * 27 + faces
    mixer.chosen[1] = SIGN_PARENT + (c * 3 + upper) * 9 + signs % 9
    mixer.chosen[2] = SIGN_PARITY + (c * 8 + parity) * 3 + upper
    mixer.chosen[3] = SIGN_OTHERS + c * 27 + signs
    mixer.chosen[4] = SIGN_DENSITY + c * DENSITY_CLASSES + solid
    is_below = code_mixed_bit(coder, mixer, SET_SIGN + c, np.int64(value < 0))
    wanted = abs(value) - 1
    wanted_class = bit_length(wanted)
    found = np.int64(0)
    while found < MAX_CLASS:
        mixer.chosen[0] = CLASS_NEAR + (c * 16 + found) * 8 + near
        mixer.chosen[1] = CLASS_PARENT + (c * 16 + found) * 8 + parent
        mixer.chosen[2] = CLASS_OTHERS + (c * 16 + found) * 8 + size_others
        mixer.chosen[3] = CLASS_PARITY + (c * 16 + found) * 8 + parity
        mixer.chosen[4] = CLASS_DENSITY + (c * 16 + found) * DENSITY_CLASSES + solid
        if code_mixed_bit(coder, mixer, SET_CLASS + c, np.int64(wanted_class > found)) == 0:
            break
        found += 1
    magnitude = np.int64(found > 0)
    for place in range(found - 2, -1, -1):
        for model in range(VALUE_MODELS):
            mixer.chosen[model] = BITS_PLAIN + (c * 16 + found) * 16 + place
        magnitude = (magnitude << 1) | code_mixed_bit(coder, mixer, SET_BITS + c, (wanted >> place) & 1)
    magnitude += 1
    return -magnitude if is_below == 1 else magnitude


@kernel
def code_channels(coder, mixer, around, symbols, vertices, near, i, last, second):
    """The symbols of an active row; `last` and `second` are active rows before it, -1: none."""
    parents, above, past, before, density = around
    channels = symbols.shape[1]
    parity = (vertices[i, 0] & 1) | ((vertices[i, 1] & 1) << 1) | ((vertices[i, 2] & 1) << 2)
    solid = density_class(density[i])
    others, size_others, signs = np.int64(0), np.int64(0), np.int64(0)
    for c in range(channels):
        total, faces = np.int64(0), np.int64(0)
        for k in range(6):
            value = np.int64(0)
            if near[k] >= 0:
                value = np.int64(symbols[near[k], c])
                total += abs(value) * (2 if k < 3 else 1)
            if k < 3:
                faces = faces * 3 + sign_of(value)
        parent, upper = np.int64(0), np.int64(0)
        if parents.shape[0] > 0:
            for k in range(8):
                parent += abs(np.int64(above[parents[i, k], c]))
                upper += np.int64(above[parents[i, k], c])
        was = np.int64(0)
        if past[i] >= 0:
            was = 1 + min(abs(np.int64(before[past[i], c])), 2)
        told = (
            size_class(total), size_class(parent >> 1), parity, others, size_class(size_others),
            min(abs(np.int64(symbols[last, c])), 2) if last >= 0 else np.int64(0),
            min(abs(np.int64(symbols[second, c])), 2) if second >= 0 else np.int64(0),
            faces, np.int64(sign_of(upper)), was, signs, solid,
        )  # fmt: skip
        must = c == channels - 1 and others == 0
        value = code_value(coder, mixer, c, np.int64(symbols[i, c]), must, told)
        if abs(value) > SYMBOL_LIMIT:
            fail(coder)
            value = np.int64(0)
        symbols[i, c] = value
        others += np.int64(value != 0)
        size_others += min(abs(value), 8)
        signs = (signs * 3 + sign_of(value)) % 27


@kernel
def walk_symbols(coder, memory, level, around, symbols, flags, near):
    """All symbols of a level, into or from `symbols` (r, c); `flags` (r,) get 1 for rows that have any.

    Args:
        level: vertices (r, 3), and slots and rows of their table.
        near: (6,) int64 scratch.
    """
    blocks, rows, values = memory
    vertices, slots, table_rows = level
    count = symbols.shape[0]
    history, last, second, first = np.int64(0), np.int64(-1), np.int64(-1), np.int64(0)
    while first < count:
        if ran_dry(coder):
            return
        end = first + 1
        while end < count and same_block(vertices, first, end):
            end += 1
        has_any = code_block(coder, blocks, around, symbols, first, end, history)
        history = ((history << 1) | has_any) & 7
        for i in range(first, end):
            flags[i] = 0
            if has_any == 1:
                find_near(vertices, slots, table_rows, i, near)
                flags[i] = code_row(coder, rows, around, symbols, flags, vertices, near, i)
            if flags[i] == 0:
                for c in range(symbols.shape[1]):
                    symbols[i, c] = 0
                continue
            code_channels(coder, values, around, symbols, vertices, near, i, last, second)
            second, last = last, np.int64(i)
        first = end


def code_symbols(
    coder: Coder, memory: Memory, level: Level, around: Around, symbols: Int32[np.ndarray, "r c"]
) -> UInt8[np.ndarray, " r"]:
    """Symbols of a level, into or from `symbols`; which rows have any. `memory` is changed."""
    flags = np.zeros(len(symbols), np.uint8)
    table: BrickTable = level.vertex_table
    places = (level.vertices, table.slots, table.rows)
    walk_symbols(
        coder, tuple(memory), places, tuple(around), symbols, flags, np.zeros(6, np.int64)
    )  # fmt: skip
    return flags
