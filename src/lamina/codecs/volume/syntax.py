# SPDX-License-Identifier: Apache-2.0
"""The volume codec on the wire: what is declared of its header units and of the heads of others.

header unit       VolumeFacts · CameraSection     stream group, layer -1
group's header    GroupHead                       group g, layer -1: steps, and the network of its frames
frame unit        LevelHead · ...                 group g, a unit a (frame, level)
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from lamina.bitstream import Array, Bytes, Flag, Float32, Syntax, UInt, Varint, Version
from lamina.grids.lattice import MAX_CELLS, MAX_LEVELS, Lattice

VERSION = 1
"""Of this syntax; a reader refuses others."""

MAX_CAMERA_BYTES = 1 << 20
MAX_EXTENSION_BYTES = 1 << 16
MAX_NETWORK_BYTES = 1 << 16
MAX_TABLE_BYTES = 1 << 16

COLORS = 3
"""Channels of colour: luma, orange, green (Y, Co, Cg)."""

MAX_EXTRA = 12
"""Channels beside density and colour: 16 in all."""

MAX_HIDDEN = 128
"""Hidden units of the network that shades."""

FRACTION_BITS = 12
"""Values are integers in units of 2**-12: densities to +-2048, colours too."""

VALUE_LIMIT = (1 << 23) - 1
SYMBOL_LIMIT = (1 << 15) - 1
MAX_STEP = 1 << 16

MAX_VALUES = 1 << 23
"""Of a level: vertices times channels. A decoder keeps five arrays of so many integers for each level of two frames."""

STEP_KINDS = 4
"""A level has a step for densities, one for luma, one for the other colours, one for all else."""


@dataclass(frozen=True, slots=True)
class VolumeFacts(Syntax):
    """Begins a stream's header unit: what tools ask, and where the lattices lie."""

    version: Annotated[int, Version(7, ours=VERSION)]
    """Of this syntax."""
    has_extensions: Annotated[bool, Flag()]
    """A later version says more."""
    background: Annotated[tuple[int, ...], Array(UInt(8), 3, count=3)]
    """Red, green, blue behind everything, 0...255, where a viewer says no other."""
    width: Annotated[int, Varint(1 << 16, minimum=1)]
    """Pixels of the views that it was fitted to."""
    height: Annotated[int, Varint(1 << 16, minimum=1)]
    """Pixels."""
    rate_numerator: Annotated[int, Varint((1 << 24) - 1, minimum=1)]
    """Frames in so many seconds as the denominator says."""
    rate_denominator: Annotated[int, Varint((1 << 24) - 1, minimum=1)]
    """Seconds."""
    origin: Annotated[tuple[float, ...], Array(Float32(minimum=-1e9, maximum=1e9), 3, count=3)]
    """Smallest corner of the box, world units."""
    step: Annotated[float, Float32(minimum=1e-9, maximum=1e9)]
    """Between vertices of the finest level, world units."""
    coarse_cells: Annotated[tuple[int, ...], Array(Varint(MAX_CELLS, minimum=1), 3, count=3)]
    """Cells of level 0, an axis."""
    level_count: Annotated[int, UInt(4, minimum=1, maximum=MAX_LEVELS)]
    """Levels, and so layers."""
    extra_count: Annotated[int, UInt(4, maximum=MAX_EXTRA)]
    """Channels beside density and three of colour."""
    shift: Annotated[float, Float32(minimum=-100.0, maximum=100.0)]
    """Added to densities before they are opacities."""
    empty: Annotated[int, Varint(VALUE_LIMIT)]
    """Density where the frame before holds nothing: minus this, in units of 2**-12."""
    hidden: Annotated[int, Varint(MAX_HIDDEN)]
    """Hidden units of the network that adds to the colours of a ray; 0: there is none."""
    extensions: Annotated[bytes | None, Bytes(MAX_EXTENSION_BYTES, when="has_extensions")] = None
    """Not read by this version."""

    def check(self) -> None:
        """The box has not too many cells."""
        self.lattice()

    def lattice(self) -> Lattice:
        """Where the lattices lie."""
        (x, y, z), (a, b, c) = self.origin, self.coarse_cells
        return Lattice((x, y, z), self.step, (a, b, c), self.level_count)

    @property
    def channel_count(self) -> int:
        """Of a row: density first, then colours, then all else."""
        return 1 + COLORS + self.extra_count


@dataclass(frozen=True, slots=True)
class CameraSection(Syntax):
    """After the facts: cameras for viewers; nothing is decoded by them."""

    cameras: Annotated[bytes, Bytes(MAX_CAMERA_BYTES)]
    """A payload of `lamina.cameras.coding`; empty: none."""


@dataclass(frozen=True, slots=True)
class GroupHead(Syntax):
    """A group's header unit."""

    has_extensions: Annotated[bool, Flag()]
    """A later version says more."""
    reserved: Annotated[int, UInt(7, maximum=0)]
    """0."""
    vector_step: Annotated[int, Varint(1 << 8, minimum=1)]
    """What 1 is of vectors, in 1/16 of the finest voxel."""
    steps: Annotated[tuple[int, ...], Array(Varint(MAX_STEP, minimum=1), MAX_LEVELS * STEP_KINDS)]
    """What 1 is, in units of 2**-12: four of each level, of densities, luma, other colours, all else."""
    network: Annotated[bytes, Bytes(MAX_NETWORK_BYTES)]
    """The network that shades (networks/coding.py); empty where there is none."""
    extensions: Annotated[bytes | None, Bytes(MAX_EXTENSION_BYTES, when="has_extensions")] = None
    """Not read by this version."""

    def check(self) -> None:
        """A step of each kind for each level."""
        if len(self.steps) % STEP_KINDS:
            raise ValueError(f"{len(self.steps)} steps, expected {STEP_KINDS} a level")


@dataclass(frozen=True, slots=True)
class LevelHead(Syntax):
    """In front of a frame's unit."""

    has_extensions: Annotated[bool, Flag()]
    """A later version says more."""
    is_key: Annotated[bool, Flag()]
    """Nothing of the frame before is used; the same in all units of a frame."""
    has_vectors: Annotated[bool, Flag()]
    """Of level 0 of a frame that is no key: vectors are sent; otherwise they are 0."""
    has_symbols: Annotated[bool, Flag()]
    """Otherwise the level adds nothing to what the one above and the frame before say."""
    is_dense: Annotated[bool, Flag()]
    """All cells of the box are active, and none are sent; never of a finest level under others."""
    has_tables: Annotated[bool, Flag()]
    """Symbols are coded one by one under tables of the unit, without contexts."""
    reserved: Annotated[int, UInt(2, maximum=0)]
    """0."""
    shares: Annotated[tuple[int, ...], Array(UInt(7, maximum=127), 2, count=2)]
    """Of the stream, what cells and vectors take, in 1/127: for people."""
    tables: Annotated[bytes | None, Bytes(MAX_TABLE_BYTES, when="has_tables")] = None
    """Of the symbols (entropy/table_syntax.py): one of all channels, or one a channel."""
    extensions: Annotated[bytes | None, Bytes(MAX_EXTENSION_BYTES, when="has_extensions")] = None
    """Not read by this version."""
