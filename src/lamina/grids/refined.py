# SPDX-License-Identifier: Apache-2.0
"""A level all of whose cells' parents are wholly active: a level enters, the next finer one and its parents leave.

What `level_of` and `parents_of` find for `all_children`, cell above by cell above: each has 27 vertices of the finer
level around it, which are looked up once for its eight children and have their parents among its corners.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Int32

from lamina.compiled import compiled
from lamina.grids.bricks import SPREAD, brick_counts, brick_table, place_of, row_at
from lamina.grids.lattice import MAX_ROWS
from lamina.grids.level import Level, number_places, place_vertices

VERTICES = 27
"""Of a cell's children: x + 3 y + 9 z, 0...2 an axis."""


def _corner_places() -> Int32[np.ndarray, "8 8"]:
    """Of each child (octant) and each of its corners, which of the 27 vertices it is."""
    axes = [[(octant >> axis & 1) for axis in range(3)] for octant in range(8)]
    return np.array(
        [[sum((a + b) * 3**i for i, (a, b) in enumerate(zip(o, c, strict=True))) for c in axes] for o in axes], np.int32
    )


def _parent_places() -> Int32[np.ndarray, "27 8"]:
    """Of each of the 27 vertices, its eight parents among the corners of the cell above."""
    found = np.zeros((VERTICES, 8), np.int32)
    for vertex in range(VERTICES):
        along = (vertex % 3, vertex // 3 % 3, vertex // 9)
        for parent in range(8):
            found[vertex, parent] = sum(((along[axis] + (parent >> axis & 1)) >> 1) << axis for axis in range(3))
    return found


CORNER_PLACES = _corner_places()
PARENT_PLACES = _parent_places()


def refined(above: Level) -> tuple[Level, Int32[np.ndarray, "r 8"]]:
    """The level of all children of a level's cells, and the parents of its rows.

    Raises:
        ValueError: more than `MAX_ROWS` cells or vertices.
    """
    count = len(above.cells)
    if 8 * count > MAX_ROWS:
        raise ValueError(f"{8 * count} active cells, expected at most {MAX_ROWS}")
    x, y, z = (2 * number for number in above.counts)
    occupied = np.zeros(brick_counts((x, y, z)), np.bool_)
    vertex_counts = (x + 1, y + 1, z + 1)
    touched = np.zeros(brick_counts(vertex_counts), np.bool_)
    touch_children(above.cells, occupied, touched)
    cell_table, vertex_table = brick_table((x, y, z), occupied), brick_table(vertex_counts, touched)
    mark_children(above.cells, *vertex_table)
    row_count = number_places(vertex_table.rows)
    if row_count > MAX_ROWS:
        raise ValueError(f"{row_count} vertices, expected at most {MAX_ROWS}")
    vertices, parents = np.empty((row_count, 3), np.int32), np.empty((row_count, 8), np.int32)
    place_vertices(*vertex_table, vertices)
    cells, corners = np.empty((8 * count, 3), np.int32), np.empty((8 * count, 8), np.int32)
    near, is_known = np.empty(VERTICES, np.int32), np.zeros(row_count, np.uint8)
    tables = (*cell_table, *vertex_table)
    join_children(above.cells, above.corners, tables, near, is_known, (cells, corners, parents))
    return Level((x, y, z), cells, vertices, corners, cell_table, vertex_table), parents


@compiled()
def touch_children(cells, occupied, touched):
    """Mark the bricks of the children of cells, and of their corners."""
    for i in range(cells.shape[0]):
        x, y, z = 2 * cells[i, 0], 2 * cells[i, 1], 2 * cells[i, 2]
        occupied[x >> 3, y >> 3, z >> 3] = True
        touched[x >> 3, y >> 3, z >> 3] = True
        if x & 7 == 6 or y & 7 == 6 or z & 7 == 6:
            for corner in range(1, 8):
                a, b, c = x + 2 * (corner & 1), y + (corner & 2), z + ((corner & 4) >> 1)
                touched[a >> 3, b >> 3, c >> 3] = True


@compiled()
def mark_children(cells, slots, rows):
    """0 at the place of each of the 27 vertices of each cell's children."""
    for i in range(cells.shape[0]):
        x, y, z = 2 * cells[i, 0], 2 * cells[i, 1], 2 * cells[i, 2]
        for c in range(z, z + 3):
            for b in range(y, y + 3):
                upper = (SPREAD[b & 7] << 1) | (SPREAD[c & 7] << 2)
                slot = slots[x >> 3, b >> 3, c >> 3]
                rows[slot, upper | SPREAD[x & 7]] = 0
                rows[slot, upper | SPREAD[(x & 7) + 1]] = 0
                if x & 7 == 6:
                    slot = slots[(x >> 3) + 1, b >> 3, c >> 3]
                rows[slot, upper | SPREAD[(x + 2) & 7]] = 0


@compiled(_nrt=False)
def join_cell(i, above_cells, above_corners, tables, near, is_known, found):
    """Children of cell i of the level above: see `join_children`; `near` (27,) is scratch, `is_known` (rows,)."""
    cell_slots, cell_rows, slots, rows = tables
    cells, corners, parents = found
    x, y, z = 2 * above_cells[i, 0], 2 * above_cells[i, 1], 2 * above_cells[i, 2]
    slot, first = cell_slots[x >> 3, y >> 3, z >> 3], place_of(x, y, z)
    for vertex in range(VERTICES):
        row = row_at(slots, rows, x + vertex % 3, y + vertex // 3 % 3, z + vertex // 9)
        near[vertex] = row
        if is_known[row] == 0:
            is_known[row] = 1
            for k in range(8):
                parents[row, k] = above_corners[i, PARENT_PLACES[vertex, k]]
    for octant in range(8):
        child = 8 * np.int64(i) + octant
        cell_rows[slot, first + octant] = child
        cells[child, 0], cells[child, 1] = x + (octant & 1), y + ((octant >> 1) & 1)
        cells[child, 2] = z + (octant >> 2)
        for k in range(8):
            corners[child, k] = near[CORNER_PLACES[octant, k]]


@compiled(_nrt=False)
def join_children(above_cells, above_corners, tables, near, is_known, found):
    """Fills the table of children, and in `found` their indices, rows of their corners, and parents of all rows."""
    for i in range(above_cells.shape[0]):
        join_cell(i, above_cells, above_corners, tables, near, is_known, found)
