# SPDX-License-Identifier: Apache-2.0
"""What the scene codec fits, sends and renders: anchors of an octree, layer by layer.

Three nouns: `SceneLayer` (decoded integers of one layer), `ScenePart` (what leaves fit), and `SceneModel` (what decode
yields: tensors, ready to render from any camera).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
import torch
from jaxtyping import Float, Float32, Float64, Int32, UInt8
from torch import Tensor

from lamina.anchors.anchors import Anchors, concatenate
from lamina.anchors.contraction import Contraction
from lamina.anchors.missing import missing_shares
from lamina.anchors.neural import Heads, generate
from lamina.anchors.octree import Lattice
from lamina.codecs.scene.layout import VALUE_BITS
from lamina.codecs.scene.syntax import SCALING_COUNT, SceneFacts
from lamina.codecs.scene.views import cameras_of
from lamina.networks.quantized import QuantizedMlp
from lamina.render.cameras import Camera
from lamina.render.spatial import render_spatial

if TYPE_CHECKING:
    from lamina.codecs.scene.context import FixedContext
    from lamina.render.gaussians3d import Gaussians3D

SPHERE_VIEWPOINTS = 32
"""Where a scene without cameras is looked at from: evenly spread over a sphere (Fibonacci)."""


@dataclass(frozen=True, eq=False)
class SceneLayer:
    """One layer in integers: what `lamina digest` hashes, the same on every machine. Rows are in Morton order."""

    indices: Int32[np.ndarray, "n 3"]
    """Cells, in cells of this layer."""
    goes_on: UInt8[np.ndarray, " n"]
    """1: the cell has children in the next layer."""
    masks: UInt8[np.ndarray, "n k"]
    """1: this offset makes a Gaussian. An anchor without any is structure: its attributes are not sent."""
    symbols: Int32[np.ndarray, "n c"]
    """What is coded: steps between prediction and value; 0 where nothing is."""
    values: Int32[np.ndarray, "n c"]
    """Decoded attributes: features, scalings, offsets."""

    @property
    def count(self) -> int:
        """Anchors."""
        return len(self.indices)


@dataclass(frozen=True, eq=False)
class ScenePart:
    """A finished scene: what leaves fit, exactly what the decoder will have."""

    facts: SceneFacts
    heads: tuple[QuantizedMlp, QuantizedMlp, QuantizedMlp]
    """Generators of opacity, covariance and color."""
    context: FixedContext
    layers: tuple[SceneLayer, ...]
    """Base first."""
    quality_db: tuple[float | None, ...]
    """PSNR of each level over held-out views, 8-bit pixels; None: not measured."""


@dataclass(frozen=True, eq=False)
class SceneModel:
    """A scene at one level: complete, renderable from anywhere."""

    facts: SceneFacts
    heads: Heads
    layers: tuple[Anchors, ...]
    """Of layers 0...level, base first."""
    missing: tuple[Float32[np.ndarray, " m"], ...]
    """For each level 0...level, how much of their cells its anchors are without (`anchors/missing.py`)."""

    @property
    def level(self) -> int:
        """The highest layer there is."""
        return len(self.layers) - 1

    @property
    def frame(self) -> int:
        """A scene stands still."""
        return 0

    @cached_property
    def cameras(self) -> tuple[Camera, ...]:
        """Views of the capture that the stream keeps; may be none."""
        return cameras_of(self.facts.views)

    @property
    def viewpoints(self) -> Float64[np.ndarray, "m 3"]:
        """Where the scene is looked at from, world units: the cameras' places, or a sphere about the middle."""
        if self.cameras:
            return np.stack([camera.position_world for camera in self.cameras])
        heights = np.linspace(-1.0, 1.0, SPHERE_VIEWPOINTS)
        around = math.pi * (3.0 - math.sqrt(5.0)) * np.arange(SPHERE_VIEWPOINTS)
        flat = np.sqrt(1.0 - heights**2)
        sphere = np.stack([flat * np.cos(around), flat * np.sin(around), heights], axis=1)
        middle = self.facts.center or np.asarray(self.facts.origin) + 0.5 * self.facts.side
        return np.asarray(middle) + self.facts.distance_unit * sphere

    @cached_property
    def lattice(self) -> Lattice:
        """The octree's cells."""
        return lattice_of(self.facts)

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


def lattice_of(facts: SceneFacts) -> Lattice:
    """The octree's cells in the world."""
    x, y, z = facts.origin
    contraction = None
    if facts.center is not None and facts.radius is not None:
        center_x, center_y, center_z = facts.center
        contraction = Contraction((center_x, center_y, center_z), facts.radius)
    return Lattice((x, y, z), facts.side, facts.base_depth, facts.layers, contraction)


def heads_of(facts: SceneFacts, heads: tuple[QuantizedMlp, QuantizedMlp, QuantizedMlp]) -> Heads:
    """The generators as they run: the integers that were sent, as reals."""
    opacity, covariance, color = (head.dequantized() for head in heads)
    return Heads(opacity, covariance, color, facts.distance_unit, facts.is_told)


def level_of(layers: Sequence[Anchors], missing: Float32[np.ndarray, " m"]) -> Anchors:
    """The anchors of a level, told what it is without."""
    return replace(concatenate(layers), missing=torch.from_numpy(missing[:, None]).to(layers[0].positions))


def missing_of(facts: SceneFacts, layers: Sequence[SceneLayer]) -> Float32[np.ndarray, " m"]:
    """What the level of these layers is without, anchor by anchor."""
    return missing_shares([layer.indices for layer in layers], layers[-1].goes_on, facts.layers)


def anchors_of(facts: SceneFacts, layer: int, state: SceneLayer) -> Anchors:
    """Integers of a layer -> tensors."""
    lattice = lattice_of(facts)
    positions, sides = lattice.centers(state.indices, layer), lattice.sides(state.indices, layer)
    values = torch.from_numpy(state.values.astype(np.float32) / np.float32(1 << VALUE_BITS))
    features, scalings, offsets = values.split([facts.feature_count, SCALING_COUNT, 3 * facts.offset_count], dim=1)
    return Anchors(
        positions=torch.from_numpy(positions.astype(np.float32)),
        features=features.contiguous(),
        scalings=torch.exp(scalings + torch.from_numpy(np.log(sides).astype(np.float32))[:, None]),
        offsets=offsets.reshape(-1, facts.offset_count, 3),
        masks=torch.from_numpy(state.masks.astype(np.float32)),
    )
