# SPDX-License-Identifier: Apache-2.0
"""A first head and examples enter; a head that looks like them leaves, and the columns of each example as they fit it.

Each step looks at one frame through the renderer and moves everything by it: Gaussians, and that frame's own pose,
torso, gaze and expression. What limits quality is where the head is (reference: 6 dB), so frames are refined from the
first step on.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np
import torch
from jaxtyping import Float, Float32
from torch import Tensor

from lamina.cameras.camera import Camera
from lamina.codecs.head.columns import FIXED, GAZE, LATTICE, ROTATION, TRANSLATION
from lamina.codecs.head.config import HeadConfig
from lamina.codecs.head.fit.components import Components, TorsoComponents, components_of, torso_components_of
from lamina.codecs.head.fit.examples import EXPRESSION, Examples, reduced, size_within
from lamina.codecs.head.fit.grid import Grid, gaussian_steps
from lamina.codecs.head.fit.saving import Saver
from lamina.codecs.head.fit.start import NODES, FirstHead, camera_for
from lamina.codecs.head.model import pose_from_reals
from lamina.codecs.head.networked.values import NetworkState
from lamina.codecs.head.rig import Look, Rig, posed, rig_of, spread_of
from lamina.data.faces.template import face_template
from lamina.fitting.photometric import photometric
from lamina.render.spatial import render_spatial

RATES = {"places": 0.01, "turns": 0.02, "log_sizes": 0.01, "opacities": 0.02, "colors": 0.006, "skins": 0.02}
"""Of Adam at the start: cm, radians, logarithms, logits, 0...1, logits."""
FINAL_RATE = 0.05
"""Of the first rates, what the last step has."""
FULL_SIZE_FROM, SETTLE_FROM = 0.5, 0.7
"""Shares of the steps after which pictures are looked at in full size, and values as they are sent."""
MIDDLE_RATE = 0.3
"""Share of the first rates when values begin to be rounded."""
LARGER_RATE = 0.55
"""And when pictures are looked at in full size."""
ROWS_FROM = 0.08
"""Share of the steps after which frames are refined: before, colors say little of where things are."""
MASK_WEIGHT = 0.05
PLACE_WEIGHT = 0.02
"""What a Gaussian on the head is held to where it began, by the square of cm."""
EXPRESSION_WEIGHT = 0.001
"""What expressions are held to as they were tracked."""
BEND_WEIGHT = 0.004
"""What nodes of the torso are held to their neighbours, by the mean square of differences, cm."""
COMPONENT_RATE, TORSO_RATE = 0.02, 0.06
"""Of components, cm."""
TINY = 1e-12


def row_rates(columns: int) -> Float32[np.ndarray, " c"]:
    """Of Adam, for each column of a frame, in its units."""
    rates = np.full(columns, 0.03, np.float32)
    rates[ROTATION] = 0.003
    rates[TRANSLATION] = (0.04, 0.04, 0.15)
    rates[FIXED:EXPRESSION] = 0.06
    rates[GAZE] = 0.01
    return rates


def component_rates(columns: int, torso: int) -> Float32[np.ndarray, " c"]:
    """The same, where columns after the fixed ones are components."""
    rates = np.full(columns, COMPONENT_RATE, np.float32)
    rates[:FIXED] = row_rates(EXPRESSION)[:FIXED]
    rates[FIXED : FIXED + torso] = TORSO_RATE
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
    """A head as it was learnt: what its values are rounded to is what it was looked at with in the end."""

    rig: Rig
    """Moved by components."""
    look: Look
    rows: Float32[np.ndarray, "t c"]
    """Of the examples, in components."""
    components: Components
    torso: TorsoComponents
    base_size: float
    """Logarithm of a size whose integer is 0."""
    quality_db: float
    """Of the last frames that were looked at."""
    network: NetworkState | None = None
    """In the paper's method: Gaussians on the head; `look` then has those beside it."""


@dataclass(frozen=True, eq=False)
class _Stage:
    """Pictures at one size."""

    frames: np.ndarray
    masks: Float32[np.ndarray, "t h w"]
    behind: Float[Tensor, "h w 3"]
    camera: Camera

    def target(self, number: int) -> Float[Tensor, "h w 3"]:
        """A picture, 0...1."""
        frame = self.frames[number]
        return torch.from_numpy(frame.astype(np.float32) / 255 if frame.dtype == np.uint8 else frame)


def _stage(examples: Examples, behind: Float32[np.ndarray, "h w 3"], side_px: int) -> _Stage:
    height, width = examples.frames.shape[1:3]
    size = size_within(width, height, side_px)
    is_full = size == (width, height)
    return _Stage(
        examples.frames if is_full else reduced(examples.frames, side_px),
        reduced(examples.masks, side_px),
        torch.from_numpy(reduced(behind[None], side_px)[0]),
        camera_for(examples, *size),
    )


@dataclass(eq=False)
class Course:
    """Learning under way."""

    examples: Examples
    behind: Float32[np.ndarray, "h w 3"]
    """As decoders have it, 0...1."""
    config: HeadConfig
    rig: Rig
    look: dict[str, Tensor]
    began: Float[Tensor, "n 3"]
    """Where Gaussians on the head began."""
    rows: Rows
    row_rates: Float[Tensor, " c"]
    torso: Float[Tensor, "m n"]
    report: Callable[[float, float], None]
    chance: np.random.Generator
    grid: Grid | None = None
    """What values are rounded to; None: not yet."""
    quality_db: float = 0.0
    order: list[int] = field(default_factory=list)
    saver: Saver = field(default_factory=Saver)
    turning: np.ndarray | None = None
    """Columns of frames when they became components."""
    rates: Mapping[str, float] = field(default_factory=lambda: RATES)
    """Of Adam at the start, for each of `look`."""
    maker: Callable[[dict[str, Tensor], Grid | None], Look] | None = None
    """What is shown, made of `look`; None: those are the fields of it."""

    def __post_init__(self) -> None:
        groups = [{"params": [self.look[name]], "lr": rate} for name, rate in self.rates.items()]
        self.optimizer = torch.optim.Adam(groups, eps=TINY)
        self._tracked = self.rows.values.clone()

    def run(self, span: range, side_px: int, rates: tuple[float, float]) -> None:
        """Steps of a part of the whole; Adam's rates fall from one share of `RATES` to another."""
        stage, total = _stage(self.examples, self.behind, side_px), self.config.learning.steps
        for step in span:
            if step < self.saver.step:
                continue
            share = (step - span.start) / max(len(span), 1)
            rate = rates[1] + (rates[0] - rates[1]) * 0.5 * (1 + math.cos(math.pi * share))
            for group, base in zip(self.optimizer.param_groups, self.rates.values(), strict=True):
                group["lr"] = base * rate
            self._step(stage, rate, self.moves_rows and step >= ROWS_FROM * total)
            self._told(step, total)

    def _told(self, step: int, total: int) -> None:
        """Where it is; who asks to stop then finds the state kept."""
        self.saver.keep(self, step + 1, self.turning)
        if step % 5:
            return
        try:
            self.report(step / total, self.quality_db)
        except BaseException:
            self.saver.keep(self, step + 1, self.turning, now=True)
            raise

    def _step(self, stage: _Stage, rate: float, moves_rows: bool) -> None:
        top = self.config.level_count - 1
        self.order = self.order or [int(number) for number in self.chance.permutation(len(self.examples.frames))]
        number = self.order.pop()
        is_lower = top > 0 and bool(self.chance.random() < self.config.learning.lower_share)
        level = int(self.chance.integers(top)) if is_lower else top
        row = self.rows.leaf(number)
        part = _Part.of(self.config, len(self.rig), len(self.look["skins"]), level)
        loss, error = self._loss(self._shown(), row, stage, number, part)
        loss = loss + self._held(row, number)
        if len(self.began):
            moved = self.look["places"][: len(self.began)] - self.began
            loss = loss + PLACE_WEIGHT * moved.square().mean()
        self.optimizer.zero_grad()
        loss.backward()
        self.optimizer.step()
        if level != top:
            return
        if row.grad is not None and moves_rows:
            self.rows.descend(number, row.grad, self.row_rates * rate)
        if moves_rows or not self.moves_rows:
            self.quality_db = 0.95 * self.quality_db + 0.05 * error if self.quality_db else error

    @property
    def moves_rows(self) -> bool:
        """Frames are refined; the paper's method sends them as they are tracked."""
        return self.config.network is None or self.config.refines_frames

    def _shown(self) -> Look:
        if self.maker is not None:
            return self.maker(self.look, self.grid)
        look = Look.of(self.look)
        return look if self.grid is None else self.grid.rounded(look)

    def _held(self, row: Float[Tensor, " c"], number: int) -> Float[Tensor, ""]:
        """What holds a frame's columns where they were tracked, and the torso's nodes together."""
        last = FIXED + len(self.torso)
        held = EXPRESSION_WEIGHT * (row[last:] - self._tracked[number, last:]).square().sum()
        return held + BEND_WEIGHT * bending(row[FIXED:last] @ self.torso)

    def _loss(
        self, look: Look, row: Float[Tensor, " c"], stage: _Stage, number: int, part: _Part
    ) -> tuple[Float[Tensor, ""], float]:
        """Of one frame, and its PSNR, dB."""
        own = part_of_look(look, len(self.rig), part.mesh, part.free)
        pose = pose_from_reals(row, self.rig.rest, self.torso)
        image = render_spatial(posed(part_of_rig(self.rig, part.mesh), own, pose, part.size_offset), stage.camera)
        pixels = image.pixels + (1 - image.alpha)[..., None] * stage.behind
        target = stage.target(number)
        loss = photometric(pixels, target, self.config.learning.ssim_weight)
        loss = loss + MASK_WEIGHT * (image.alpha - torch.from_numpy(stage.masks[number])).abs().mean()
        error = float((pixels.detach().clamp(0, 1) - target).square().mean())
        return loss, -10 * math.log10(max(error, 1e-10))


def learn(
    first: FirstHead,
    examples: Examples,
    behind: Float32[np.ndarray, "h w 3"],
    config: HeadConfig,
    report: Callable[[float, float], None],
    saver: Saver,
) -> Learnt:
    """Learn it: with expressions and nodes themselves; then with components of them, and values as they are sent."""
    total, side = config.learning.steps, config.learning.side_px
    full = max(examples.frames.shape[1:3])
    settled, larger = round(SETTLE_FROM * total), round(FULL_SIZE_FROM * total)
    look = {name: getattr(first.look, name).clone().requires_grad_() for name in RATES}
    began, rows = first.look.places[: len(first.rig)].clone(), Rows.of(examples.rows)
    rates = torch.from_numpy(row_rates(rows.values.shape[1]))
    chance = np.random.default_rng(config.seed)
    course = Course(
        examples, behind, config, first.rig, look, began, rows, rates, NODES, report, chance, saver=saver
    )  # fmt: skip
    if saver.turning is None:
        saver.restore(course)
        course.run(range(larger), side, (1.0, MIDDLE_RATE if full > side else LARGER_RATE))
        course.run(range(larger, settled), full, (LARGER_RATE, MIDDLE_RATE))
    turning = course.rows.values.numpy().copy() if saver.turning is None else saver.turning
    ended, components, torso = _settling(course, turning)
    if saver.turning is not None:
        saver.restore(ended)
    ended.run(range(settled, total), full, (MIDDLE_RATE, FINAL_RATE))
    final = Look.of({name: value.detach() for name, value in look.items()})
    size = ended.grid.base_size if ended.grid is not None else 0.0
    return Learnt(ended.rig, final, ended.rows.values.numpy(), components, torso, size, ended.quality_db)


def _settling(course: Course, turning: Float32[np.ndarray, "t c"]) -> tuple[Course, Components, TorsoComponents]:
    """The same head, moved by components of what `turning` has, its values rounded as they are sent."""
    config = course.config
    components = components_of(turning[:, EXPRESSION:], config.motion.dimensions)
    torso = torso_components_of(turning[:, FIXED:EXPRESSION], config.motion.torso_components)
    bent, expressed = torso.project(turning[:, FIXED:EXPRESSION]), components.project(turning[:, EXPRESSION:])
    rows = np.concatenate([turning[:, :FIXED], bent, expressed], axis=1)
    rig = rig_of(face_template(), len(course.rig), *components.reals, course.rig.rest)
    rates = torch.from_numpy(component_rates(rows.shape[1], len(torso.scales)))
    median = float(np.float32(course.look["log_sizes"].detach().median().item()))
    grid = Grid(gaussian_steps(config), median if course.saver.base_size is None else course.saver.base_size)
    directions = torch.from_numpy(torso.reals.astype(np.float32))
    ended = Course(
        course.examples, course.behind, config, rig, course.look, course.began, Rows.of(rows), rates, directions,
        course.report, course.chance, grid, course.quality_db, course.order, course.saver, turning,
    )  # fmt: skip
    return ended, components, torso


def bending(nodes: Float[Tensor, " n"]) -> Float[Tensor, ""]:
    """How differently neighbouring nodes of the torso move: mean square, cm."""
    lattice = nodes.reshape(LATTICE[1], LATTICE[0], 2)
    return (lattice[1:] - lattice[:-1]).square().mean() + (lattice[:, 1:] - lattice[:, :-1]).square().mean()


@dataclass(frozen=True)
class _Part:
    """Which Gaussians a level has."""

    mesh: int
    free: int
    size_offset: float

    @classmethod
    def of(cls, config: HeadConfig, mesh_total: int, free_total: int, level: int) -> _Part:
        """Of a level."""
        mesh, free = config.layer_ends(mesh_total)[level], config.layer_ends(free_total)[level]
        return cls(mesh, free, math.log(spread_of(mesh + free, mesh_total + free_total)))


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
