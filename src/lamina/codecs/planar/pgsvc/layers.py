# SPDX-License-Identifier: Apache-2.0
"""What the integers of a layer mean: decoded integers (and the layer of the frame before) enter, raw splats leave.

A layer of a key frame (I) stands alone: fp16 positions, uniform Cholesky factors, residual-VQ colours, and its own
quantisers. A layer of a predicted frame (P) keeps the slots of the frame before: most hold differences to the decoded
splat there (12-bit floats, uniform, residual VQ, with quantisers of their own); a replaced slot holds a new splat,
coded as on the key frame and with the key frame's quantisers. Encoder and decoder both build on these functions: the
loop is closed.

Source: P-GSVC, sec. 3.6; slots: decided here, the paper is silent.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float32, UInt8, UInt16
from torch import Tensor

from lamina.quantize.floats import FLOAT16, bits_to_float, float12
from lamina.quantize.uniform import IntegerRange, UniformGrid, dequantize_uniform, signed_range, unsigned_range
from lamina.quantize.vector import decode_residual

Integers = Mapping[str, np.ndarray]
"""Arrays of one layer by name. Key: positions (n, 2) fp16 patterns, cholesky (n, 3), colors (n, stages) indices,
grids (2, 3) float32 patterns (scale, offset), codebooks (stages, entries, 3) fp16 patterns. Predicted: replaced (n),
position_deltas, cholesky_deltas, color_deltas of the slots that stay, positions, cholesky, colors of the new ones,
grids, codebooks."""


@dataclass(frozen=True)
class LayerFormat:
    """Widths of the integers of one layer of one frame."""

    is_key: bool
    is_base: bool
    cholesky_bits: int
    codebook_bits: int
    codebook_stages: int
    exponent_bits: int
    """Of the 12-bit floats of predicted frames."""

    @property
    def cholesky_range(self) -> IntegerRange:
        """Unsigned in the base layer of key frames, signed elsewhere."""
        is_unsigned = self.is_key and self.is_base
        return unsigned_range(self.cholesky_bits) if is_unsigned else signed_range(self.cholesky_bits)


@dataclass(frozen=True)
class LayerQuantizers:
    """Quantisers of one layer, as the decoder knows them."""

    format: LayerFormat
    grid: UniformGrid
    """Of the three Cholesky parameters."""
    codebooks: Float32[Tensor, "m k 3"]


@dataclass(frozen=True)
class DecodedLayer:
    """A layer of a frame after decoding: what is rendered, and what the next frame builds on."""

    raw: Float32[Tensor, "8 n"]
    """Splats, slot by slot."""
    key: LayerQuantizers
    """Quantisers of the layer on its key frame: for new splats of later frames."""
    own: LayerQuantizers
    """Quantisers of this frame."""


def quantizers_of(integers: Integers, layer_format: LayerFormat) -> LayerQuantizers:
    """The quantisers that a layer carries."""
    grids = torch.from_numpy(np.ascontiguousarray(integers["grids"]).view(np.float32).copy())
    codebooks = bits_to_float(torch.from_numpy(integers["codebooks"].astype(np.int32)), FLOAT16)
    return LayerQuantizers(layer_format, UniformGrid(grids[0], grids[1], layer_format.cholesky_range), codebooks)


def decode_key_layer(integers: Integers, layer_format: LayerFormat) -> DecodedLayer:
    """Splats of a key frame's layer."""
    quantizers = quantizers_of(integers, layer_format)
    raw = absolute_splats(integers["positions"], integers["cholesky"], integers["colors"], quantizers)
    return DecodedLayer(raw, quantizers, quantizers)


def decode_predicted_layer(integers: Integers, layer_format: LayerFormat, previous: DecodedLayer) -> DecodedLayer:
    """Splats of a predicted frame's layer, from the same layer of the frame before."""
    own = quantizers_of(integers, layer_format)
    replaced = torch.from_numpy(integers["replaced"] != 0)
    layout = float12(layer_format.exponent_bits)
    positions = bits_to_float(torch.from_numpy(integers["position_deltas"].astype(np.int32)), layout).T
    cholesky = dequantize_uniform(torch.from_numpy(integers["cholesky_deltas"].astype(np.int32)).T, own.grid)
    colors = decode_residual(torch.from_numpy(integers["color_deltas"].astype(np.int64)), own.codebooks).T
    raw = previous.raw.clone()
    raw[:, ~replaced] += torch.cat([positions, cholesky, colors])
    raw[:, replaced] = absolute_splats(integers["positions"], integers["cholesky"], integers["colors"], previous.key)
    return DecodedLayer(raw, previous.key, own)


def absolute_splats(
    positions: UInt16[np.ndarray, "n 2"],
    cholesky: np.ndarray,
    colors: UInt8[np.ndarray, "n m"],
    quantizers: LayerQuantizers,
) -> Float32[Tensor, "8 n"]:
    """Splats that are coded by themselves."""
    return torch.cat(
        [
            bits_to_float(torch.from_numpy(positions.astype(np.int32)), FLOAT16).T,
            dequantize_uniform(torch.from_numpy(cholesky.astype(np.int32)).T, quantizers.grid),
            decode_residual(torch.from_numpy(colors.astype(np.int64)), quantizers.codebooks).T,
        ]
    )
