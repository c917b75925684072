# SPDX-License-Identifier: Apache-2.0
"""Parameters of a network's layer <-> integers, whole or as differences from the frame before.

    I-frame   q = round((p - low) / (high - low) * (2**B - 1))                       HPC, Eq. 14 and 15
    P-frame   p = eta * p' + d, with d quantised like p, in the range of p' and d    Eq. 18 to 21

Brackets of the paper's equations are those of rounding. Every operation is one of float32 on single elements: decoders
find the same bits.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float32, Int32

from lamina.codecs.freeview.networked.syntax import MAX_PARAMETER


@dataclass(frozen=True, eq=False)
class CodedLayer:
    """What is sent of a layer."""

    values: Int32[np.ndarray, " p"]
    """Integers, 0...2**B - 1."""
    low: np.float32
    high: np.float32
    factor: np.float32 | None
    """eta; None where it comes whole."""


def quantized(
    values: Float32[np.ndarray, " p"], low: np.float32, high: np.float32, bits: int
) -> Int32[np.ndarray, " p"]:
    """Integers of parameters in a range."""
    step = step_of(low, high, bits)
    if step == 0:
        return np.zeros(len(values), np.int32)
    return np.clip(np.rint((values - low) / step), 0, (1 << bits) - 1).astype(np.int32)


def dequantized(
    values: Int32[np.ndarray, " p"], low: np.float32, high: np.float32, bits: int
) -> Float32[np.ndarray, " p"]:
    """Parameters of integers."""
    return values.astype(np.float32) * step_of(low, high, bits) + low


def step_of(low: np.float32, high: np.float32, bits: int) -> np.float32:
    """What 1 is."""
    return np.float32((high - low) / np.float32((1 << bits) - 1))


def coded_layer(
    own: Float32[np.ndarray, " p"], before: Float32[np.ndarray, " p"] | None, factor: np.float32 | None, bits: int
) -> CodedLayer:
    """A layer's parameters, or with `before` their differences from these times a factor, as integers."""
    reach = own if before is None else np.concatenate([own, before])
    low, high = np.float32(reach.min()), np.float32(reach.max())
    return CodedLayer(quantized(own, low, high, bits), low, high, None if before is None else factor)


def decoded_layer(layer: CodedLayer, before: Float32[np.ndarray, " p"] | None, bits: int) -> Float32[np.ndarray, " p"]:
    """Parameters that a decoder has; they saturate, so that no chain of frames leaves what floats hold."""
    own = dequantized(layer.values, layer.low, layer.high, bits)
    if layer.factor is not None:
        assert before is not None
        own = before * layer.factor + own
    return np.clip(own, np.float32(-MAX_PARAMETER), np.float32(MAX_PARAMETER))
