# SPDX-License-Identifier: Apache-2.0
"""Where a cell or a vertex is found: integer indices enter, their row leaves, -1 where none is.

Space is cut into bricks of 8x8x8; a dense array says which brick has a slot, a slot has the rows of its 512 places in
Morton order. So memory is that of the bricks in which something is, and rows that are given out slot by slot, place by
place are in Morton order of the whole.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Int32

from lamina.anchors.octree import morton_keys
from lamina.compiled import compiled

SIDE_BITS = 3
SIDE = 1 << SIDE_BITS
PLACES = SIDE**3
SPREAD = np.array([0, 1, 8, 9, 64, 65, 72, 73], np.int32)
"""Bits 0, 1, 2 of an index within a brick at bits 0, 3, 6; y is one further, z two."""

Indices = Int32[np.ndarray, "n 3"]


class BrickTable(NamedTuple):
    """Rows by indices."""

    slots: Int32[np.ndarray, "bx by bz"]
    """Of each brick; -1: nothing is in it."""
    rows: Int32[np.ndarray, "slots 512"]
    """Of the places of each slot, in Morton order; -1: nothing is there."""


def brick_table(counts: tuple[int, int, int], occupied: Bool[np.ndarray, "bx by bz"]) -> BrickTable:
    """A table with a slot for each occupied brick, in Morton order; no place has a row yet."""
    bricks = np.argwhere(occupied).astype(np.int32)
    bricks = bricks[np.argsort(morton_keys(bricks), kind="stable")]
    slots = np.full(brick_counts(counts), -1, np.int32)
    slots[tuple(bricks.T)] = np.arange(len(bricks), dtype=np.int32)
    return BrickTable(slots, np.full((len(bricks), PLACES), -1, np.int32))


def brick_counts(counts: tuple[int, int, int]) -> tuple[int, int, int]:
    """Bricks an axis for so many places an axis."""
    x, y, z = ((count + SIDE - 1) >> SIDE_BITS for count in counts)
    return x, y, z


@compiled()
def place_of(x, y, z):
    """Place of indices within their brick."""
    return SPREAD[x & 7] | (SPREAD[y & 7] << 1) | (SPREAD[z & 7] << 2)


@compiled()
def row_at(slots, rows, x, y, z):
    """Row of indices, which must not be outside of the table; -1: none."""
    slot = slots[x >> 3, y >> 3, z >> 3]
    if slot < 0:
        return np.int32(-1)
    return rows[slot, SPREAD[x & 7] | (SPREAD[y & 7] << 1) | (SPREAD[z & 7] << 2)]


@compiled()
def find_rows(slots, rows, indices, found):
    """Rows of many indices, into `found` (n,); -1 for those that are not there or outside of the table."""
    for i in range(indices.shape[0]):
        x, y, z = indices[i, 0], indices[i, 1], indices[i, 2]
        found[i] = -1
        if x < 0 or y < 0 or z < 0:
            continue
        if x >> 3 < slots.shape[0] and y >> 3 < slots.shape[1] and z >> 3 < slots.shape[2]:
            found[i] = row_at(slots, rows, x, y, z)


def rows_at(table: BrickTable, indices: Indices) -> Int32[np.ndarray, " n"]:
    """Row of each; -1 where none is."""
    found = np.empty(len(indices), np.int32)
    find_rows(table.slots, table.rows, np.ascontiguousarray(indices, np.int32), found)
    return found
