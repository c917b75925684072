# SPDX-License-Identifier: Apache-2.0
"""How anchors differ from rest: integers of all scales enter, anchors of a frame leave.

Differences add up, over scales and over frames, as integers; only their sum is made real:

    feature      f = f0 + step_f * sum
    position     x = x0 + step_t * unit * sum
    rotation     R = that of the quaternion (1, v / 2), v = step_r * sum
    offset       o: R ((o0 + step_o * sum) * reach) / reach

so that a level, a cut or a join at a key frame changes nothing for what is left. Source: HPC (arXiv 2602.00671), Eq. 7
to 9 without a network; offsets are turned in world units, so that R turns the thing that they are of (GIFStream).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from jaxtyping import Float, Int32, Int64
from torch import Tensor

from lamina.anchors.anchors import Anchors
from lamina.anchors.syntax import AnchorFacts
from lamina.codecs.freeview.syntax import MotionFacts

SUM_LIMIT = (1 << 20) - 1
"""Largest magnitude of a sum over frames; beyond, it saturates."""

Sums = Int32[np.ndarray, "n c"]
"""Of one scale: a row a cell, a column a channel; since rest."""


@dataclass(frozen=True)
class Channels:
    """Columns of a difference: features, translation, rotation, offsets."""

    feature_count: int
    offset_count: int

    @classmethod
    def of(cls, facts: AnchorFacts) -> Channels:
        """Those of anchors of so many features and offsets."""
        return cls(facts.feature_count, facts.offset_count)

    @property
    def widths(self) -> tuple[int, int, int, int]:
        """Columns of each group."""
        return self.feature_count, 3, 3, 3 * self.offset_count

    @property
    def count(self) -> int:
        """Columns of all."""
        return sum(self.widths)

    @property
    def starts(self) -> tuple[int, int, int, int, int]:
        """First column of each group, and the end."""
        features, translation, rotation, offsets = self.widths
        bounds = np.cumsum([0, features, translation, rotation, offsets])
        first, second, third, fourth, last = (int(bound) for bound in bounds)
        return first, second, third, fourth, last


def sent_groups(facts: MotionFacts, scale: int) -> tuple[bool, bool, bool, bool]:
    """Which groups the cells of a scale carry."""
    is_top = scale == len(facts.depths)
    return is_top or facts.has_coarse_features, True, True, is_top or facts.has_coarse_offsets


def total(sums: Sequence[Sums], members: Sequence[Int64[np.ndarray, " n"]]) -> Int32[np.ndarray, "n c"]:
    """Sums of all scales, anchor by anchor."""
    found = sums[0][members[0]].copy()
    for own, rows in zip(sums[1:], members[1:], strict=True):
        found += own[rows]
    return found


def step_row(facts: MotionFacts, channels: Channels) -> Float[Tensor, " c"]:
    """What 1 is in each column."""
    features, translation, rotation, offsets = facts.steps
    steps = (features, translation * facts.unit, rotation, offsets)
    parts = [torch.full((width,), step) for width, step in zip(channels.widths, steps, strict=True)]
    return torch.cat(parts)


def moved(rest: Anchors, differences: Float[Tensor, "n c"], channels: Channels) -> Anchors:
    """Anchors at rest with differences, real numbers; differentiable in these."""
    features, translation, rotation, offsets = differences.split(list(channels.widths), dim=1)
    reach = rest.scalings[:, None, :3]
    world = (rest.offsets + offsets.reshape(rest.offsets.shape)) * reach
    turned = torch.einsum("nij,nkj->nki", rotations(rotation), world) / reach
    return replace(rest, positions=rest.positions + translation, features=rest.features + features, offsets=turned)


def rotations(vectors: Float[Tensor, "n 3"]) -> Float[Tensor, "n 3 3"]:
    """Matrices of the quaternions (1, v / 2) brought to length 1: about a turn by |v| around v while that is small."""
    quaternions = torch.cat([torch.ones_like(vectors[:, :1]), 0.5 * vectors], dim=1)
    w, x, y, z = (quaternions / quaternions.norm(dim=1, keepdim=True)).unbind(1)
    rows = [
        1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y),
        2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x),
        2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y),
    ]  # fmt: skip
    return torch.stack(rows, dim=1).reshape(-1, 3, 3)


def added(sums: Sums, differences: Int32[np.ndarray, "n c"]) -> Sums:
    """Sums after a frame."""
    return np.clip(sums.astype(np.int64) + differences, -SUM_LIMIT, SUM_LIMIT).astype(np.int32)
