# SPDX-License-Identifier: Apache-2.0
"""Latents of points, or features of a grid, enter; differences of anchors leave: aggregation and four heads.

    inner   a point's latents become those around it, weighed by where these are        (ILA; one for all scales)
    cross   a coarser point's are copied to its finer ones, and stand beside theirs     (CLA)
    heads   features · position · rotation · offsets, last layers 0 at the start

Source: HPC (arXiv 2602.00671), sec. IV-A and B. The paper gives no widths; these have the 42 kB that its networks take.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import torch
from jaxtyping import Float, Float32
from torch import Tensor
from torch.nn import functional

from lamina.codecs.freeview.motion import Channels
from lamina.codecs.freeview.networked.points import PointScale
from lamina.codecs.freeview.networked.syntax import NetworkedFacts, Representation
from lamina.networks.hash_layout import HashGridSpec, geometric_nodes
from lamina.networks.mlp import Mlp

INNER_HIDDEN = 16

TRIPLANE = HashGridSpec(nodes_3d=(), nodes_2d=(258, 514, 1026, 2050), log2_table_2d=15)
"""iFVC's, at half of its resolutions, which is what 2**-20 of a box can tell apart in our tables; without its gate."""

HASH_GRID = HashGridSpec(nodes_3d=geometric_nodes(16, 2048, 16), nodes_2d=(), log2_table_3d=15)
"""3DGStream's levels, tables and features; its features are reals of 16 bits, these are signs."""

GRIDS = {Representation.TRIPLANE: TRIPLANE, Representation.HASH_GRID: HASH_GRID}

Vectors = tuple[Float32[np.ndarray, " p"], ...]
"""Parameters of each layer: weights row by row, then biases."""


def network_sizes(facts: NetworkedFacts, channels: Channels) -> tuple[tuple[int, ...], ...]:
    """Inputs and outputs of each perceptron: of neighbors' weights, of what they make, of the heads."""
    grid = GRIDS.get(facts.representation)
    inner = ()
    if grid is None and facts.has_inner_aggregation:
        inner = ((3, INNER_HIDDEN, 1), (facts.channels, INNER_HIDDEN, facts.channels))
    width = facts.channels * (len(facts.grid_sizes) + 1) if grid is None else grid.width
    return (*inner, *((width, facts.hidden, outputs) for outputs in channels.widths))


def layer_sizes(sizes: Sequence[Sequence[int]]) -> tuple[tuple[int, int], ...]:
    """Inputs and outputs of each layer of all perceptrons, in order."""
    return tuple(pair for chain in sizes for pair in pairwise(chain))


@dataclass(frozen=True, eq=False)
class Networks:
    """All perceptrons of a frame."""

    mlps: tuple[Mlp, ...]
    """As `network_sizes` says."""

    @classmethod
    def of(cls, sizes: Sequence[Sequence[int]], layers: Sequence[Float[Tensor, " p"]]) -> Networks:
        """From the parameters of each layer."""
        mlps, rest = [], iter(layers)
        for chain in sizes:
            weights, biases = [], []
            for inputs, outputs in pairwise(chain):
                values = next(rest)
                weights.append(values[: inputs * outputs].reshape(outputs, inputs))
                biases.append(values[inputs * outputs :])
            mlps.append(Mlp(tuple(weights), tuple(biases)))
        return cls(tuple(mlps))

    @property
    def heads(self) -> tuple[Mlp, ...]:
        """Of features, position, rotation, offsets."""
        return self.mlps[-4:]

    def differences(self, embedding: Float[Tensor, "n e"]) -> Float[Tensor, "n c"]:
        """Of each anchor, in units of the facts' gains."""
        return torch.cat([head(embedding) for head in self.heads], dim=1)

    def aggregated(self, latents: Sequence[Float[Tensor, "n e"]], scales: Sequence[PointScale]) -> Float[Tensor, "n w"]:
        """Embeddings of the finest points, from latents of all scales, finest first."""
        found: Tensor | None = None
        for own, scale in zip(reversed(latents), reversed(scales), strict=True):
            inner = self._inner(own, scale)
            if found is not None:
                inner = torch.cat([found.index_select(0, torch.from_numpy(scale.above)), inner], dim=1)
            found = inner
        assert found is not None
        return found

    def _inner(self, latents: Float[Tensor, "n e"], scale: PointScale) -> Float[Tensor, "n e"]:
        """Those of the points around each, weighed by where they are."""
        if len(self.mlps) == len(self.heads):
            return latents
        weigh, make = self.mlps[:2]
        weights = functional.softmax(weigh(torch.from_numpy(scale.offsets)).squeeze(2), dim=1)
        near = torch.from_numpy(scale.neighbors)
        around = latents.index_select(0, near.reshape(-1)).reshape(*near.shape, latents.shape[1])
        return make((around * weights[:, :, None]).sum(dim=1))
