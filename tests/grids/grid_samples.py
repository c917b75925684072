# SPDX-License-Identifier: Apache-2.0
"""Nested levels around blobs, made up."""

import numpy as np

from lamina.anchors.octree import indices_of, morton_keys
from lamina.grids.level import Level, all_children, coarser_cells, level_of

COARSE = (3, 2, 4)


def blob_cells(levels: int, seed: int = 0, count: int = 3) -> list[np.ndarray]:
    """Active cells of each level: the finest around a few points, the others all that have one of them."""
    random = np.random.default_rng(seed)
    counts = np.array(COARSE) << (levels - 1)
    places = random.uniform(0, counts, (count, 3))
    grid = np.stack(np.meshgrid(*map(np.arange, counts), indexing="ij"), axis=-1).reshape(-1, 3)
    near = np.linalg.norm(grid[:, None] + 0.5 - places, axis=2).min(axis=1) < 0.35 * counts.min() + 0.6
    above = coarser_cells(grid[near].astype(np.int32)) if levels > 1 else None
    finest = indices_of(np.sort(morton_keys(grid[near].astype(np.int32)))) if above is None else all_children(above)
    cells = [finest]
    for _ in range(levels - 1):
        cells.insert(0, coarser_cells(cells[0]))
    return cells


def blob_levels(levels: int, seed: int = 0, count: int = 3) -> list[Level]:
    """The same, with rows."""
    found = []
    for number, cells in enumerate(blob_cells(levels, seed, count)):
        x, y, z = COARSE
        found.append(level_of((x << number, y << number, z << number), cells))
    return found
