# SPDX-License-Identifier: Apache-2.0
"""What the freeview codec fits, sends and renders: a scene at rest, and how its anchors differ from it in a frame.

Parts are `FirstPart` (once) and `FramePart` (a frame; in the paper's method `NetworkedPart`); a model is a
`FrameModel`, renderable from any camera.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from lamina.anchors.anchors import Anchors, beside
from lamina.anchors.layers import AnchorLayer, Generators
from lamina.anchors.picturing import shown
from lamina.cameras.around import camera_at_whole
from lamina.cameras.camera import Camera
from lamina.codecs.freeview.frame_coding import Changes, ScaleState
from lamina.codecs.freeview.guests import Guests, moved_guests
from lamina.codecs.freeview.motion import Sums, moved, step_row, total
from lamina.codecs.freeview.rest import Rest
from lamina.codecs.freeview.syntax import FreeviewFacts

if TYPE_CHECKING:
    from lamina.anchors.context.fixed import FixedContext
    from lamina.codecs.freeview.networked.frame_coding import NetworkedChanges
    from lamina.codecs.freeview.networked.syntax import NetworkedFacts


@dataclass(frozen=True, eq=False)
class FirstPart:
    """The scene at rest: the first frame as it will be decoded."""

    facts: FreeviewFacts
    heads: Generators
    context: FixedContext
    layers: tuple[AnchorLayer, ...]
    """Base first."""
    cameras: tuple[Camera, ...] = ()
    """Views that the stream keeps for viewers."""


@dataclass(frozen=True, eq=False)
class FramePart:
    """A frame: what each scale's cells differ by, from the frame before or from rest."""

    rest: Rest
    frame: int
    group: int
    is_chained: bool
    """The group builds on the one before."""
    context: FixedContext
    """The probability model of anchors, for guests that come."""
    changes: tuple[Changes, ...]
    """Of each scale, coarse first."""
    before: tuple[ScaleState, ...]
    """What each scale's coder knows before this frame; not to be changed."""
    quality_db: tuple[float | None, ...]
    """Mean PSNR of each level over held-out views, 8-bit pixels; None: not measured."""


@dataclass(frozen=True, eq=False)
class NetworkedPart:
    """A frame in the paper's method: networks and latents, from the frame before."""

    facts: NetworkedFacts
    frame: int
    group: int
    changes: NetworkedChanges
    quality_db: float | None
    """As above, of its one level."""


@dataclass(frozen=True, eq=False)
class FrameModel(ABC):
    """A frame at one level: complete, renderable from anywhere."""

    rest: Rest
    frame: int
    level: int

    @property
    @abstractmethod
    def anchors(self) -> Anchors:
        """Where the level's anchors are in this frame, and what they hold."""

    @property
    def cameras(self) -> tuple[Camera, ...]:
        """Views of the capture that the stream keeps."""
        return self.rest.cameras

    @property
    def view(self) -> Camera:
        """The first camera that the stream keeps; without any, from the side at all of it."""
        if self.cameras:
            return self.cameras[0]
        facts = self.rest.facts
        anchors = facts.anchors
        middle = np.asarray(anchors.center or np.asarray(anchors.origin) + 0.5 * anchors.side, np.float64)
        return camera_at_whole(middle, 2.0 * anchors.distance_unit, facts.width, facts.height)

    @property
    def counts(self) -> Mapping[str, int]:
        """What it is made of."""
        return self.rest.counts

    @property
    def background(self) -> tuple[float, float, float]:
        """Behind everything, sRGB-coded 0...1."""
        red, green, blue = self.rest.facts.background
        return red / 255.0, green / 255.0, blue / 255.0


@dataclass(frozen=True, eq=False)
class FreeviewModel(FrameModel):
    """Anchors that moved with cells."""

    sums: tuple[Sums, ...]
    """Of scales 0...level, since rest."""
    guests: tuple[Guests, ...] = ()
    """Of layers 0...level; none at all where nothing is said."""

    @property
    def counts(self) -> Mapping[str, int]:
        """What it is made of."""
        return {**self.rest.counts, "guests": sum(guests.count for guests in self.guests)}

    @property
    def anchors(self) -> Anchors:
        """Where the level's anchors are in this frame, and what they hold."""
        return self._anchors

    @cached_property
    def _anchors(self) -> Anchors:
        own = self.rest.level(self.level)
        differences = total(self.sums, own.hierarchy.members).astype(np.float32)
        steps = step_row(self.rest.facts.motion, self.rest.channels)
        parts = [moved(own.anchors, torch.from_numpy(differences) * steps, self.rest.channels)]
        for layer, guests in enumerate(self.guests):
            if guests.count:
                parts.append(moved_guests(self.rest.facts, layer, guests))
        return parts[0] if len(parts) == 1 else beside(parts)


@dataclass(frozen=True, eq=False)
class NetworkedModel(FrameModel):
    """Anchors that networks moved, frame after frame."""

    moved: Anchors

    @property
    def anchors(self) -> Anchors:
        """Where the anchors are in this frame, and what they hold."""
        return self.moved


def render(model: FrameModel, camera: Camera) -> Float[Tensor, "h w 3"]:
    """What a camera sees: sRGB-coded, not clamped; nothing nearer to it than the stream's near distance."""
    return shown(model.anchors, model.rest.networks, camera, model.background, model.rest.facts.near)
