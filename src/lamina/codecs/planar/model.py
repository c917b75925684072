# SPDX-License-Identifier: Apache-2.0
"""What the planar codec fits, sends and renders: layered 2D Gaussians of one frame.

Three nouns: `LayerState` (a method's decoded integers of one layer of one frame), `FramePart` (what leaves fit), and
`PlanarModel` (what decode yields: tensors, ready to render at any size).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from jaxtyping import Float
from torch import Tensor

from lamina.codecs.planar.syntax import PlanarHeader
from lamina.render.planar import Gaussians2D, render_planar


@dataclass(frozen=True)
class LayerState:
    """Decoded integers of one layer of one frame, and what the next frame needs beside them.

    `integers` is what `lamina digest` hashes: the same on every machine. `context` is what a method carries on
    (adaptive tables, references); it follows from the integers decoded so far.
    """

    integers: Mapping[str, np.ndarray]
    context: Any = field(default=None, repr=False, compare=False)


@dataclass(frozen=True)
class FramePart:
    """One finished frame: what leaves fit. The first part of a stream carries its header."""

    header: PlanarHeader
    group: int
    frame: int
    """Number in the stream."""
    is_key: bool
    """Key frames (I) open a group and need no other frame."""
    layers: tuple[LayerState, ...]
    """Base first. What the decoder will have, exactly."""
    quality_db: tuple[float, ...]
    """PSNR of each level on 8-bit pixels."""


@dataclass(frozen=True)
class PlanarModel:
    """One frame at one level: complete, renderable at any size."""

    frame: int
    level: int
    width: int
    """Full-size pixels; Gaussians are in these."""
    height: int
    level_width: int
    """Size that this level was fitted for (smaller than full size under resolution scalability)."""
    level_height: int
    gaussians: Gaussians2D
    background: Float[Tensor, " 3"]
    """Added to every pixel, sRGB-coded 0...1."""


@dataclass(frozen=True)
class View:
    """How to look at a planar model: an output size in pixels; None is the level's own size."""

    width: int | None = None
    height: int | None = None


def render(model: PlanarModel, view: View | None = None) -> Float[Tensor, "h w 3"]:
    """The picture at any size: sRGB-coded, not clamped, differentiable in the model's tensors.

    Below the level's own size it is drawn larger and averaged: splats narrower than a pixel would alias.
    """
    view = view or View()
    width = view.width or model.level_width
    height = view.height or model.level_height
    over = max(1, math.ceil(max(model.level_width / width, model.level_height / height)))
    gaussians = model.gaussians.scaled(width * over / model.width, height * over / model.height)
    pixels = render_planar(gaussians, width * over, height * over)
    if over > 1:
        pixels = pixels.reshape(height, over, width, over, 3).mean(dim=(1, 3))
    return pixels + model.background
