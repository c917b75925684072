# SPDX-License-Identifier: Apache-2.0
"""Perceptrons in integers: integer features enter, integers leave, the same on every machine, thread count and batch.

A layer, in integers only (`bits` are the fraction bits of its weights, activations have 10):

    sum    = sum over inputs of weight * activation + bias << bits
    output = clamp((sum + (1 << bits >> 1)) >> bits), `>>` rounding down; then max(0, output) but for the last layer

Activations stay below 2**24 and a layer has at most 4096 inputs, so a sum stays below 2**52: a double holds it exactly
whatever the order of addition, fused or not. That lets a float64 matrix product compute it, 6 times as fast as numpy's
integers, with the same bits as any integer implementation.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from jaxtyping import Float64, Int, Int16, Int32

from lamina.networks.mlp import Mlp, check_shapes

ACTIVATION_BITS = 10
"""Fraction bits of inputs, biases and outputs: they are integers in units of 2**-10."""
WEIGHT_BITS = 10
"""Fraction bits of weights, unless fewer are asked for."""
ACTIVATION_LIMIT = (1 << 24) - 1
"""Largest magnitude of inputs and outputs, about 16384 in reals; beyond, they saturate."""
WEIGHT_LIMIT = (1 << 15) - 1
"""Largest magnitude of a weight: 16 bits, symmetric."""
BIAS_LIMIT = ACTIVATION_LIMIT
MAX_WIDTH = 4096
"""Inputs of a layer: 2**12 products below 2**39 and a bias below 2**39 are below 2**52, exact in float64."""
MAX_LAYERS = 8
BLOCK_ROWS = 4096
"""Rows computed at once, for the memory they take; no result depends on it."""


@dataclass(frozen=True, eq=False)
class FixedMlp:
    """A perceptron of integers; checks itself.

    Raises:
        ValueError: shapes, types, magnitudes or numbers of fraction bits are outside what the arithmetic allows.
    """

    weights: tuple[Int16[np.ndarray, "outputs inputs"], ...]
    """In units of 2**-bits."""
    biases: tuple[Int32[np.ndarray, " outputs"], ...]
    """In units of 2**-10."""
    weight_bits: tuple[int, ...]
    """Fraction bits of the weights of each layer, 0...15."""

    def __post_init__(self) -> None:
        check_shapes([weight.shape for weight in self.weights], [bias.shape for bias in self.biases])
        if len(self.weights) > MAX_LAYERS or max(weight.shape[1] for weight in self.weights) > MAX_WIDTH:
            raise ValueError(f"layers {self.sizes}; expected at most {MAX_LAYERS}, of at most {MAX_WIDTH} inputs")
        if len(self.weight_bits) != len(self.weights) or not all(0 <= bits <= 15 for bits in self.weight_bits):
            raise ValueError(
                f"fraction bits {self.weight_bits}; expected 0...15 for each of {len(self.weights)} layers"
            )
        for weight, bias in zip(self.weights, self.biases, strict=True):
            if weight.dtype != np.int16 or bias.dtype != np.int32:
                raise ValueError(f"weights of {weight.dtype} and biases of {bias.dtype}; expected int16 and int32")
            if _magnitude(weight) > WEIGHT_LIMIT or _magnitude(bias) > BIAS_LIMIT:
                raise ValueError(f"magnitudes {_magnitude(weight)}, {_magnitude(bias)}; at most {WEIGHT_LIMIT}, 2**24")

    @classmethod
    def from_mlp(cls, mlp: Mlp, weight_bits: int | tuple[int, ...] = WEIGHT_BITS) -> FixedMlp:
        """The nearest integers (halves to even); saturating.

        Raises:
            ValueError: the network has a number that is not finite, or is too wide or deep.
        """
        bits = (weight_bits,) * len(mlp.weights) if isinstance(weight_bits, int) else weight_bits
        weights = [_to_integers(w, b, WEIGHT_LIMIT).astype(np.int16) for w, b in zip(mlp.weights, bits, strict=True)]
        biases = [_to_integers(bias, ACTIVATION_BITS, BIAS_LIMIT).astype(np.int32) for bias in mlp.biases]
        return cls(tuple(weights), tuple(biases), bits)

    def to_mlp(self) -> Mlp:
        """The same numbers as float32 reals, exactly."""
        weights = [_to_reals(weight, bits) for weight, bits in zip(self.weights, self.weight_bits, strict=True)]
        return Mlp(tuple(weights), tuple(_to_reals(bias, ACTIVATION_BITS) for bias in self.biases))

    @property
    def sizes(self) -> tuple[int, ...]:
        """Inputs, then outputs of each layer."""
        return (self.weights[0].shape[1], *(weight.shape[0] for weight in self.weights))

    def __call__(self, inputs: Int[np.ndarray, "n inputs"]) -> Int32[np.ndarray, "n outputs"]:
        """Outputs for each row, in units of 2**-10; inputs in the same units, saturating.

        Raises:
            ValueError: inputs are not integers, or not as wide as the first layer.
        """
        if inputs.ndim != 2 or inputs.shape[1] != self.sizes[0] or not np.issubdtype(inputs.dtype, np.integer):
            raise ValueError(f"inputs {inputs.dtype} {inputs.shape}; expected integers, {self.sizes[0]} a row")
        outputs = np.empty((len(inputs), self.sizes[-1]), np.int32)
        for start in range(0, len(inputs), BLOCK_ROWS):
            rows = slice(start, start + BLOCK_ROWS)
            outputs[rows] = self._block(inputs[rows])
        return outputs

    def _block(self, inputs: Int[np.ndarray, "n inputs"]) -> Float64[np.ndarray, "n outputs"]:
        """Whole numbers held in doubles from layer to layer; every operation on them is exact."""
        values = np.clip(inputs, -ACTIVATION_LIMIT, ACTIVATION_LIMIT).astype(np.float64)
        last = len(self._scaled) - 1
        for index, (weight, offset) in enumerate(self._scaled):
            values = values @ weight
            values += offset
            np.floor(values, out=values)
            np.clip(values, 0 if index < last else -ACTIVATION_LIMIT, ACTIVATION_LIMIT, out=values)
        return values

    @cached_property
    def _scaled(self) -> list[tuple[np.ndarray, np.ndarray]]:
        """Weights * 2**-bits, transposed, and bias + 1/2: scaling by a power of two keeps exact sums exact."""
        half = [0.5 if bits else 0.0 for bits in self.weight_bits]
        return [
            (np.ascontiguousarray(weight.T).astype(np.float64) / (1 << bits), bias + offset)
            for weight, bias, bits, offset in zip(self.weights, self.biases, self.weight_bits, half, strict=True)
        ]


def to_fixed(values: Float64[np.ndarray, "*shape"], bits: int = ACTIVATION_BITS) -> Int32[np.ndarray, "*shape"]:
    """Nearest integers in units of 2**-bits (halves to even), saturating at the limits of activations.

    For an encoder's own reals; a decoder never has any.
    """
    scaled = np.rint(np.asarray(values, np.float64) * (1 << bits))
    return np.clip(scaled, -ACTIVATION_LIMIT, ACTIVATION_LIMIT).astype(np.int32)


def _to_integers(tensor: torch.Tensor, bits: int, limit: int) -> np.ndarray:
    values = tensor.detach().cpu().numpy().astype(np.float64)
    if not np.isfinite(values).all():
        raise ValueError("a network with numbers that are not finite; lower the learning rate or clip its gradient")
    return np.clip(np.rint(values * (1 << bits)), -limit, limit)


def _to_reals(integers: np.ndarray, bits: int) -> torch.Tensor:
    return torch.from_numpy(integers.astype(np.float32) / np.float32(1 << bits))


def _magnitude(values: np.ndarray) -> int:
    return int(np.abs(values.astype(np.int64)).max())
