# SPDX-License-Identifier: Apache-2.0
"""What the planar codec fits, sends and renders: layered 2D Gaussians of one frame.

Two nouns: `FramePart` (what leaves fit), and `PlanarModel` (what decode yields: tensors, ready to render at any size).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Float, Float32

from lamina.codec import Size
from lamina.codecs.planar.packing import LayerState, packing_of
from lamina.codecs.planar.syntax import PlanarHeader
from lamina.render.planar_arrays import SplatArrays, accumulate_arrays

if TYPE_CHECKING:
    from torch import Tensor

    from lamina.render.gaussians2d import Gaussians2D


@dataclass(frozen=True)
class FramePart:
    """One finished frame: what leaves fit."""

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
    ends_group: bool = False
    """The frame after it opens another group, or there is none: the group's units can leave."""


@dataclass(frozen=True, eq=False)
class PlanarModel:
    """One frame at one level: complete, renderable at any size. Its tensors are made when they are asked for."""

    header: PlanarHeader
    frame: int
    layers: tuple[LayerState, ...]
    """Of levels 0...level, base first."""

    @property
    def level(self) -> int:
        """The highest layer there is."""
        return len(self.layers) - 1

    @property
    def width(self) -> int:
        """Full-size pixels; Gaussians are in these."""
        return self.header.width

    @property
    def height(self) -> int:
        """Full-size pixels."""
        return self.header.height

    @property
    def level_width(self) -> int:
        """Pixels that this level was fitted for: fewer than full size under resolution scalability."""
        return self.header.level_size(self.level)[0]

    @property
    def level_height(self) -> int:
        """Pixels that this level was fitted for."""
        return self.header.level_size(self.level)[1]

    @property
    def view(self) -> Size:
        """The size that its level was fitted for."""
        return Size(self.level_width, self.level_height)

    @property
    def cameras(self) -> tuple[()]:
        """A picture has none."""
        return ()

    @property
    def counts(self) -> Mapping[str, int]:
        """Splats."""
        return {"splats": len(self.arrays)}

    @cached_property
    def gaussians(self) -> Gaussians2D:
        """Of all layers, in full-size pixels."""
        return packing_of(self.header.method).gaussians(self.header, self.layers)

    @cached_property
    def arrays(self) -> SplatArrays:
        """The same as arrays: no torch where the method needs none."""
        return packing_of(self.header.method).arrays(self.header, self.layers)

    @cached_property
    def background(self) -> Float[Tensor, " 3"]:
        """Added to every pixel, sRGB-coded 0...1."""
        import torch

        return torch.tensor(self.header.background, dtype=torch.float32) / 255.0


def render(model: PlanarModel, view: Size | None = None) -> Float[Tensor, "h w 3"]:
    """The picture at any size: sRGB-coded, not clamped, differentiable in the model's tensors.

    Below the level's own size it is drawn larger and averaged: splats narrower than a pixel would alias.
    """
    from lamina.render.planar import render_planar

    width, height, over = _drawn(model, view)
    gaussians = model.gaussians.scaled(width * over / model.width, height * over / model.height)
    pixels = render_planar(gaussians, width * over, height * over)
    if over > 1:
        pixels = pixels.reshape(height, over, width, over, 3).mean(dim=(1, 3))
    return pixels + model.background


def show(model: PlanarModel, view: Size | None = None) -> Float32[np.ndarray, "h w 3"]:
    """What `render` gives, as an array, on the CPU: no gradients, and no torch where the method needs none."""
    width, height, over = _drawn(model, view)
    splats = model.arrays.scaled(width * over / model.width, height * over / model.height)
    pixels = accumulate_arrays(splats, 0, width * over, height * over).top
    if over > 1:
        pixels = pixels.reshape(height, over, width, over, 3).mean(axis=(1, 3))
    return pixels + np.array(model.header.background, np.float32) / np.float32(255.0)


def _drawn(model: PlanarModel, view: Size | None) -> tuple[int, int, int]:
    """Width and height of the picture, and how many times as large it is drawn."""
    view = view or Size()
    width = view.width or model.level_width
    height = view.height or model.level_height
    return width, height, max(1, math.ceil(max(model.level_width / width, model.level_height / height)))
