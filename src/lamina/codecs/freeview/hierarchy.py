# SPDX-License-Identifier: Apache-2.0
"""Scales: layers of anchors at rest enter; cells that carry how they move leave, coarse first, with who is whose.

    scale 0 ... top - 1    ancestors of the anchors at a depth of the octree, one scale for each layer of anchors
    scale top              the anchors themselves, layer by layer as a level has them

The cells of scale s are ancestors of layer s or above it, so that a decoder of level s knows them; all follow from
the octree's integers at rest, once a stream: no float decides who is whose.

Source: HPC (arXiv 2602.00671), sec. IV-A, with the octree's ancestors at rest in place of grid sampling of positions
that move: as good, and nothing in it can differ from machine to machine.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Int32, Int64

from lamina.anchors.neighbors import NEIGHBORS, neighbor_rows
from lamina.anchors.octree import Indices, indices_of, morton_keys, rows_of


@dataclass(frozen=True, eq=False)
class Scale:
    """Cells that carry differences, in the order of coding."""

    parents: Int32[np.ndarray, " n"]
    """Row in the scale above, -1 in the coarsest."""
    neighbors: Int32[np.ndarray, "n 27"]
    """Rows of the cells of the same depth around each, itself included; -1 where there is none."""

    @property
    def count(self) -> int:
        """Cells."""
        return len(self.parents)


@dataclass(frozen=True, eq=False)
class Hierarchy:
    """Scales of a level, and where each of its anchors finds its cells."""

    scales: tuple[Scale, ...]
    """Coarse first: as many as the level has layers."""
    members: tuple[Int64[np.ndarray, " n"], ...]
    """For each scale, the row of each anchor's cell."""


def hierarchy_of(layers: Sequence[Indices], base_depth: int, depths: Sequence[int], scale_count: int) -> Hierarchy:
    """The scales of a level.

    Args:
        layers: cells of the level's anchors, base first, each in Morton order.
        base_depth: of layer 0.
        depths: of the scales but the finest.
        scale_count: of the whole stream: its last scale has the anchors themselves.
    """
    scales: list[Scale] = []
    members: list[np.ndarray] = []
    above: np.ndarray | None = None
    for scale in range(len(layers)):
        if scale == scale_count - 1:
            assert above is not None or scale == 0
            parents = members[-1].astype(np.int32) if members else np.full(sum(map(len, layers)), -1, np.int32)
            scales.append(Scale(parents, _anchor_neighbors(layers)))
            members.append(np.arange(len(parents), dtype=np.int64))
            break
        depth = depths[scale]
        known = _ancestors(layers[: scale + 1], base_depth, depth)
        cells = np.unique(known)
        parents = np.full(len(cells), -1, np.int32)
        if above is not None:
            parents = rows_of(cells >> np.uint64(3 * (depth - depths[scale - 1])), above).astype(np.int32)
        scales.append(Scale(parents, neighbor_rows(indices_of(cells))))
        members.append(rows_of(_ancestors(layers, base_depth, depth), cells))
        above = cells
    return Hierarchy(tuple(scales), tuple(members))


def cell_count(layers: Sequence[Indices], base_depth: int, depth: int, scale: int) -> int:
    """How many cells a scale would have if they were of this depth."""
    return len(np.unique(_ancestors(layers[: scale + 1], base_depth, depth)))


def _ancestors(layers: Sequence[Indices], base_depth: int, depth: int) -> np.ndarray:
    """Morton keys of the cells of a depth in which anchors of layers, base first, stand.

    An anchor whose own cell is coarser than that has the first of the cells of the depth within it.
    """
    parts = []
    for layer, cells in enumerate(layers):
        shift = base_depth + layer - depth
        keys = morton_keys(cells)
        parts.append(keys >> np.uint64(3 * shift) if shift >= 0 else keys << np.uint64(-3 * shift))
    return np.concatenate(parts) if parts else np.zeros(0, np.uint64)


def _anchor_neighbors(layers: Sequence[Indices]) -> Int32[np.ndarray, "n 27"]:
    """Rows, over all layers, of the anchors around each in its own layer."""
    first, parts = 0, []
    for cells in layers:
        rows = neighbor_rows(cells)
        parts.append(np.where(rows < 0, -1, rows + first).astype(np.int32))
        first += len(cells)
    return np.concatenate(parts) if parts else np.zeros((0, NEIGHBORS), np.int32)
