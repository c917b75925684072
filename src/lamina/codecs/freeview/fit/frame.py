# SPDX-License-Identifier: Apache-2.0
"""One frame is found: pictures of a moment and the frame before enter, integers of all scales leave.

A step looks at one view: anchors in view - differences, rounded, with straight-through gradients - Gaussians - picture
- photometric loss, plus lambda times the slope of bits. Some steps look at a lower level, so that its scales are good
without those above. Generators and what anchors are at rest stay as they are.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Bool, Float, Int64
from torch import Tensor

from lamina.anchors.anchors import Anchors, beside
from lamina.anchors.neural import generate, in_view
from lamina.anchors.picturing import seen_from
from lamina.codecs.freeview.config import MotionConfig
from lamina.codecs.freeview.fit.activity import active_anchors, changed_pixels
from lamina.codecs.freeview.fit.rate import Statistics, slopes
from lamina.codecs.freeview.fit.standing import Standing, standing
from lamina.codecs.freeview.frame_coding import Changes, ScaleState
from lamina.codecs.freeview.guests import guest_anchors
from lamina.codecs.freeview.motion import Channels, moved, step_row, total
from lamina.codecs.freeview.rest import Rest
from lamina.codecs.freeview.syntax import MotionFacts
from lamina.fitting.adam import Parameter
from lamina.fitting.photometric import photometric
from lamina.fitting.shots import Shot
from lamina.quantize.training import round_straight_through
from lamina.render.spatial import render_spatial

GUEST_RATE = 2.5
"""Adam's rates for guests, by those for anchors at rest: guests have had fewer steps."""

SSIM_SHARE = 0.2
"""Of 1 - SSIM in the loss (3DGS)."""


@dataclass(frozen=True, eq=False)
class FrameInput:
    """What a frame is found from."""

    rest: Rest
    states: tuple[ScaleState, ...]
    """Of the frame before, a scale each."""
    shots: Sequence[Shot]
    """What each training camera saw, evened."""
    earlier: Sequence[Shot]
    """The same in the frame before."""
    config: MotionConfig
    rate_weight: float
    statistics: tuple[Statistics, ...]
    seed: tuple[int, int]
    """Of the stream, and number of the frame."""


def find_frame(frame: FrameInput, report: Callable[[float], None]) -> tuple[Changes, ...]:
    """What changes from the frame before, scale by scale; `report` gets the share that is done and may raise."""
    search = _Search(frame)
    random = np.random.default_rng(frame.seed)
    order: list[int] = []
    iterations = frame.config.iterations
    for iteration in range(iterations):
        if not order:
            order = random.permutation(len(frame.shots)).tolist()
        search.step(iteration, order.pop(), level_at(iteration, len(frame.states), frame.config.lower_share))
        report((iteration + 1) / iterations)
    return search.changes()


def level_at(iteration: int, levels: int, lower_share: float) -> int:
    """Which level an iteration looks at: mostly the top one, the others in turn."""
    if levels == 1 or int((iteration + 1) * lower_share) == int(iteration * lower_share):
        return levels - 1
    return int(iteration * lower_share) % (levels - 1)


@dataclass(frozen=True, eq=False)
class _Level:
    """Of one level: what does not change while a frame is found."""

    anchors: Anchors
    """At rest, and guests as they came."""
    base: Float[Tensor, "n c"]
    """Sums of the frame before."""
    members: tuple[Int64[Tensor, " n"], ...]
    """For each carrier, the row that moves each anchor; the row behind the last, which is 0, where none does."""
    before: Anchors
    """In the frame before: which may show."""


@dataclass(frozen=True, eq=False)
class _View:
    """Of one view at a level."""

    rows: Int64[Tensor, " m"]
    """Anchors that may be seen and may move."""
    standing: Standing | None
    """What else there is; None: all anchors are among those."""


class _Search:
    """Differences under optimisation. Carriers are the scales, then the guests of each layer, coarse first."""

    def __init__(self, frame: FrameInput) -> None:
        self.frame = frame
        rest, states = frame.rest, frame.states
        self.channels = rest.channels
        self.steps = step_row(rest.facts.motion, self.channels)
        self.heads = rest.networks.detached()
        counts = [len(state.sums) for state in states] + [state.guests.count for state in states]
        self.found = [Parameter.of(torch.zeros(count, self.channels.count)) for count in counts]
        rates = rate_row(frame.config, rest.facts.motion, self.channels)
        carried = [rates * torch.from_numpy(rest.is_carried(scale)) for scale in range(len(states))]
        self.rates = [*carried, *[GUEST_RATE * carried[-1]] * len(states)]
        self.looks = [0] * len(counts)
        self.levels = [self._level(level) for level in range(len(states))]
        self.rows = self._active()
        self.moves = self._movable()
        red, green, blue = rest.facts.background
        self.background = (red / 255.0, green / 255.0, blue / 255.0)
        self.views: dict[int, _View] = {}

    def _active(self) -> list[Int64[Tensor, " m"]]:
        """Of each carrier, the rows that may differ from the frame before."""
        frame, own = self.frame, self.levels[-1]
        if frame.config.active_share == 0:
            return [torch.arange(len(found.values)) for found in self.found]
        changed = [
            changed_pixels(before.target, now.target, frame.config.changed)
            for before, now in zip(frame.earlier, frame.shots, strict=True)
        ]
        near = frame.rest.facts.near
        active = active_anchors(own.before, self.heads, frame.shots, changed, near, frame.config.active_share)
        rows = [np.unique(members.numpy()[active]) for members in own.members[: len(frame.states)]]
        rows += [np.arange(len(found.values)) for found in self.found[len(frame.states) :]]
        return [torch.from_numpy(some[some < len(found.values)]) for some, found in zip(rows, self.found, strict=True)]

    def _movable(self) -> Bool[Tensor, " n"]:
        """Of the top level's anchors, those that any active carrier moves."""
        moves = torch.zeros(len(self.levels[-1].base), dtype=torch.bool)
        for found, members, rows in zip(self.found, self.levels[-1].members, self.rows, strict=True):
            active = torch.zeros(len(found.values) + 1, dtype=torch.bool)
            active[rows] = True
            moves |= active[members]
        return moves

    def _level(self, level: int) -> _Level:
        rest, states = self.frame.rest, self.frame.states
        own, guests = rest.level(level), [state.guests for state in states[: level + 1]]
        parts = [own.anchors, *(guest_anchors(rest.facts, layer, some) for layer, some in enumerate(guests))]
        anchors = beside(parts) if sum(some.count for some in guests) else own.anchors
        sums = [total([state.sums for state in states[: level + 1]], own.hierarchy.members)]
        base = torch.from_numpy(np.concatenate([*sums, *(some.sums for some in guests)]).astype(np.float32))
        members: list[Int64[Tensor, " n"]] = []
        for carrier, found in enumerate(self.found):
            rows = np.full(len(base), len(found.values), np.int64)
            if carrier <= level:
                rows[: len(sums[0])] = own.hierarchy.members[carrier]
            elif len(states) <= carrier <= len(states) + level:
                first = len(sums[0]) + sum(some.count for some in guests[: carrier - len(states)])
                rows[first : first + len(found.values)] = np.arange(len(found.values))
            members.append(torch.from_numpy(rows))
        return _Level(anchors, base, tuple(members), moved(anchors, base * self.steps, self.channels))

    def _view(self, level: int, number: int) -> _View:
        """Of one view at a level: made when it is looked at."""
        own, shot, near = self.levels[level], self.frame.shots[number], self.frame.rest.facts.near
        visible = in_view(own.before, shot.camera, near) & (own.anchors.masks.amax(dim=1) > 0)
        if level < len(self.levels) - 1:
            return _View(torch.nonzero(visible).reshape(-1), None)
        if number not in self.views:
            self.views[number] = self._standing(shot, visible)
        return self.views[number]

    @torch.no_grad()
    def _standing(self, shot: Shot, visible: Bool[Tensor, " n"]) -> _View:
        """What stands still of a view at the top level."""
        own = self.levels[-1]
        gaussians, sources = seen_from(own.before, self.heads, shot.camera, self.frame.rest.facts.near)
        moves = self.moves[sources // own.before.masks.shape[1]]
        pixels = render_spatial(gaussians, shot.camera, background=self.background).pixels
        still = standing(gaussians.select(~moves), gaussians.select(moves), pixels, shot, self.background)
        return _View(torch.nonzero(visible & self.moves).reshape(-1), still)

    def step(self, iteration: int, number: int, level: int) -> None:
        """Descends on a view at a level."""
        frame, shot, own = self.frame, self.frame.shots[number], self.levels[level]
        view = self._view(level, number)
        differences, leaves = own.base.index_select(0, view.rows), self._leaves(level)
        for carrier, leaf in leaves.items():
            padded = torch.cat([leaf, leaf.new_zeros(1, leaf.shape[1])])
            wanted = padded.index_select(0, own.members[carrier].index_select(0, view.rows))
            differences = differences + round_straight_through(wanted)
        anchors = moved(own.anchors.select(view.rows), differences * self.steps, self.channels)
        place = torch.from_numpy(shot.camera.position_world).to(anchors.positions)
        gaussians, _ = generate(anchors, self.heads, place)
        if view.standing is None:
            pixels = render_spatial(gaussians, shot.camera, background=self.background).pixels
        else:
            pixels = view.standing.shown(gaussians)
        loss = photometric(pixels, shot.target, SSIM_SHARE)
        found = dict(zip(leaves, torch.autograd.grad(loss, list(leaves.values())), strict=True))
        fall = frame.config.final_rate ** (iteration / frame.config.iterations)
        self._descend(found, shot.camera.width * shot.camera.height, fall)

    def _leaves(self, level: int) -> dict[int, Float[Tensor, "n c"]]:
        """Differences of the carriers of a level, in the graph."""
        scales = len(self.frame.states)
        carriers = [*range(level + 1), *range(scales, scales + level + 1)]
        return {
            carrier: self.found[carrier].values.requires_grad_()
            for carrier in carriers
            if len(self.found[carrier].values)
        }

    @torch.no_grad()
    def _descend(self, gradients: dict[int, Tensor], pixels: int, fall: float) -> None:
        """A step of Adam on each carrier that was looked at; lambda times the slope of bits is part of the gradient."""
        weight = self.frame.rate_weight / pixels
        top = len(self.frame.states) - 1
        for carrier, gradient in gradients.items():
            found = self.found[carrier]
            found.values.requires_grad_(False)
            statistics = self.frame.statistics[min(carrier, top)]
            rows = self.rows[carrier]
            pull = torch.from_numpy(slopes(found.values.index_select(0, rows).numpy(), statistics))
            self.looks[carrier] += 1
            slope = gradient.index_select(0, rows) + weight * pull
            found.descend(rows, slope, fall * self.rates[carrier], self.looks[carrier])

    def changes(self) -> tuple[Changes, ...]:
        """Integers of each scale and its guests; 0 where a cell has nothing to move."""
        rounded = [torch.round(own.values.detach()).numpy().astype(np.int32) for own in self.found]
        scales = len(self.frame.states)
        parts: list[Changes] = []
        for scale in range(scales):
            values, guests = rounded[scale], rounded[scales + scale]
            values[self.frame.rest.is_sent(scale) == 0] = 0
            parts.append(Changes(False, values, np.ones(len(guests), np.uint8), guests))
        return tuple(parts)


def rate_row(config: MotionConfig, facts: MotionFacts, channels: Channels) -> Float[Tensor, " c"]:
    """Of Adam, in steps of each column."""
    features, translation, rotation, offsets = facts.steps
    rates = (
        config.feature_rate / features,
        config.translation_rate / translation,
        config.rotation_rate / rotation,
        config.offset_rate / offsets,
    )
    parts = [torch.full((width,), rate) for width, rate in zip(channels.widths, rates, strict=True)]
    return torch.cat(parts)
