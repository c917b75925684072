# SPDX-License-Identifier: Apache-2.0
"""Where motion starts: a scene at rest enters; which cells carry differences, and what 1 is, leave."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import torch

from lamina.anchors.layers import AnchorLayer, anchors_of
from lamina.anchors.octree import Indices
from lamina.anchors.syntax import AnchorFacts
from lamina.codecs.freeview.config import FreeviewConfig, MotionConfig, NetworkedConfig
from lamina.codecs.freeview.hierarchy import cell_count
from lamina.codecs.freeview.networked.points import places_of, sizes_for
from lamina.codecs.freeview.networked.syntax import MAX_ENTROPY_BITS, NetworkedFacts, Representation
from lamina.codecs.freeview.syntax import MotionFacts


def movers(
    config: FreeviewConfig, facts: AnchorFacts, layers: Sequence[AnchorLayer]
) -> tuple[MotionFacts | None, NetworkedFacts | None]:
    """What moves anchors: cells, or networks; the other is None."""
    if config.networked is None:
        return motion_facts(config.motion, facts, layers), None
    return None, networked_facts(config.networked, facts, layers)


def motion_facts(config: MotionConfig, facts: AnchorFacts, layers: Sequence[AnchorLayer]) -> MotionFacts:
    """Scales whose counts fall by about the ratio from one to the next coarser one, and steps in median reaches."""
    live = sum(int(layer.is_live.sum()) for layer in layers)
    return MotionFacts(
        scale_depths(facts, [layer.indices for layer in layers], config.ratio, live),
        config.coarse_features,
        config.coarse_offsets,
        (
            float(np.float32(config.feature_step)),
            float(np.float32(config.translation_step)),
            float(np.float32(config.rotation_step)),
            float(np.float32(config.offset_step)),
        ),
        median_reach(facts, layers),
    )


def networked_facts(config: NetworkedConfig, facts: AnchorFacts, layers: Sequence[AnchorLayer]) -> NetworkedFacts:
    """Sizes of the grids that make scales of points, and what outputs are worth."""
    representation = {
        "points": Representation.POINTS,
        "triplane": Representation.TRIPLANE,
        "hash grid": Representation.HASH_GRID,
    }[config.representation]
    sizes: tuple[int, ...] = ()
    if representation == Representation.POINTS:
        live = [layer.indices[layer.is_live] for layer in layers]
        sizes = sizes_for(places_of(live, facts.base_depth), config.scale_count, config.ratio)
    gains = (
        config.feature_gain,
        config.translation_gain * median_reach(facts, layers),
        config.rotation_gain,
        config.offset_gain,
    )
    return NetworkedFacts(
        representation,
        config.inner_aggregation,
        config.network_entropy and config.network_bits <= MAX_ENTROPY_BITS,
        config.network_bits,
        config.channels,
        config.neighbors,
        config.hidden,
        sizes,
        tuple(float(np.float32(gain)) for gain in gains),
    )


def scale_depths(facts: AnchorFacts, layers: Sequence[Indices], ratio: float, anchors: int) -> tuple[int, ...]:
    """Of the scales but the finest, coarsest first.

    Raises:
        ValueError: the octree has too few depths for so many scales.
    """
    chosen: list[int] = []
    wanted, ceiling = float(anchors), facts.base_depth + facts.layer_count
    for scale in range(facts.layer_count - 1, -1, -1):
        wanted = max(1.0, wanted * ratio)
        ceiling = min(ceiling - 1, facts.base_depth + scale)
        allowed = range(scale, ceiling + 1)
        if not allowed:
            raise ValueError(f"an octree of depth {facts.base_depth} has no room for {facts.layers} scales")

        def miss(depth: int, scale: int = scale, wanted: float = wanted) -> float:
            return abs(math.log(max(cell_count(layers, facts.base_depth, depth, scale), 1) / wanted))

        ceiling = min(allowed, key=miss)
        chosen.append(ceiling)
    return tuple(reversed(chosen))


def median_reach(facts: AnchorFacts, layers: Sequence[AnchorLayer]) -> float:
    """Of anchors that make Gaussians: the geometric mean of what stretches their offsets, world units."""
    reaches = []
    for layer, state in enumerate(layers):
        scalings = anchors_of(facts, layer, state).scalings[torch.from_numpy(state.is_live)]
        reaches.append(torch.log(scalings[:, :3]).mean(dim=1).numpy())
    found = np.concatenate(reaches)
    return float(np.float32(np.exp(np.median(found)))) if len(found) else 1.0
