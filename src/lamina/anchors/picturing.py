# SPDX-License-Identifier: Apache-2.0
"""Anchors and a camera enter, a picture leaves."""

from __future__ import annotations

import torch
from torch import Tensor

from lamina.anchors.anchors import Anchors
from lamina.anchors.neural import Heads, generate, in_view
from lamina.cameras.camera import Camera
from lamina.render.spatial import render_spatial


def shown(
    anchors: Anchors, heads: Heads, camera: Camera, background: tuple[float, float, float], near: float = 0.0
) -> Tensor:
    """A picture of anchors, those out of view or nearer than `near` (world units) left aside."""
    rows = torch.nonzero(in_view(anchors, camera, near)).reshape(-1)
    place = torch.from_numpy(camera.position_world).to(anchors.positions)
    gaussians, _ = generate(anchors.select(rows), heads, place)
    return render_spatial(gaussians, camera, background=background).pixels
