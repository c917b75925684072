# SPDX-License-Identifier: Apache-2.0
"""The paper's method on the wire: facts of the stream's header, and the head of a frame's unit."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import Annotated

from lamina.anchors.syntax import MAX_EXTENSION_BYTES
from lamina.bitstream import Array, Bytes, Enumeration, Flag, Float32, Syntax, UInt, Varint

MAX_SCALES = 8
FLOAT_BITS = 32
"""Bits of parameters that are sent as they are."""

MAX_NETWORK_LAYERS = 16
MAX_TABLE_BYTES = 1 << 16
MAX_NETWORK_BYTES = 1 << 22
MAX_CODED_BITS = 16
"""Of a parameter that comes as an integer: singles hold it exactly."""

MAX_SEARCHES = 1 << 24
"""Points times scales times neighbors: bounds a decoder to some twenty seconds of looking for these."""

MAX_PARAMETER = 1e9
"""Largest magnitude of a parameter; sums over frames saturate there."""

MAX_ENTROPY_BITS = 8
"""Of parameters whose integers are entropy coded: what the widest table of normal values holds."""
OUTPUT_GROUPS = 4
"""Networks give differences of features, positions, rotations and offsets."""


class Representation(IntEnum):
    """What anchors are told by."""

    POINTS = 0
    """Latents on points of several scales (HPC)."""
    TRIPLANE = 1
    """A binary tri-plane (iFVC)."""
    HASH_GRID = 2
    """A binary hash grid of the levels of 3DGStream."""


@dataclass(frozen=True, slots=True)
class NetworkedFacts(Syntax):
    """What carries differences from frame to frame, and what networks make of it."""

    representation: Annotated[Representation, Enumeration(Representation, bits=2)]
    """What anchors are told by."""
    has_inner_aggregation: Annotated[bool, Flag()]
    """Latents are averaged over neighbors (ILA)."""
    has_network_entropy: Annotated[bool, Flag()]
    """Integers of networks are entropy coded, not sent as they are."""
    network_bits: Annotated[int, UInt(6, minimum=2, maximum=32)]
    """Of a parameter; 32: floats."""
    channels: Annotated[int, UInt(6, minimum=1)]
    """Of the latents of a point."""
    neighbors: Annotated[int, UInt(4, minimum=1)]
    """Points that are averaged over, itself among them."""
    hidden: Annotated[int, UInt(10, minimum=1)]
    """Hidden units of each head."""
    grid_sizes: Annotated[tuple[int, ...], Array(Varint(1 << 21, minimum=1), MAX_SCALES - 1)]
    """Of the scales above the points themselves, finest first, in 2**-20 of the octree's box."""
    gains: Annotated[tuple[float, ...], Array(Float32(minimum=0.0, maximum=1e20), OUTPUT_GROUPS, count=OUTPUT_GROUPS)]
    """What an output of 1 is of features; of positions, world units; of rotations, radians; of offsets, reaches."""

    @property
    def widest(self) -> int:
        """Numbers that an anchor takes at a time, at most: what a decoder needs memory for."""
        return max(self.channels * max(self.neighbors, len(self.grid_sizes) + 1), self.hidden)

    @property
    def searches(self) -> int:
        """Neighbors of an anchor that are looked for."""
        return 0 if self.representation != Representation.POINTS else self.neighbors * (len(self.grid_sizes) + 1)

    def check(self) -> None:
        """Grid sizes rise, grids have no scales, and only few bits are coded, fewer entropy coded."""
        if any(one >= other for one, other in zip(self.grid_sizes, self.grid_sizes[1:], strict=False)):
            raise ValueError(f"grid sizes {self.grid_sizes}: each scale is coarser than the one before")
        if self.representation != Representation.POINTS and self.grid_sizes:
            raise ValueError("a grid has no scales of points")
        if MAX_CODED_BITS < self.network_bits < FLOAT_BITS:
            raise ValueError(f"{self.network_bits} bits of a parameter; integers have at most {MAX_CODED_BITS}")
        if self.has_network_entropy and self.network_bits > MAX_ENTROPY_BITS:
            raise ValueError(f"{self.network_bits} bits; entropy coding takes at most {MAX_ENTROPY_BITS}")


@dataclass(frozen=True, slots=True)
class NetworkedHead(Syntax):
    """In front of a frame's unit; the latents' stream, or the grid, follows."""

    has_extensions: Annotated[bool, Flag()]
    """A later version says more."""
    is_rest: Annotated[bool, Flag()]
    """The anchors at rest, as the first frame has them: nothing follows."""
    has_reference: Annotated[bool, Flag()]
    """Networks differ from those of the frame before (a P-frame); otherwise they come whole (an I-frame)."""
    reserved: Annotated[int, UInt(5, maximum=0)]
    """0."""
    factors: Annotated[
        tuple[float, ...] | None,
        Array(Float32(minimum=-MAX_PARAMETER, maximum=MAX_PARAMETER), MAX_NETWORK_LAYERS, when="has_reference"),
    ] = None
    """Of each layer: by what the parameters before are multiplied (eta)."""
    ranges: Annotated[
        tuple[float, ...], Array(Float32(minimum=-MAX_PARAMETER, maximum=MAX_PARAMETER), 2 * MAX_NETWORK_LAYERS)
    ] = ()
    """Least and largest parameter of each layer, or of its differences."""
    means: Annotated[tuple[int, ...], Array(UInt(MAX_ENTROPY_BITS), MAX_NETWORK_LAYERS)] = ()
    """Of each layer's integers, where they are entropy coded."""
    scales: Annotated[tuple[int, ...], Array(UInt(6), MAX_NETWORK_LAYERS)] = ()
    """Of each layer, the table of normal values."""
    networks: Annotated[bytes, Bytes(MAX_NETWORK_BYTES)] = b""
    """Integers of all layers."""
    tables: Annotated[bytes, Bytes(MAX_TABLE_BYTES)] = b""
    """Probabilities of latents, a table a channel."""
    extensions: Annotated[bytes | None, Bytes(MAX_EXTENSION_BYTES, when="has_extensions")] = None
    """Not read by this version."""
