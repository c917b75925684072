# SPDX-License-Identifier: Apache-2.0
"""A key frame: its pictures and masks enter, the integers of all levels leave, and the network that shades them.

Level after level in reals, each on the cells that rays saw of the one before; then all of it in whole steps, with bits
counted; then the network is rounded, and the finest level makes up for it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from lamina.codecs.volume.config import StepConfig, VolumeConfig
from lamina.codecs.volume.fit.descent import Descent, Shading, Stretch, moved_to, run
from lamina.codecs.volume.fit.field import FieldFit, field_of, reshaped, seen_cells, sent_level
from lamina.codecs.volume.fit.rays import rays_through
from lamina.codecs.volume.fit.silhouettes import hull_cells, masks_of
from lamina.codecs.volume.frame_coding import LevelContent
from lamina.codecs.volume.model import UNIT
from lamina.codecs.volume.reconstruction import channel_steps
from lamina.codecs.volume.shading import harmonics, network_sizes
from lamina.codecs.volume.syntax import MAX_STEP, GroupHead, VolumeFacts
from lamina.data.captures.timed import TimedCapture
from lamina.errors import SignalError
from lamina.grids.warp import VECTOR_UNIT
from lamina.networks.coding import pack_quantized
from lamina.networks.mlp import init_mlp
from lamina.networks.quantized import quantize_mlp

NETWORK_BITS = 9
"""Of a weight, sign included."""

ROUNDING_RAYS = 4096
"""That the network is rounded for."""


class KeyFrame(NamedTuple):
    """What a key frame leaves."""

    head: GroupHead
    contents: tuple[LevelContent, ...]
    log_gains: Float[Tensor, "v 3"]


@dataclass(frozen=True)
class Stage:
    """Where a frame is fitted."""

    capture: TimedCapture
    views: tuple[int, ...]
    """Training views that have masks."""
    facts: VolumeFacts
    config: VolumeConfig
    rate_weight: float
    """Lambda of this frame."""
    tell: Callable[[float, float], None]
    """Told the share that is done, and the mean square of what pixels lack; may raise."""

    def random(self, frame: int) -> np.random.Generator:
        """Of a frame: the same whether the encode was stopped before."""
        return np.random.default_rng((self.config.seed, frame))

    def part(self, begin: float, end: float) -> Callable[[float, float], None]:
        """Tells of a part of the whole."""
        return lambda done, error: self.tell(begin + (end - begin) * done, error)


def integer_steps(config: StepConfig, level_count: int) -> tuple[int, ...]:
    """Steps of all levels for a group's header, in units of 2**-12; the finest level's are those configured."""
    steps: list[int] = []
    for level in range(level_count):
        scale = config.growth ** (level - level_count + 1) / UNIT
        kinds = (config.density, config.luma, config.color, config.extra)
        steps += [min(max(round(kind * scale), 1), MAX_STEP) for kind in kinds]
    return tuple(steps)


def real_steps(facts: VolumeFacts, steps: tuple[int, ...]) -> np.ndarray:
    """The same in reals, (levels, channels)."""
    rows = [channel_steps(steps, level, facts.channel_count) for level in range(facts.level_count)]
    return (np.stack(rows) * UNIT).astype(np.float32)


def vector_step(config: StepConfig) -> int:
    """Of vectors, in 1/16 of the finest voxel."""
    return max(1, round(config.vector * VECTOR_UNIT))


def fit_key_frame(stage: Stage, frame: int, log_gains: Float[Tensor, "v 3"] | None) -> KeyFrame:
    """The integers of a key frame; gains are found where none are known, and stay otherwise.

    Raises:
        SignalError: a picture cannot be decoded, or masks hold nothing.
    """
    facts, config = stage.facts, stage.config
    lattice = facts.lattice()
    cells = hull_cells(masks_of(stage.capture, frame, stage.views), lattice, sent_level(lattice))
    if not len(cells):
        raise SignalError(f"{stage.capture.name}: masks of frame {frame} hold nothing in the box; give a larger one")
    steps = integer_steps(config.steps, facts.level_count)
    rays = rays_through(stage.capture, frame, stage.views, lattice, (sent_level(lattice), cells))
    field = field_of(lattice, cells, real_steps(facts, steps))
    shading = fresh_shading(stage, frame, log_gains)
    rate_weight = stage.rate_weight * config.key.rate_share
    descent = Descent(facts, config, field, rays, shading, stage.random(frame), rate_weight)
    descent = level_by_level(stage, descent)
    descent.field.is_rounded = True
    key, top = config.key, facts.level_count - 1
    rates = key.density_rate, key.color_rate
    run(descent, Stretch(top, key.whole_steps, 0, 0.4, 0.06), rates, stage.part(0.55, 0.9))
    descent.shading, network = rounded_network(descent)
    run(descent, Stretch(top, key.top_steps, top, 0.15, 0.03), rates, stage.part(0.9, 1.0))
    head = GroupHead(False, 0, vector_step(config.steps), steps, network)
    return KeyFrame(head, contents_of(descent.field, None), shading.log_gains.detach())


def fresh_shading(stage: Stage, frame: int, log_gains: Float[Tensor, "v 3"] | None) -> Shading:
    """A network whose last layer is 0, and gains of 1 where none are known."""
    config, facts = stage.config, stage.facts
    generator = torch.Generator().manual_seed(config.seed * 1_000_003 + frame)
    network, learned = None, []
    if facts.hidden:
        network = init_mlp(network_sizes(facts.channel_count, facts.hidden), generator, last_gain=0.0)
        learned.append({"params": network.parameters(), "lr": config.key.network_rate})
    if log_gains is None:
        log_gains = torch.zeros(len(stage.views), 3, requires_grad=True)
        learned.append({"params": [log_gains], "lr": config.key.gain_rate})
    return Shading(network, log_gains, torch.optim.Adam(learned) if learned else None)


def level_by_level(stage: Stage, descent: Descent) -> Descent:
    """In reals; cells that no ray sees are left out on the way."""
    key, count = stage.config.key, stage.facts.level_count
    rates = key.density_rate, key.color_rate
    for level in range(count):
        steps = key.level_steps[min(level, len(key.level_steps) - 1)]
        is_last = level == count - 1
        ends = (0.6, 0.2) if is_last else (1.0, 0.3)
        stretch = Stretch(level, steps, 0, *ends, notes_seen=True)
        run(descent, stretch, rates, stage.part(0.55 * level / count, 0.55 * (level + 1) / count))
        if level > 0:
            cells = seen_cells(descent.field, level, key.seen)
            if len(cells):
                descent = moved_to(descent, reshaped(descent.field, cells))
    return descent


def rounded_network(descent: Descent) -> tuple[Shading, bytes]:
    """Shading with the network that a decoder has, and that network in bytes."""
    shading = descent.shading
    if shading.network is None:
        return shading.frozen(), b""
    quantized, _ = quantize_mlp(shading.network.detached(), NETWORK_BITS, network_inputs(descent))
    return Shading(quantized.dequantized(), shading.log_gains.detach()), pack_quantized([quantized])


@torch.no_grad()
def network_inputs(descent: Descent) -> Float[Tensor, "r i"]:
    """What the network meets, at the finest level."""
    from lamina.codecs.volume.model import grid_of, optics_of
    from lamina.render.volume import March, gather_view

    top = descent.facts.level_count - 1
    own = descent.field.levels[top]
    march = March(grid_of(descent.facts, top, own.level), optics_of(descent.facts, top))
    batch = descent.rays.batch(descent.random, ROUNDING_RAYS)
    densities, features = np.ascontiguousarray(own.values[:, 0]), np.ascontiguousarray(own.values[:, 1:])
    out, behind = gather_view(march, densities, features, batch.rays)
    hidden = torch.from_numpy(1 - behind)
    directions = harmonics(torch.from_numpy(batch.rays.directions))
    return torch.cat([torch.from_numpy(out), hidden[:, None], directions], dim=1)


def contents_of(field: FieldFit, vectors: np.ndarray | None) -> tuple[LevelContent, ...]:
    """What is sent of a field; vectors of level 0 in steps."""
    nothing = np.zeros((0, 3), np.int32)
    first = np.zeros((field.levels[0].level.row_count, 3), np.int32) if vectors is None else vectors
    return tuple(
        LevelContent(own.level, nothing if number else first, symbols)
        for number, (own, symbols) in enumerate(zip(field.levels, field.symbols(), strict=True))
    )
