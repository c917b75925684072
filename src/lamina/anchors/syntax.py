# SPDX-License-Identifier: Apache-2.0
"""Anchors on the wire: what is declared of them in a stream's header unit, and of the head of a layer's unit.

header unit    ... AnchorFacts ... AnchorNetworks (byte strings that anchors/coding/networks.py reads)
layer unit     LayerHead · tree, masks and attributes, entropy coded (anchors/coding/layer.py)
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from lamina.anchors.cube import check_cube
from lamina.bitstream import Array, Bytes, Flag, Float32, Int, Struct, Syntax, UInt, Varint

MAX_LAYERS = 8
MAX_DEPTH = 20
"""Halvings of the box down to the finest cell: three indices of 20 bits make a Morton key of 60."""

MAX_ANCHORS = 1 << 20
"""Anchors of one layer, and nodes of one depth of the tree above layer 0 (the paper's parent index has 20 bits)."""

MAX_VALUES = 1 << 26
"""Attribute values of one layer: anchors times channels; bounds a decoder to about 2 GB."""

MAX_NETWORK_BYTES = 1 << 22
MAX_EXTENSION_BYTES = 1 << 16
STEP_RANGE = 40
"""Steps are base * 2**(e / 8), e = -40...40: from 1/32 of the base step to 32 of them."""

SCALING_COUNT = 6
"""Scalings of an anchor: three stretch its offsets, three are the base size of its Gaussians (Scaffold-GS)."""

SHARES = 127
"""Shares of a unit's stream are in 1/127."""


@dataclass(frozen=True, slots=True)
class ContextShape(Syntax):
    """Which probability model predicts attributes: what it is told, and how wide it is."""

    uses_parent: Annotated[bool, Flag()]
    """Attributes of the parent are inputs."""
    uses_parent_offsets: Annotated[bool, Flag()]
    """Among them its offsets."""
    uses_neighbors: Annotated[bool, Flag()]
    """Attributes of nearby anchors of the same layer that were decoded before are inputs."""
    uses_hash_grid: Annotated[bool, Flag()]
    """Features of the own and the parent's position in the hash grid are inputs (the paper's context)."""
    has_adaptive_steps: Annotated[bool, Flag()]
    """Steps of an anchor come from a network; otherwise each layer has its own."""
    is_chained: Annotated[bool, Flag()]
    """Scalings and offsets are predicted with the anchor's own decoded features as inputs."""
    feature_groups: Annotated[int, UInt(4, minimum=1)]
    """Groups of feature channels, each predicted with those before it; 1: all at once."""
    hidden: Annotated[int, Varint(512, minimum=1)]
    """Hidden units of the network that predicts means and scales."""
    step_hidden: Annotated[int, Varint(512, minimum=1)]
    """Hidden units of the network that predicts steps."""
    group_hidden: Annotated[int, Varint(512, minimum=1)]
    """Hidden units of the networks that know own channels."""


@dataclass(frozen=True, slots=True)
class AnchorFacts(Syntax):
    """What anchors are made of, and where they stand."""

    layer_count: Annotated[int, UInt(4, maximum=MAX_LAYERS - 1)]
    """Layers - 1."""
    base_depth: Annotated[int, UInt(5, maximum=MAX_DEPTH)]
    """Halvings of the box down to a cell of layer 0; each layer halves once more."""
    feature_count: Annotated[int, UInt(8, minimum=1, maximum=128)]
    """Feature channels of an anchor."""
    offset_count: Annotated[int, UInt(5, minimum=1)]
    """Gaussians of an anchor."""
    is_level_conditioned: Annotated[bool, Flag()]
    """Generators are told how much of an anchor's cell the level that is shown is without."""
    is_contracted: Annotated[bool, Flag()]
    """The cube is one of contracted space: `anchors/contraction.py`."""
    head_hidden: Annotated[int, Varint(512, minimum=1)]
    """Hidden units of each generator."""
    context: Annotated[ContextShape, Struct(ContextShape)]
    """The probability model."""
    origin: Annotated[tuple[float, ...], Array(Float32(), 3, count=3)]
    """Corner of the cube that the tree halves, world units; of contracted space where it is contracted."""
    side: Annotated[float, Float32(minimum=1e-20, maximum=1e20)]
    """Of the cube, in the same units."""
    distance_unit: Annotated[float, Float32(minimum=1e-20, maximum=1e20)]
    """World units that generators count as a distance of 1."""
    center: Annotated[tuple[float, ...] | None, Array(Float32(), 3, count=3, when="is_contracted")] = None
    """Of the contraction, world units."""
    radius: Annotated[float | None, Float32(minimum=1e-20, maximum=1e18, when="is_contracted")] = None
    """Within which space is as it is, world units."""

    def check(self) -> None:
        """Box and depths are possible."""
        if self.base_depth + self.layer_count > MAX_DEPTH:
            raise ValueError(f"{self.base_depth} + {self.layer_count} halvings of the box, at most {MAX_DEPTH}")
        if self.is_contracted:
            check_cube(self.origin, self.side)
        if self.context.feature_groups > self.feature_count:
            raise ValueError(f"{self.context.feature_groups} groups of {self.feature_count} features")

    @property
    def layers(self) -> int:
        """Number of layers, and of levels."""
        return self.layer_count + 1

    @property
    def channels(self) -> int:
        """Attribute values of an anchor: features, scalings, offsets."""
        return self.feature_count + SCALING_COUNT + 3 * self.offset_count


@dataclass(frozen=True, slots=True)
class AnchorNetworks(Syntax):
    """All networks of anchors, entropy coded."""

    heads: Annotated[bytes, Bytes(MAX_NETWORK_BYTES)]
    """Generators of opacity, covariance and color."""
    context: Annotated[bytes, Bytes(MAX_NETWORK_BYTES)]
    """Networks that predict attributes and steps."""
    layer_steps: Annotated[tuple[int, ...], Array(Int(8, minimum=-STEP_RANGE, maximum=STEP_RANGE), 3 * MAX_LAYERS)]
    """Of each layer, steps of features, scalings and offsets in eighths of an octave over their base; three a layer."""
    hash_grid: Annotated[bytes, Bytes(MAX_NETWORK_BYTES)]
    """Shape and signs of the hash grid; empty where it is not used."""


@dataclass(frozen=True, slots=True)
class LayerHead(Syntax):
    """In front of a layer's unit."""

    has_extensions: Annotated[bool, Flag()]
    """A later version says more."""
    reserved: Annotated[int, UInt(3, maximum=0)]
    """0."""
    shares: Annotated[tuple[int, ...], Array(UInt(7), 4, count=4)]
    """Of the stream, in 1/127, what tree, masks, features and scalings take, measured by the encoder; the rest is
    offsets. For people: they decide nothing."""
    count: Annotated[int, Varint(MAX_ANCHORS)]
    """Anchors of the layer."""
    extensions: Annotated[bytes | None, Bytes(MAX_EXTENSION_BYTES, when="has_extensions")] = None
    """Not read by this version."""

    def check(self) -> None:
        """Shares are shares."""
        if sum(self.shares) > SHARES:
            raise ValueError(f"shares {self.shares} sum to over {SHARES}")
