# SPDX-License-Identifier: Apache-2.0
"""The paper's head on the wire: facts of the stream's header, and what is in front of the head's arrays."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from lamina.bitstream import Array, Bytes, Flag, Float32, Syntax, UInt, Varint
from lamina.codecs.head.columns import FIXED

MAX_HIDDEN_LAYERS, MAX_WIDTH, MAX_OCTAVES = 8, 512, 10
MAX_PARAMETER_BITS = 12
MAX_COLUMNS = FIXED + 32 + 53
"""Fixed ones, the torso's, expressions'."""
MAX_ATTRIBUTE_BYTES, MAX_NETWORK_BYTES = 1 << 23, 1 << 24
STEP = Float32(minimum=1e-6, maximum=1e3)
OUTPUTS = 10
"""Of the network: a place 3, a rotation 4, sizes 3."""
PLACE_INPUTS = 3


@dataclass(frozen=True, slots=True)
class NetworkFacts(Syntax):
    """What the head's arrays are, and what a frame's parameters mean."""

    hidden_layers: Annotated[int, UInt(4, minimum=1, maximum=MAX_HIDDEN_LAYERS)]
    """Of the network."""
    octaves: Annotated[int, UInt(4, maximum=MAX_OCTAVES)]
    """Of sines and cosines of a place, beside the place itself."""
    has_latents: Annotated[bool, Flag()]
    """Harmonics above the first, rotations and opacities come as latents; else as floats."""
    is_quantized: Annotated[bool, Flag()]
    """Colors and sizes are integers, entropy coded, and floats of networks have 16 bits; else all floats have 32."""
    parameter_bits: Annotated[int, UInt(4, minimum=2, maximum=MAX_PARAMETER_BITS)]
    """Of a column of a frame."""
    width: Annotated[int, Varint(MAX_WIDTH, minimum=1)]
    """Of each hidden layer."""
    color_step: Annotated[float, STEP]
    """What 1 is of colors, 0...1."""
    size_step: Annotated[float, STEP]
    """What 1 is of logarithms of sizes."""
    steps: Annotated[tuple[float, ...], Array(STEP, MAX_COLUMNS)]
    """What 1 is of each column of a frame, in its unit."""
    zeros: Annotated[tuple[int, ...], Array(UInt(MAX_PARAMETER_BITS), MAX_COLUMNS)]
    """Index of each column that means 0."""

    def check(self) -> None:
        """Zeros are indices, one a step."""
        if len(self.zeros) != len(self.steps):
            raise ValueError(f"{len(self.zeros)} zeros of {len(self.steps)} columns")
        if max(self.zeros, default=0) > self.largest_index:
            raise ValueError(f"a zero of {max(self.zeros)}, indices have {self.parameter_bits} bits")

    @property
    def largest_index(self) -> int:
        """Of a column."""
        return (1 << self.parameter_bits) - 1

    def layer_sizes(self, dimensions: int) -> tuple[int, ...]:
        """Inputs of the network, then outputs of each layer."""
        inputs = PLACE_INPUTS * (1 + 2 * self.octaves) + dimensions
        return (inputs, *(self.width,) * self.hidden_layers, OUTPUTS)


@dataclass(frozen=True, slots=True)
class NetworkHead(Syntax):
    """In front of the entropy stream of Gaussians beside the head: the arrays of those on it."""

    attributes_deflated: Annotated[bool, Flag()]
    """By zlib (LZ77 and Huffman codes)."""
    network_deflated: Annotated[bool, Flag()]
    """By zlib."""
    attributes: Annotated[bytes, Bytes(MAX_ATTRIBUTE_BYTES)]
    """Colors, sizes; latents and their decoders, or harmonics, rotations, opacities."""
    network: Annotated[bytes, Bytes(MAX_NETWORK_BYTES)]
    """Weights, then biases, layer after layer."""
