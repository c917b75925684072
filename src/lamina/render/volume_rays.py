# SPDX-License-Identifier: Apache-2.0
"""What a ray march is given: a sparse grid as arrays, rays, how finely to step."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from jaxtyping import Float32, Int32, Int64

from lamina.cameras.camera import Camera

LEAST_ALPHA = 1e-3
"""Samples that would hide less are left out: a sample in a thousand of what stands behind."""

LEAST_TRANSMITTANCE = 1e-3
"""A ray ends where less of what is behind it would be seen."""

STEPS_PER_VOXEL = 2
"""Samples a voxel. Source: DVGO, configs/default.py, stepsize 0.5."""


class SparseGrid(NamedTuple):
    """Cells that hold something, and rows of values at their corners."""

    origin: Float32[np.ndarray, "3"]
    """Of vertex (0, 0, 0), world units."""
    voxel: float
    """Side of a cell, world units."""
    counts: tuple[int, int, int]
    """Cells of the whole lattice, an axis."""
    slots: Int32[np.ndarray, "bx by bz"]
    """Of each brick of 8x8x8 cells; -1: all empty."""
    rows: Int32[np.ndarray, "slots 512"]
    """Number of the cell at each place of a brick, in Morton order; -1: empty."""
    corners: Int32[np.ndarray, "cells 8"]
    """Rows of values at the corners of a cell; corner x + 2 y + 4 z."""


class Rays(NamedTuple):
    """Straight lines into the grid."""

    origins: Float32[np.ndarray, "r 3"]
    """World units."""
    directions: Float32[np.ndarray, "r 3"]
    """Of length 1."""

    def some(self, rows: Int64[np.ndarray, " n"]) -> Rays:
        """Those of some rows."""
        return Rays(self.origins[rows], self.directions[rows])


@dataclass(frozen=True)
class Optics:
    """How densities hide: alpha = 1 - (1 + e ** (density + shift)) ** -delta."""

    shift: float
    """Added to densities: what is 0 is nearly empty."""
    delta: float
    """Length of a step, in voxels of the level that densities are of."""

    @property
    def least_density(self) -> float:
        """Below which a sample hides less than `LEAST_ALPHA`."""
        return math.log(math.expm1(-math.log1p(-LEAST_ALPHA) / self.delta)) - self.shift


def rays_of(camera: Camera) -> Rays:
    """A ray through the middle of each pixel, row by row."""
    pose = camera.world_from_camera
    columns = (np.arange(camera.width) + 0.5 - camera.center_x_px) / camera.focal_x_px
    rows = (np.arange(camera.height) + 0.5 - camera.center_y_px) / camera.focal_y_px
    # A vector a column, one a row: their sums are the rays before they have length 1.
    across = (columns[:, None] * pose[:3, 0]).astype(np.float32)
    down = (rows[:, None] * pose[:3, 1] + pose[:3, 2]).astype(np.float32)
    directions = (across[None] + down[:, None]).reshape(-1, 3)
    directions *= (1 / np.sqrt(np.einsum("rc,rc->r", directions, directions)))[:, None]
    origins = np.broadcast_to(camera.position_world.astype(np.float32), directions.shape)
    return Rays(np.ascontiguousarray(origins), directions)
