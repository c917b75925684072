# SPDX-License-Identifier: Apache-2.0
"""Anchors of a frame and what networks say enter, anchors of the next frame leave (HPC, Eq. 7 to 9)."""

from __future__ import annotations

from dataclasses import replace

import torch
from jaxtyping import Float
from torch import Tensor

from lamina.anchors.anchors import Anchors
from lamina.codecs.freeview.motion import Channels, rotations
from lamina.codecs.freeview.networked.syntax import NetworkedFacts


def deformed(before: Anchors, outputs: Float[Tensor, "n c"], facts: NetworkedFacts, channels: Channels) -> Anchors:
    """Anchors of the next frame: features and positions add up, offsets are moved, then turned; differentiable.

    Offsets are turned before they are stretched by the reach, as Eq. 9 is printed.
    """
    features, translation, rotation, offsets = outputs.split(list(channels.widths), dim=1)
    of_features, of_positions, of_rotations, of_offsets = facts.gains
    moved = before.offsets + of_offsets * offsets.reshape(before.offsets.shape)
    return replace(
        before,
        positions=before.positions + of_positions * translation,
        features=before.features + of_features * features,
        offsets=torch.einsum("nij,nkj->nki", rotations(of_rotations * rotation), moved),
    )
