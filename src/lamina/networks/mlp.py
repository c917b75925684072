# SPDX-License-Identifier: Apache-2.0
"""Multi-layer perceptrons as values: features enter, outputs leave; Linear - ReLU - ... - Linear."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional


@dataclass(frozen=True, eq=False)
class Mlp:
    """Weights and biases, one of each a layer; ReLU between layers, none after the last.

    Raises:
        ValueError: shapes do not follow each other.
    """

    weights: tuple[Float[Tensor, "outputs inputs"], ...]
    biases: tuple[Float[Tensor, " outputs"], ...]

    def __post_init__(self) -> None:
        check_shapes([tuple(weight.shape) for weight in self.weights], [tuple(bias.shape) for bias in self.biases])

    def __call__(self, inputs: Float[Tensor, "*batch inputs"]) -> Float[Tensor, "*batch outputs"]:
        """What the network makes of each row."""
        values = inputs
        last = len(self.weights) - 1
        for index, (weight, bias) in enumerate(zip(self.weights, self.biases, strict=True)):
            values = functional.linear(values, weight, bias)
            if index < last:
                values = functional.relu(values)
        return values

    @property
    def sizes(self) -> tuple[int, ...]:
        """Inputs, then outputs of each layer."""
        return (int(self.weights[0].shape[1]), *(int(weight.shape[0]) for weight in self.weights))

    def parameters(self) -> tuple[Tensor, ...]:
        """Weights and biases, layer by layer: what an optimiser is given."""
        return tuple(tensor for pair in zip(self.weights, self.biases, strict=True) for tensor in pair)

    def to(self, device: torch.device | str) -> Mlp:
        """The same network elsewhere."""
        return Mlp(tuple(w.to(device) for w in self.weights), tuple(b.to(device) for b in self.biases))

    def detached(self) -> Mlp:
        """The same numbers, outside any graph."""
        return Mlp(tuple(w.detach() for w in self.weights), tuple(b.detach() for b in self.biases))


def init_mlp(
    sizes: Sequence[int],
    generator: torch.Generator | None = None,
    *,
    last_gain: float = 1.0,
    device: torch.device | str = "cpu",
) -> Mlp:
    """A network to train (`requires_grad`), of inputs `sizes[0]`, hidden sizes, outputs `sizes[-1]`.

    Weights and biases are uniform in +-1 / sqrt(inputs), torch's default for Linear; `last_gain` scales the last layer
    (0: the network starts as zero).

    Raises:
        ValueError: fewer than two sizes, or one below 1.
    """
    if len(sizes) < 2 or min(sizes) < 1:
        raise ValueError(f"sizes {tuple(sizes)}; expected inputs, hidden sizes and outputs, each at least 1")
    weights, biases = [], []
    for index, (inputs, outputs) in enumerate(pairwise(sizes)):
        bound = (last_gain if index == len(sizes) - 2 else 1.0) / math.sqrt(inputs)
        for shape, tensors in (((outputs, inputs), weights), ((outputs,), biases)):
            values = (torch.rand(shape, generator=generator) * 2 - 1) * bound
            tensors.append(values.to(device).requires_grad_())
    return Mlp(tuple(weights), tuple(biases))


def check_shapes(weights: Sequence[tuple[int, ...]], biases: Sequence[tuple[int, ...]]) -> None:
    """Raise ValueError unless weights are matrices of a chain of layers, and each has its bias."""
    if not weights or len(weights) != len(biases):
        raise ValueError(f"{len(weights)} weights and {len(biases)} biases; expected one of each a layer")
    if any(len(shape) != 2 for shape in weights) or any(0 in shape for shape in weights):
        raise ValueError(f"weights of shape {list(weights)}; expected (outputs, inputs), none 0")
    inputs = [weight[1] for weight in weights[1:]]
    if inputs != [weight[0] for weight in weights[:-1]]:
        raise ValueError(f"weights of shape {list(weights)}; expected each layer's inputs to be the outputs before it")
    if list(biases) != [(weight[0],) for weight in weights]:
        raise ValueError(f"biases of shape {list(biases)}; expected one number an output of {list(weights)}")
