# SPDX-License-Identifier: Apache-2.0
"""The paper's head as it was sent enters; what is rendered leaves. Latents are decoded here."""

from __future__ import annotations

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from lamina.codecs.head.networked.look import LARGEST, NetworkLook, encoded_places
from lamina.codecs.head.networked.syntax import NetworkFacts
from lamina.codecs.head.networked.values import COLORS, LATENTS, OPACITY, REST, ROTATION, SIZES, Matrices, NetworkState
from lamina.data.faces.template import UNIT_CM, face_template
from lamina.networks.mlp import Mlp


def network_look(facts: NetworkFacts, state: NetworkState) -> NetworkLook:
    """Of a decoded head."""
    steps = np.ones(6, np.float32)
    if facts.is_quantized:
        steps[COLORS], steps[SIZES] = facts.color_step, facts.size_step
    precise = torch.from_numpy(state.precise.astype(np.float32) * steps)
    return look_of_parts(precise, loose_columns(state), facts.octaves, mlp_of(state.network))


def look_of_parts(
    precise: Float[Tensor, "n 6"], loose: Float[Tensor, "n 50"], octaves: int, network: Mlp
) -> NetworkLook:
    """The same from reals."""
    loose = loose.clamp(-LARGEST, LARGEST)
    return NetworkLook(
        precise[:, COLORS],
        precise[:, SIZES],
        loose[:, REST],
        loose[:, ROTATION],
        loose[:, OPACITY][:, 0],
        encoded_mean_head(len(precise), octaves),
        network,
    )


def loose_columns(state: NetworkState) -> Float[Tensor, "n 50"]:
    """As they came, or from latents."""
    if state.loose is not None:
        return torch.from_numpy(state.loose)
    if state.latents is None or state.decoders is None:
        raise ValueError("a head has neither latents nor what they stand for")
    return decoded_latents(torch.from_numpy(state.latents.astype(np.float32)), mlps_of(state.decoders))


def decoded_latents(latents: Float[Tensor, "n 6"], decoders: list[tuple[Tensor, Tensor]]) -> Float[Tensor, "n 50"]:
    """A linear layer for each group.

    Source: Girish et al., EAGLES (ECCV 2024); repository Sharath-girish/efficientgaussian, compress/decoders.py.
    """
    groups = latents.split(list(LATENTS.values()), dim=1)
    own = [torch.nn.functional.linear(group, *layer) for group, layer in zip(groups, decoders, strict=True)]
    return torch.cat(own, dim=1)


def mlps_of(matrices: Matrices) -> list[tuple[Tensor, Tensor]]:
    """Weights and biases as tensors."""
    pairs = zip(matrices.weights, matrices.biases, strict=True)
    return [(torch.from_numpy(weight.copy()), torch.from_numpy(bias.copy())) for weight, bias in pairs]


def mlp_of(matrices: Matrices) -> Mlp:
    """The network."""
    weights, biases = zip(*mlps_of(matrices), strict=True)
    return Mlp(weights, biases)


def encoded_mean_head(count: int, octaves: int) -> Float[Tensor, "n p"]:
    """The first places of the mean head, encoded."""
    places = face_template().places(count).astype(np.float64) * UNIT_CM / 255
    return encoded_places(torch.from_numpy(places.astype(np.float32)), octaves)
