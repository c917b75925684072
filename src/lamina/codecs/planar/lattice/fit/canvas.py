# SPDX-License-Identifier: Apache-2.0
"""The picture that a lattice fit works against, and the passes over it: render, step, solve colours.

In: target pixels in the rotated colour space. A `Canvas` holds them tiled; `Splats` hold parameters and optimiser
state.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from jaxtyping import Float32

from lamina.codecs.planar.lattice.fit import kernels
from lamina.render.kernels.planar_cpu import accumulate_tiles
from lamina.render.kernels.planar_errors import error_moments
from lamina.render.kernels.tile_lists import TileLists, build_tile_lists
from lamina.render.kernels.tile_pixels import from_tiles, to_tiles


@dataclass
class Splats:
    """Parameters of all splats in layer order, and Adam's state. Mutable: it is what the optimiser works on."""

    parameters: Float32[np.ndarray, "8 n"]
    first: Float32[np.ndarray, "n 8"] = field(default_factory=lambda: np.zeros((0, 8), np.float32))
    second: Float32[np.ndarray, "n 8"] = field(default_factory=lambda: np.zeros((0, 8), np.float32))
    age: np.ndarray = field(default_factory=lambda: np.zeros(0, np.int32))
    frozen: np.ndarray = field(default_factory=lambda: np.zeros(0, np.uint8))

    def __post_init__(self) -> None:
        n = self.parameters.shape[1]
        if len(self.age) != n:
            self.first, self.second = np.zeros((n, 8), np.float32), np.zeros((n, 8), np.float32)
            self.age, self.frozen = np.zeros(n, np.int32), np.zeros(n, np.uint8)

    @property
    def count(self) -> int:
        """Splats."""
        return self.parameters.shape[1]

    def extended(self, parameters: Float32[np.ndarray, "8 k"]) -> Splats:
        """With new splats at the end, their optimiser state zero."""
        k = parameters.shape[1]
        return Splats(
            np.ascontiguousarray(np.concatenate([self.parameters, parameters], axis=1)),
            np.concatenate([self.first, np.zeros((k, 8), np.float32)]),
            np.concatenate([self.second, np.zeros((k, 8), np.float32)]),
            np.concatenate([self.age, np.zeros(k, np.int32)]),
            np.concatenate([self.frozen, np.zeros(k, np.uint8)]),
        )

    def replace(self, index: np.ndarray, parameters: Float32[np.ndarray, "8 k"]) -> None:
        """Puts new splats in the slots `index`."""
        self.parameters[:, index] = parameters
        self.first[index] = 0.0
        self.second[index] = 0.0
        self.age[index] = 0


@dataclass(frozen=True)
class Canvas:
    """A target at one size."""

    width: int
    height: int
    ratios: tuple[float, float]
    """This size over the full size, across and down."""
    tiles: Float32[np.ndarray, "tiles 768"]

    @property
    def pixel_count(self) -> int:
        """Pixels."""
        return self.width * self.height


def make_canvas(target: Float32[np.ndarray, "h w 3"], ratios: tuple[float, float] = (1.0, 1.0)) -> Canvas:
    """A canvas of a target; `ratios` are its size over the full size."""
    height, width, _ = target.shape
    return Canvas(width, height, ratios, to_tiles(target))


def lists_of(canvas: Canvas, parameters: Float32[np.ndarray, "8 n"]) -> tuple[np.ndarray, TileLists]:
    """Geometry at the canvas's size, and its tile lists."""
    geometry = np.empty((8, parameters.shape[1]), np.float32)
    kernels.geometry_of(parameters, canvas.ratios, geometry)
    return geometry, build_tile_lists(geometry, canvas.width, canvas.height)


def render_tiles(
    canvas: Canvas, parameters: Float32[np.ndarray, "8 n"], split: int = 0
) -> tuple[np.ndarray, np.ndarray]:
    """(lower, top) tiles: splats before `split` alone, and all."""
    geometry, lists = lists_of(canvas, parameters)
    lower, top = np.empty_like(canvas.tiles), np.empty_like(canvas.tiles)
    accumulate_tiles(
        geometry, np.ascontiguousarray(parameters[5:8]), lists.tile_starts, lists.entry_splat, lists.entry_rows,
        -(-canvas.width // 16), split, lower, top,
    )  # fmt: skip
    return lower, top


def render_pixels(canvas: Canvas, parameters: Float32[np.ndarray, "8 n"]) -> Float32[np.ndarray, "h w 3"]:
    """The top level as pixels."""
    return from_tiles(render_tiles(canvas, parameters)[1], canvas.width, canvas.height)


def residual_pixels(canvas: Canvas, parameters: Float32[np.ndarray, "8 n"]) -> Float32[np.ndarray, "h w 3"]:
    """Target minus rendering."""
    top = render_tiles(canvas, parameters)[1]
    return from_tiles(canvas.tiles - top, canvas.width, canvas.height)


def gradients(
    canvas: Canvas,
    splats: Splats,
    split: int,
    weights: tuple[float, float],
    rate: tuple[float, float],
    out: np.ndarray | None = None,
) -> tuple[np.ndarray, float, float]:
    """(n, 8) gradients of weighted squared error plus rate; mean squared errors of the lower and the top level."""
    parameters = splats.parameters
    geometry, lists = lists_of(canvas, parameters)
    moments = np.empty((len(lists.entry_splat), 9), np.float32)
    losses = np.empty((len(lists.tile_starts) - 1, 2), np.float32)
    error_moments(
        geometry, np.ascontiguousarray(parameters[5:8]), lists.tile_starts, lists.entry_splat, lists.entry_rows,
        (canvas.width, canvas.height), canvas.tiles, split, (np.float32(weights[0]), np.float32(weights[1])), moments,
        losses,
    )  # fmt: skip
    out = np.empty((splats.count, 8), np.float32) if out is None else out
    kernels.splat_gradients(
        parameters, geometry, canvas.ratios, lists.splat_starts, lists.splat_entries, moments, rate, out
    )
    samples = 3.0 * canvas.pixel_count
    sums = losses.sum(axis=0, dtype=np.float64) / samples
    return out, float(sums[0]), float(sums[1])
