# SPDX-License-Identifier: Apache-2.0
"""The symbols of one level in one frame, coded block by block: one walk for both directions.

    block       4x4x4 vertices: is any symbol not 0?       given the blocks before, parents, what is expected
    part        2x2x2 of them: the same
    row         is any of the vertex's symbols not 0?      given neighbours, parents, the frame before, what is expected
    values      see `values`

What is expected of a vertex's density before its symbols are known says most of whether there are any: what is hidden
inside and what is empty is left alone. Contexts go on from frame to frame within a group.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from jaxtyping import Int32, UInt8

from lamina.codecs.volume.values import (
    DENSITY_CLASSES,
    VALUE_MODELS,
    VALUE_ROWS,
    VALUE_SETS,
    code_channels,
    density_class,
    size_class,
)
from lamina.entropy.binary import is_reading, ran_dry
from lamina.entropy.kernel import kernel
from lamina.entropy.mixing import Mixer, code_mixed_bit, fresh_mixer
from lamina.entropy.walk import Coder
from lamina.grids.bricks import BrickTable
from lamina.grids.level import Level

MOST_SIZE = 4
"""Of a symbol's magnitude, what counts in the size of its row."""

# Blocks and their parts: three models, slots of parts behind those of blocks; rows: five models.
BLOCK_MODELS, ROW_MODELS = 3, 5
BLOCK_LAST = 0
BLOCK_PARENTS = BLOCK_LAST + 8 * 8
BLOCK_DENSITY = BLOCK_PARENTS + 8 * 8
PART_LAST = BLOCK_DENSITY + DENSITY_CLASSES * 8
PART_NEAR = PART_LAST + 8 * 8 * 8
PART_DENSITY = PART_NEAR + 8 * 8 * 4
BLOCK_ROWS = PART_DENSITY + DENSITY_CLASSES * 8 * 8

ROW_NEAR = 0
ROW_SUM = ROW_NEAR + 8 * 8 * 2
ROW_PAST = ROW_SUM + 8 * 8 * 8
ROW_DENSITY = ROW_PAST + 8 * 8 * 4
ROW_LAST = ROW_DENSITY + DENSITY_CLASSES * 8 * 8
ROW_SLOTS = ROW_LAST + 8 * 8 * DENSITY_CLASSES


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


class Sizes(NamedTuple):
    """Sums of magnitudes of rows, each magnitude `MOST_SIZE` at most."""

    own: UInt8[np.ndarray, " r"]
    """Filled by the walk."""
    above: UInt8[np.ndarray, " a"]
    before: UInt8[np.ndarray, " b"]


def copied_mixer(mixer: Mixer) -> Mixer:
    """Another that can be changed."""
    return mixer._replace(
        slots=mixer.slots.copy(), weights=mixer.weights.copy(), chosen=mixer.chosen.copy(), logits=mixer.logits.copy()
    )


def fresh_memory() -> Memory:
    """At a key frame."""
    return Memory(
        fresh_mixer(BLOCK_ROWS, 2, BLOCK_MODELS),
        fresh_mixer(ROW_SLOTS, 8, ROW_MODELS),
        fresh_mixer(VALUE_ROWS, VALUE_SETS, VALUE_MODELS),
    )


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
def block_end(vertices, first, shift):
    """Row behind the last one that lies in a block of 2 ** shift vertices an axis with row `first`."""
    x, y, z = vertices[first, 0] >> shift, vertices[first, 1] >> shift, vertices[first, 2] >> shift
    end = first + 1
    while end < vertices.shape[0]:
        if vertices[end, 0] >> shift != x or vertices[end, 1] >> shift != y or vertices[end, 2] >> shift != z:
            break
        end += 1
    return end


@kernel
def has_symbols(coder, symbols, first, end):
    """1 if a symbol of rows first...end-1 is not 0; a reader is about to be told."""
    if is_reading(coder):
        return np.int64(0)
    for i in range(first, end):
        for c in range(symbols.shape[1]):
            if symbols[i, c] != 0:
                return np.int64(1)
    return np.int64(0)


@kernel
def size_of(symbols, i):
    """Sum of the magnitudes of a row."""
    total = np.int64(0)
    for c in range(symbols.shape[1]):
        total += min(abs(np.int64(symbols[i, c])), MOST_SIZE)
    return total


@kernel
def sum_sizes(symbols, sizes):
    """Of all rows."""
    for i in range(sizes.size):
        sizes[i] = size_of(symbols, i)


@kernel
def code_block(coder, mixer, around, sizes, symbols, first, end, last):
    """Whether any symbol of a block's rows first...end-1 is not 0; `last` has a bit a block before."""
    parents, density = around[0], around[4]
    told, most = np.int64(0), np.int64(0)
    for i in range(first, end):
        most = max(most, np.int64(density[i]))
        if parents.shape[0] > 0 and told < 18:
            told += np.int64(sizes[1][parents[i, 0]])
    size = min((end - first) >> 3, 7)
    mixer.chosen[0] = BLOCK_LAST + (last & 7) * 8 + size
    mixer.chosen[1] = BLOCK_PARENTS + size_class(told) * 8 + size
    mixer.chosen[2] = BLOCK_DENSITY + density_class(most) * 8 + (last & 7)
    return code_mixed_bit(coder, mixer, 0, has_symbols(coder, symbols, first, end))


@kernel
def code_part(coder, mixer, around, sizes, symbols, near, first, end, last):
    """The same of a part of a block that has some; `near` are neighbours of its first row."""
    parents, density = around[0], around[4]
    told, most, crowd = np.int64(0), np.int64(-(1 << 30)), np.int64(0)
    for i in range(first, end):
        most = max(most, np.int64(density[i]))
    if parents.shape[0] > 0:
        for k in range(8):
            told += np.int64(sizes[1][parents[first, k]])
    for k in range(6):
        if near[k] >= 0:
            crowd += np.int64(sizes[0][near[k]])
    count = end - first - 1
    mixer.chosen[0] = PART_LAST + ((last & 7) * 8 + count) * 8 + size_class(crowd)
    mixer.chosen[1] = PART_NEAR + (size_class(crowd) * 8 + size_class(told >> 1)) * 4 + (last & 3)
    mixer.chosen[2] = PART_DENSITY + (density_class(most) * 8 + size_class(crowd)) * 8 + size_class(told >> 1)
    return code_mixed_bit(coder, mixer, 1, has_symbols(coder, symbols, first, end))


@kernel
def code_row(coder, mixer, around, sizes, symbols, vertices, near, i):
    """Whether any symbol of a row is not 0."""
    parents, _, past, _, density = around
    own, above, before = sizes
    parity = (vertices[i, 0] & 1) | ((vertices[i, 1] & 1) << 1) | ((vertices[i, 2] & 1) << 2)
    crowd, known, total = np.int64(0), np.int64(0), np.int64(0)
    for k in range(6):
        if near[k] >= 0:
            known += 1
            size = np.int64(own[near[k]])
            crowd += np.int64(size > 0)
            total += size
    told = np.int64(0)
    if parents.shape[0] > 0:
        for k in range(8):
            told += np.int64(above[parents[i, k]])
    was = np.int64(0)
    if past[i] >= 0:
        was = 1 + min(np.int64(before[past[i]]), 2)
    solid = density_class(density[i])
    last = np.int64(own[i - 1] > 0) if i > 0 else np.int64(0)
    second = np.int64(own[i - 2] > 0) if i > 1 else np.int64(0)
    third = np.int64(own[i - 3] > 0) if i > 2 else np.int64(0)
    mixer.chosen[0] = ROW_NEAR + ((crowd * 8 + parity) * 2) + np.int64(known == 6)
    mixer.chosen[1] = ROW_SUM + (size_class(total) * 8 + size_class(told >> 1)) * 8 + parity
    mixer.chosen[2] = ROW_PAST + (size_class(total) * 8 + parity) * 4 + was
    mixer.chosen[3] = ROW_DENSITY + (solid * 8 + size_class(total)) * 8 + parity
    mixer.chosen[4] = ROW_LAST + ((last * 4 + second * 2 + third) * 8 + crowd) * DENSITY_CLASSES + solid
    return code_mixed_bit(coder, mixer, parity, has_symbols(coder, symbols, i, i + 1))


@kernel
def walk_part(coder, memory, level, around, sizes, symbols, near, span, recent):
    """The rows of a part that has symbols; `recent` (2,) are the last rows that had any, -1: none."""
    vertices, slots, table_rows = level
    first, end = span
    found = np.int64(0)
    for i in range(first, end):
        if i > first:
            find_near(vertices, slots, table_rows, i, near)
        bit = np.int64(1)
        if found > 0 or i < end - 1:
            bit = code_row(coder, memory[1], around, sizes, symbols, vertices, near, i)
        if bit == 0:
            continue
        found += 1
        code_channels(coder, memory[2], around, symbols, vertices, near, i, recent[0], recent[1])
        sizes[0][i] = size_of(symbols, i)
        recent[1], recent[0] = recent[0], i


@kernel
def walk_symbols(coder, memory, level, around, sizes, symbols, near, recent):
    """All symbols of a level, into or from `symbols` (r, c), which a reader's are 0 before, as are sizes of their own.

    Args:
        level: vertices (r, 3), and slots and rows of their table.
        near, recent: (6,) and (2,) int64 scratch.
    """
    vertices, slots, table_rows = level
    count = symbols.shape[0]
    blocks, parts, first = np.int64(0), np.int64(0), np.int64(0)
    while first < count:
        if ran_dry(coder):
            return
        end = block_end(vertices, first, 2)
        has_any = code_block(coder, memory[0], around, sizes, symbols, first, end, blocks)
        blocks = ((blocks << 1) | has_any) & 7
        if has_any == 0:
            first = end
            continue
        found = np.int64(0)
        while first < end:
            part_end = block_end(vertices, first, 1)
            find_near(vertices, slots, table_rows, first, near)
            bit = np.int64(1)
            if found > 0 or part_end < end:
                bit = code_part(coder, memory[0], around, sizes, symbols, near, first, part_end, parts)
                parts = ((parts << 1) | bit) & 7
            found += bit
            if bit == 1:
                walk_part(coder, memory, level, around, sizes, symbols, near, (first, part_end), recent)
            first = part_end


def code_symbols(coder: Coder, memory: Memory, level: Level, around: Around, symbols: Int32[np.ndarray, "r c"]) -> None:
    """Symbols of a level, into or from `symbols`; `memory` is changed."""
    table: BrickTable = level.vertex_table
    sizes = Sizes(*(np.zeros(len(rows), np.uint8) for rows in (symbols, around.above, around.before)))
    sum_sizes(around.above, sizes.above)
    sum_sizes(around.before, sizes.before)
    walk_symbols(
        coder, tuple(memory), (level.vertices, table.slots, table.rows), tuple(around), tuple(sizes), symbols,
        np.zeros(6, np.int64), np.full(2, -1, np.int64),
    )  # fmt: skip
