# SPDX-License-Identifier: Apache-2.0
"""What may move: pictures of two moments enter, with anchors between them; which anchors paint what changed, leaves.

Where nothing changes in any picture there is nothing to learn but noise, which costs bits, and shows from other sides.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from jaxtyping import Bool, Float
from torch import Tensor

from lamina.anchors.anchors import Anchors
from lamina.anchors.neural import Heads
from lamina.anchors.picturing import painted
from lamina.fitting.shots import Shot

WINDOW = 3
"""Pixels over which a change is averaged: noise of single pixels is none."""

LEAST_CHANGED_PX = 0.5
"""That an anchor must paint of what changed, in all views together."""


def changed_pixels(
    before: Float[Tensor, "h w 3"], now: Float[Tensor, "h w 3"], threshold: float
) -> Float[Tensor, "h w"]:
    """1 where a picture changed by more than the threshold, 0...1, in any channel."""
    difference = (now - before).abs().amax(dim=2)
    smooth = torch.nn.functional.avg_pool2d(difference[None], WINDOW, 1, WINDOW // 2)[0]
    return (smooth > threshold).float()


def active_anchors(
    anchors: Anchors,
    heads: Heads,
    shots: Sequence[Shot],
    changed: Sequence[Float[Tensor, "h w"]],
    near: float,
    least_share: float,
) -> Bool[np.ndarray, " n"]:
    """Anchors of which so much of what they paint, in all views together, changed."""
    found = torch.zeros(len(anchors), 2)
    for shot, mask in zip(shots, changed, strict=True):
        weights = torch.stack([mask, torch.ones_like(mask), torch.zeros_like(mask)], dim=2)
        found += painted(anchors, heads, shot.camera, weights, near)[:, :, :2].sum(dim=1)
    share = found[:, 0] / found[:, 1].clamp_min(1e-3)
    return ((share > least_share) & (found[:, 0] > LEAST_CHANGED_PX)).numpy()
