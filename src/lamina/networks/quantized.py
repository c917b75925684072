# SPDX-License-Identifier: Apache-2.0
"""Perceptrons on steps: real weights enter, integers that say nearly the same leave; and reals of these again.

    quantized, decoded = quantize_mlp(mlp, 9, inputs)     what is sent, and the network that a decoder has
    fixed = fix_mlp(mlp, 7, inputs)                       the same for a network that runs in fixed point

With `inputs`, rows that the network meets, each column of weights makes up for the rounding of those before it, so that
outputs change least: 4 to 5 dB less error than nearest integers where inputs depend on each other, as features do, 1 dB
where they do not. Source: Frantar et al., GPTQ (ICLR 2023), sec. 3; the bias is the last column, of inputs 1.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Float64, Int32
from torch import Tensor

from lamina.networks.fixed_point import ACTIVATION_BITS, BIAS_LIMIT, MAX_LAYERS, MAX_WIDTH, WEIGHT_LIMIT, FixedMlp
from lamina.networks.mlp import Mlp, check_shapes

STEP_CODES = 128
"""Code c is the step (4 + c % 4) * 2**(c // 4 - 30): four an octave, exact in float32, 2**-28 to 14."""
MAX_BITS = 16
DAMPING = 0.01
"""Of the mean square of an input, added to each: inputs that are never seen must not be relied on (GPTQ)."""


@dataclass(frozen=True, eq=False)
class QuantizedMlp:
    """Integers of a perceptron, a step for each tensor; checks itself.

    Raises:
        ValueError: shapes are no network, magnitudes are over 2**15 - 1, or a step code is outside 0...127.
    """

    weights: tuple[Int32[np.ndarray, "outputs inputs"], ...]
    biases: tuple[Int32[np.ndarray, " outputs"], ...]
    weight_steps: tuple[int, ...]
    """Step codes, one a layer."""
    bias_steps: tuple[int, ...]

    def __post_init__(self) -> None:
        check_shapes([weight.shape for weight in self.weights], [bias.shape for bias in self.biases])
        if len(self.weights) > MAX_LAYERS or max(weight.shape[1] for weight in self.weights) > MAX_WIDTH:
            raise ValueError(f"layers {self.sizes}; expected at most {MAX_LAYERS}, of at most {MAX_WIDTH} inputs")
        codes = (*self.weight_steps, *self.bias_steps)
        if len(codes) != 2 * len(self.weights) or not all(0 <= code < STEP_CODES for code in codes):
            raise ValueError(f"step codes {codes}; expected two a layer, each 0...{STEP_CODES - 1}")
        for tensor in (*self.weights, *self.biases):
            if tensor.dtype != np.int32 or max(int(tensor.max()), -int(tensor.min())) > WEIGHT_LIMIT:
                raise ValueError(f"{tensor.dtype} {tensor.min()}...{tensor.max()}; expected int32, to {WEIGHT_LIMIT}")

    @property
    def sizes(self) -> tuple[int, ...]:
        """Inputs, then outputs of each layer."""
        return (self.weights[0].shape[1], *(weight.shape[0] for weight in self.weights))

    def dequantized(self) -> Mlp:
        """Integer times step, exact in float32: the same numbers on every machine."""
        weights = [_to_reals(w, code) for w, code in zip(self.weights, self.weight_steps, strict=True)]
        biases = [_to_reals(b, code) for b, code in zip(self.biases, self.bias_steps, strict=True)]
        return Mlp(tuple(weights), tuple(biases))


def step_of(code: int) -> float:
    """The step of a code; exact."""
    return (4 + code % 4) * 2.0 ** (code // 4 - 30)


def step_code(step: float) -> int:
    """The code of the smallest step that is at least so large.

    Raises:
        ValueError: there is none.
    """
    for code in range(STEP_CODES):
        if step_of(code) >= step:
            return code
    raise ValueError(f"a step of {step}; expected at most {step_of(STEP_CODES - 1)}: scale the network's inputs")


def quantize_mlp(
    mlp: Mlp, bits: int | Sequence[int] = 9, inputs: Float[Tensor, "n inputs"] | None = None
) -> tuple[QuantizedMlp, Mlp]:
    """Integers of `bits` bits, sign included, for each layer; and the network that they dequantise to.

    A tensor's step is what its largest magnitude needs, biases get a bit more; with `inputs`, a few integers may be
    larger. 8 to 10 bits suit generators.

    Raises:
        ValueError: bits are outside 2...15, or a number is not finite or too large.
    """
    layer_bits = [bits] * len(mlp.weights) if isinstance(bits, int) else list(bits)
    if len(layer_bits) != len(mlp.weights) or not all(2 <= number < MAX_BITS for number in layer_bits):
        raise ValueError(f"bits {bits}; expected 2...{MAX_BITS - 1} for each of {len(mlp.weights)} layers")
    weight_codes = [_code_for(weight, number) for weight, number in zip(mlp.weights, layer_bits, strict=True)]
    bias_codes = [_code_for(bias, number + 1) for bias, number in zip(mlp.biases, layer_bits, strict=True)]
    weights, biases = _rounded(mlp, [step_of(c) for c in weight_codes], [step_of(c) for c in bias_codes], inputs)
    quantized = QuantizedMlp(
        tuple(np.clip(weight, -WEIGHT_LIMIT, WEIGHT_LIMIT).astype(np.int32) for weight in weights),
        tuple(np.clip(bias, -WEIGHT_LIMIT, WEIGHT_LIMIT).astype(np.int32) for bias in biases),
        tuple(weight_codes),
        tuple(bias_codes),
    )
    return quantized, quantized.dequantized()


def fix_mlp(
    mlp: Mlp,
    weight_bits: int | Sequence[int],
    inputs: Float[Tensor, "n inputs"] | None = None,
    *,
    bias_bits: int = ACTIVATION_BITS,
) -> FixedMlp:
    """As `FixedMlp.from_mlp`, but rounded for these inputs (reals); biases are multiples of 2**-bias_bits.

    Raises:
        ValueError: a number is not finite, or fraction bits are outside 0...15 (biases: 0...10).
    """
    bits = (weight_bits,) * len(mlp.weights) if isinstance(weight_bits, int) else tuple(weight_bits)
    if not 0 <= bias_bits <= ACTIVATION_BITS:
        raise ValueError(f"{bias_bits} fraction bits of biases; expected 0...{ACTIVATION_BITS}")
    weights, biases = _rounded(mlp, [2.0**-b for b in bits], [2.0**-bias_bits] * len(bits), inputs)
    return FixedMlp(
        tuple(np.clip(weight, -WEIGHT_LIMIT, WEIGHT_LIMIT).astype(np.int16) for weight in weights),
        tuple(
            np.clip(bias * 2.0 ** (ACTIVATION_BITS - bias_bits), -BIAS_LIMIT, BIAS_LIMIT).astype(np.int32)
            for bias in biases
        ),
        bits,
    )


def _rounded(
    mlp: Mlp, weight_steps: Sequence[float], bias_steps: Sequence[float], inputs: Tensor | None
) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """Whole numbers, held in float64, of weights and biases; a layer is told what the rounded ones before it give."""
    values = None if inputs is None else _array(inputs)
    weights, biases = [], []
    for index, (weight_step, bias_step) in enumerate(zip(weight_steps, bias_steps, strict=True)):
        joined = np.concatenate([_array(mlp.weights[index]), _array(mlp.biases[index])[:, None]], axis=1)
        steps = np.full(joined.shape[1], weight_step)
        steps[-1] = bias_step
        if not np.isfinite(joined).all():
            raise ValueError("a network with numbers that are not finite; lower the learning rate or clip its gradient")
        if values is None:
            rounded = np.rint(joined / steps)
        else:
            values = np.concatenate([values, np.ones((len(values), 1))], axis=1)
            rounded = _rounded_for(joined, steps, values)
            values = np.maximum(values @ (rounded * steps).T, 0)
        weights.append(rounded[:, :-1])
        biases.append(rounded[:, -1])
    return weights, biases


def _rounded_for(
    weight: Float64[np.ndarray, "o i"], steps: Float64[np.ndarray, " i"], values: Float64[np.ndarray, "n i"]
) -> Float64[np.ndarray, "o i"]:
    """Whole numbers that keep values @ weight.T: columns in order, each error spread over those that follow."""
    moments = values.T @ values / max(len(values), 1)
    spread = max(float(np.trace(moments)) / len(steps), 1e-12)
    moments[np.diag_indices(len(steps))] += DAMPING * spread
    factor = np.linalg.cholesky(np.linalg.inv(moments)).T
    left, rounded = weight.copy(), np.empty_like(weight)
    for column in range(len(steps)):
        rounded[:, column] = np.rint(left[:, column] / steps[column])
        error = (left[:, column] - rounded[:, column] * steps[column]) / factor[column, column]
        left[:, column + 1 :] -= error[:, None] * factor[column, column + 1 :]
    return rounded


def _code_for(tensor: Tensor, bits: int) -> int:
    largest = float(tensor.detach().abs().max())
    return step_code(largest / ((1 << (bits - 1)) - 1))


def _array(tensor: Tensor) -> Float64[np.ndarray, "*shape"]:
    return tensor.detach().cpu().numpy().astype(np.float64)


def _to_reals(integers: np.ndarray, code: int) -> Tensor:
    return torch.from_numpy(integers.astype(np.float32) * np.float32(step_of(code)))
