# SPDX-License-Identifier: Apache-2.0
"""A first head and examples enter; a head that looks like them leaves, and the columns of each example as they fit it.

Each step looks at one frame through the renderer and moves everything by it: Gaussians, and that frame's own pose,
torso, gaze and expression. What limits quality is where the head is (reference: 6 dB), so frames are refined from the
first step on.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Float32
from torch import Tensor

from lamina.cameras.camera import Camera
from lamina.codecs.head.columns import FIXED, GAZE, LATTICE, ROTATION, TRANSLATION
from lamina.codecs.head.config import HeadConfig
from lamina.codecs.head.fit.examples import EXPRESSION, Examples, reduced, size_within
from lamina.codecs.head.fit.start import NODES, FirstHead, camera_for
from lamina.codecs.head.model import pose_from_reals
from lamina.codecs.head.rig import Look, Rig, posed, spread_of
from lamina.fitting.photometric import photometric
from lamina.render.spatial import render_spatial

RATES = {"places": 0.01, "turns": 0.02, "log_sizes": 0.01, "opacities": 0.02, "colors": 0.006, "skins": 0.02}
"""Of Adam at the start: cm, radians, logarithms, logits, 0...1, logits."""
FINAL_RATE = 0.05
"""Of the first rates, what the last step has."""
FULL_SIZE_FROM = 0.67
"""Share of the steps after which pictures are looked at in full size."""
ROWS_FROM = 0.08
"""Share of the steps after which frames are refined: before, colors say little of where things are."""
MASK_WEIGHT = 0.05
PLACE_WEIGHT = 0.02
"""What a Gaussian on the head is held to where it began, by the square of cm."""
EXPRESSION_WEIGHT = 0.001
"""What expressions are held to as they were tracked."""
BEND_WEIGHT = 0.004
"""What nodes of the torso are held to their neighbours, by the mean square of differences, cm."""
TINY = 1e-12


def row_rates(columns: int) -> Float32[np.ndarray, " c"]:
    """Of Adam, for each column of a frame, in its units."""
    rates = np.full(columns, 0.03, np.float32)
    rates[ROTATION] = 0.003
    rates[TRANSLATION] = (0.04, 0.04, 0.15)
    rates[FIXED:EXPRESSION] = 0.06
    rates[GAZE] = 0.01
    return rates


@dataclass(eq=False)
class Rows:
    """Columns of all frames under optimisation, each frame with moments and a count of its own."""

    values: Float[Tensor, "t c"]
    first: Float[Tensor, "t c"]
    second: Float[Tensor, "t c"]
    counts: list[int]

    @classmethod
    def of(cls, values: Float32[np.ndarray, "t c"]) -> Rows:
        """Fresh."""
        own = torch.from_numpy(values.copy())
        return cls(own, torch.zeros_like(own), torch.zeros_like(own), [0] * len(own))

    def leaf(self, number: int) -> Float[Tensor, " c"]:
        """One frame's, collecting gradients."""
        return self.values[number].clone().requires_grad_()

    def descend(self, number: int, gradient: Float[Tensor, " c"], rates: Float[Tensor, " c"]) -> None:
        """One step of Adam."""
        self.counts[number] += 1
        self.first[number].lerp_(gradient, 0.2)
        self.second[number].lerp_(gradient.square(), 0.05)
        mean = self.first[number] / (1 - 0.8 ** self.counts[number])
        scale = (self.second[number] / (1 - 0.95 ** self.counts[number])).sqrt() + TINY
        self.values[number] -= rates * mean / scale


@dataclass(frozen=True, eq=False)
class Learnt:
    """A head as it was learnt."""

    rig: Rig
    look: Look
    rows: Float32[np.ndarray, "t c"]
    quality_db: float
    """Of the last frames that were looked at."""


@dataclass(frozen=True, eq=False)
class _Stage:
    """Pictures at one size."""

    frames: Float32[np.ndarray, "t h w 3"]
    masks: Float32[np.ndarray, "t h w"]
    behind: Float[Tensor, "h w 3"]
    camera: Camera


def _stage(examples: Examples, behind: Float32[np.ndarray, "h w 3"], side_px: int) -> _Stage:
    height, width = examples.frames.shape[1:3]
    size = size_within(width, height, side_px)
    return _Stage(
        reduced(examples.frames, side_px),
        reduced(examples.masks, side_px),
        torch.from_numpy(reduced(behind[None], side_px)[0]),
        camera_for(examples, *size),
    )


def learn(
    first: FirstHead,
    examples: Examples,
    behind: Float32[np.ndarray, "h w 3"],
    config: HeadConfig,
    report: Callable[[float, float], None],
) -> Learnt:
    """Learn it; `behind` is what is behind the person, as decoders have it, 0...1."""
    learning = config.learning
    look = {name: getattr(first.look, name).clone().requires_grad_() for name in RATES}
    began = first.look.places[: len(first.rig)].clone()
    tracked = torch.from_numpy(examples.rows.copy())
    rows = Rows.of(examples.rows)
    optimizer = torch.optim.Adam([{"params": [look[name]], "lr": rate} for name, rate in RATES.items()], eps=TINY)
    rates = torch.from_numpy(row_rates(rows.values.shape[1]))
    chance = np.random.default_rng(config.seed)
    stage, order, quality = _stage(examples, behind, learning.side_px), [], 0.0
    for step in range(learning.steps):
        if step == round(FULL_SIZE_FROM * learning.steps) and max(examples.frames.shape[1:3]) > learning.side_px:
            stage = _stage(examples, behind, max(examples.frames.shape[1:3]))
        order = order or list(chance.permutation(len(examples.frames)))
        number = int(order.pop())
        rate = FINAL_RATE + (1 - FINAL_RATE) * 0.5 * (1 + math.cos(math.pi * step / learning.steps))
        for group, base in zip(optimizer.param_groups, RATES.values(), strict=True):
            group["lr"] = base * rate
        level = int(chance.integers(config.level_count - 1)) if _is_lower(chance, config) else config.level_count - 1
        row = rows.leaf(number)
        current = Look(**look)
        loss, error = _loss(
            first.rig, current, row, stage, number, _Part.of(config, first, level), learning.ssim_weight
        )
        loss = loss + PLACE_WEIGHT * (current.places[: len(began)] - began).square().mean()
        loss = loss + EXPRESSION_WEIGHT * (row[EXPRESSION:] - tracked[number, EXPRESSION:]).square().sum()
        loss = loss + BEND_WEIGHT * bending(row[FIXED:EXPRESSION])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if row.grad is not None and level == config.level_count - 1 and step >= ROWS_FROM * learning.steps:
            rows.descend(number, row.grad, rates * rate)
            quality = 0.95 * quality + 0.05 * error if quality else error
        if step % 5 == 0:
            report(step / learning.steps, quality)
    final = Look(**{name: value.detach() for name, value in look.items()})
    return Learnt(first.rig, final, rows.values.numpy(), quality)


def bending(nodes: Float[Tensor, " n"]) -> Float[Tensor, ""]:
    """How differently neighbouring nodes of the torso move: mean square, cm."""
    lattice = nodes.reshape(LATTICE[1], LATTICE[0], 2)
    return (lattice[1:] - lattice[:-1]).square().mean() + (lattice[:, 1:] - lattice[:, :-1]).square().mean()


def _is_lower(chance: np.random.Generator, config: HeadConfig) -> bool:
    return config.level_count > 1 and bool(chance.random() < config.learning.lower_share)


@dataclass(frozen=True)
class _Part:
    """Which Gaussians a level has."""

    mesh: int
    free: int
    size_offset: float

    @classmethod
    def of(cls, config: HeadConfig, first: FirstHead, level: int) -> _Part:
        """Of a level."""
        mesh = config.layer_ends(len(first.rig))[level]
        free = config.layer_ends(len(first.look.skins))[level]
        total = len(first.look.places)
        return cls(mesh, free, math.log(spread_of(mesh + free, total)))


def part_of_rig(rig: Rig, count: int) -> Rig:
    """The first places alone."""
    if count == len(rig):
        return rig
    return Rig(
        rig.base, rig.shapes, rig.corners[:count], rig.shares[:count], rig.upright[:count], rig.back[:count],
        rig.eye[:count], rig.rest,
    )  # fmt: skip


def part_of_look(look: Look, mesh_total: int, mesh: int, free: int) -> Look:
    """The first Gaussians on the head, and the first beside it."""
    if mesh == mesh_total and free == len(look.skins):
        return look

    def both(values: Tensor) -> Tensor:
        return torch.cat([values[:mesh], values[mesh_total : mesh_total + free]])

    return Look(
        both(look.places), both(look.turns), both(look.log_sizes), both(look.opacities), both(look.colors),
        look.skins[:free],
    )  # fmt: skip


def _loss(
    rig: Rig, look: Look, row: Tensor, stage: _Stage, number: int, part: _Part, ssim_weight: float
) -> tuple[Tensor, float]:
    """Of one frame, and its PSNR, dB."""
    own = part_of_look(look, len(rig), part.mesh, part.free)
    gaussians = posed(part_of_rig(rig, part.mesh), own, pose_from_reals(row, rig.rest, NODES), part.size_offset)
    image = render_spatial(gaussians, stage.camera)
    pixels = image.pixels + (1 - image.alpha)[..., None] * stage.behind
    target = torch.from_numpy(stage.frames[number])
    loss = photometric(pixels, target, ssim_weight)
    loss = loss + MASK_WEIGHT * (image.alpha - torch.from_numpy(stage.masks[number])).abs().mean()
    error = float((pixels.detach().clamp(0, 1) - target).square().mean())
    return loss, -10 * math.log10(max(error, 1e-10))
