# SPDX-License-Identifier: Apache-2.0
"""Cells beside cells: cells of one depth enter, in Morton order; the rows of the 26 around each leave.

The neighbours of a child are children of its parent's neighbours, so that rows are handed down from the root, and no
cell is searched for.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Int32

from lamina.anchors.octree import Indices, morton_keys
from lamina.compiled import compiled

NEIGHBORS = 27
"""Cells around a cell, itself included: (dx + 1) + 3 (dy + 1) + 9 (dz + 1)."""

ITSELF = 13


def neighbor_rows(indices: Indices) -> Int32[np.ndarray, "n 27"]:
    """Rows of the cells around each cell, and of itself; -1 where none is."""
    count = len(indices)
    rows = np.full((max(count, 1), NEIGHBORS), -1, np.int32)
    rows[0, ITSELF] = 0
    if count == 0:
        return rows[:0]
    depth = int(indices.max()).bit_length()
    above, children = np.empty_like(rows), np.empty((count, 8), np.int32)
    hand_down(morton_keys(indices), depth, rows, above, children)
    return rows


@compiled()
def hand_down(keys, depth, rows, above, children):
    """From the neighbours of the root, in row 0 of `rows`, to those of all cells of `depth`.

    Args:
        keys: (n,) uint64, rising.
        rows: (n, 27) int32.
        above, children: (n, 27) and (n, 8) int32 for work: neighbours of parents, and their children's rows.
    """
    node = 0
    for level in range(1, depth + 1):
        above[: node + 1] = rows[: node + 1]
        children[: node + 1] = -1
        shift = np.uint64(3 * (depth - level))
        parent, node = -1, -1
        for i in range(keys.size):
            key = keys[i] >> shift
            if i == 0 or key >> np.uint64(3) != keys[i - 1] >> shift >> np.uint64(3):
                parent += 1
            if i == 0 or key != keys[i - 1] >> shift:
                node += 1
                children[parent, np.int64(key & np.uint64(7))] = node
        for row in range(parent + 1):
            for octant in range(8):
                if children[row, octant] >= 0:
                    look_around(above, children, row, octant, rows)


@compiled()
def look_around(above, children, parent, octant, rows):
    """Neighbours of one child."""
    x, y, z = octant & 1, (octant >> 1) & 1, octant >> 2
    node = children[parent, octant]
    for place in range(NEIGHBORS):
        cx, cy, cz = x + place % 3 - 1, y + place // 3 % 3 - 1, z + place // 9 - 1
        beside = above[parent, ((cx >> 1) + 1) + 3 * ((cy >> 1) + 1) + 9 * ((cz >> 1) + 1)]
        rows[node, place] = -1 if beside < 0 else children[beside, (cx & 1) + 2 * (cy & 1) + 4 * (cz & 1)]
