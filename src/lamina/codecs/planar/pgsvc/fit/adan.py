# SPDX-License-Identifier: Apache-2.0
"""Adan on one flat tensor: parameters and their gradient enter, the same parameters, moved, leave.

Source: Xie et al., Adan: Adaptive Nesterov momentum algorithm (TPAMI 2024), algorithm 1; sail-sg/Adan, adan.py for the
bias corrections.
"""

from __future__ import annotations

import torch
from jaxtyping import Bool, Float32
from torch import Tensor

BETAS = (0.98, 0.92, 0.99)
"""Of the gradient's mean, of its change, of the square."""

EPSILON = 1e-8

STATE_NAMES = ("parameters", "mean", "change", "square", "previous")
"""Tensors of an optimiser, all of one shape."""


class Adan:
    """The optimiser's state for a tensor of parameters; all parameters share one learning rate, no weight decay."""

    def __init__(self, parameters: Float32[Tensor, "*shape"]) -> None:
        self.parameters = parameters
        """Moved in place by `step`."""
        self.mean = torch.zeros_like(parameters)
        self.change = torch.zeros_like(parameters)
        self.square = torch.zeros_like(parameters)
        self.previous = torch.zeros_like(parameters)
        self.age = 0
        """Steps done."""
        self._scratch = torch.empty_like(parameters)

    @torch.no_grad()
    def step(self, gradient: Float32[Tensor, "*shape"], learning_rate: float) -> None:
        """Move the parameters once."""
        beta1, beta2, beta3 = BETAS
        if self.age == 0:
            self.previous.copy_(gradient)
        self.age += 1
        delta = self.previous.neg_().add_(gradient)
        self.mean.lerp_(gradient, 1.0 - beta1)
        self.change.lerp_(delta, 1.0 - beta2)
        ahead = torch.add(gradient, delta, alpha=beta2, out=self._scratch)
        self.square.mul_(beta3).addcmul_(ahead, ahead, value=1.0 - beta3)
        self.previous.copy_(gradient)
        correction1, correction2, correction3 = (1.0 - beta**self.age for beta in BETAS)
        denominator = torch.sqrt(self.square, out=self._scratch).div_(correction3**0.5).add_(EPSILON)
        self.parameters.addcdiv_(self.mean, denominator, value=-learning_rate / correction1)
        self.parameters.addcdiv_(self.change, denominator, value=-learning_rate * beta2 / correction2)

    @torch.no_grad()
    def keep(self, kept: Bool[Tensor, " n"]) -> None:
        """Drop columns of the parameters (c, n) and of the state."""
        for name in STATE_NAMES:
            setattr(self, name, getattr(self, name)[:, kept].contiguous())
        self._scratch = torch.empty_like(self.parameters)

    def state(self) -> dict[str, Tensor]:
        """What a checkpoint needs, beside the age."""
        return {name: getattr(self, name) for name in STATE_NAMES}

    @classmethod
    def from_state(cls, state: dict[str, Tensor], age: int) -> Adan:
        """The optimiser that had this state and age."""
        optimizer = cls(state["parameters"].clone())
        for name in STATE_NAMES[1:]:
            setattr(optimizer, name, state[name].clone())
        optimizer.age = age
        return optimizer
