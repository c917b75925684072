# SPDX-License-Identifier: Apache-2.0
"""Colors for fixed geometry: the least squares problem over all levels, by conjugate gradients."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float32

from lamina.codecs.planar.lattice.fit.canvas import Canvas, lists_of
from lamina.render.kernels.planar_cpu import accumulate_tiles, moments_of_tiles
from lamina.render.kernels.tile_lists import gather_moments
from lamina.render.kernels.tile_pixels import to_tiles


class ColorSystem:
    """The normal equations: sum over levels of weight * G^T G, where level j is splats [0, splits[j])."""

    def __init__(
        self,
        canvas: Canvas,
        parameters: Float32[np.ndarray, "8 n"],
        splits: tuple[int, ...],
        weights: tuple[float, ...],
    ) -> None:
        self.canvas = canvas
        self.geometry, self.lists = lists_of(canvas, parameters)
        self.levels = list(zip(splits[:-1], weights[:-1], strict=True)) or [(0, 0.0)]
        self.top_weight = weights[-1]
        self.entry_moments = np.empty((len(self.lists.entry_splat), 9), np.float32)
        self.outside = outside_of(canvas)

    def apply(self, colors: Float32[np.ndarray, "3 n"], target: np.ndarray | None) -> Float32[np.ndarray, "3 n"]:
        """Sum over levels of w G^T (target - G c), or of w G^T G c without a target."""
        total = np.zeros((3, colors.shape[1]), np.float32)
        for number, (split, weight) in enumerate(self.levels):
            total += self.one_level(colors, target, split, weight, self.top_weight if number == 0 else 0.0)
        return total

    def one_level(
        self, colors: np.ndarray, target: np.ndarray | None, split: int, weight: float, top_weight: float
    ) -> np.ndarray:
        """Of the lower level [0, split) and the top level, which one pass renders together."""
        lists, tiles_x = self.lists, -(-self.canvas.width // 16)
        lower, top = np.zeros_like(self.canvas.tiles), np.empty_like(self.canvas.tiles)
        accumulate_tiles(
            self.geometry, colors, lists.tile_starts, lists.entry_splat, lists.entry_rows, tiles_x, split, lower, top
        )
        if target is not None:
            lower, top = target - lower, target - top
        if self.outside is not None:
            lower[self.outside], top[self.outside] = 0.0, 0.0
        top *= top_weight
        moments = np.empty((colors.shape[1], 9), np.float32)
        moments_of_tiles(
            self.geometry, colors, lists.tile_starts, lists.entry_splat, lists.entry_rows, tiles_x, split,
            top + weight * lower, top, self.entry_moments,
        )  # fmt: skip
        gather_moments(lists.splat_starts, lists.splat_entries, self.entry_moments, moments)
        return moments[:, :3].T


def solve_colors(
    canvas: Canvas,
    parameters: Float32[np.ndarray, "8 n"],
    splits: tuple[int, ...],
    weights: tuple[float, ...],
    free: np.ndarray,
    iterations: int,
    ridge: float,
) -> None:
    """Conjugate gradients on the colors of the `free` splats, in place.

    Minimises sum over levels of weight * squared error plus ridge * |c|^2, scaled by each splat's own energy pi s1 s2,
    which is also the preconditioner.
    """
    system = ColorSystem(canvas, parameters, splits, weights)
    mask = free.astype(np.float32)
    energy = (np.pi * np.exp(2.0 * parameters[2])).astype(np.float32) * weights[-1]
    damping = ridge * energy
    colors = np.ascontiguousarray(parameters[5:8])
    residual = (system.apply(colors, canvas.tiles) - damping * colors) * mask
    direction = residual / energy
    product = np.sum(residual * direction, dtype=np.float64)
    for _ in range(iterations):
        applied = (system.apply(np.ascontiguousarray(direction), None) + damping * direction) * mask
        curvature = np.sum(direction * applied, dtype=np.float64)
        if curvature <= 0.0 or product <= 0.0:
            break
        step = np.float32(product / curvature)
        colors += step * direction
        residual -= step * applied
        preconditioned = residual / energy
        renewed = np.sum(residual * preconditioned, dtype=np.float64)
        direction = preconditioned + np.float32(renewed / product) * direction
        product = renewed
    parameters[5:8] = colors


def outside_of(canvas: Canvas) -> np.ndarray | None:
    """Mask of tile samples beyond the picture; None when the size is a multiple of 16."""
    if canvas.width % 16 == 0 and canvas.height % 16 == 0:
        return None
    return to_tiles(np.ones((canvas.height, canvas.width, 3), np.float32)) == 0.0
