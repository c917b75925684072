# SPDX-License-Identifier: Apache-2.0
"""Where lattices lie in the world: a box and its coarsest cells enter, vertices and cells of every level leave.

    cells of level l         coarse_cells << l an axis
    vertex (i, j, k)         origin + (i, j, k) * voxel(l)
    the same vertex, finer   (i, j, k) << 1 at level l + 1

No numpy: headers are checked by it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

MAX_LEVELS = 8
MAX_CELLS = 1024
"""Of the finest level, an axis: a vertex's indices have 11 bits."""

MAX_ROWS = 1 << 21
"""Vertices, and cells, of one level."""


@dataclass(frozen=True, slots=True)
class Lattice:
    """Nested dyadic lattices in a box.

    Raises:
        ValueError: no box, or more cells than `MAX_CELLS`.
    """

    origin: tuple[float, float, float]
    """Smallest corner of the box, world units."""
    step: float
    """Between vertices of the finest level, world units."""
    coarse_cells: tuple[int, int, int]
    """Cells of level 0, an axis."""
    level_count: int

    def __post_init__(self) -> None:
        if not 1 <= self.level_count <= MAX_LEVELS:
            raise ValueError(f"{self.level_count} levels, expected 1...{MAX_LEVELS}")
        if not (all(map(math.isfinite, self.origin)) and math.isfinite(self.step) and self.step > 0):
            raise ValueError(f"origin {self.origin} and step {self.step}: expected a finite corner and a step above 0")
        finest = self.cells(self.level_count - 1)
        if min(self.coarse_cells) < 1 or max(finest) > MAX_CELLS:
            raise ValueError(f"{finest} finest cells, expected 1...{MAX_CELLS} an axis: a larger step, a smaller box")

    def cells(self, level: int) -> tuple[int, int, int]:
        """Cells of a level, an axis."""
        x, y, z = self.coarse_cells
        return x << level, y << level, z << level

    def voxel(self, level: int) -> float:
        """Side of a cell, world units."""
        return self.step * (1 << (self.level_count - 1 - level))

    @property
    def far_corner(self) -> tuple[float, float, float]:
        """Largest corner of the box, world units."""
        counts = self.cells(self.level_count - 1)
        x, y, z = (low + self.step * count for low, count in zip(self.origin, counts, strict=True))
        return x, y, z


def lattice_around(
    low: tuple[float, float, float], high: tuple[float, float, float], step: float, level_count: int
) -> Lattice:
    """The lattice whose box holds another one, its origin and step as float32 has them.

    Raises:
        ValueError: the box is empty, or has too many cells of that step.
    """
    from struct import pack, unpack

    if not all(a < b for a, b in zip(low, high, strict=True)):
        raise ValueError(f"a box from {low} to {high}: expected the second corner above the first, axis by axis")
    *origin, step = unpack("<4f", pack("<4f", *low, step))
    coarse = step * (1 << (level_count - 1))
    x, y, z = (max(1, math.ceil((b - a) / coarse)) for a, b in zip(origin, high, strict=True))
    return Lattice((origin[0], origin[1], origin[2]), step, (x, y, z), level_count)
