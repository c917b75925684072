# SPDX-License-Identifier: Apache-2.0
"""Tensors of the paper's head under learning enter; arrays as they are sent leave, and the ranges of parameters."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import torch
from jaxtyping import Float32
from torch import Tensor

from lamina.codecs.head.columns import VALUE_LIMIT
from lamina.codecs.head.config import HeadConfig, NetworkConfig
from lamina.codecs.head.networked.syntax import NetworkFacts
from lamina.codecs.head.networked.values import LATENTS, Matrices, NetworkState

LATENT_LIMIT = 127
MARGIN = 0.1
"""Of a column's range in what was learnt from, kept free on each side: other frames go a little further."""
LEAST_STEP = 1e-5
"""Of a column that did not move."""


def as_sent(config: NetworkConfig, values: Tensor) -> Tensor:
    """A network's numbers, in 16 bits where it is quantized; gradients pass straight through (Bengio et al., 2013)."""
    if not config.is_quantized:
        return values
    return values + (values.detach().half().float() - values.detach())


def rounded(values: Tensor, step: float) -> Tensor:
    """To multiples of a step; gradients pass."""
    return values + ((values.detach() / step).round() * step - values.detach())


def rounded_latents(values: Tensor) -> Tensor:
    """To the integers of a byte; gradients pass."""
    return values + (values.detach().round().clamp(-LATENT_LIMIT, LATENT_LIMIT) - values.detach())


def network_state(config: NetworkConfig, tensors: Mapping[str, Tensor]) -> NetworkState:
    """What is sent of Gaussians on the head; `tensors` are named as in `networked_learning`."""

    def array(name: str) -> np.ndarray:
        return tensors[name].detach().numpy()

    def sent(name: str) -> np.ndarray:
        return as_sent(config, tensors[name].detach()).numpy()

    precise = np.concatenate([array("mesh_colors"), array("mesh_sizes")], axis=1)
    if config.is_quantized:
        steps = np.repeat([config.color_step, config.size_step], 3)
        precise = np.rint(precise / np.float32(steps)).clip(-VALUE_LIMIT, VALUE_LIMIT).astype(np.int32)
    layers = range(config.hidden_layers + 1)
    weights = tuple(as_sent(config, (tensors[f"weight{n}"] * tensors[f"mask{n}"]).detach()).numpy() for n in layers)
    network = Matrices(weights, tuple(sent(f"bias{n}") for n in layers))
    if not config.has_latents:
        loose = np.concatenate([array(f"loose_{name}") for name in LATENTS], axis=1)
        return NetworkState(precise, None, None, loose, network, config.is_deflated)
    latents = torch.cat([rounded_latents(tensors[f"latent_{name}"].detach()) for name in LATENTS], dim=1)
    decoders = Matrices(
        tuple(sent(f"decoder_{name}_weight") for name in LATENTS),
        tuple(sent(f"decoder_{name}_bias") for name in LATENTS),
    )
    return NetworkState(precise, latents.numpy().astype(np.int8), decoders, None, network, config.is_deflated)


def network_facts(config: HeadConfig, rows: Float32[np.ndarray, "t c"]) -> NetworkFacts:
    """Of the header; ranges of columns are those of the examples, and a little more.

    Raises:
        ValueError: the configuration has no network.
    """
    own = config.network
    if own is None:
        raise ValueError("network is None")
    low, high = rows.min(axis=0).astype(np.float64), rows.max(axis=0).astype(np.float64)
    margin = MARGIN * (high - low)
    low, high = np.minimum(low - margin, 0), np.maximum(high + margin, 0)
    largest = (1 << own.parameter_bits) - 1
    steps = np.maximum((high - low) / largest, LEAST_STEP).astype(np.float32)
    zeros = np.rint(-low / steps).clip(0, largest)
    return NetworkFacts(
        hidden_layers=own.hidden_layers,
        octaves=own.octaves,
        has_latents=own.has_latents,
        is_quantized=own.is_quantized,
        parameter_bits=own.parameter_bits,
        width=own.width,
        color_step=float(np.float32(own.color_step)),
        size_step=float(np.float32(own.size_step)),
        steps=tuple(float(step) for step in steps),
        zeros=tuple(int(zero) for zero in zeros),
    )


def with_bits(facts: NetworkFacts, bits: int) -> NetworkFacts:
    """The same ranges, in steps of indices of so many bits."""
    if bits == facts.parameter_bits:
        return facts
    finer = ((1 << bits) - 1) / facts.largest_index
    steps = tuple(float(np.float32(max(step / finer, LEAST_STEP))) for step in facts.steps)
    zeros = tuple(min(round(zero * finer), (1 << bits) - 1) for zero in facts.zeros)
    return replace(facts, parameter_bits=bits, steps=steps, zeros=zeros)
