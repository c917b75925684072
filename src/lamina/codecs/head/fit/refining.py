# SPDX-License-Identifier: Apache-2.0
"""Frames of a clip and a head as decoders have it enter; the columns of each frame leave, fitted through the renderer.

A frame begins where the one before ended, moved by what the tracker saw between them; a few steps follow. Runs are
independent, so that an encode goes on at any of them: the frame before a run is tracked, but not coded, again.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Float32, UInt8
from torch import Tensor

from lamina.codecs.head.columns import FIXED
from lamina.codecs.head.config import HeadConfig
from lamina.codecs.head.fit.components import Components
from lamina.codecs.head.fit.examples import EXPRESSION, reduced, row_of, size_within
from lamina.codecs.head.fit.learning import TINY, component_rates
from lamina.codecs.head.model import Head, camera_of, pose_from_reals
from lamina.codecs.head.rig import posed
from lamina.data.faces.alignment import HeadPose, Pinhole
from lamina.data.faces.identity import Person
from lamina.data.faces.tracking import FaceTracker, watched
from lamina.fitting.photometric import photometric
from lamina.render.spatial import render_spatial

FIRST_STEPS = 24
"""Of a run's first frame, which begins less well."""
STEP_RATE = 0.5
"""Of the rates of learning."""
MOMENTUM, MEMORY = 0.7, 0.97
"""Of Adam: within a frame, and over frames."""


@dataclass
class Slopes:
    """How large slopes were, a column: what has settled has small ones, and hardly moves."""

    squares: Float[Tensor, " c"] | None = None
    weight: float = 0.0

    def scale(self, slope: Float[Tensor, " c"]) -> Float[Tensor, " c"]:
        """Root of their mean square, this one included."""
        if self.squares is None:
            self.squares = torch.zeros_like(slope)
        self.squares.lerp_(slope.square(), 1 - MEMORY)
        self.weight = MEMORY * self.weight + 1 - MEMORY
        return (self.squares / self.weight).sqrt() + TINY


@dataclass(frozen=True, eq=False)
class Refiner:
    """What frames are fitted with."""

    head: Head
    """All layers."""
    components: Components
    person: Person
    pinhole: Pinhole
    rest: HeadPose
    config: HeadConfig
    start: Float32[np.ndarray, " c"]
    """What the first frame of all differs by from what is tracked."""

    def rows(
        self,
        frames: Iterator[UInt8[np.ndarray, "h w 3"]],
        first: int,
        before: Float32[np.ndarray, " c"] | None,
        name: str,
    ) -> Iterator[Float32[np.ndarray, " c"]]:
        """Columns of frame after frame, in their units.

        `before` is what was decoded of the frame before `first`; then `frames` begin with that one.
        """
        facts = self.head.facts
        begins = first - (before is not None)
        tracker = FaceTracker(self.person, self.pinhole, facts.width, facts.height, name, frame=begins)
        held: list[np.ndarray] = []

        def kept() -> Iterator[np.ndarray]:
            for pixels in frames:
                held.append(pixels)
                yield pixels

        row, tracked, slopes = before, None, Slopes()
        for seen in watched(kept(), name, begins):
            face = row_of(tracker.track(*seen), self.rest)
            still = np.zeros(facts.torso, np.float32)
            now = np.concatenate([face[:FIXED], still, self.components.project(face[EXPRESSION:])])
            pixels = held.pop()
            if tracked is None and row is not None:
                tracked = now
                continue
            if not self.config.refines_frames:
                row = tracked = now + self.start
                yield row
                continue
            begin = now + self.start if row is None or tracked is None else row + now - tracked
            steps = self.config.motion.steps if row is not None and tracked is not None else FIRST_STEPS
            row, tracked = self.refined(begin, pixels, steps, slopes), now
            yield row

    def refined(
        self, begin: Float32[np.ndarray, " c"], pixels: UInt8[np.ndarray, "h w 3"], steps: int, slopes: Slopes
    ) -> Float32[np.ndarray, " c"]:
        """Columns of one frame after so many steps of Adam, which knows from frames before how large slopes are."""
        if steps == 0:
            return begin
        target = torch.from_numpy(reduced(pixels[None], self.config.motion.side_px)[0])
        row = torch.from_numpy(begin.astype(np.float32)).requires_grad_()
        rates, first = torch.from_numpy(self.rates), torch.zeros_like(row)
        for step in range(steps):
            (slope,) = torch.autograd.grad(self._loss(row, target), row)
            first.lerp_(slope, 1 - MOMENTUM)
            mean = first / (1 - MOMENTUM ** (step + 1))
            row = (row.detach() - (1 - 0.9 * step / steps) * rates * mean / slopes.scale(slope)).requires_grad_()
        return row.detach().numpy()

    @property
    def rates(self) -> Float32[np.ndarray, " c"]:
        """Of Adam, a column."""
        facts = self.head.facts
        return component_rates(facts.columns, facts.torso) * np.float32(STEP_RATE)

    def _loss(self, row: Float[Tensor, " c"], target: Float[Tensor, "h w 3"]) -> Float[Tensor, ""]:
        facts, head = self.head.facts, self.head
        camera = camera_of(facts).resized(target.shape[1], target.shape[0])
        pose = pose_from_reals(row, head.rig.rest, head.torso)
        image = render_spatial(posed(head.rig, head.look, pose, math.log(facts.spreads[-1])), camera)
        pixels = image.pixels + (1 - image.alpha)[..., None] * self.behind(target.shape[1], target.shape[0])
        return photometric(pixels, target, self.config.learning.ssim_weight)

    def behind(self, width: int, height: int) -> Float[Tensor, "h w 3"]:
        """What is behind the person, as large as what is compared."""
        facts = self.head.facts
        if (width, height) == (facts.width, facts.height):
            return self.head.behind(width, height)
        full = self.head.behind(facts.width, facts.height)
        return torch.from_numpy(reduced(full.numpy()[None], max(width, height))[0])


def compared_size(head: Head, config: HeadConfig) -> tuple[int, int]:
    """Of pictures while frames are refined."""
    return size_within(head.facts.width, head.facts.height, config.motion.side_px)
