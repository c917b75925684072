# SPDX-License-Identifier: Apache-2.0
"""What rays gathered enters, colours leave: luma and two differences to red, green, blue, and what a network adds.

    hidden = 1 - behind
    color  = RGB(Y, Co, Cg) + hidden * network(features, hidden, harmonics of the direction) + behind * background

The network runs once a ray; with its last layer at 0 nothing is added, and there may be none. Sources: TeTriRF (arXiv
2312.06713) for one network call a ray; Malvar and Sullivan, YCoCg-R (JVT-I014r3), for the colours.
"""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from lamina.codecs.volume.syntax import COLORS
from lamina.networks.mlp import Mlp

HARMONICS = 8
"""Of the direction: three of degree 1, five of degree 2."""

RED_GREEN_BLUE = ((1.0, 1.0, -1.0), (1.0, 0.0, 1.0), (1.0, -1.0, -1.0))
"""Rows red, green, blue; columns Y, Co, Cg."""


def network_sizes(channel_count: int, hidden: int) -> tuple[int, int, int]:
    """Of a network for so many channels, density among them."""
    return channel_count - 1 + 1 + HARMONICS, hidden, COLORS


def harmonics(directions: Float[Tensor, "r 3"]) -> Float[Tensor, "r 8"]:
    """Polynomials of a direction, of degree 1 and 2, not normalised: what real spherical harmonics span."""
    x, y, z = directions.unbind(dim=1)
    return torch.stack([x, y, z, x * y, y * z, z * x, x * x - y * y, 3 * z * z - 1], dim=1)


def shaded(
    features: Float[Tensor, "r f"], behind: Float[Tensor, " r"], directions: Float[Tensor, "r 3"], network: Mlp | None
) -> Float[Tensor, "r 3"]:
    """Colours over black."""
    matrix = torch.tensor(RED_GREEN_BLUE, dtype=features.dtype)
    colors = features[:, :COLORS] @ matrix.T
    if network is None:
        return colors
    hidden = 1.0 - behind
    inputs = torch.cat([features, hidden[:, None], harmonics(directions)], dim=1)
    return colors + hidden[:, None] * network(inputs)
