# SPDX-License-Identifier: Apache-2.0
"""What the scene codec fits, sends and renders: anchors of an octree, layer by layer.

Two nouns: `ScenePart` (what leaves fit), and `SceneModel` (what decode yields: tensors, ready to render from any
camera).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
import torch
from jaxtyping import Float, Float32, Float64
from torch import Tensor

from lamina.anchors.anchors import Anchors
from lamina.anchors.layers import AnchorLayer, Generators, lattice_of, level_of
from lamina.anchors.neural import Heads, generate
from lamina.anchors.octree import Lattice
from lamina.cameras.around import camera_at_whole
from lamina.cameras.camera import Camera
from lamina.codecs.scene.syntax import SceneFacts
from lamina.render.spatial import render_spatial

if TYPE_CHECKING:
    from lamina.anchors.context.fixed import FixedContext
    from lamina.render.gaussians3d import Gaussians3D

SPHERE_VIEWPOINTS = 32
"""Where a scene without cameras is looked at from: evenly spread over a sphere (Fibonacci)."""


@dataclass(frozen=True, eq=False)
class ScenePart:
    """A finished scene: what leaves fit, exactly what the decoder will have."""

    facts: SceneFacts
    heads: Generators
    """Generators of opacity, covariance and color."""
    context: FixedContext
    layers: tuple[AnchorLayer, ...]
    """Base first."""
    quality_db: tuple[float | None, ...]
    """PSNR of each level over held-out views, 8-bit pixels; None: not measured."""
    cameras: tuple[Camera, ...] = ()
    """Views that the stream keeps for viewers."""


@dataclass(frozen=True, eq=False)
class SceneModel:
    """A scene at one level: complete, renderable from anywhere."""

    facts: SceneFacts
    heads: Heads
    layers: tuple[Anchors, ...]
    """Of layers 0...level, base first."""
    missing: tuple[Float32[np.ndarray, " m"], ...]
    """For each level 0...level, how much of their cells its anchors are without (`anchors/missing.py`)."""
    cameras: tuple[Camera, ...] = ()
    """Views of the capture that the stream keeps; may be none."""

    @property
    def level(self) -> int:
        """The highest layer there is."""
        return len(self.layers) - 1

    @property
    def frame(self) -> int:
        """A scene stands still."""
        return 0

    @property
    def view(self) -> Camera:
        """The first camera that the stream keeps; without any, from the side at all of it."""
        if self.cameras:
            return self.cameras[0]
        return camera_at_whole(self.middle, 2.0 * self.facts.anchors.distance_unit, self.facts.width, self.facts.height)

    @property
    def counts(self) -> Mapping[str, int]:
        """Anchors, and Gaussians that they may make for a camera."""
        anchors = self.anchors()
        return {"anchors": len(anchors), "Gaussians": int(anchors.masks.sum())}

    @property
    def middle(self) -> Float64[np.ndarray, "3"]:
        """Of the contraction, or of the cube; world units."""
        anchors = self.facts.anchors
        return np.asarray(anchors.center or np.asarray(anchors.origin) + 0.5 * anchors.side, np.float64)

    @property
    def viewpoints(self) -> Float64[np.ndarray, "m 3"]:
        """Where the scene is looked at from, world units: the cameras' places, or a sphere about the middle."""
        if self.cameras:
            return np.stack([camera.position_world for camera in self.cameras])
        heights = np.linspace(-1.0, 1.0, SPHERE_VIEWPOINTS)
        around = math.pi * (3.0 - math.sqrt(5.0)) * np.arange(SPHERE_VIEWPOINTS)
        flat = np.sqrt(1.0 - heights**2)
        sphere = np.stack([flat * np.cos(around), flat * np.sin(around), heights], axis=1)
        return self.middle + self.facts.anchors.distance_unit * sphere

    @cached_property
    def lattice(self) -> Lattice:
        """The octree's cells."""
        return lattice_of(self.facts.anchors)

    @property
    def background(self) -> tuple[float, float, float]:
        """Behind everything, sRGB-coded 0...1."""
        red, green, blue = self.facts.background
        return red / 255.0, green / 255.0, blue / 255.0

    def anchors(self, level: int | None = None) -> Anchors:
        """All anchors of layers 0...level.

        Raises:
            ValueError: the model has no such level.
        """
        level = self.level if level is None else level
        if not 0 <= level <= self.level:
            raise ValueError(f"level {level}, but this model has 0...{self.level}")
        return level_of(self.layers[: level + 1], self.missing[level])

    def gaussians(self, camera: Camera, level: int | None = None) -> Gaussians3D:
        """The Gaussians that anchors generate for a camera."""
        position = torch.as_tensor(camera.position_world, dtype=torch.float32)
        return generate(self.anchors(level), self.heads, position)[0]


def render(model: SceneModel, camera: Camera, level: int | None = None) -> Float[Tensor, "h w 3"]:
    """What a camera sees: sRGB-coded, not clamped, differentiable in the model's tensors."""
    return render_spatial(model.gaussians(camera, level), camera, background=model.background).pixels
