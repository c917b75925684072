# SPDX-License-Identifier: Apache-2.0
"""What the volume codec fits, sends and renders: a field on nested lattices, a frame at a time.

Parts are `HeadPart` (once), `GroupPart` (a group) and `FramePart` (a frame); a model is `VolumeModel`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TypeAlias

import numpy as np
import torch
from jaxtyping import Float, Float32, UInt8
from torch import Tensor

from lamina.cameras.around import camera_at_whole
from lamina.cameras.camera import Camera
from lamina.codecs.volume.frame_coding import LevelContent, LevelState
from lamina.codecs.volume.shading import shaded
from lamina.codecs.volume.syntax import FRACTION_BITS, GroupHead, VolumeFacts
from lamina.grids.level import Level
from lamina.networks.mlp import Mlp
from lamina.networks.quantized import QuantizedMlp
from lamina.render.volume import March, gather_view
from lamina.render.volume_cover import covered_pixels
from lamina.render.volume_rays import Optics, SparseGrid, rays_of

UNIT = 2.0**-FRACTION_BITS
"""What an integer value of 1 is."""

RAYS_AT_ONCE = 1 << 16


@dataclass(frozen=True, eq=False)
class HeadPart:
    """Sent once."""

    facts: VolumeFacts
    cameras: tuple[Camera, ...] = ()
    """Views that the stream keeps for viewers."""


@dataclass(frozen=True, eq=False)
class GroupPart:
    """Begins a group."""

    facts: VolumeFacts
    group: int
    frame: int
    """Its first."""
    head: GroupHead


@dataclass(frozen=True, eq=False)
class FramePart:
    """A frame."""

    facts: VolumeFacts
    head: GroupHead
    group: int
    frame: int
    contents: tuple[LevelContent, ...]
    """Of each level, coarse first."""
    before: tuple[LevelState, ...] | None
    """Of each level in the frame before; not to be changed. None: a key frame."""
    quality_db: tuple[float | None, ...]
    """Mean PSNR of each level over held-out views, 8-bit pixels; None: not measured."""


Part: TypeAlias = HeadPart | GroupPart | FramePart

Background: TypeAlias = "tuple[int, int, int] | UInt8[np.ndarray, 'h w 3']"
"""A colour, or pixels of a view; 8 bits."""


@dataclass(frozen=True, eq=False)
class VolumeModel:
    """A frame at one level: complete, renderable from anywhere."""

    facts: VolumeFacts
    network: QuantizedMlp | None
    frame: int
    level: int
    state: LevelState
    cameras: tuple[Camera, ...]
    background: Background
    """Behind everything."""

    @property
    def view(self) -> Camera:
        """The first camera that the stream keeps; without any, from the side at all of it."""
        if self.cameras:
            return self.cameras[0]
        lattice = self.facts.lattice()
        low, high = np.array(lattice.origin), np.array(lattice.far_corner)
        radius = 0.5 * float(np.linalg.norm(high - low))
        return camera_at_whole(0.5 * (low + high), radius, self.facts.width, self.facts.height)

    @property
    def counts(self) -> Mapping[str, int]:
        """What it is made of."""
        return {"cells": len(self.state.level.cells), "vertices": self.state.level.row_count}

    def over(self, background: Background) -> VolumeModel:
        """The same before something else."""
        return replace(self, background=background)

    @cached_property
    def shader(self) -> Mlp | None:
        """The network that shades, in reals."""
        return None if self.network is None else self.network.dequantized()


def grid_of(facts: VolumeFacts, level_number: int, level: Level) -> SparseGrid:
    """A level as rays go through it."""
    lattice = facts.lattice()
    table = level.cell_table
    origin = np.array(lattice.origin, np.float32)
    return SparseGrid(origin, lattice.voxel(level_number), level.counts, table.slots, table.rows, level.corners)


def optics_of(facts: VolumeFacts, level_number: int) -> Optics:
    """How a level's densities hide: they are of the finest voxel, steps are of half of the level's own."""
    return Optics(facts.shift, 0.5 * (1 << (facts.level_count - 1 - level_number)))


def reals_of(values: np.ndarray) -> tuple[Float32[np.ndarray, " r"], Float32[np.ndarray, "r f"]]:
    """Densities and features of integer values."""
    reals = values.astype(np.float32) * np.float32(UNIT)
    return np.ascontiguousarray(reals[:, 0]), np.ascontiguousarray(reals[:, 1:])


def gathered_colors(model: VolumeModel, camera: Camera) -> tuple[Float[Tensor, "p 3"], Float[Tensor, " p"]]:
    """Colours over black and what is seen of the background, of all pixels."""
    grid = grid_of(model.facts, model.level, model.state.level)
    march = March(grid, optics_of(model.facts, model.level))
    densities, features = reals_of(model.state.values)
    rays, count = rays_of(camera), camera.height * camera.width
    colors, behinds = torch.zeros(count, 3), torch.ones(count)
    covered = np.flatnonzero(covered_pixels(grid, march.visible(densities), camera))
    for first in range(0, len(covered), RAYS_AT_ONCE):
        pixels = covered[first : first + RAYS_AT_ONCE]
        some = rays.some(pixels)
        out, behind = (torch.from_numpy(array) for array in gather_view(march, densities, features, some))
        hit = torch.nonzero(behind < 1.0)[:, 0]
        behinds[torch.from_numpy(pixels)] = behind
        color = shaded(out[hit], behind[hit], torch.from_numpy(some.directions)[hit], model.shader)
        colors[torch.from_numpy(pixels)[hit]] = color
    return colors, behinds


def render(model: VolumeModel, camera: Camera) -> Float[Tensor, "h w 3"]:
    """What a camera sees: sRGB-coded, not clamped.

    Raises:
        ValueError: the background is a picture of another size than the camera's.
    """
    behind_it = np.asarray(model.background, np.float32) / np.float32(255.0)
    if behind_it.ndim == 3 and behind_it.shape != (camera.height, camera.width, 3):
        raise ValueError(
            f"a background of {behind_it.shape[1]}x{behind_it.shape[0]} pixels behind a view of "
            f"{camera.width}x{camera.height}"
        )
    colors, behind = gathered_colors(model, camera)
    whole = colors + behind[:, None] * torch.from_numpy(behind_it).reshape(-1, 3)
    return whole.reshape(camera.height, camera.width, 3)
