# SPDX-License-Identifier: Apache-2.0
"""A strict octree on an integer lattice: points enter, integer indices of nodes leave, layer by layer.

    cells an axis in layer l    2 ** (base_depth + l)
    voxel                       side / cells
    index of a point            floor((point - origin) / voxel), 0...cells - 1 an axis
    parent, in layer l - 1      index >> 1
    anchor                      origin + (index + 1/2) * voxel, the centre of its cell

Where space is contracted, the cube is one of contracted space (`contraction.py`): points are contracted before, anchors
expanded after, and cells far away are wider.

Every node of layer l > 0 has its parent in layer l - 1. Nodes of a layer are in Morton order, x least significant, so
children of one parent stand together and in the order of their parents. Nothing here compares all with all.

Source: ProGS, sec. III-B, Eq. 5 and 8; parents by integers, because the paper's rounding of floats is no tree relation
(half of all ties round to another parent).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float64, Int32, Int64, UInt64

from lamina.anchors.contraction import Contraction
from lamina.anchors.cube import check_cube

MAX_DEPTH = 20
"""Finest layer's depth: 60 bits of Morton key, and indices that are exact in every float64 product."""

Indices = Int32[np.ndarray, "n 3"]
Layers = tuple[Indices, ...]
"""Indices of each layer's nodes, coarsest first, each in Morton order."""


@dataclass(frozen=True)
class Lattice:
    """Where in space the octree is, and which of its depths are layers.

    Raises:
        ValueError: the cube has no size or is too far out, or layers are none or deeper than `MAX_DEPTH`.
    """

    origin: tuple[float, float, float]
    """Corner of the cube with the smallest coordinates, in world units (of contracted space if there is one)."""
    side: float
    """Length of the cube, in the same units."""
    base_depth: int
    """Layer 0 has 2 ** base_depth cells an axis."""
    layer_count: int
    contraction: Contraction | None = None
    """How world units become the cube's; None: they are."""

    def __post_init__(self) -> None:
        if not all(math.isfinite(value) for value in self.origin) or not 0 < self.side < math.inf:
            raise ValueError(f"expected a finite corner and a side above 0, got {self.origin} and {self.side}")
        if self.layer_count < 1 or self.base_depth < 0 or self.depth(self.layer_count - 1) > MAX_DEPTH:
            raise ValueError(
                f"expected layers at depths 0...{MAX_DEPTH}, got {self.layer_count} from depth {self.base_depth}"
            )
        if self.contraction is not None:
            check_cube(self.origin, self.side)

    def depth(self, layer: int) -> int:
        """Halvings of the cube down to this layer."""
        return self.base_depth + layer

    def cells(self, layer: int) -> int:
        """Cells an axis."""
        return 1 << self.depth(layer)

    def voxel(self, layer: int) -> float:
        """Side of a cell, in units of the cube."""
        return self.side / self.cells(layer)

    def contracted(self, points: Float64[np.ndarray, "p 3"]) -> Float64[np.ndarray, "p 3"]:
        """World units -> units of the cube."""
        return np.asarray(points, np.float64) if self.contraction is None else self.contraction.contracted(points)

    def stretch(self, places: Float64[np.ndarray, "p 3"]) -> Float64[np.ndarray, " p"]:
        """World units that one of the cube's is, at places in units of the cube."""
        return np.ones(len(places)) if self.contraction is None else self.contraction.stretch(places)

    def locate(self, points: Float64[np.ndarray, "p 3"], layer: int) -> Indices:
        """Cell of each point; points outside the cube go to the nearest cell."""
        cells = np.floor((self.contracted(points) - self.origin) / self.voxel(layer))
        return np.clip(cells, 0, self.cells(layer) - 1).astype(np.int32)

    def contains(self, points: Float64[np.ndarray, "p 3"]) -> Bool[np.ndarray, " p"]:
        """Which points are inside the cube."""
        place = (self.contracted(points) - self.origin) / self.side
        return np.all((place >= 0) & (place < 1), axis=1)

    def middles(self, indices: Indices, layer: int) -> Float64[np.ndarray, "n 3"]:
        """Centre of each cell, in units of the cube."""
        return np.asarray(self.origin) + (np.asarray(indices, np.float64) + 0.5) * self.voxel(layer)

    def centers(self, indices: Indices, layer: int) -> Float64[np.ndarray, "n 3"]:
        """Centre of each cell, in world units."""
        middles = self.middles(indices, layer)
        return middles if self.contraction is None else self.contraction.expanded(middles)

    def sides(self, indices: Indices, layer: int) -> Float64[np.ndarray, " n"]:
        """Side of each cell, in world units: of a cube as large, where space is contracted."""
        return self.voxel(layer) * self.stretch(self.middles(indices, layer))


def morton_keys(indices: Indices) -> UInt64[np.ndarray, " n"]:
    """Bits of x, y and z interleaved, x least significant, of indices 0...2**20 - 1. The parent has `key >> 3`."""
    columns = np.asarray(indices).astype(np.uint64).reshape(-1, 3)
    keys = np.zeros(len(columns), np.uint64)
    for axis in range(3):
        keys |= _spread(columns[:, axis]) << np.uint64(axis)
    return keys


def indices_of(keys: UInt64[np.ndarray, " n"]) -> Indices:
    """The inverse of `morton_keys`."""
    return np.stack([_gather(keys >> np.uint64(axis)) for axis in range(3)], axis=1).astype(np.int32)


def octants(indices: Indices) -> Int32[np.ndarray, " n"]:
    """Which child of its parent each node is: x + 2 y + 4 z of the lowest bits, 0...7."""
    lowest = np.asarray(indices, np.int32) & 1
    return lowest[:, 0] + 2 * lowest[:, 1] + 4 * lowest[:, 2]


def rows_of(wanted: UInt64[np.ndarray, " m"], keys: UInt64[np.ndarray, " n"]) -> Int64[np.ndarray, " m"]:
    """Row of each wanted key among sorted keys; -1 where it is not there."""
    if len(keys) == 0:
        return np.full(len(wanted), -1, np.int64)
    rows = np.minimum(np.searchsorted(keys, wanted), len(keys) - 1)
    return np.where(keys[rows] == wanted, rows, -1)


def parent_rows(indices: Indices, above: Indices) -> Int64[np.ndarray, " n"]:
    """Row of each node's parent in the layer above, whose nodes are in Morton order; -1 where it has none."""
    return rows_of(morton_keys(indices) >> np.uint64(3), morton_keys(above))


def build_octree(points: Float64[np.ndarray, "p 3"], lattice: Lattice) -> Layers:
    """A node of the finest layer in every cell that holds a point, and all their ancestors; points outside are dropped.

    Source: ProGS, sec. III-B: points are candidates for the finest layer, then integrated into the tree.
    """
    inside = np.asarray(points, np.float64)[lattice.contains(points)]
    finest = lattice.layer_count - 1
    empty = np.zeros((0, 3), np.int32)
    return with_ancestors((*(empty,) * finest, lattice.locate(inside, finest)))


def with_ancestors(layers: Sequence[Indices]) -> Layers:
    """The smallest strict octree that holds these nodes: duplicates removed, ancestors added, Morton order."""
    complete: list[Indices] = []
    needed = np.zeros(0, np.uint64)
    for indices in reversed(layers):
        keys = np.union1d(morton_keys(indices), needed)
        complete.append(indices_of(keys))
        needed = np.unique(keys >> np.uint64(3))
    return tuple(reversed(complete))


def verify(layers: Sequence[Indices], lattice: Lattice) -> None:
    """Do nothing if this is a strict octree in Morton order.

    Raises:
        ValueError: a node is outside the lattice, out of order, there twice, or without its parent; says where.
    """
    if len(layers) != lattice.layer_count:
        raise ValueError(f"expected {lattice.layer_count} layers, got {len(layers)}")
    for layer, indices in enumerate(layers):
        if len(indices) and (indices.min() < 0 or indices.max() >= lattice.cells(layer)):
            raise ValueError(f"layer {layer}: an index outside 0...{lattice.cells(layer) - 1}")
        keys = morton_keys(indices)
        if len(keys) > 1 and not (keys[1:] > keys[:-1]).all():
            raise ValueError(f"layer {layer}: nodes are not in Morton order, each once")
        if layer and (orphans := int((parent_rows(indices, layers[layer - 1]) < 0).sum())):
            raise ValueError(f"layer {layer}: {orphans} nodes have no parent in layer {layer - 1}")


def _spread(values: UInt64[np.ndarray, " n"]) -> UInt64[np.ndarray, " n"]:
    """Bit b of each value to bit 3 b."""
    spread = values & np.uint64(0x1FFFFF)
    for shift, mask in _STAGES:
        spread = (spread | (spread << np.uint64(shift))) & np.uint64(mask)
    return spread


def _gather(keys: UInt64[np.ndarray, " n"]) -> UInt64[np.ndarray, " n"]:
    """Bit 3 b of each key to bit b."""
    values = keys & np.uint64(_STAGES[-1][1])
    masks = [mask for _, mask in reversed(_STAGES[:-1])] + [0x1FFFFF]
    for (shift, _), mask in zip(reversed(_STAGES), masks, strict=True):
        values = (values | (values >> np.uint64(shift))) & np.uint64(mask)
    return values


_STAGES = (
    (32, 0x001F00000000FFFF),
    (16, 0x001F0000FF0000FF),
    (8, 0x100F00F00F00F00F),
    (4, 0x10C30C30C30C30C3),
    (2, 0x1249249249249249),
)
"""Shifts and masks that spread 21 bits over 63, in five steps (S. E. Anderson, Bit Twiddling Hacks)."""
