# SPDX-License-Identifier: Apache-2.0
"""What the probability model may look at besides an anchor itself: the octree's family as tensors, and values there."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Int64
from torch import Tensor, nn

from lamina.anchors.context.neighborhood import Family


@dataclass(frozen=True, eq=False)
class Relations:
    """`Family` as tensors, made once for a tree."""

    layers: Int64[Tensor, " n"]
    parents: Int64[Tensor, " n"]
    """0 where there is none."""
    has_parent: Float[Tensor, "n 1"]
    neighbors: Int64[Tensor, "n 2"]
    """0 where there is none."""
    neighbor_weights: Float[Tensor, "n 2"]
    """Sum to 1, or to 0 where there is none."""
    places: Float[Tensor, "n p"]
    """Octant, +-1 an axis (0 in layer 0); 1 if the cell goes on in the next layer; layer, one of them 1."""
    positions: Int64[Tensor, "n 3"]
    """In units of 2**-20 of the box."""
    parent_positions: Int64[Tensor, "n 3"]


@dataclass(frozen=True, eq=False)
class Known:
    """What a decoder has of other anchors before it decodes some rows."""

    parent: Float[Tensor, "m c"]
    """Values of the parent; 0 in layer 0."""
    neighbors: Float[Tensor, "m c"]
    """Mean of the neighbors; 0 where there is none."""


def relations_of(family: Family, layer_count: int, device: torch.device | str = "cpu") -> Relations:
    """Tensors of a family."""
    parents, neighbors = torch.from_numpy(family.parents), torch.from_numpy(family.neighbors)
    there = (neighbors >= 0).float()
    bits = torch.from_numpy(family.octants.astype(np.int64))[:, None] >> torch.arange(3) & 1
    has_parent = (parents >= 0).float()[:, None]
    layers = torch.from_numpy(family.layers)
    has_children = torch.from_numpy(family.has_children.astype(np.float32))[:, None]
    one_hot = nn.functional.one_hot(layers, layer_count).float()
    places = torch.cat([(2.0 * bits - 1.0) * has_parent, has_children, one_hot], dim=1)
    return Relations(
        layers.to(device),
        parents.clamp_min(0).to(device),
        has_parent.to(device),
        neighbors.clamp_min(0).to(device),
        (there / there.sum(dim=1, keepdim=True).clamp_min(1)).to(device),
        places.to(device),
        torch.from_numpy(family.positions.astype(np.int64)).to(device),
        torch.from_numpy(family.parent_positions.astype(np.int64)).to(device),
    )


def known_of(values: Float[Tensor, "n c"], relations: Relations, rows: Int64[Tensor, " m"]) -> Known:
    """What is known of some rows when these are the (noisy or decoded) values of all."""
    parent = values.index_select(0, relations.parents[rows]) * relations.has_parent[rows]
    neighbors = (values[relations.neighbors[rows]] * relations.neighbor_weights[rows, :, None]).sum(dim=1)
    return Known(parent, neighbors)
