# SPDX-License-Identifier: Apache-2.0
"""Shape of a mixed 3-D and 2-D hash grid: resolutions and table sizes enter; each level's nodes and its table leave.

Source: HAC (Chen et al., ECCV 2024), sec. 3.2 and utils/encodings.py, submodules/gridencoder of its repository; the
hash is that of Instant-NGP (Mueller et al., 2022), Eq. 4.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from jaxtyping import Int64

PLANES = ((0, 1), (0, 2), (1, 2))
"""Axes of the 2-D grids: xy, xz, yz. All have the same levels, and their own entries."""
MAX_LEVELS = 16
MAX_NODES = 2050
"""2048 cells: a position times cells then fits in 32 unsigned bits."""
MAX_LOG2_TABLE = 19
MAX_FEATURES = 8
MAX_SIGNS = 1 << 24
"""Signs of a grid: ten times what HAC uses; a reader's memory for them is bounded to 16 MB before it allocates."""


@dataclass(frozen=True)
class HashGridSpec:
    """Levels of a grid; the default is HAC's, with 1,766,272 signs and 96 features.

    A level of n nodes an axis interpolates over n - 2 cells: the outermost nodes are never used.

    Raises:
        ValueError: a number is outside its limits, or there is no level at all.
    """

    nodes_3d: tuple[int, ...] = (18, 24, 33, 44, 59, 80, 108, 148, 201, 275, 376, 514)
    """Nodes an axis of each volume level."""
    nodes_2d: tuple[int, ...] = (130, 258, 514, 1026)
    """Nodes an axis of each level of the three planes."""
    log2_table_3d: int = 13
    """Entries of a volume level: at most 2 to this; above, nodes share them by hash."""
    log2_table_2d: int = 15
    feature_count: int = 4
    """Numbers an entry, each +1 or -1."""

    def __post_init__(self) -> None:
        counts, nodes = (len(self.nodes_3d), len(self.nodes_2d)), (*self.nodes_3d, *self.nodes_2d)
        if not nodes or max(counts) > MAX_LEVELS or not all(3 <= number <= MAX_NODES for number in nodes):
            raise ValueError(f"nodes {nodes}; expected 1...{MAX_LEVELS} levels of 3...{MAX_NODES} nodes")
        for log2_size in (self.log2_table_3d, self.log2_table_2d):
            if not 3 <= log2_size <= MAX_LOG2_TABLE:
                raise ValueError(f"tables of 2**{log2_size} entries; expected 2**3...2**{MAX_LOG2_TABLE}")
        if not 1 <= self.feature_count <= MAX_FEATURES:
            raise ValueError(f"{self.feature_count} features an entry; expected 1...{MAX_FEATURES}")
        if self.sign_count > MAX_SIGNS:
            raise ValueError(f"{self.sign_count} signs; expected at most {MAX_SIGNS}")

    @cached_property
    def table(self) -> Int64[np.ndarray, "levels 6"]:
        """A row a level, volume first, then the planes xy, xz, yz; columns `AXIS_X` ... `MASK`."""
        volume = [((0, 1, 2), nodes, self.log2_table_3d) for nodes in self.nodes_3d]
        planes = [((*axes, -1), nodes, self.log2_table_2d) for axes in PLANES for nodes in self.nodes_2d]
        rows = np.zeros((self.level_count, 6), np.int64)
        first = 0
        for row, (axes, nodes, log2_size) in enumerate(volume + planes):
            size, hashed = _table_size(nodes, 2 if axes[2] < 0 else 3, log2_size)
            rows[row] = *axes, nodes, first, size - 1 if hashed else 0
            first += size
        return rows

    @property
    def level_count(self) -> int:
        """Volume levels and those of all planes."""
        return len(self.nodes_3d) + len(PLANES) * len(self.nodes_2d)

    @property
    def width(self) -> int:
        """Numbers that a position gets."""
        return self.level_count * self.feature_count

    @cached_property
    def level_sizes(self) -> tuple[int, ...]:
        """Entries of each level, in the order of `table`."""
        volume = [_table_size(nodes, 3, self.log2_table_3d)[0] for nodes in self.nodes_3d]
        return (*volume, *len(PLANES) * [_table_size(nodes, 2, self.log2_table_2d)[0] for nodes in self.nodes_2d])

    @property
    def entry_count(self) -> int:
        """Entries of all levels together."""
        return sum(self.level_sizes)

    @property
    def sign_count(self) -> int:
        """Signs that a stream has to hold."""
        return self.entry_count * self.feature_count


def geometric_nodes(coarsest_cells: int, finest_cells: int, levels: int) -> tuple[int, ...]:
    """Nodes an axis for levels whose cells grow by a constant factor: `geometric_nodes(16, 512, 12)` is HAC's volume.

    Raises:
        ValueError: no levels, or cells that do not grow.
    """
    if levels < 1 or not 1 <= coarsest_cells <= finest_cells:
        raise ValueError(
            f"{levels} levels of {coarsest_cells}...{finest_cells} cells; expected 1 level or more, growing"
        )
    growth = (finest_cells / coarsest_cells) ** (1 / max(levels - 1, 1))
    return tuple(math.ceil(coarsest_cells * growth**level - 1e-6) + 2 for level in range(levels))


def _table_size(nodes: int, dimensions: int, log2_size: int) -> tuple[int, bool]:
    """Entries of a level, a multiple of 8, and whether nodes share them."""
    hashed = nodes**dimensions > 1 << log2_size
    return (1 << log2_size if hashed else -(-(nodes**dimensions) // 8) * 8), hashed
