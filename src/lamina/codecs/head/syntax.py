# SPDX-License-Identifier: Apache-2.0
"""The head codec on the wire: what is declared of its header unit and of the heads of others.

header unit    HeadFacts                          stream group, layer -1
layer unit     LayerHead · entropy stream         stream group, layers 0...: Gaussians, picture behind them
               LayerHead · NetworkHead · ...      in the paper's method: arrays of those on the head before the stream
run unit       RunHead · entropy stream           group g, a unit a layer: columns of all frames of the run

live           PacketHead · entropy stream        in a datagram: columns of one frame
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from lamina.bitstream import Array, Bytes, Flag, Float32, Int, Struct, Syntax, UInt, Varint, Version
from lamina.codecs.head.columns import FIXED, GAUSSIAN_STEPS, MOTION_STEPS, NODE_VALUES
from lamina.codecs.head.networked.syntax import NetworkFacts

WIRE_ID = 5
"""Number of the codec in a container's header."""
VERSION = 2
"""Of this syntax; a reader refuses others. 1 knew no networks."""

MAX_LAYERS = 4
MAX_MESH = 16_384
MAX_FREE = 16_384
MAX_DIMENSIONS = 53
MAX_TORSO = 32
EXPRESSIONS = 53
MAX_RUN_FRAMES = 1024
MAX_EXTENSION_BYTES = 1 << 16
MAX_BACKGROUND_BYTES = 1 << 24
MAX_TRACKER_BYTES = 1 << 14
BASIS_BITS = 11
STEP = Float32(minimum=1e-6, maximum=1e3)
LENGTH = Float32(minimum=-1e4, maximum=1e4)
SHARES = 127
"""Bytes of parts of a layer's stream are told in this many parts."""


@dataclass(frozen=True, slots=True)
class HeadFacts(Syntax):
    """The stream's header unit."""

    version: Annotated[int, Version(7, ours=VERSION)]
    """Of this syntax."""
    has_extensions: Annotated[bool, Flag()]
    """A later version says more."""
    has_network: Annotated[bool, Flag()]
    """A network moves Gaussians on the head (the paper's method): there is one layer."""
    width: Annotated[int, Varint(1 << 14, minimum=1)]
    """Pixels."""
    height: Annotated[int, Varint(1 << 14, minimum=1)]
    """Pixels."""
    rate_numerator: Annotated[int, Varint((1 << 24) - 1, minimum=1)]
    """Frames in so many seconds as the denominator says."""
    rate_denominator: Annotated[int, Varint((1 << 24) - 1, minimum=1)]
    """Seconds."""
    template: Annotated[bytes, Bytes(length=8)]
    """Which mean head: first bytes of the SHA-256 of its arrays."""
    focal_px: Annotated[float, Float32(minimum=1.0, maximum=1e6)]
    """Of the camera, which looks through the middle of the picture."""
    mesh_counts: Annotated[tuple[int, ...], Array(Varint(MAX_MESH, minimum=1), MAX_LAYERS)]
    """Gaussians on the head of each layer: the next places of the template."""
    free_counts: Annotated[tuple[int, ...], Array(Varint(MAX_FREE), MAX_LAYERS)]
    """Gaussians beside it of each layer."""
    spreads: Annotated[tuple[float, ...], Array(Float32(minimum=0.1, maximum=100.0), MAX_LAYERS)]
    """Of each level, what sizes are multiplied by: fewer Gaussians are larger."""
    steps: Annotated[tuple[float, ...], Array(STEP, GAUSSIAN_STEPS, count=GAUSSIAN_STEPS)]
    """What 1 is of places (cm), turns (radians), logarithms of sizes, logits of opacities, colors, logits of skin."""
    base_size: Annotated[float, LENGTH]
    """Logarithm of a size (cm) whose integer is 0."""
    eyes: Annotated[tuple[float, ...], Array(LENGTH, 6, count=6)]
    """Centres of the left and right eyeball, cm, head's axes."""
    rest: Annotated[tuple[float, ...], Array(LENGTH, 6, count=6)]
    """Rotation (vector, radians) and translation (cm) of a head whose columns are 0: camera from head."""
    motion_steps: Annotated[tuple[float, ...], Array(STEP, MOTION_STEPS, count=MOTION_STEPS)]
    """What 1 is of rotations (radians), translations (cm), gaze (radians), components of torso and of expressions."""
    torso_scales: Annotated[tuple[float, ...], Array(STEP, MAX_TORSO)]
    """Of each component of the torso, what 512 of its integers are, cm."""
    torso_basis: Annotated[tuple[int, ...], Array(Int(BASIS_BITS), MAX_TORSO * NODE_VALUES)]
    """Component by component: how far it moves each node to the right and down, in 1/512 of its scale."""
    mean: Annotated[tuple[int, ...], Array(Int(BASIS_BITS), EXPRESSIONS, count=EXPRESSIONS)]
    """Expressions whose components are 0, in 1/512."""
    basis_scales: Annotated[tuple[float, ...], Array(STEP, MAX_DIMENSIONS)]
    """Of each component, what 512 of its integers are."""
    basis: Annotated[tuple[int, ...], Array(Int(BASIS_BITS), MAX_DIMENSIONS * EXPRESSIONS)]
    """Component by component: what it adds to each expression, in 1/512 of its scale."""
    activity: Annotated[tuple[int, ...], Array(UInt(5), FIXED + MAX_TORSO + MAX_DIMENSIONS)]
    """Of each column, how much it changes from frame to frame: contexts begin with it."""
    network: Annotated[NetworkFacts | None, Struct(NetworkFacts, when="has_network")] = None
    """What its arrays and a frame's parameters are."""
    extensions: Annotated[bytes | None, Bytes(MAX_EXTENSION_BYTES, when="has_extensions")] = None
    """Not read by this version."""

    def check(self) -> None:
        """Counts of layers, components and columns agree."""
        layers = len(self.mesh_counts)
        if not layers or len(self.free_counts) != layers or len(self.spreads) != layers:
            raise ValueError(f"{layers}, {len(self.free_counts)} and {len(self.spreads)} layers, expected as many")
        if sum(self.mesh_counts) > MAX_MESH or sum(self.free_counts) > MAX_FREE:
            raise ValueError(
                f"{sum(self.mesh_counts)} and {sum(self.free_counts)} Gaussians, expected at most {MAX_MESH}"
            )
        if len(self.basis) != self.dimensions * EXPRESSIONS or len(self.torso_basis) != self.torso * NODE_VALUES:
            raise ValueError(f"a basis of {len(self.basis)} and {len(self.torso_basis)} for {self.columns} columns")
        if len(self.activity) != self.columns:
            raise ValueError(f"activity of {len(self.activity)} columns, there are {self.columns}")
        if self.network is not None and (layers > 1 or len(self.network.steps) != self.columns):
            raise ValueError(
                f"{layers} layers and {len(self.network.steps)} steps of a head that a network moves, "
                f"expected 1 and {self.columns}"
            )

    @property
    def layers(self) -> int:
        """Of the head, and of frames."""
        return len(self.mesh_counts)

    @property
    def dimensions(self) -> int:
        """Components of expressions."""
        return len(self.basis_scales)

    @property
    def torso(self) -> int:
        """Components of the torso."""
        return len(self.torso_scales)

    @property
    def columns(self) -> int:
        """Of a frame."""
        return FIXED + self.torso + self.dimensions


@dataclass(frozen=True, slots=True)
class LayerHead(Syntax):
    """In front of a layer's Gaussians."""

    has_extensions: Annotated[bool, Flag()]
    """A later version says more."""
    free_share: Annotated[int, UInt(7)]
    """Of the stream's bytes, how many 127th are of Gaussians beside the head: for people."""
    background_codec: Annotated[int, UInt(8)]
    """Number of the codec that coded the picture behind the person; the same in each layer."""
    background_header: Annotated[bytes, Bytes(MAX_BACKGROUND_BYTES)]
    """Its header unit, in the base layer; elsewhere nothing."""
    background: Annotated[bytes, Bytes(MAX_BACKGROUND_BYTES)]
    """Its layer of the same number; nothing: it adds none."""
    tracker: Annotated[bytes, Bytes(MAX_TRACKER_BYTES)]
    """What an encoder needs to find this person's face again; nothing is decoded by it."""
    extensions: Annotated[bytes | None, Bytes(MAX_EXTENSION_BYTES, when="has_extensions")] = None
    """Not read by this version."""


@dataclass(frozen=True, slots=True)
class RunHead(Syntax):
    """In front of a run's columns."""

    has_extensions: Annotated[bool, Flag()]
    """A later version says more."""
    scale: Annotated[int, UInt(7, maximum=40)]
    """Steps of this run are those of the stream times 2 to the power of a quarter of this; the same in each layer."""
    frames: Annotated[int, Varint(MAX_RUN_FRAMES, minimum=1)]
    """In this run."""
    extensions: Annotated[bytes | None, Bytes(MAX_EXTENSION_BYTES, when="has_extensions")] = None
    """Not read by this version."""


@dataclass(frozen=True, slots=True)
class PacketHead(Syntax):
    """In front of the columns of a frame that is sent alone."""

    has_extensions: Annotated[bool, Flag()]
    """A later version says more."""
    has_reference: Annotated[bool, Flag()]
    """Columns are differences from another frame; otherwise they are the columns themselves."""
    scale: Annotated[int, UInt(6, maximum=40)]
    """Steps of this frame are those of the stream times 2 to the power of a quarter of this."""
    lag: Annotated[int | None, UInt(8, minimum=1, when="has_reference")] = None
    """The other frame's number is so much lower."""
    extensions: Annotated[bytes | None, Bytes(MAX_EXTENSION_BYTES, when="has_extensions")] = None
    """Not read by this version."""
