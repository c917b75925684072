# SPDX-License-Identifier: Apache-2.0
"""Made-up frames of the paper's method: random latents, grids and networks on a made-up scene at rest, unfitted."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cache

import numpy as np
import torch
from freeview_samples import PLAIN, first_part, rest_of

from lamina.anchors.syntax import ContextShape
from lamina.codecs.freeview.coding import encode
from lamina.codecs.freeview.model import FirstPart, NetworkedPart
from lamina.codecs.freeview.networked.frame_coding import NetworkedChanges
from lamina.codecs.freeview.networked.frames import Ground, NetworkedState, after
from lamina.codecs.freeview.networked.networks import Vectors, layer_sizes
from lamina.codecs.freeview.networked.parameters import coded_layer
from lamina.codecs.freeview.networked.points import places_of, sizes_for
from lamina.codecs.freeview.networked.syntax import FLOAT_BITS, NetworkedFacts, Representation
from lamina.networks.hash_grid import init_hash_grid
from lamina.units import Unit

GAINS = (0.5, 0.0625, 0.125, 0.25)
"""Exact in the 32 bits in which they are sent."""


@dataclass(frozen=True)
class Act:
    """What is made up."""

    representation: Representation = Representation.POINTS
    inner: bool = True
    network_bits: int = 8
    entropy: bool = True
    channels: int = 5
    neighbors: int = 3
    scales: int = 3
    hidden: int = 6
    points: int = 40
    frames: int = 5
    group_frames: int = 3
    shape: ContextShape = field(default_factory=lambda: PLAIN)
    seed: int = 0


def first_of(act: Act) -> FirstPart:
    """A scene at rest whose anchors networks move."""
    first = first_part(1, shape=act.shape, points=act.points, seed=act.seed)
    anchors, sizes = first.facts.anchors, ()
    if act.representation == Representation.POINTS:
        live = [layer.indices[layer.is_live] for layer in first.layers]
        sizes = sizes_for(places_of(live, anchors.base_depth), act.scales, 0.4)
    networks = NetworkedFacts(
        act.representation, act.inner, act.entropy, act.network_bits, act.channels, act.neighbors, act.hidden, sizes,
        GAINS,
    )  # fmt: skip
    return replace(first, facts=replace(first.facts, has_cells=False, has_networks=True, cells=None, networks=networks))


def ground_of(first: FirstPart) -> Ground:
    assert first.facts.networks is not None
    return Ground(first.facts.networks, rest_of(first))


def changes_of(ground: Ground, before: Vectors, is_intra: bool, random: np.random.Generator) -> NetworkedChanges:
    """Networks about as a fit has them; latents mostly 0."""
    bits = ground.facts.network_bits
    own = [
        (random.normal(scale=0.1 if before else 0.4, size=(inputs + 1) * outputs)).astype(np.float32)
        for inputs, outputs in layer_sizes(ground.sizes)
    ]
    layers, floats = (), ()
    if bits == FLOAT_BITS:
        floats = tuple(own)
    else:
        known: Sequence[np.ndarray | None] = [None] * len(own) if is_intra else before
        factor = None if is_intra else np.float32(0.875)
        layers = tuple(coded_layer(part, past, factor, bits) for part, past in zip(own, known, strict=True))
    if ground.grid is not None:
        grid = init_hash_grid(ground.grid, torch.Generator().manual_seed(int(random.integers(1 << 30))))
        return NetworkedChanges(layers, floats, grid=grid.freeze(torch.from_numpy(ground.places)))
    channels = ground.facts.channels
    latents = tuple(
        np.rint(random.normal(scale=0.8, size=(scale.count, channels)) ** 3).astype(np.int32) for scale in ground.scales
    )
    rows = [[2, 30, 200, 30, 3, 1] for _ in range(channels)]
    return NetworkedChanges(layers, floats, latents, counts=(rows, [-2] * channels))


@cache
def act_parts(act: Act) -> tuple[FirstPart, list[NetworkedPart], list[NetworkedState]]:
    """The first frame, then parts and what a decoder has after each."""
    first = first_of(act)
    ground, random = ground_of(first), np.random.default_rng(act.seed)
    state = NetworkedState(ground.anchors)
    parts, states = [], []
    for frame in range(act.frames):
        changes = NetworkedChanges(is_rest=True)
        if frame:
            is_intra = not state.vectors or frame % act.group_frames == 0 or act.network_bits == FLOAT_BITS
            changes = changes_of(ground, state.vectors, is_intra, random)
        state = after(ground, state, changes)
        parts.append(NetworkedPart(ground.facts, frame, frame // act.group_frames, changes, 20.0 + 0.1 * frame))
        states.append(state)
    return first, parts, states


def act_units(act: Act) -> list[Unit]:
    first, parts, _ = act_parts(act)
    return list(encode([first, *parts]))
