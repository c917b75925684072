# SPDX-License-Identifier: Apache-2.0
"""The freeview codec on the wire: what is declared of its header unit and of the heads of others.

header unit    FreeviewFacts · AnchorNetworks     stream group, layer -1: with MotionFacts, or with NetworkedFacts
first frame    LayerHead · ...                    stream group, layers 0...: the anchors at rest, a layer a unit
cameras        in front of layer 0's              CameraSection
frame unit     MotionHead · ...                   group g, a unit a (frame, layer): how the anchors differ from rest
               NetworkedHead · ...                in the paper's method: a unit a frame, from the one before
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from lamina.anchors.syntax import MAX_ANCHORS, MAX_DEPTH, MAX_EXTENSION_BYTES, MAX_LAYERS, AnchorFacts
from lamina.bitstream import Array, Bytes, Flag, Float32, Struct, Syntax, UInt, Varint, Version
from lamina.codecs.freeview.networked.syntax import NetworkedFacts
from lamina.networks.constants import POSITION_BITS

VERSION = 2
"""Of this syntax; a reader refuses others. 1 knew no networks."""

MAX_CAMERA_BYTES = 1 << 20
MAX_GUEST_BYTES = 1 << 26
STEP_GROUPS = 4
"""Steps are of features, translations, rotations and offsets."""


@dataclass(frozen=True, slots=True)
class MotionFacts(Syntax):
    """How anchors move: the scales of cells that carry differences, and what a difference of 1 is."""

    depths: Annotated[tuple[int, ...], Array(UInt(5, maximum=MAX_DEPTH), MAX_LAYERS - 1)]
    """Of the cells of each scale but the finest, which has the anchors themselves; coarsest first, rising."""
    has_coarse_features: Annotated[bool, Flag()]
    """Cells above anchors carry differences of features too."""
    has_coarse_offsets: Annotated[bool, Flag()]
    """And of offsets."""
    steps: Annotated[tuple[float, ...], Array(Float32(minimum=1e-9, maximum=1e9), STEP_GROUPS, count=STEP_GROUPS)]
    """What 1 is of features; of translations in `unit`; of rotations in radians; of offsets in units of the reach."""
    unit: Annotated[float, Float32(minimum=1e-20, maximum=1e20)]
    """World units that translations are in."""

    def check(self) -> None:
        """Depths rise."""
        if any(one >= other for one, other in zip(self.depths, self.depths[1:], strict=False)):
            raise ValueError(f"depths {self.depths}: each scale is finer than the one before")


@dataclass(frozen=True, slots=True)
class FreeviewFacts(Syntax):
    """Begins a stream's header unit: what tools ask, and what sizes follow."""

    version: Annotated[int, Version(7, ours=VERSION)]
    """Of this syntax."""
    has_extensions: Annotated[bool, Flag()]
    """A later version says more."""
    has_cells: Annotated[bool, Flag()]
    """Anchors move with cells that carry how they differ from rest."""
    has_networks: Annotated[bool, Flag()]
    """Anchors move from frame to frame by networks (the paper's method). One of the two is set."""
    reserved: Annotated[int, UInt(6, maximum=0)]
    """0."""
    background: Annotated[tuple[int, ...], Array(UInt(8), 3, count=3)]
    """Red, green, blue behind everything, 0...255."""
    width: Annotated[int, Varint(1 << 16, minimum=1)]
    """Pixels of the views that it was fitted to."""
    height: Annotated[int, Varint(1 << 16, minimum=1)]
    """Pixels."""
    rate_numerator: Annotated[int, Varint((1 << 24) - 1, minimum=1)]
    """Frames in so many seconds as the denominator says."""
    rate_denominator: Annotated[int, Varint((1 << 24) - 1, minimum=1)]
    """Seconds."""
    near: Annotated[float, Float32(minimum=0.0, maximum=1e20)]
    """World units before a camera in which it is not meant to see anything."""
    anchors: Annotated[AnchorFacts, Struct(AnchorFacts)]
    """What it is made of."""
    cells: Annotated[MotionFacts | None, Struct(MotionFacts, when="has_cells")] = None
    """How that moves."""
    networks: Annotated[NetworkedFacts | None, Struct(NetworkedFacts, when="has_networks")] = None
    """Or this."""
    extensions: Annotated[bytes | None, Bytes(MAX_EXTENSION_BYTES, when="has_extensions")] = None
    """Not read by this version."""

    def check(self) -> None:
        """One thing moves anchors. Each layer of anchors has its scale, whose cells it can name."""
        if self.has_cells == self.has_networks:
            raise ValueError("anchors move either with cells or by networks")
        if self.has_networks:
            if self.anchors.layers > 1:
                raise ValueError(f"{self.anchors.layers} layers of anchors that networks move, expected 1")
            if self.anchors.base_depth >= POSITION_BITS:
                raise ValueError(
                    f"anchors of depth {self.anchors.base_depth} that networks move, at most {POSITION_BITS - 1}"
                )
            return
        if len(self.motion.depths) != self.anchors.layer_count:
            raise ValueError(f"{len(self.motion.depths) + 1} scales for {self.anchors.layers} layers of anchors")
        for scale, depth in enumerate(self.motion.depths):
            if depth > self.anchors.base_depth + scale:
                raise ValueError(
                    f"scale {scale} has cells of depth {depth}, its layer only down to "
                    f"{self.anchors.base_depth + scale}"
                )

    @property
    def motion(self) -> MotionFacts:
        """How anchors move with cells; asked only where they do."""
        assert self.cells is not None
        return self.cells


@dataclass(frozen=True, slots=True)
class CameraSection(Syntax):
    """In front of the first layer of anchors: cameras for viewers; nothing is decoded by them."""

    cameras: Annotated[bytes, Bytes(MAX_CAMERA_BYTES)]
    """A payload of `lamina.cameras.coding`; empty: none."""


@dataclass(frozen=True, slots=True)
class MotionHead(Syntax):
    """In front of a frame's unit."""

    has_extensions: Annotated[bool, Flag()]
    """A later version says more."""
    is_absolute: Annotated[bool, Flag()]
    """Differences from rest, so that decoding can begin here; otherwise from the frame before."""
    is_still: Annotated[bool, Flag()]
    """All of them are 0, and no stream follows."""
    has_departures: Annotated[bool, Flag()]
    """Guests leave."""
    has_guest_motion: Annotated[bool, Flag()]
    """Guests that stay move."""
    has_births: Annotated[bool, Flag()]
    """Guests come."""
    reserved: Annotated[int, UInt(2, maximum=0)]
    """0."""
    departures: Annotated[tuple[int, ...] | None, Array(Varint(MAX_ANCHORS), MAX_ANCHORS, when="has_departures")] = None
    """How many guests stay before each that leaves, from the one before on; in the order in which they came."""
    guest_motion: Annotated[bytes | None, Bytes(MAX_GUEST_BYTES, when="has_guest_motion")] = None
    """Differences of those that stay, entropy coded."""
    births: Annotated[bytes | None, Bytes(MAX_GUEST_BYTES, when="has_births")] = None
    """A layer of anchors without parents, as in a layer's unit; they come after those that stay."""
    extensions: Annotated[bytes | None, Bytes(MAX_EXTENSION_BYTES, when="has_extensions")] = None
    """Not read by this version."""
