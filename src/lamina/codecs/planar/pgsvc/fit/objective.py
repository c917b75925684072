# SPDX-License-Identifier: Apache-2.0
"""The loss of the paper: raw splats and the targets of all levels enter, a differentiable mean squared error leaves.

One fused pass over the tiles renders a lower level and the top level, compares both with their target and gathers the
gradients of every splat; under resolution scalability the lower level has a pass of its own at its own size.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from jaxtyping import Float32, UInt8
from torch import Tensor

from lamina.codecs.planar.pgsvc.fit.kernels import geometry_of, raw_gradients
from lamina.codecs.planar.pgsvc.splats import to_gaussians
from lamina.data.resample import downsample_area
from lamina.metrics.psnr import finite_db, psnr
from lamina.render.kernels.planar_errors import error_moments
from lamina.render.kernels.threads import share_threads
from lamina.render.kernels.tile_lists import build_tile_lists
from lamina.render.kernels.tile_pixels import to_tiles
from lamina.render.planar import render_planar


@dataclass(frozen=True)
class LevelTarget:
    """What one level should look like, at its own size."""

    pixels: Float32[np.ndarray, "h w 3"]
    """0...1."""
    tiles: Float32[np.ndarray, "tiles 768"]
    """The same pixels, tiled."""
    full_width: int
    """Of the picture, pixels."""
    full_height: int

    @property
    def width(self) -> int:
        """Of this level, pixels."""
        return self.pixels.shape[1]

    @property
    def height(self) -> int:
        """Of this level, pixels."""
        return self.pixels.shape[0]

    @property
    def size(self) -> tuple[float, float, float, float]:
        """Width, height, and their ratios to full size, as the kernels take them."""
        return tuple(
            np.float32(v)
            for v in (self.width, self.height, self.width / self.full_width, self.height / self.full_height)
        )  # pyright: ignore[reportReturnType]


def make_targets(picture: UInt8[np.ndarray, "h w 3"], sizes: tuple[tuple[int, int], ...]) -> tuple[LevelTarget, ...]:
    """The picture at the size (width, height) of each level, by area averages."""
    share_threads()
    full = picture.astype(np.float32) / np.float32(255.0)
    height, width, _ = picture.shape
    made: dict[tuple[int, int], LevelTarget] = {}
    for size in sizes:
        if size not in made:
            pixels = full if size == (width, height) else downsample_area(full, size[1], size[0])
            made[size] = LevelTarget(pixels, to_tiles(pixels), width, height)
    return tuple(made[size] for size in sizes)


def residual_target(target: LevelTarget, below: Float32[Tensor, "8 n"]) -> LevelTarget:
    """What is left of a target when the frozen layers below are taken off it (Eq. 6)."""
    pixels = target.pixels - render_level(below, target).numpy()
    return LevelTarget(pixels, to_tiles(pixels), target.full_width, target.full_height)


def render_level(raw: Float32[Tensor, "8 n"], target: LevelTarget) -> Float32[Tensor, "h w 3"]:
    """The splats at the size of a level; not clamped."""
    gaussians = to_gaussians(raw, target.full_width, target.full_height)
    _, _, ratio_x, ratio_y = target.size
    return render_planar(gaussians.scaled(float(ratio_x), float(ratio_y)), target.width, target.height)


def level_psnr_db(raw: Float32[Tensor, "8 n"], target: LevelTarget) -> float:
    """PSNR of the splats on 8-bit pixels of the level's size, at most 100 dB."""
    decoded = torch.round(render_level(raw, target).detach() * 255.0).clamp(0.0, 255.0).to(torch.uint8).numpy()
    reference = np.clip(np.rint(target.pixels * np.float32(255.0)), 0, 255).astype(np.uint8)
    return finite_db(psnr(reference, decoded))


class _FusedErrors(torch.autograd.Function):
    """Weighted squared errors of two levels that share a size. The gradient is made on the way forward."""

    @staticmethod
    def forward(
        ctx: Any, raw: Tensor, target: LevelTarget, split: int, weights: tuple[float, float], errors: list
    ) -> Tensor:
        share_threads()
        table = raw.detach().numpy()
        geometry = np.empty((8, table.shape[1]), np.float32)
        geometry_of(table, *target.size, geometry)
        lists = build_tile_lists(geometry, target.width, target.height)
        moments = np.empty((len(lists.entry_splat), 9), np.float32)
        losses = np.empty((len(target.tiles), 2), np.float32)
        error_moments(
            geometry, table[5:8], lists.tile_starts, lists.entry_splat, lists.entry_rows, (target.width, target.height),
            target.tiles, split, (np.float32(weights[0]), np.float32(weights[1])), moments, losses,
        )  # fmt: skip
        gradients = np.zeros((8, table.shape[1]), np.float32)
        raw_gradients(table, geometry, target.size, lists.splat_starts, lists.splat_entries, moments, gradients)
        lower, top = losses.sum(axis=0, dtype=np.float64)
        errors.extend((float(lower), float(top)))
        ctx.gradients = torch.from_numpy(gradients)
        return raw.new_tensor(weights[0] * lower + weights[1] * top)

    @staticmethod
    def backward(ctx: Any, *grad_outputs: Tensor) -> tuple[Tensor, None, None, None, None]:
        return ctx.gradients * grad_outputs[0], None, None, None, None


@dataclass(frozen=True)
class Errors:
    """One evaluation of the loss."""

    loss: Float32[Tensor, ""]
    """Differentiable: mean squared error of the top level, plus that of the lower level."""
    top: float
    """Mean squared error of the top level."""
    lower: float
    """Of the lower level; 0 without one."""


def joint_errors(
    raw: Float32[Tensor, "8 n"], targets: tuple[LevelTarget, ...], counts: tuple[int, ...], lower: int
) -> Errors:
    """Mean squared error of the top level plus that of level `lower` (-1: none), Eq. 9.

    Args:
        raw: splats in layer order.
        targets: of each level.
        counts: splats of each layer.
        lower: the lower level supervised in this step.
    """
    top = targets[-1]
    top_weight = 1.0 / top.pixels.size
    errors: list[float] = []
    if lower < 0:
        loss = _FusedErrors.apply(raw, top, 0, (0.0, top_weight), errors)
        return Errors(loss, errors[1] * top_weight, 0.0)  # pyright: ignore[reportArgumentType]
    split = sum(counts[: lower + 1])
    small = targets[lower]
    if small is top:
        loss = _FusedErrors.apply(raw, top, split, (top_weight, top_weight), errors)
        return Errors(loss, errors[1] * top_weight, errors[0] * top_weight)  # pyright: ignore[reportArgumentType]
    small_weight = 1.0 / small.pixels.size
    loss = _FusedErrors.apply(raw, top, 0, (0.0, top_weight), errors)
    below = _FusedErrors.apply(raw[:, :split].contiguous(), small, 0, (0.0, small_weight), errors)
    return Errors(loss + below, errors[1] * top_weight, errors[3] * small_weight)  # pyright: ignore
