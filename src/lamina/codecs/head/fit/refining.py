# SPDX-License-Identifier: Apache-2.0
"""Frames of a clip and a head as decoders have it enter; the columns of each frame leave, fitted through the renderer.

A frame begins where the one before ended, moved by what the tracker saw between them; a few steps follow. Runs are
independent, so that an encode goes on at any of them: the frame before a run is tracked, but not coded, again.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from jaxtyping import Float, Float32, UInt8
from torch import Tensor

from lamina.codecs.head.columns import FIXED
from lamina.codecs.head.config import HeadConfig
from lamina.codecs.head.fit.components import Components, projection
from lamina.codecs.head.fit.examples import EXPRESSION, reduced, row_of, size_within
from lamina.codecs.head.fit.newton import Newton, Sight, newton_of, usual_reach
from lamina.codecs.head.model import Head, expressions_of
from lamina.codecs.head.person import unpack_person
from lamina.codecs.head.steps import rotation_matrix
from lamina.codecs.head.syntax import HeadFacts
from lamina.data.faces.alignment import HeadPose, Pinhole
from lamina.data.faces.identity import Person
from lamina.data.faces.tracking import Face, FaceTracker, watched

FIRST_STEPS = 6
"""Coarse ones of a run's first frame, which begins less well."""


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

        row, tracked = before, None
        for seen in watched(kept(), name, begins):
            now = self.tracked_row(tracker.track(*seen))
            pixels = held.pop()
            if tracked is None and row is not None:
                tracked = now
                continue
            if not self.config.refines_frames:
                row = tracked = now + self.start
                yield row
                continue
            begin = now + self.start if row is None or tracked is None else row + now - tracked
            row, tracked = self.refined(begin, pixels, is_first=row is None or tracked is None), now
            yield row

    def tracked_row(self, face: Face) -> Float32[np.ndarray, " c"]:
        """What the tracker saw, as columns in their units; the torso rests."""
        row, still = row_of(face, self.rest), np.zeros(self.head.facts.torso, np.float32)
        return np.concatenate([row[:FIXED], still, self.components.project(row[EXPRESSION:])])

    def refined(
        self, begin: Float32[np.ndarray, " c"], pixels: UInt8[np.ndarray, "h w 3"], *, is_first: bool = False
    ) -> Float32[np.ndarray, " c"]:
        """Columns of one frame: steps on the base layer, then on all; more where nothing is known of a frame before."""
        motion = self.config.motion
        if not motion.steps and not motion.coarse_steps:
            return begin
        target = torch.from_numpy(reduced(pixels[None], motion.side_px)[0])
        row = torch.from_numpy(begin.astype(np.float32))
        row = self.coarse.refined(row, target, FIRST_STEPS if is_first else motion.coarse_steps)
        return self.newton.refined(row, target, motion.steps).numpy()

    @cached_property
    def newton(self) -> Newton:
        """Of all layers. Found where the head rests: the same for all frames, and for an encode that goes on."""
        return self._newton_of(self.head)

    @cached_property
    def coarse(self) -> Newton:
        """Of the base layer."""
        return self.newton if self.head.level == 0 else self._newton_of(self.head.at(0))

    def _newton_of(self, head: Head) -> Newton:
        sight = Sight(head, self.behind(*compared_size(self.head, self.config)))
        return newton_of(sight, usual_reach(head.facts.activity, head.steps), torch.from_numpy(head.steps))

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


def refiner_of(head: Head, config: HeadConfig) -> Refiner:
    """What frames are fitted with, from what is sent alone: an encode that goes on has the same."""
    facts = head.facts
    rest = np.array(facts.rest, np.float64)
    pose = HeadPose(rotation_matrix(rest[:3]), rest[3:], np.zeros(0))
    pinhole = Pinhole(facts.focal_px, facts.width / 2, facts.height / 2)
    person = unpack_person(head.layers[0].tracker)
    return Refiner(head, _components(facts), person, pinhole, pose, config, np.zeros(facts.columns, np.float32))


def _components(facts: HeadFacts) -> Components:
    """How expressions become what is sent."""
    _, basis = expressions_of(facts)
    return Components(facts.mean, facts.basis_scales, facts.basis, projection(basis))
