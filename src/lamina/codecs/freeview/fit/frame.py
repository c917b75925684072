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
from jaxtyping import Float, Int32, Int64
from torch import Tensor

from lamina.anchors.anchors import Anchors
from lamina.anchors.neural import generate, in_view
from lamina.cameras.camera import Camera
from lamina.codecs.freeview.config import MotionConfig
from lamina.codecs.freeview.fit.rate import Statistics, slopes
from lamina.codecs.freeview.motion import Channels, Sums, moved, step_row, total
from lamina.codecs.freeview.rest import Rest
from lamina.codecs.freeview.syntax import MotionFacts
from lamina.fitting.adam import Parameter
from lamina.fitting.photometric import photometric
from lamina.quantize.training import round_straight_through
from lamina.render.spatial import render_spatial

SSIM_SHARE = 0.2
"""Of 1 - SSIM in the loss (3DGS)."""

Target = Float[Tensor, "h w 3"]


@dataclass(frozen=True, eq=False)
class FrameInput:
    """What a frame is found from."""

    rest: Rest
    sums: tuple[Sums, ...]
    """Of the frame before, a scale each."""
    cameras: Sequence[Camera]
    targets: Sequence[Target]
    """What each saw, 0...1, evened."""
    config: MotionConfig
    rate_weight: float
    statistics: tuple[Statistics, ...]
    seed: tuple[int, int]
    """Of the stream, and number of the frame."""


def find_frame(frame: FrameInput, report: Callable[[float], None]) -> tuple[Int32[np.ndarray, "n c"], ...]:
    """Differences from the frame before, scale by scale; `report` gets the share that is done and may raise."""
    search = _Search(frame)
    random = np.random.default_rng(frame.seed)
    order: list[int] = []
    iterations = frame.config.iterations
    for iteration in range(iterations):
        if not order:
            order = random.permutation(len(frame.cameras)).tolist()
        search.step(iteration, order.pop(), level_at(iteration, len(frame.sums), frame.config.lower_share))
        report((iteration + 1) / iterations)
    return search.rounded()


def level_at(iteration: int, levels: int, lower_share: float) -> int:
    """Which level an iteration looks at: mostly the top one, the others in turn."""
    if levels == 1 or int((iteration + 1) * lower_share) == int(iteration * lower_share):
        return levels - 1
    return int(iteration * lower_share) % (levels - 1)


class _Search:
    """Differences under optimisation, and what does not change meanwhile."""

    def __init__(self, frame: FrameInput) -> None:
        self.frame = frame
        rest = frame.rest
        self.channels = rest.channels
        self.steps = step_row(rest.facts.motion, self.channels)
        self.heads = rest.networks.detached()
        self.found = [Parameter.of(torch.zeros(sums.shape)) for sums in frame.sums]
        rates = rate_row(frame.config, rest.facts.motion, self.channels)
        self.rates = [rates * self._columns(scale) for scale in range(len(frame.sums))]
        self.looks = [0] * len(frame.sums)
        self.levels = [self._level(level) for level in range(len(frame.sums))]

    def _columns(self, scale: int) -> Float[Tensor, " c"]:
        """1 for columns that the scale carries."""
        found = torch.zeros(self.channels.count)
        ranges = self.frame.rest.column_ranges(scale)
        for first, end in zip(ranges[::2], ranges[1::2], strict=True):
            found[int(first) : int(end)] = 1.0
        return found

    def _level(self, level: int) -> tuple[Anchors, Float[Tensor, "n c"], list[Int64[Tensor, " n"]], Anchors]:
        """Anchors at rest, sums of the frame before, members of each scale, anchors of the frame before."""
        own = self.frame.rest.level(level)
        members = own.hierarchy.members
        base = torch.from_numpy(total(self.frame.sums[: level + 1], members).astype(np.float32))
        before = moved(own.anchors, base * self.steps, self.channels)
        return own.anchors, base, [torch.from_numpy(rows) for rows in members], before

    def step(self, iteration: int, view: int, level: int) -> None:
        """Descends on a view at a level."""
        frame, camera = self.frame, self.frame.cameras[view]
        rest, base, members, before = self.levels[level]
        visible = torch.nonzero(in_view(before, camera, frame.rest.facts.near)).reshape(-1)
        live = rest.masks.index_select(0, visible).amax(dim=1) > 0
        rows = visible[live]
        differences = base.index_select(0, rows)
        leaves = [found.values.requires_grad_() for found in self.found[: level + 1]]
        for leaf, own in zip(leaves, members, strict=True):
            wanted = own.index_select(0, rows)
            differences = differences + round_straight_through(leaf.index_select(0, wanted))
        anchors = moved(rest.select(rows), differences * self.steps, self.channels)
        place = torch.from_numpy(camera.position_world).to(anchors.positions)
        gaussians, _ = generate(anchors, self.heads, place)
        red, green, blue = frame.rest.facts.background
        image = render_spatial(gaussians, camera, background=(red / 255.0, green / 255.0, blue / 255.0))
        loss = photometric(image.pixels, frame.targets[view], SSIM_SHARE)
        gradients = torch.autograd.grad(loss, leaves)
        share = iteration / frame.config.iterations
        self._descend(gradients, camera.width * camera.height, frame.config.final_rate**share)

    @torch.no_grad()
    def _descend(self, gradients: Sequence[Tensor], pixels: int, pace: float) -> None:
        """A step of Adam on each scale that was looked at; lambda times the slope of bits is part of the gradient."""
        weight = self.frame.rate_weight / pixels
        for scale, (found, gradient) in enumerate(zip(self.found, gradients, strict=False)):
            found.values.requires_grad_(False)
            pull = torch.from_numpy(slopes(found.values.numpy(), self.frame.statistics[scale]))
            self.looks[scale] += 1
            every = torch.arange(len(gradient))
            found.descend(every, gradient + weight * pull, pace * self.rates[scale], self.looks[scale])

    def rounded(self) -> tuple[Int32[np.ndarray, "n c"], ...]:
        """Integers of each scale; 0 where a cell has nothing to move."""
        found: list[Int32[np.ndarray, "n c"]] = []
        for scale, own in enumerate(self.found):
            values = torch.round(own.values.detach()).numpy().astype(np.int32)
            values[self.frame.rest.is_sent(scale) == 0] = 0
            found.append(values)
        return tuple(found)


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
