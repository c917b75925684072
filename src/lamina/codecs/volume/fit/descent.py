# SPDX-License-Identifier: Apache-2.0
"""Steps of a fit: a field, rays of a frame and what shades them enter; the field leaves a little better.

The loss is the mean square of what pixels lack, over a random background where the foreground ends, and a quarter of it
at a random lower level. A bit weighs lambda by the number of numbers that the mean is taken over.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from lamina.codecs.volume.config import VolumeConfig
from lamina.codecs.volume.fit.field import FieldFit, Price, descend
from lamina.codecs.volume.fit.rate import bits_of
from lamina.codecs.volume.fit.rays import Batch, FrameRays
from lamina.codecs.volume.model import grid_of, optics_of
from lamina.codecs.volume.shading import shaded
from lamina.codecs.volume.syntax import VolumeFacts
from lamina.networks.mlp import Mlp
from lamina.render.volume import March, SampleRoom, gather

LOSS_SCALE = 1000.0
"""Of the loss, so that gradients stay far above Adam's epsilon."""

PRICE_STEPS = 25
"""From one count of integers to the next."""

SEEN_STEPS = 100
"""At the end of a stretch, in which what rays see is noted."""


@dataclass(eq=False)
class Shading:
    """What turns gathered features into colours of a camera."""

    network: Mlp | None
    log_gains: Float[Tensor, "v 3"]
    """Of the training views, a channel."""
    optimizer: torch.optim.Optimizer | None = None
    """Of the network and the gains; None: both stay."""

    def gains(self) -> Float[Tensor, "v 3"]:
        """Of mean 1, in logarithms."""
        return torch.exp(self.log_gains - self.log_gains.mean(dim=0, keepdim=True))

    def frozen(self) -> Shading:
        """The same, to stay as it is."""
        network = None if self.network is None else self.network.detached()
        return Shading(network, self.log_gains.detach())


@dataclass(eq=False)
class Descent:
    """A fit of a frame."""

    facts: VolumeFacts
    config: VolumeConfig
    field: FieldFit
    rays: FrameRays
    shading: Shading
    random: np.random.Generator
    rate_weight: float
    room: SampleRoom = dataclasses.field(default_factory=SampleRoom)

    def look(self, level: int, count: int, weight: float, *, notes: bool) -> float:
        """Rays at a level: adds gradients to its values; returns the mean square of what they lack."""
        batch = self.rays.batch(self.random, count)
        own = self.field.levels[level]
        densities = torch.from_numpy(np.ascontiguousarray(own.values[:, 0])).requires_grad_()
        features = torch.from_numpy(np.ascontiguousarray(own.values[:, 1:])).requires_grad_()
        grid, optics = grid_of(self.facts, level, own.level), optics_of(self.facts, level)
        march = March(grid, optics, self.room)
        if notes:
            march.heaviest = own.heaviest
        jitters = self.random.random(count, np.float32)
        gathered = gather(march, densities, features, batch.rays, jitters)
        error = self.error_of(batch, gathered.features, gathered.behind)
        if self.shading.optimizer is not None:
            self.shading.optimizer.zero_grad()
        (error * (LOSS_SCALE * weight)).backward()
        assert densities.grad is not None
        assert features.grad is not None
        own.gradients[:, 0] += densities.grad.numpy()
        own.gradients[:, 1:] += features.grad.numpy()
        if self.shading.optimizer is not None:
            self.shading.optimizer.step()
        return float(error.detach())

    def error_of(self, batch: Batch, features: Float[Tensor, "r f"], behind: Float[Tensor, " r"]) -> Float[Tensor, ""]:
        """Mean square, over a random background."""
        background = torch.from_numpy(self.random.random((len(behind), 3), np.float32))
        directions = torch.from_numpy(batch.rays.directions)
        colors = shaded(features, behind, directions, self.shading.network)
        seen = self.shading.gains()[batch.views] * colors + behind[:, None] * background
        wanted = batch.colors + (1.0 - batch.covered)[:, None] * background
        return ((seen - wanted) ** 2).mean()

    def price(self) -> Price:
        """Of bits, by the integers of now."""
        if not self.field.is_rounded:
            return Price()
        return Price(LOSS_SCALE * self.rate_weight / (3 * len(self.rays.views)), bits_of(self.field.symbols()))


@dataclass(frozen=True)
class Stretch:
    """Steps that are alike."""

    top: int
    steps: int
    bottom: int = 0
    """Levels below it stay as they are."""
    first_rate: float = 1.0
    """Of the configured rates, at the first step."""
    last_rate: float = 0.1
    notes_seen: bool = False
    """What rays see in the last steps is noted in the field."""


def run(descent: Descent, stretch: Stretch, rates: tuple[float, float], tell: Callable[[float, float], None]) -> float:
    """Steps of a stretch; `rates` are of densities and of all else. Returns the mean square of the last steps.

    `tell` is told the share that is done and the mean square; it may raise.
    """
    fit, config = descent.field, descent.config
    channel_rates = np.full(fit.steps.shape[1], rates[1], np.float32)
    channel_rates[0] = rates[0]
    top, bottom = stretch.top, stretch.bottom
    fit.add_up(top)
    price, errors = Price(), []
    lower_rays = round(config.rays * config.lower_share)
    for number in range(stretch.steps):
        if number % PRICE_STEPS == 0:
            price = descent.price()
            tell(number / stretch.steps, float(np.mean(errors[-PRICE_STEPS:])) if errors else 1.0)
        place = number / max(stretch.steps - 1, 1)
        factor = stretch.first_rate * (stretch.last_rate / stretch.first_rate) ** place
        notes = stretch.notes_seen and stretch.steps - number <= SEEN_STEPS
        errors.append(descent.look(top, config.rays, 1.0, notes=notes))
        if top > bottom and lower_rays > 0:
            lower = int(descent.random.integers(bottom, top))
            descent.look(lower, lower_rays, config.lower_weight, notes=False)
        fit.restrict_gradients(top, bottom)
        descend(fit, top, bottom, channel_rates * np.float32(factor), price)
        fit.add_up(top, bottom)
    return float(np.mean(errors[-PRICE_STEPS:]))


def moved_to(descent: Descent, new: FieldFit) -> Descent:
    """The same fit with another field."""
    return replace(descent, field=new)
