# SPDX-License-Identifier: Apache-2.0
"""One level of nested lattices: its active cells enter, the vertices that hold values leave, as rows.

Rows are the corners of active cells, in Morton order. Where a level's cells all lie in active cells of the level above,
each row has its eight parents there: the vertices around it, repeated where it lies on fewer.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Int32

from lamina.anchors.octree import indices_of, morton_keys
from lamina.compiled import compiled
from lamina.grids.bricks import PLACES, SPREAD, BrickTable, Indices, brick_counts, brick_table, place_of, row_at
from lamina.grids.lattice import MAX_ROWS


@dataclass(frozen=True, eq=False)
class Level:
    """Active cells and the vertices around them."""

    counts: tuple[int, int, int]
    """Cells of the whole lattice, an axis."""
    cells: Indices
    """Active ones, in Morton order."""
    vertices: Indices
    """Their corners, in Morton order: the rows that have values."""
    corners: Int32[np.ndarray, "n 8"]
    """Rows of each cell's corners; corner x + 2 y + 4 z."""
    cell_table: BrickTable
    vertex_table: BrickTable

    @property
    def row_count(self) -> int:
        """Vertices."""
        return len(self.vertices)


def level_of(counts: tuple[int, int, int], cells: Indices) -> Level:
    """A level from its active cells, which are in Morton order, each once.

    Raises:
        ValueError: more than `MAX_ROWS` cells or vertices.
    """
    if len(cells) > MAX_ROWS:
        raise ValueError(f"{len(cells)} active cells, expected at most {MAX_ROWS}")
    cells = np.ascontiguousarray(cells, np.int32)
    vertex_counts = (counts[0] + 1, counts[1] + 1, counts[2] + 1)
    cell_table = brick_table(counts, _touched(cells, counts, 0))
    vertex_table = brick_table(vertex_counts, _touched(cells, vertex_counts, 1))
    number_cells(cells, *cell_table)
    mark_corners(cells, *vertex_table)
    row_count = number_places(vertex_table.rows)
    if row_count > MAX_ROWS:
        raise ValueError(f"{row_count} vertices, expected at most {MAX_ROWS}")
    vertices, corners = np.empty((row_count, 3), np.int32), np.empty((len(cells), 8), np.int32)
    place_vertices(*vertex_table, vertices)
    find_corners(cells, *vertex_table, corners)
    return Level(counts, cells, vertices, corners, cell_table, vertex_table)


def parents_of(level: Level, above: Level) -> Int32[np.ndarray, "r 8"]:
    """Rows of the level above around each row; parent x + 2 y + 4 z is at the next even vertex below (0) or above (1).

    Raises:
        ValueError: an active cell has no active parent.
    """
    parents = np.empty((level.row_count, 8), np.int32)
    if not find_parents(level.vertices, *above.vertex_table, parents):
        raise ValueError("an active cell lies in no active cell of the level above")
    return parents


def coarser_cells(cells: Indices) -> Indices:
    """Cells of the level above that have any of these in them, in Morton order."""
    return indices_of(np.unique(morton_keys(cells) >> np.uint64(3)))


def all_children(cells: Indices) -> Indices:
    """All eight children of each cell, in Morton order."""
    steps = np.array([[octant & 1, octant >> 1 & 1, octant >> 2] for octant in range(8)], np.int32)
    return (2 * cells[:, None, :] + steps).reshape(-1, 3)


def all_cells(counts: tuple[int, int, int]) -> Indices:
    """Every cell of a lattice, in Morton order.

    Raises:
        ValueError: more than `MAX_ROWS` of them.
    """
    total = counts[0] * counts[1] * counts[2]
    if total > MAX_ROWS:
        raise ValueError(f"{total} cells, expected at most {MAX_ROWS}")
    return indices_of(np.sort(morton_keys(np.indices(counts, np.int32).reshape(3, -1).T)))


def _touched(cells: Indices, counts: tuple[int, int, int], reach: int) -> np.ndarray:
    """Which bricks hold a cell, or with a reach of 1 a corner of one."""
    occupied = np.zeros(brick_counts(counts), np.bool_)
    touch_bricks(cells, reach, occupied)
    return occupied


@compiled()
def touch_bricks(cells, reach, occupied):
    """Mark the bricks of cells, or of their corners (`reach` 1)."""
    for i in range(cells.shape[0]):
        x, y, z = cells[i, 0], cells[i, 1], cells[i, 2]
        occupied[x >> 3, y >> 3, z >> 3] = True
        if reach == 0 or not (x & 7 == 7 or y & 7 == 7 or z & 7 == 7):
            continue
        for corner in range(1, 8):
            occupied[(x + (corner & 1)) >> 3, (y + ((corner >> 1) & 1)) >> 3, (z + (corner >> 2)) >> 3] = True


@compiled()
def number_cells(cells, slots, rows):
    """Each cell's number at its place."""
    for i in range(cells.shape[0]):
        x, y, z = cells[i, 0], cells[i, 1], cells[i, 2]
        rows[slots[x >> 3, y >> 3, z >> 3], place_of(x, y, z)] = i


@compiled()
def mark_corners(cells, slots, rows):
    """0 at the place of each corner of each cell."""
    for i in range(cells.shape[0]):
        x, y, z = cells[i, 0], cells[i, 1], cells[i, 2]
        if x & 7 < 7 and y & 7 < 7 and z & 7 < 7:
            slot = slots[x >> 3, y >> 3, z >> 3]
            x0, x1 = SPREAD[x & 7], SPREAD[(x & 7) + 1]
            y0, y1 = SPREAD[y & 7] << 1, SPREAD[(y & 7) + 1] << 1
            z0, z1 = SPREAD[z & 7] << 2, SPREAD[(z & 7) + 1] << 2
            rows[slot, x0 | y0 | z0] = 0
            rows[slot, x1 | y0 | z0] = 0
            rows[slot, x0 | y1 | z0] = 0
            rows[slot, x1 | y1 | z0] = 0
            rows[slot, x0 | y0 | z1] = 0
            rows[slot, x1 | y0 | z1] = 0
            rows[slot, x0 | y1 | z1] = 0
            rows[slot, x1 | y1 | z1] = 0
            continue
        for corner in range(8):
            a, b, c = x + (corner & 1), y + ((corner >> 1) & 1), z + (corner >> 2)
            rows[slots[a >> 3, b >> 3, c >> 3], place_of(a, b, c)] = 0


@compiled()
def number_places(rows):
    """Rows to all marked places, slot by slot, place by place; how many there are."""
    count = 0
    for slot in range(rows.shape[0]):
        for place in range(PLACES):
            if rows[slot, place] == 0:
                rows[slot, place] = count
                count += 1
    return count


@compiled()
def place_vertices(slots, rows, vertices):
    """Indices of each row."""
    for bx in range(slots.shape[0]):
        for by in range(slots.shape[1]):
            for bz in range(slots.shape[2]):
                slot = slots[bx, by, bz]
                if slot < 0:
                    continue
                for place in range(PLACES):
                    row = rows[slot, place]
                    if row >= 0:
                        vertices[row, 0] = 8 * bx + (place & 1) + ((place >> 2) & 2) + ((place >> 4) & 4)
                        vertices[row, 1] = 8 * by + ((place >> 1) & 1) + ((place >> 3) & 2) + ((place >> 5) & 4)
                        vertices[row, 2] = 8 * bz + ((place >> 2) & 1) + ((place >> 4) & 2) + ((place >> 6) & 4)


@compiled()
def find_corners(cells, slots, rows, corners):
    """Rows of the corners of each cell."""
    for i in range(cells.shape[0]):
        x, y, z = cells[i, 0], cells[i, 1], cells[i, 2]
        if x & 7 < 7 and y & 7 < 7 and z & 7 < 7:
            slot = slots[x >> 3, y >> 3, z >> 3]
            x0, x1 = SPREAD[x & 7], SPREAD[(x & 7) + 1]
            y0, y1 = SPREAD[y & 7] << 1, SPREAD[(y & 7) + 1] << 1
            z0, z1 = SPREAD[z & 7] << 2, SPREAD[(z & 7) + 1] << 2
            corners[i, 0] = rows[slot, x0 | y0 | z0]
            corners[i, 1] = rows[slot, x1 | y0 | z0]
            corners[i, 2] = rows[slot, x0 | y1 | z0]
            corners[i, 3] = rows[slot, x1 | y1 | z0]
            corners[i, 4] = rows[slot, x0 | y0 | z1]
            corners[i, 5] = rows[slot, x1 | y0 | z1]
            corners[i, 6] = rows[slot, x0 | y1 | z1]
            corners[i, 7] = rows[slot, x1 | y1 | z1]
            continue
        for corner in range(8):
            corners[i, corner] = row_at(slots, rows, x + (corner & 1), y + ((corner >> 1) & 1), z + (corner >> 2))


@compiled()
def find_parents(vertices, slots, rows, parents):
    """Rows of the vertices above around each; whether all are there."""
    for i in range(vertices.shape[0]):
        x, y, z = vertices[i, 0], vertices[i, 1], vertices[i, 2]
        odd = (x & 1) | ((y & 1) << 1) | ((z & 1) << 2)
        if (x + 1) >> 4 >= slots.shape[0] or (y + 1) >> 4 >= slots.shape[1] or (z + 1) >> 4 >= slots.shape[2]:
            return False
        for corner in range(8):
            if corner & ~odd:
                # On an even index both sides are the same vertex.
                parents[i, corner] = parents[i, corner & odd]
                continue
            row = row_at(slots, rows, (x + (corner & 1)) >> 1, (y + ((corner >> 1) & 1)) >> 1, (z + (corner >> 2)) >> 1)
            if row < 0:
                return False
            parents[i, corner] = row
    return True
