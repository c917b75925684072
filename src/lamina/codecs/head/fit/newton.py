# SPDX-License-Identifier: Apache-2.0
"""A frame and columns near it enter; columns that show it leave, in a few steps with a curvature that is found once.

    row <- row - (J'J + damping + prior)^-1 (J' r + prior row)        J: pixels by columns, r: pixels less the frame

What a picture changes by when a column does is much the same in all frames of a head, so that J'J, which takes two
pictures a column, is made once, where the head rests; J' r is exact, one backward pass a step. Two such steps on the
base layer and one on all reach what ten of Adam do not (docs/codecs/head.md).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from lamina.cameras.camera import Camera
from lamina.codecs.head.model import Head, camera_of, pose_from_reals
from lamina.codecs.head.rig import posed
from lamina.render.spatial import render_spatial

DAMPING = 0.05
"""Of each column's own curvature: frames are not where the head rests."""
PRIOR = 1e-6
"""Square error of a pixel's channel that counts as much as a column that is off by its usual reach: what shows nothing
stays near rest, instead of wandering at a cost in bits."""
OUTLIER = 0.15
"""Of 0...1: pixels that are further off count no more than that; the head cannot show what is there."""
DIFFERENCE_STEPS = 2.0
"""Of a column's steps, to either side, for its differences."""
USUAL_CHANGE = 4.0
"""A column reaches so many times as far as it changes from a frame to the next (fit.CHANGE_SHARE)."""


@dataclass(frozen=True, eq=False)
class Sight:
    """A head as it is compared: how large, and before what."""

    head: Head
    behind: Float[Tensor, "h w 3"]

    def image(self, row: Float[Tensor, " c"]) -> Float[Tensor, "h w 3"]:
        """What columns, in their units, look like; differentiable."""
        head, facts = self.head, self.head.facts
        gaussians = posed(
            head.rig, head.look, pose_from_reals(row, head.rig.rest, head.torso), math.log(facts.spreads[head.level])
        )
        image = render_spatial(gaussians, self.camera)
        return image.pixels + (1 - image.alpha)[..., None] * self.behind

    @property
    def camera(self) -> Camera:
        """The clip's own, at the size that is compared."""
        return camera_of(self.head.facts).resized(self.behind.shape[1], self.behind.shape[0])


@dataclass(frozen=True, eq=False)
class Newton:
    """What steps are made with."""

    sight: Sight
    prior: Float[Tensor, " c"]
    """What a column's square costs."""
    inverse: Float[Tensor, "c c"]
    """Of curvature, damping and prior."""

    def refined(self, begin: Float[Tensor, " c"], target: Float[Tensor, "h w 3"], steps: int) -> Float[Tensor, " c"]:
        """Columns after so many steps."""
        row = begin
        for _ in range(steps):
            leaf = row.clone().requires_grad_()
            image = self.sight.image(leaf)
            miss = (image.detach() - target).clamp_(-OUTLIER, OUTLIER)
            (slope,) = torch.autograd.grad(image, leaf, miss)
            row = row - self.inverse @ (slope + self.prior * row)
        return row


def newton_of(sight: Sight, usual: Float[Tensor, " c"], steps: Float[Tensor, " c"]) -> Newton:
    """`usual` is how far columns reach, `steps` what 1 is of each."""
    prior = PRIOR * sight.behind.shape[0] * sight.behind.shape[1] / usual.square()
    curvature = _curvature(sight.image, torch.zeros_like(usual), DIFFERENCE_STEPS * steps)
    matrix = curvature + torch.diag(DAMPING * curvature.diag() + prior)
    return Newton(sight, prior, torch.linalg.inv(matrix.double()).float())


def usual_reach(activity: tuple[int, ...], steps: np.ndarray) -> Float[Tensor, " c"]:
    """How far columns reach from rest, in their units, by how much they change a frame."""
    changes = 2.0 ** (np.array(activity) / 4) / 16
    return torch.from_numpy((USUAL_CHANGE * changes * steps).astype(np.float32))


def _curvature(
    image: Callable[[Tensor], Tensor], row: Float[Tensor, " c"], differences: Float[Tensor, " c"]
) -> Float[Tensor, "c c"]:
    """J'J by central differences."""
    slopes = []
    with torch.no_grad():
        for column, difference in enumerate(differences.tolist()):
            moved = torch.zeros_like(row)
            moved[column] = difference
            slopes.append((image(row + moved) - image(row - moved)).flatten() / (2 * difference))
    slopes = torch.stack(slopes)
    return slopes @ slopes.T
