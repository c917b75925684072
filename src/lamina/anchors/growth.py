# SPDX-License-Identifier: Apache-2.0
"""Which nodes a fit adds to its octree and which it removes: gradients and opacities enter, octrees leave.

Growing, fine to coarse: a Gaussian whose centre the loss pulls hard wants a node where it stands, in its anchor's own
layer, or in the next finer one if it is pulled harder; nodes that are there already are dropped, missing parents are
added up to layer 0. Pruning: leaves that hardly show go, then parents that this makes leaves and that hardly show.

Source: ProGS, sec. III-C and Algorithm 1; statistics as Scaffold-GS, scene/gaussian_model.py (fact sheet 2.4).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Float32, Int64

from lamina.anchors.octree import Lattice, Layers, indices_of, morton_keys, parent_rows, rows_of, with_ancestors


@dataclass(eq=False)
class Statistics:
    """What was seen of n anchors with k offsets each since the last change of the octree. Rows run layer by layer."""

    gradients: Float32[np.ndarray, "n k"]
    """Sums of lengths of screen gradients, in units of the loss by half a picture (3DGS's normalised coordinates)."""
    sightings: Float32[np.ndarray, "n k"]
    """How often each Gaussian was drawn."""
    opacities: Float32[np.ndarray, " n"]
    """Sums over visits of the opacities of an anchor's Gaussians together."""
    visits: Float32[np.ndarray, " n"]
    """How often each anchor was in view."""

    @classmethod
    def none(cls, count: int, offsets: int) -> Statistics:
        """Before anything was seen."""
        zeros = np.zeros((count, offsets), np.float32)
        return cls(zeros, zeros.copy(), zeros[:, 0].copy(), zeros[:, 0].copy())

    def observe(
        self,
        anchors: Int64[np.ndarray, " v"],
        sources: Int64[np.ndarray, " m"],
        gradients: Float32[np.ndarray, " m"],
        drawn: Bool[np.ndarray, " m"],
        opacities: Float32[np.ndarray, " m"],
        weight: float = 1.0,
    ) -> None:
        """Adds one picture, or a part that counts for more than one of its size.

        Args:
            anchors: rows of those in view.
            sources: where each Gaussian is from, row * k + offset; no two from the same.
            gradients: their lengths, as in `Statistics.gradients`.
            drawn: which Gaussians touched a pixel.
            opacities: of the Gaussians.
            weight: pictures that this one stands for.
        """
        k = self.gradients.shape[1]
        self.visits[anchors] += weight
        self.opacities += weight * np.bincount(sources // k, opacities, len(self.visits)).astype(np.float32)
        self.gradients.reshape(-1)[sources[drawn]] += weight * gradients[drawn]
        self.sightings.reshape(-1)[sources[drawn]] += weight

    def significance(self, least_sightings: float) -> Float32[np.ndarray, "n k"]:
        """Mean gradient of each Gaussian; 0 where it was drawn less than so often."""
        enough = self.sightings >= max(least_sightings, 1.0)
        return np.where(enough, self.gradients / np.maximum(self.sightings, 1.0), np.float32(0.0))


@dataclass(frozen=True)
class GrowthRule:
    """How hard a Gaussian must be pulled."""

    threshold: float
    """tau_g: least mean gradient that makes a node in layer 0's own layer."""
    layer_exponent: float
    """beta: layer l asks for tau_g * 2 ** (beta * l)."""
    room: int | None = None
    """At most so many candidates, the most significant ones; None: all."""

    def at(self, layer: int) -> float:
        """Threshold of a layer; ProGS, Eq. 6."""
        return self.threshold * 2.0 ** (self.layer_exponent * layer)


def grow(
    layers: Layers,
    lattice: Lattice,
    centers: Float[np.ndarray, "n k 3"],
    significance: Float32[np.ndarray, "n k"],
    rule: GrowthRule,
) -> tuple[Layers, Int64[np.ndarray, " m"]]:
    """The grown octree, and for each of its nodes the row that it comes from: its own, or of the anchor that asked.

    `centers` are of the Gaussians, in world units; those outside the lattice ask for nothing.
    """
    finest = lattice.layer_count - 1
    layer_of = np.repeat(np.arange(len(layers)), [len(indices) for indices in layers])
    own = np.array([rule.at(layer) for layer in range(finest + 2)])
    deeper = (significance > own[layer_of + 1][:, None]) & (layer_of < finest)[:, None]
    same = ~deeper & (significance > own[layer_of][:, None])
    target = np.where(deeper, layer_of[:, None] + 1, layer_of[:, None])
    rows, offsets = np.nonzero((deeper | same) & lattice.contains(centers.reshape(-1, 3)).reshape(significance.shape))
    order = np.argsort(-significance[rows, offsets], kind="stable")
    rows, offsets = rows[order], offsets[order]
    wanted = _new_cells(layers, lattice, centers[rows, offsets], target[rows, offsets])
    kept = wanted.first[: rule.room]
    candidates = [wanted.keys[kept[wanted.layers[kept] == layer]] for layer in range(finest + 1)]
    grown = with_ancestors(
        [np.concatenate([old, indices_of(new)]) for old, new in zip(layers, candidates, strict=True)]
    )
    return grown, _origins(layers, grown, wanted, rows)


@dataclass(frozen=True, eq=False)
class _Wanted:
    """Cells that candidates ask for, most significant candidate first."""

    layers: Int64[np.ndarray, " c"]
    keys: np.ndarray
    first: Int64[np.ndarray, " f"]
    """Candidates that are the first to ask for their cell, which has no node yet."""


def _new_cells(
    layers: Layers, lattice: Lattice, centers: Float[np.ndarray, "c 3"], target: Int64[np.ndarray, " c"]
) -> _Wanted:
    keys, vacant = np.zeros(len(target), np.uint64), np.zeros(len(target), np.bool_)
    for layer, indices in enumerate(layers):
        own = target == layer
        keys[own] = morton_keys(lattice.locate(centers[own], layer))
        vacant[own] = rows_of(keys[own], morton_keys(indices)) < 0
    tagged = keys | (target.astype(np.uint64) << np.uint64(60))
    _, first = np.unique(tagged, return_index=True)
    first = np.sort(first[vacant[first]])
    return _Wanted(target, keys, first)


def _origins(layers: Layers, grown: Layers, wanted: _Wanted, rows: Int64[np.ndarray, " c"]) -> Int64[np.ndarray, " m"]:
    """Row of the old octree that each node of the new one takes after: itself, who asked, or what its child takes."""
    starts = np.concatenate([[0], np.cumsum([len(indices) for indices in layers])])
    found: list[np.ndarray] = []
    below: np.ndarray | None = None
    for layer in range(len(grown) - 1, -1, -1):
        keys = morton_keys(grown[layer])
        own = rows_of(keys, morton_keys(layers[layer]))
        origin = np.where(own >= 0, own + starts[layer], -1)
        chosen = wanted.first[wanted.layers[wanted.first] == layer]
        asked = rows_of(wanted.keys[chosen], keys)
        origin[asked[asked >= 0]] = rows[chosen[asked >= 0]]
        if below is not None:
            parents = parent_rows(grown[layer + 1], grown[layer])
            orphan = origin[parents] < 0
            origin[parents[orphan]] = below[orphan]
        found.append(origin)
        below = origin
    return np.concatenate(found[::-1])


def prune(layers: Layers, faint: Bool[np.ndarray, " n"]) -> Layers:
    """The octree without faint leaves, and without faint parents that have lost all their children."""
    starts = np.concatenate([[0], np.cumsum([len(indices) for indices in layers])])
    kept: list[np.ndarray] = []
    below: np.ndarray | None = None
    for layer in range(len(layers) - 1, -1, -1):
        stays = ~faint[starts[layer] : starts[layer + 1]]
        if below is not None:
            stays = stays.copy()
            stays[parent_rows(below, layers[layer])] = True
        below = layers[layer][stays]
        kept.append(below)
    return tuple(kept[::-1])
