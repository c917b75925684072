# SPDX-License-Identifier: Apache-2.0
"""Planar rendering of NumPy arrays on the CPU: no gradients and no torch, which takes longer to import than to draw.

In: `SplatArrays`. Out: pixels, or what gradients need beside them (`planar_cpu` is made of this).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float32

from lamina.render.kernels import planar_cpu, planar_splats, tile_lists
from lamina.render.kernels.threads import share_threads


@dataclass(frozen=True, eq=False)
class SplatArrays:
    """What `Gaussians2D` says, as float32 arrays."""

    positions: Float32[np.ndarray, "n 2"]
    """Pixels, x then y; the centre of the first pixel is (0.5, 0.5)."""
    covariances: Float32[np.ndarray, "n 3"]
    """xx, xy, yy, square pixels."""
    colors: Float32[np.ndarray, "n 3"]
    """Weighted colour, any range, negative too."""

    def __len__(self) -> int:
        return len(self.positions)

    def scaled(self, ratio_x: float, ratio_y: float) -> SplatArrays:
        """The same picture at another size: positions times the ratios, covariances times their products."""
        if ratio_x == 1.0 and ratio_y == 1.0:
            return self
        position_ratio = np.array((ratio_x, ratio_y), np.float32)
        shape_ratio = np.array((ratio_x * ratio_x, ratio_x * ratio_y, ratio_y * ratio_y), np.float32)
        return SplatArrays(self.positions * position_ratio, self.covariances * shape_ratio, self.colors)


@dataclass(frozen=True, eq=False)
class Accumulated:
    """Two levels of a picture, and what their gradients are made from."""

    lower: Float32[np.ndarray, "h w 3"]
    """Of the first splats alone; (0, 0, 3) if that is none."""
    top: Float32[np.ndarray, "h w 3"]
    geometry: Float32[np.ndarray, "8 n"]
    planes: Float32[np.ndarray, "3 n"]
    lists: tile_lists.TileLists


def accumulate_arrays(splats: SplatArrays, split: int, width: int, height: int) -> Accumulated:
    """Splats [0, split) alone, and all of them; arrays must be contiguous.

    Raises:
        ValueError: more pairs of splats and tiles than memory holds.
    """
    share_threads()
    geometry, planes = np.empty((8, len(splats)), np.float32), np.empty((3, len(splats)), np.float32)
    planar_splats.prepare_splats(splats.positions, splats.covariances, splats.colors, geometry, planes)
    lists = tile_lists.build_tile_lists(geometry, width, height)
    top = np.empty((height, width, 3), np.float32)
    lower = np.empty_like(top) if split > 0 else np.empty((0, 0, 3), np.float32)
    planar_cpu.accumulate_pixels(
        geometry, planes, lists.tile_starts, lists.entry_splat, lists.entry_rows, split, lower, top
    )
    return Accumulated(lower, top, geometry, planes, lists)


def log_euclidean_covariances(
    m: Float32[np.ndarray, " n"], d: Float32[np.ndarray, " n"], e: Float32[np.ndarray, " n"]
) -> Float32[np.ndarray, "n 3"]:
    """Covariance whose half logarithm is [[m + d, e], [e, m - d]], as `gaussians2d.log_euclidean_to_covariance`."""
    rho = np.hypot(d, e, dtype=np.float64)
    with np.errstate(over="ignore", invalid="ignore"):
        isotropic = np.exp(2.0 * m.astype(np.float64))
        even = isotropic * np.cosh(2.0 * rho)
        odd = isotropic * np.divide(np.sinh(2.0 * rho), rho, out=np.full_like(rho, 2.0), where=rho > 0)
        return np.stack([even + odd * d, odd * e, even - odd * d], axis=-1).astype(np.float32)
