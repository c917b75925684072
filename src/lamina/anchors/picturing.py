# SPDX-License-Identifier: Apache-2.0
"""Anchors and a camera enter; a picture leaves, its 8-bit pixels, or what each offset's Gaussian paints of it."""

from __future__ import annotations

import numpy as np
import torch
from jaxtyping import Float, Int64, UInt8
from torch import Tensor

from lamina.anchors.anchors import Anchors
from lamina.anchors.neural import Heads, generate, in_view
from lamina.cameras.camera import Camera
from lamina.render.gaussians3d import Gaussians3D
from lamina.render.spatial import render_spatial


def shown(
    anchors: Anchors,
    heads: Heads,
    camera: Camera,
    background: tuple[float, float, float],
    near: float = 0.0,
) -> Float[Tensor, "h w 3"]:
    """A picture of anchors, those out of view or nearer than `near` (world units) left aside; differentiable."""
    gaussians, _ = seen_from(anchors, heads, camera, near)
    return render_spatial(gaussians, camera, background=background).pixels


def seen_from(
    anchors: Anchors, heads: Heads, camera: Camera, near: float = 0.0, least_opacity: float = 0.0
) -> tuple[Gaussians3D, Int64[Tensor, " m"]]:
    """The Gaussians that `shown` draws, and anchor * k + offset of each; `least_opacity` is that of `generate`."""
    rows = torch.nonzero(in_view(anchors, camera, near)).reshape(-1)
    place = torch.from_numpy(camera.position_world).to(anchors.positions)
    gaussians, sources = generate(anchors.select(rows), heads, place, least_opacity)
    k = anchors.masks.shape[1]
    return gaussians, rows[sources // k] * k + sources % k


def eight_bits(pixels: Float[Tensor, "h w 3"]) -> UInt8[np.ndarray, "h w 3"]:
    """Rounded to 8 bits, as a decoder gives them."""
    return (pixels.clamp(0, 1) * 255).round().to(torch.uint8).cpu().numpy()


def painted(
    anchors: Anchors, heads: Heads, camera: Camera, weights: Float[Tensor, "h w 3"] | None = None, near: float = 0.0
) -> Float[Tensor, "n k 3"]:
    """What each offset's Gaussian paints of a picture: pixels, each counted by its weight (None: 1) a channel.

    It is the gradient of the picture's weighted sum by the Gaussians' colors: exact, occlusion included.
    """
    with torch.no_grad():
        gaussians, sources = seen_from(anchors, heads, camera, near)
    gaussians.colors.requires_grad_()
    pixels = render_spatial(gaussians, camera).pixels
    total = pixels.sum() if weights is None else (pixels * weights).sum()
    (found,) = torch.autograd.grad(total, [gaussians.colors])
    count, k = anchors.masks.shape
    return found.new_zeros(count * k, 3).index_copy_(0, sources, found).reshape(count, k, 3)
