# SPDX-License-Identifier: Apache-2.0
"""Who stands where: layers of cells enter; each anchor's parent, octant and nearby anchors, as rows, leave.

Rows are those of all layers, base first, each layer in Morton order. Inside a layer, where neighbours are inputs, rows
are coded in three phases, so that most have decoded ones on both sides of the Morton curve:

    phase 0    row 0, 4, 8, ...     no neighbors
    phase 1    row 2, 6, 10, ...    neighbors: 2 before, 2 after
    phase 2    row 1, 3, 5, ...     neighbors: 1 before, 1 after
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Int32, Int64, UInt8

from lamina.anchors.missing import continued
from lamina.anchors.octree import Indices, Layers, octants, parent_rows

POSITION_BITS = 20
"""Of a place in the box, as hash grids take it."""

PHASES = ((0, 4, 0), (2, 4, 2), (1, 2, 1))
"""First row, step, and distance of the neighbors."""


@dataclass(frozen=True, eq=False)
class Family:
    """Relations of anchors. In `parents` and `neighbors` rows are of all layers, -1 where there is none."""

    layers: Int64[np.ndarray, " n"]
    parents: Int64[np.ndarray, " n"]
    octants: Int32[np.ndarray, " n"]
    """0...7; 0 in layer 0."""
    neighbors: Int64[np.ndarray, "n 2"]
    """Of the same layer, decoded in an earlier phase."""
    positions: Int32[np.ndarray, "n 3"]
    """Centres of cells, in units of 2**-20 of the box."""
    parent_positions: Int32[np.ndarray, "n 3"]
    """Of the parent's cell."""
    has_children: UInt8[np.ndarray, " n"]
    """1 where the cell has children in the next layer."""

    def __len__(self) -> int:
        return len(self.layers)


def family_of(layers: Layers, base_depth: int) -> Family:
    """Of all layers of an octree, base first, each in Morton order."""
    first, parts, has_children = 0, [], continued(layers)
    for layer, cells in enumerate(layers):
        above = layers[layer - 1] if layer else cells[:0]
        own = layer_family(cells, above, has_children[layer], layer, base_depth)
        parents = np.where(own.parents < 0, -1, own.parents + first - len(above))
        neighbors = np.where(own.neighbors < 0, -1, own.neighbors + first)
        parts.append(
            (own.layers, parents, own.octants, neighbors, own.positions, own.parent_positions, own.has_children)
        )
        first += len(cells)
    return Family(*(np.concatenate(columns) for columns in zip(*parts, strict=True)))


def layer_family(
    cells: Indices, above: Indices, has_children: UInt8[np.ndarray, " n"], layer: int, base_depth: int
) -> Family:
    """Of one layer: `parents` are rows of the layer above, `neighbors` of this one."""
    count, depth = len(cells), base_depth + layer
    parents = parent_rows(cells, above) if layer else np.full(count, -1, np.int64)
    return Family(
        np.full(count, layer, np.int64),
        parents,
        octants(cells) if layer else np.zeros(count, np.int32),
        neighbors_of(count),
        box_positions(cells, depth),
        box_positions(cells >> 1, depth - 1) if layer else np.zeros((count, 3), np.int32),
        has_children,
    )


def box_positions(cells: Indices, depth: int) -> Int32[np.ndarray, "n 3"]:
    """Centres of cells of 2**-depth of the box, in units of 2**-20 of it, rounded down."""
    return ((2 * cells.astype(np.int64) + 1) << (POSITION_BITS - 1) >> depth).astype(np.int32)


def neighbors_of(count: int) -> Int64[np.ndarray, "{count} 2"]:
    """Neighbors of each row of a layer, decoded in an earlier phase; -1 where there is none."""
    neighbors = np.full((count, 2), -1, np.int64)
    for start, step, distance in PHASES[1:]:
        rows = np.arange(start, count, step)
        neighbors[rows, 0] = rows - distance
        neighbors[rows, 1] = np.where(rows + distance < count, rows + distance, -1)
    return neighbors


def phases_of(count: int, uses_neighbors: bool) -> tuple[slice, ...]:
    """Rows of a layer that are predicted together, in coding order."""
    if not uses_neighbors:
        return (slice(0, count, 1),)
    return tuple(slice(start, count, step) for start, step, _ in PHASES if start < count)
