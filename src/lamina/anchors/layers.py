# SPDX-License-Identifier: Apache-2.0
"""Layers of anchors: decoded integers enter, tensors that generators take leave.

A layer is what a unit decodes to (`AnchorLayer`); a level is what its layers make together (`Anchors`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from jaxtyping import Bool, Float, Float32, Int32, UInt8
from torch import Tensor

from lamina.anchors.anchors import Anchors, concatenate
from lamina.anchors.context.layout import VALUE_BITS
from lamina.anchors.contraction import Contraction
from lamina.anchors.missing import missing_shares
from lamina.anchors.neural import Heads
from lamina.anchors.octree import Indices, Lattice
from lamina.anchors.syntax import SCALING_COUNT, AnchorFacts
from lamina.networks.quantized import QuantizedMlp

Generators = tuple[QuantizedMlp, QuantizedMlp, QuantizedMlp]
"""Of opacity, covariance and color, as integers."""


@dataclass(frozen=True, eq=False)
class AnchorLayer:
    """One layer in integers: what `lamina digest` hashes, the same on every machine. Rows are in Morton order."""

    indices: Int32[np.ndarray, "n 3"]
    """Cells, in cells of this layer."""
    has_children: UInt8[np.ndarray, " n"]
    """1: the cell has children in the next layer."""
    masks: UInt8[np.ndarray, "n k"]
    """1: this offset makes a Gaussian. An anchor without any is structure: its attributes are not sent."""
    symbols: Int32[np.ndarray, "n c"]
    """What is coded: steps between prediction and value; 0 where nothing is."""
    values: Int32[np.ndarray, "n c"]
    """Decoded attributes: features, scalings, offsets."""

    @property
    def count(self) -> int:
        """Anchors."""
        return len(self.indices)

    @property
    def is_live(self) -> Bool[np.ndarray, " n"]:
        """Which make Gaussians; the others are structure."""
        return self.masks.max(axis=1, initial=0) > 0


def lattice_of(facts: AnchorFacts) -> Lattice:
    """The octree's cells in the world."""
    x, y, z = facts.origin
    contraction = None
    if facts.center is not None and facts.radius is not None:
        center_x, center_y, center_z = facts.center
        contraction = Contraction((center_x, center_y, center_z), facts.radius)
    return Lattice((x, y, z), facts.side, facts.base_depth, facts.layers, contraction)


def heads_of(facts: AnchorFacts, heads: tuple[QuantizedMlp, QuantizedMlp, QuantizedMlp]) -> Heads:
    """The generators as they run: the integers that were sent, as reals."""
    opacity, covariance, color = (head.dequantized() for head in heads)
    return Heads(opacity, covariance, color, facts.distance_unit, facts.is_level_conditioned)


def level_of(layers: Sequence[Anchors], missing: Float32[np.ndarray, " m"]) -> Anchors:
    """The anchors of a level, told what it is without."""
    return replace(concatenate(layers), missing=torch.from_numpy(missing[:, None]).to(layers[0].positions))


def missing_of(facts: AnchorFacts, layers: Sequence[AnchorLayer]) -> Float32[np.ndarray, " m"]:
    """What the level of these layers is without, anchor by anchor."""
    return missing_shares([layer.indices for layer in layers], layers[-1].has_children, facts.layers)


def anchors_of(facts: AnchorFacts, layer: int, state: AnchorLayer) -> Anchors:
    """Integers of a layer -> tensors."""
    values = torch.from_numpy(state.values.astype(np.float32) / np.float32(1 << VALUE_BITS))
    return anchors_in(facts, layer, state.indices, values, state.masks)


def anchors_in(
    facts: AnchorFacts, layer: int, cells: Indices, values: Float[Tensor, "n c"], masks: UInt8[np.ndarray, "n k"]
) -> Anchors:
    """Anchors in cells of a layer, of attributes as reals; differentiable in these."""
    lattice = lattice_of(facts)
    positions, sides = lattice.centers(cells, layer), lattice.sides(cells, layer)
    features, scalings, offsets = values.split([facts.feature_count, SCALING_COUNT, 3 * facts.offset_count], dim=1)
    return Anchors(
        positions=torch.from_numpy(positions.astype(np.float32)),
        features=features.contiguous(),
        scalings=torch.exp(scalings + torch.from_numpy(np.log(sides).astype(np.float32))[:, None]),
        offsets=offsets.reshape(-1, facts.offset_count, 3),
        masks=torch.from_numpy(masks.astype(np.float32)),
    )
