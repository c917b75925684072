# SPDX-License-Identifier: Apache-2.0
"""The scene codec on the wire: what is declared of its header unit and of the head of a layer's unit.

header unit    SceneFacts · SceneNetworks (byte strings that codecs/scene/coding.py reads)
layer unit     SceneLayerHead · tree, masks and attributes, entropy coded
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from lamina.anchors.contraction import check_cube
from lamina.bitstream import Array, Bytes, Flag, Float32, Int, Struct, Syntax, UInt, Varint, Version

VERSION = 2
"""Of this syntax; a reader refuses others. 0 had no contraction; in 1 a layer did not say which of its cells go on."""

MAX_LAYERS = 8
MAX_DEPTH = 20
"""Halvings of the box down to the finest cell: three indices of 20 bits make a Morton key of 60."""

MAX_ANCHORS = 1 << 20
"""Anchors of one layer, and nodes of one depth of the tree above layer 0 (the paper's parent index has 20 bits)."""

MAX_VALUES = 1 << 26
"""Attribute values of one layer: anchors times channels; bounds a decoder to about 2 GB."""

MAX_VIEWS = 1 << 12
MAX_NETWORK_BYTES = 1 << 22
STEP_RANGE = 40
"""Steps are base * 2**(e / 8), e = -40...40: from 1/32 of the base step to 32 of them."""

SCALING_COUNT = 6
"""Scalings of an anchor: three stretch its offsets, three are the base size of its Gaussians (Scaffold-GS)."""

SHARES = 255
"""Shares of a unit's stream are in 1/255."""


@dataclass(frozen=True, slots=True)
class SceneView(Syntax):
    """A camera to look through: of the capture, for viewers; nothing is decoded by it."""

    has_lens: Annotated[bool, Flag()]
    """Size, focal lengths and principal point follow; otherwise those of the view before."""
    quaternion: Annotated[tuple[int, ...], Array(Int(16), 4, count=4)]
    """World to camera, (w, x, y, z) in 1/32767."""
    position: Annotated[tuple[float, ...], Array(Float32(), 3, count=3)]
    """Optical centre, world units."""
    size: Annotated[tuple[int, ...] | None, Array(Varint(1 << 16, minimum=1), 2, count=2, when="has_lens")] = None
    """Width and height, pixels."""
    lens: Annotated[tuple[float, ...] | None, Array(Float32(), 4, count=4, when="has_lens")] = None
    """Focal lengths x, y, principal point x, y, pixels."""

    def check(self) -> None:
        """A rotation, and focal lengths above 0."""
        if not any(self.quaternion):
            raise ValueError("a rotation of four zeros")
        if self.lens is not None and min(self.lens[:2]) <= 0:
            raise ValueError(f"focal lengths {self.lens[:2]}, expected above 0")


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
class SceneFacts(Syntax):
    """Begins a stream's header unit: what tools ask, and what sizes follow."""

    version: Annotated[int, Version(4, ours=VERSION)]
    """Of this syntax."""
    layer_count: Annotated[int, UInt(4, maximum=MAX_LAYERS - 1)]
    """Layers - 1."""
    base_depth: Annotated[int, UInt(5, maximum=MAX_DEPTH)]
    """Halvings of the box down to a cell of layer 0; each layer halves once more."""
    feature_count: Annotated[int, UInt(8, minimum=1, maximum=128)]
    """Feature channels of an anchor."""
    offset_count: Annotated[int, UInt(5, minimum=1)]
    """Gaussians of an anchor."""
    head_hidden: Annotated[int, Varint(512, minimum=1)]
    """Hidden units of each generator."""
    is_told: Annotated[bool, Flag()]
    """Generators are told how much of an anchor's cell the level that is shown is without."""
    context: Annotated[ContextShape, Struct(ContextShape)]
    """The probability model."""
    background: Annotated[tuple[int, ...], Array(UInt(8), 3, count=3)]
    """Red, green, blue behind everything, 0...255."""
    width: Annotated[int, Varint(1 << 16, minimum=1)]
    """Pixels of the views that it was fitted to."""
    height: Annotated[int, Varint(1 << 16, minimum=1)]
    """Pixels."""
    origin: Annotated[tuple[float, ...], Array(Float32(), 3, count=3)]
    """Corner of the cube that the tree halves, world units; of drawn space where it is contracted."""
    side: Annotated[float, Float32(minimum=1e-20, maximum=1e20)]
    """Of the cube, in the same units."""
    is_contracted: Annotated[bool, Flag()]
    """The cube is one of drawn space: `anchors/contraction.py`."""
    distance_unit: Annotated[float, Float32(minimum=1e-20, maximum=1e20)]
    """World units that generators count as a distance of 1."""
    center: Annotated[tuple[float, ...] | None, Array(Float32(), 3, count=3, when="is_contracted")] = None
    """Of the contraction, world units."""
    radius: Annotated[float | None, Float32(minimum=1e-20, maximum=1e18, when="is_contracted")] = None
    """Within which space is as it is, world units."""
    views: Annotated[tuple[SceneView, ...], Array(Struct(SceneView), MAX_VIEWS)] = ()
    """Cameras of the capture that viewers may offer."""

    def check(self) -> None:
        """Box, depths and views are possible."""
        if self.base_depth + self.layer_count > MAX_DEPTH:
            raise ValueError(f"{self.base_depth} + {self.layer_count} halvings of the box, at most {MAX_DEPTH}")
        if self.is_contracted:
            check_cube(self.origin, self.side)
        if self.views and not self.views[0].has_lens:
            raise ValueError("the first view has no lens")
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
class SceneNetworks(Syntax):
    """Ends a stream's header unit: all networks, entropy coded."""

    heads: Annotated[bytes, Bytes(MAX_NETWORK_BYTES)]
    """Generators of opacity, covariance and color."""
    context: Annotated[bytes, Bytes(MAX_NETWORK_BYTES)]
    """Networks that predict attributes and steps."""
    layer_steps: Annotated[tuple[int, ...], Array(Int(8, minimum=-STEP_RANGE, maximum=STEP_RANGE), 3 * MAX_LAYERS)]
    """Of each layer, steps of features, scalings and offsets in eighths of an octave over their base; three a layer."""
    hash_grid: Annotated[bytes, Bytes(MAX_NETWORK_BYTES)]
    """Shape and signs of the hash grid; empty where it is not used."""


@dataclass(frozen=True, slots=True)
class SceneLayerHead(Syntax):
    """In front of a layer's unit."""

    count: Annotated[int, Varint(MAX_ANCHORS)]
    """Anchors of the layer."""
    shares: Annotated[tuple[int, ...], Array(UInt(8), 4, count=4)]
    """Of the stream, in 1/255, what tree, masks, features and scalings take, measured by the encoder; the rest is
    offsets. For people: they decide nothing."""

    def check(self) -> None:
        """Shares are shares."""
        if sum(self.shares) > SHARES:
            raise ValueError(f"shares {self.shares} sum to over {SHARES}")
