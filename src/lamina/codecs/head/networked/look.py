# SPDX-License-Identifier: Apache-2.0
"""Places on the person's mesh and a network's arrays enter; what they look like and how they are moved leaves.

Source: J. Li et al., equations (6) and (7); what these leave open is as in Xiang et al., FlashAvatar (CVPR 2024),
repository USTC3DV/FlashAvatar-code, src/deform_model.py: tanh of all ten outputs, an exponential for the real part of
the rotation. Sizes are added as logarithms; a Gaussian's own rotation begins from its triangle's.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from lamina.networks.mlp import Mlp
from lamina.render import spherical_harmonics

PLACE_UNIT_CM = 10.0
"""What places are measured by before sines are taken: a head has a radius of about 1."""
CONDITION_UNIT_CM = 0.2
"""What components are measured by: as far as a usual expression moves the surface."""
FARTHEST_CM = 10.0
"""A Gaussian is moved at most so far along each axis: hair stands out from the mesh."""
LARGEST = 1e4
"""Magnitude of attributes: what a stream may say beyond looks the same."""


@dataclass(frozen=True, eq=False)
class NetworkLook:
    """Gaussians on the head, reals, and the network that moves them."""

    colors: Float[Tensor, "n 3"]
    """SRGB-coded, about 0...1: what harmonics are added to."""
    log_sizes: Float[Tensor, "n 3"]
    """Of cm."""
    rest: Float[Tensor, "n 45"]
    """Coefficients of harmonics of degrees 1 to 3, of red, green, blue for each harmonic."""
    rotations: Float[Tensor, "n 4"]
    """Quaternions w, x, y, z, from the axes of the surface."""
    opacities: Float[Tensor, " n"]
    """Logits."""
    encoded: Float[Tensor, "n p"]
    """Places on the mean head, encoded."""
    network: Mlp


@dataclass(frozen=True, eq=False)
class Moved:
    """What an expression makes of Gaussians."""

    places_cm: Float[Tensor, "n 3"]
    """Beside the mesh, head's axes."""
    rotations: Float[Tensor, "n 4"]
    log_sizes: Float[Tensor, "n 3"]


def encoded_places(places_cm: Float[Tensor, "n 3"], octaves: int) -> Float[Tensor, "n p"]:
    """Places, then sine and cosine of each octave.

    Source: Mildenhall et al., NeRF (ECCV 2020), equation (4); without its factor of pi.
    """
    scaled = places_cm / PLACE_UNIT_CM
    parts = [scaled]
    for octave in range(octaves):
        parts += [torch.sin(2.0**octave * scaled), torch.cos(2.0**octave * scaled)]
    return torch.cat(parts, dim=1)


def moved(look: NetworkLook, components: Float[Tensor, " k"]) -> Moved:
    """Gaussians under an expression."""
    condition = (components / CONDITION_UNIT_CM).expand(len(look.encoded), -1)
    outputs = torch.tanh(look.network(torch.cat([look.encoded, condition], dim=1)))
    turn = torch.cat([torch.exp(outputs[:, 3:4]), outputs[:, 4:7]], dim=1)
    return Moved(FARTHEST_CM * outputs[:, :3], product(look.rotations, turn), look.log_sizes + outputs[:, 7:])


def seen_colors(look: NetworkLook, directions: Float[Tensor, "n 3"]) -> Float[Tensor, "n 3"]:
    """Colors towards a camera; directions from it, in the head's axes."""
    harmonics = spherical_harmonics.basis(directions, spherical_harmonics.MAX_DEGREE)[:, 1:]
    return look.colors + (harmonics[:, :, None] * look.rest.reshape(-1, 15, 3)).sum(dim=1)


def product(first: Float[Tensor, "n 4"], second: Float[Tensor, "n 4"]) -> Float[Tensor, "n 4"]:
    """Of quaternions: the second turns first."""
    a, b, c, d = first.unbind(dim=1)
    w, x, y, z = second.unbind(dim=1)
    return torch.stack(
        [
            a * w - b * x - c * y - d * z,
            a * x + b * w + c * z - d * y,
            a * y - b * z + c * w + d * x,
            a * z + b * y - c * x + d * w,
        ],
        dim=1,
    )
