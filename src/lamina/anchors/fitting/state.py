# SPDX-License-Identifier: Apache-2.0
"""A fit under way: the octree, what each anchor holds, the networks, and their Adam moments.

Anchors stand layer by layer, in Morton order within a layer, as on the wire: level l is a prefix of all rows, and of
the Gaussians that they make. Surgery (growing, pruning) makes another state, of rows that are kept and fresh ones.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np
import torch
from jaxtyping import Bool, Float, Int64
from torch import Tensor

from lamina.anchors.anchors import Anchors
from lamina.anchors.context.layout import ContextLayout
from lamina.anchors.context.neighborhood import family_of
from lamina.anchors.fitting.context_model import ContextModel
from lamina.anchors.fitting.relations import Relations, relations_of
from lamina.anchors.growth import Statistics
from lamina.anchors.missing import continued, missing_shares
from lamina.anchors.neural import Heads
from lamina.anchors.octree import Lattice, Layers, morton_keys, rows_of
from lamina.fitting.adam import TINY, Parameter
from lamina.quantize.training import straight_through

FIRST_MASK = 1.0
"""Logit of a new offset's mask (HAC)."""

MASK_THRESHOLD = 0.5
"""An offset is used while the sigmoid of its logit is over this. HAC: 0.01, so far away that only long fits get
there."""


@dataclass(eq=False)
class Networks:
    """Generators and probability model, with their optimisers."""

    heads: Heads
    context: ContextModel
    head_optimizer: torch.optim.Adam
    """Groups: opacity, covariance, color."""
    context_optimizer: torch.optim.Adam
    """Groups: networks, steps of layers."""

    @classmethod
    def of(cls, heads: Heads, context: ContextModel) -> Networks:
        """With fresh moments."""
        groups = [{"params": list(head.parameters())} for head in (heads.opacity, heads.covariance, heads.color)]
        others = [tensor for tensor in context.parameters() if tensor is not context.layer_steps]
        parts = [{"params": others}, {"params": [context.layer_steps]}]
        generators, probabilities = (torch.optim.Adam(group, eps=TINY, fused=True) for group in (groups, parts))
        return cls(heads, context, generators, probabilities)


@dataclass(eq=False)
class FitState:
    """Everything that a step reads and changes."""

    lattice: Lattice
    layers: Layers
    values: Parameter
    """Features, ln(scaling / side of the anchor's cell), offsets, side by side: as the probability model has them."""
    mask_logits: Parameter
    networks: Networks
    statistics: Statistics
    step: int = 0
    rate_weight: float = 0.0
    """Lambda now."""
    bits_per_anchor: float = 0.0
    """Running mean of what the probability model says; 0 before the rate term is on."""
    rated_count: int = 0
    """Anchors when the rate term came on; 0 before."""
    starts: Int64[np.ndarray, " l"] = field(init=False)
    """First row of each layer, and the number of all."""
    parents: Int64[np.ndarray, " n"] = field(init=False)
    """Row of the parent; -1 in layer 0."""
    positions: Float[Tensor, "n 3"] = field(init=False)
    """Centres of cells, world units."""
    voxels: Float[Tensor, "n 1"] = field(init=False)
    """Sides of cells, world units."""
    relations: Relations = field(init=False)
    missing: tuple[Float[Tensor, "m 1"], ...] = field(init=False)
    """Of each level's rows, how much of their cell it is without (`anchors/missing.py`)."""

    def __post_init__(self) -> None:
        counts = [len(indices) for indices in self.layers]
        device = self.values.values.device
        self.starts = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
        centers = [self.lattice.centers(indices, layer) for layer, indices in enumerate(self.layers)]
        self.positions = torch.from_numpy(np.concatenate(centers).astype(np.float32)).to(device)
        sides = [self.lattice.sides(indices, layer) for layer, indices in enumerate(self.layers)]
        self.voxels = torch.from_numpy(np.concatenate(sides).astype(np.float32)[:, None]).to(device)
        family = family_of(self.layers, self.lattice.base_depth)
        self.parents = family.parents
        self.relations = relations_of(family, len(counts), device)
        has_children = continued(self.layers)
        shares = [
            missing_shares(self.layers[: level + 1], has_children[level], len(counts)) for level in range(len(counts))
        ]
        self.missing = tuple(torch.from_numpy(share[:, None]).to(device) for share in shares)

    @property
    def layout(self) -> ContextLayout:
        """Columns of values."""
        return self.networks.context.layout

    @property
    def device(self) -> torch.device:
        """Where tensors are."""
        return self.values.values.device

    @property
    def count(self) -> int:
        """Anchors of all layers."""
        return int(self.starts[-1])

    def columns(self, values: Float[Tensor, "m c"]) -> tuple[Tensor, Tensor, Tensor]:
        """Features, log scalings, offsets of some rows."""
        features, scalings, offsets = (values[:, columns] for columns in self.layout.groups)
        return features, scalings, offsets

    def anchors(
        self,
        rows: Int64[Tensor, " m"],
        values: Float[Tensor, "m c"],
        masks: Float[Tensor, "m k"],
        level: int | None = None,
    ) -> Anchors:
        """These rows with these values, as generators want them for a level (None: the top) that has them all."""
        features, scalings, offsets = self.columns(values)
        # In one piece: exp takes several numbers at a time then, and index_select a sixth of the time of [rows].
        sizes = torch.exp(scalings.contiguous()) * self.voxels.index_select(0, rows)
        return Anchors(
            self.positions.index_select(0, rows),
            features,
            sizes,
            offsets.reshape(len(rows), self.layout.offset_count, 3),
            masks,
            None if level is None else self.missing[level].index_select(0, rows),
        )

    def used(self) -> Bool[Tensor, "n k"]:
        """Which offsets their masks leave."""
        return self.mask_logits.values > math.log(MASK_THRESHOLD / (1 - MASK_THRESHOLD))


def soft_masks(logits: Float[Tensor, "m k"]) -> Float[Tensor, "m k"]:
    """1 where an offset is used, 0 where not, with the gradient of the sigmoid. Source: HAC."""
    soft = torch.sigmoid(logits)
    return straight_through(soft, (soft > MASK_THRESHOLD).to(soft.dtype))


def with_layers(state: FitState, layers: Layers, source: Int64[np.ndarray, " m"]) -> FitState:
    """The state on another octree. Anchors that were there stay as they are, statistics begin anew.

    A new anchor takes the feature of row `source` (of the old state; -1: zeros) and starts as wide as its cell.
    """
    found = origins_of(layers, state.layers)
    origin = torch.from_numpy(found).to(state.device)
    taken = torch.from_numpy(source[found < 0]).to(state.device)
    fresh = torch.zeros(len(taken), state.layout.channels, device=state.device)
    columns = state.layout.groups[0]
    fresh[:, columns] = state.values.values[taken.clamp_min(0), columns] * (taken >= 0)[:, None]
    k = state.layout.offset_count
    return FitState(
        state.lattice,
        layers,
        state.values.rearranged(origin, fresh),
        state.mask_logits.rearranged(origin, torch.full((len(taken), k), FIRST_MASK, device=state.device)),
        state.networks,
        Statistics.none(len(found), k),
        state.step,
        state.rate_weight,
        state.bits_per_anchor,
        state.rated_count,
    )


def origins_of(layers: Layers, before: Layers) -> Int64[np.ndarray, " m"]:
    """Row of each node in another octree; -1 where it is new."""
    starts = np.concatenate([[0], np.cumsum([len(indices) for indices in before])])
    rows = [
        np.where((found := rows_of(morton_keys(new), morton_keys(old))) >= 0, found + starts[layer], -1)
        for layer, (new, old) in enumerate(zip(layers, before, strict=True))
    ]
    return np.concatenate(rows).astype(np.int64)
