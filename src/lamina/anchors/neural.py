# SPDX-License-Identifier: Apache-2.0
"""Neural Gaussians: anchors and three small networks enter, with a camera's position; 3D Gaussians leave.

For an anchor at x with feature f, seen from c, d = x - c, r = |d|: each head reads [f, d / r, r / unit] (and m, what is
missing) and gives for each of the anchor's k offsets

    opacity      tanh(o), times the offset's mask; Gaussians that are not above 0 are dropped
    mean         x + offset * scalings[0:3]
    scale        scalings[3:6] * sigmoid(s)
    rotation     a quaternion (w, x, y, z) of any length
    color        sigmoid(c), sRGB-coded 0...1

Where a scene has levels, the networks are told how much of an anchor's cell the level that is shown is without: its
Gaussians cover what finer anchors will, while these are not there, and give way to them; where nothing is missing they
are what they are at the top.

Source: Lu et al., Scaffold-GS (CVPR 2024), sec. 3.2; the distance is an input as in HAC, here in units of the scene, so
that a fit does not depend on what a capture calls a metre.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import torch
from jaxtyping import Bool, Float, Int64
from torch import Tensor

from lamina.anchors.anchors import Anchors
from lamina.anchors.assembly import COVARIANCE_OUTPUTS, assemble
from lamina.cameras.camera import Camera
from lamina.networks.mlp import Mlp, init_mlp
from lamina.render.gaussians3d import Gaussians3D

VIEW_INPUTS = 4
"""Direction and distance."""

CULL_MARGIN = 0.3
"""Anchors so far outside the picture, in shares of its half size, are still used: Gaussians may reach into it."""

NEAR_SHARE = 0.5
"""Anchors are kept behind the camera while their own reach, times this, could bring a Gaussian before it."""


@dataclass(frozen=True, eq=False)
class Heads:
    """The three networks that make Gaussians: inputs d + 4, or d + 5 if told; outputs k, 7 k and 3 k."""

    opacity: Mlp
    covariance: Mlp
    color: Mlp
    unit: float = 1.0
    """World units that are a distance of 1 to the networks."""
    is_level_conditioned: bool = False
    """They read, after all others, what of an anchor is missing at the level that is shown: `Anchors.missing`."""

    def each(self, change: Callable[[Mlp], Mlp]) -> Heads:
        """All three changed in the same way."""
        return replace(self, opacity=change(self.opacity), covariance=change(self.covariance), color=change(self.color))

    def parameters(self) -> tuple[Tensor, ...]:
        """Of all three."""
        return (*self.opacity.parameters(), *self.covariance.parameters(), *self.color.parameters())

    def to(self, device: torch.device | str) -> Heads:
        """The same networks elsewhere."""
        return self.each(lambda mlp: mlp.to(device))

    def detached(self) -> Heads:
        """The same numbers, outside any graph."""
        return self.each(Mlp.detached)


def init_heads(
    feature_channels: int,
    offset_count: int,
    hidden: int,
    unit: float = 1.0,
    generator: torch.Generator | None = None,
    *,
    is_level_conditioned: bool = False,
) -> Heads:
    """Networks to train, one hidden layer each; rotations start near the identity, and all levels alike."""
    inputs = feature_channels + VIEW_INPUTS
    outputs = (offset_count, COVARIANCE_OUTPUTS * offset_count, 3 * offset_count)
    opacity, covariance, color = (init_mlp((inputs, hidden, count), generator) for count in outputs)
    if is_level_conditioned:
        opacity, covariance, color = (_with_input(mlp) for mlp in (opacity, covariance, color))
    with torch.no_grad():
        covariance.biases[-1].view(offset_count, COVARIANCE_OUTPUTS)[:, 3] += 1.0
    return Heads(opacity, covariance, color, unit, is_level_conditioned)


def _with_input(mlp: Mlp) -> Mlp:
    first, *others = mlp.weights
    wider = torch.cat([first.detach(), first.new_zeros(len(first), 1)], dim=1).requires_grad_()
    return Mlp((wider, *others), mlp.biases)


def in_view(anchors: Anchors, camera: Camera, near: float = 0.0) -> Bool[Tensor, " n"]:
    """Anchors whose Gaussians can reach the picture: those inside a widened pyramid, by centre and reach.

    An encoder's and a renderer's shortcut; what a stream means does not depend on it. With `near`, world units, anchors
    whose centre is not so far before the camera are left out as well: a choice of whoever looks.
    """
    with torch.no_grad():
        positions = anchors.positions
        pose = positions.new_tensor(camera.camera_from_world)
        seen = positions @ pose[:3, :3].T + pose[:3, 3]
        reach = anchors.scalings[:, :3].amax(dim=1) + anchors.scalings[:, 3:].amax(dim=1)
        depth = seen[:, 2] + NEAR_SHARE * reach
        horizontal = (camera.focal_x_px * seen[:, 0] + (camera.center_x_px - camera.width / 2) * seen[:, 2]).abs()
        vertical = (camera.focal_y_px * seen[:, 1] + (camera.center_y_px - camera.height / 2) * seen[:, 2]).abs()
        wide = (1 + CULL_MARGIN) * camera.width / 2 * depth + camera.focal_x_px * reach
        high = (1 + CULL_MARGIN) * camera.height / 2 * depth + camera.focal_y_px * reach
        inside = (depth > 0) & (horizontal < wide) & (vertical < high)
        return inside & (seen[:, 2] >= near) if near > 0 else inside


def head_inputs(anchors: Anchors, heads: Heads, camera_position: Float[Tensor, " 3"]) -> Float[Tensor, "n i"]:
    """What every head reads: features, direction from the camera, distance in units of the scene; what is missing."""
    toward = anchors.positions - camera_position
    distance = toward.norm(dim=1, keepdim=True).clamp_min(1e-9)
    parts = [anchors.features, toward / distance, distance / heads.unit]
    if heads.is_level_conditioned:
        parts.append(torch.zeros_like(distance) if anchors.missing is None else anchors.missing.to(distance))
    return torch.cat(parts, dim=1)


def generate(
    anchors: Anchors, heads: Heads, camera_position: Float[Tensor, " 3"], least_opacity: float = 0.0
) -> tuple[Gaussians3D, Int64[Tensor, " m"]]:
    """The Gaussians that these anchors make for a camera at this place, and where each is from: anchor * k + offset.

    Differentiable in anchors, heads and position. Gaussians keep the order of anchors, then of offsets. Fits may ask
    for at least `least_opacity` of those that masks leave, with the gradient of what the network said.
    """
    inputs = head_inputs(anchors, heads, camera_position)
    return assemble(anchors, heads.opacity(inputs), heads.covariance(inputs), heads.color(inputs), least_opacity)
