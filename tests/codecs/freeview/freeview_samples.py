# SPDX-License-Identifier: Apache-2.0
"""A made-up scene at rest, made-up motion, guests that come, move and go: all that a stream can say, unfitted."""

import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

sys.path.append(str(Path(__file__).parents[1] / "scene"))
from scene_samples import FULL, PLAIN, part_of, sample

from lamina.anchors.context.fixed import FixedContext
from lamina.anchors.layers import AnchorLayer
from lamina.anchors.octree import indices_of, morton_keys
from lamina.anchors.syntax import ContextShape
from lamina.cameras.camera import Camera, look_at
from lamina.codecs.freeview.coding import encode
from lamina.codecs.freeview.fit.rebirth import quantized
from lamina.codecs.freeview.frame_coding import Changes, ScaleState, at_rest, pack_scale
from lamina.codecs.freeview.model import FirstPart, FramePart, FreeviewModel
from lamina.codecs.freeview.rest import Rest
from lamina.codecs.freeview.syntax import VERSION, FreeviewFacts, MotionFacts
from lamina.units import Unit

__all__ = ["FULL", "PLAIN"]

DEPTHS = {1: (), 2: (2,), 3: (1, 3)}
"""Of the cells of each scale but the finest, by the number of layers."""

STEPS = (0.25, 0.0625, 0.03125, 0.125)
"""Exact in the 32 bits in which they are sent."""

UNIT = 0.203125
"""World units; exact too."""


@dataclass(frozen=True)
class Play:
    """How a made-up play goes."""

    frame_count: int = 5
    group_frames: int = 2
    joins: tuple[int, ...] = (0, 4)
    """Frames at which a viewer can join; each opens a group."""
    has_guests: bool = True
    seed: int = 0


USUAL = Play()


def camera(number: int = 0) -> Camera:
    place = np.array([3.0 * np.cos(number), 3.0 * np.sin(number), 0.8])
    return Camera(np.linalg.inv(look_at(place, np.zeros(3), np.array([0.0, 0.0, 1.0]))), 44.0, 44.0, 20.0, 15.0, 40, 30)


def first_part(
    layer_count: int = 3,
    *,
    shape: ContextShape = FULL,
    points: int = 40,
    depths: tuple[int, ...] | None = None,
    coarse: tuple[bool, bool] = (True, False),
    seed: int = 0,
) -> FirstPart:
    """A scene at rest of random attributes; `coarse` cells carry features, offsets."""
    made = sample(shape, points=points, layer_count=layer_count, seed=seed)
    scene = part_of(made, seed)
    motion = MotionFacts(DEPTHS[layer_count] if depths is None else depths, *coarse, STEPS, UNIT)
    facts = FreeviewFacts(
        VERSION, False, True, False, 0, (10, 20, 30), 40, 30, 25, 1, 0.25, scene.facts.anchors, motion
    )
    return FirstPart(facts, scene.heads, scene.context, scene.layers, (camera(), camera(2)))


def rest_of(first: FirstPart) -> Rest:
    return Rest(first.facts, first.heads, first.layers, first.cameras)


def differences_of(rest: Rest, scale: int, random: np.random.Generator, share: float = 0.3) -> np.ndarray:
    """Of a scale's cells, some of them, in the columns that it carries; mostly small, now and then large."""
    count = rest.hierarchy(scale).scales[scale].count
    values = sparse(count, rest.channels.count, random, share)
    carried = np.zeros(rest.channels.count, np.int32)
    for first, end in rest.column_ranges(scale).reshape(-1, 2):
        carried[first:end] = 1
    return values * carried * rest.is_sent(scale)[:, None]


def sparse(count: int, columns: int, random: np.random.Generator, share: float) -> np.ndarray:
    """Whole rows of 0, and rows with some small values."""
    values = np.rint(random.normal(scale=1.5, size=(count, columns)) ** 3).astype(np.int32)
    return values * (random.random((count, 1)) < share) * (random.random((count, columns)) < 0.5)


def born_in(rest: Rest, context: FixedContext, layer: int, random: np.random.Generator, count: int = 7) -> AnchorLayer:
    """Guests in cells somewhere."""
    anchors = rest.facts.anchors
    cells = random.integers(0, 1 << (anchors.base_depth + layer), (count, 3)).astype(np.int32)
    cells = indices_of(np.unique(morton_keys(cells)))
    values = random.normal(size=(len(cells), anchors.channels))
    used = (random.random((len(cells), anchors.offset_count)) < 0.7).astype(np.uint8)
    return quantized(rest, context, layer, cells, values, used)


def changes_of(
    first: FirstPart, rest: Rest, scale: int, before: ScaleState, random: np.random.Generator, play: Play, frame: int
) -> Changes:
    """What a scale's unit says, from rest where a viewer can join."""
    joins, guests = frame in play.joins, before.guests.count
    stays = np.ones(guests, np.uint8)
    born = None
    if play.has_guests:
        stays = (random.random(guests) < 0.8).astype(np.uint8)
        born = born_in(rest, first.context, scale, random) if random.random() < 0.7 else None
    moves = sparse(int(stays.sum()), rest.channels.count, random, 0.4)
    still = frame > 0 and random.random() < 0.15
    differences = differences_of(rest, scale, random) * (0 if still else 1)
    return Changes(joins, differences, stays, moves, born)


def frame_parts(first: FirstPart, play: Play = USUAL) -> Iterator[FramePart]:
    """Frames of a play: closed loop, as a fit has it."""
    rest, random = rest_of(first), np.random.default_rng(play.seed)
    levels = first.facts.anchors.layers
    states: Sequence[ScaleState] = [at_rest(rest, scale) for scale in range(levels)]
    for frame in range(play.frame_count):
        joins = frame in play.joins
        before = tuple(at_rest(rest, scale) if joins else states[scale] for scale in range(levels))
        changes = tuple(changes_of(first, rest, scale, before[scale], random, play, frame) for scale in range(levels))
        states = states_after(rest, first.context, changes, before)
        group = frame // play.group_frames
        is_chained = group * play.group_frames not in play.joins
        quality = tuple(20.0 + level + 0.1 * frame for level in range(levels))
        yield FramePart(rest, frame, group, is_chained, first.context, changes, before, quality)


def states_after(
    rest: Rest, context: FixedContext, changes: Sequence[Changes], before: Sequence[ScaleState]
) -> list[ScaleState]:
    states: list[ScaleState] = []
    for scale, (own, known) in enumerate(zip(changes, before, strict=True)):
        states.append(pack_scale(rest, context, scale, own, known, states[-1] if states else None)[1])
    return states


def model_of(part: FramePart, context: FixedContext) -> FreeviewModel:
    """What a decoder shows of a part."""
    states = states_after(part.rest, context, part.changes, part.before)
    top = len(states) - 1
    return FreeviewModel(part.rest, part.frame, top, tuple(s.sums for s in states), tuple(s.guests for s in states))


def play_units(first: FirstPart, play: Play = USUAL) -> list[Unit]:
    return list(encode([first, *frame_parts(first, play)]))


def with_motion(first: FirstPart, **fields: object) -> FirstPart:
    return replace(first, facts=replace(first.facts, cells=replace(first.facts.motion, **fields)))
