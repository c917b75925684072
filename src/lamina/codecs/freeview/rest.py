# SPDX-License-Identifier: Apache-2.0
"""The first frame: layers of anchors enter; of each level, its anchors at rest and where they find their cells."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from jaxtyping import Bool, Int64, UInt8

from lamina.anchors.anchors import Anchors
from lamina.anchors.layers import AnchorLayer, Generators, anchors_of, heads_of, level_of, missing_of
from lamina.anchors.neural import Heads
from lamina.cameras.camera import Camera
from lamina.codecs.freeview.hierarchy import Hierarchy, hierarchy_of
from lamina.codecs.freeview.motion import Channels, sent_groups
from lamina.codecs.freeview.syntax import FreeviewFacts


@dataclass(frozen=True, eq=False)
class RestLevel:
    """Of one level: what does not change from frame to frame, made when it is asked for."""

    facts: FreeviewFacts
    layers: tuple[AnchorLayer, ...]
    """Those of the level, base first."""

    @cached_property
    def anchors(self) -> Anchors:
        """At rest."""
        facts = self.facts.anchors
        parts = [anchors_of(facts, layer, state) for layer, state in enumerate(self.layers)]
        return level_of(parts, missing_of(facts, self.layers))

    @cached_property
    def hierarchy(self) -> Hierarchy:
        """Cells of its scales."""
        facts, cells = self.facts.anchors, [layer.indices for layer in self.layers]
        return hierarchy_of(cells, facts.base_depth, self.facts.motion.depths, facts.layers)


@dataclass(frozen=True, eq=False)
class Rest:
    """The scene at rest, as far as its layers have come."""

    facts: FreeviewFacts
    heads: Generators
    layers: tuple[AnchorLayer, ...]
    """Base first."""
    cameras: tuple[Camera, ...] = ()
    """Views that the stream keeps for viewers."""

    @property
    def channels(self) -> Channels:
        """Columns of differences."""
        return Channels.of(self.facts.anchors)

    @cached_property
    def networks(self) -> Heads:
        """Generators of Gaussians, as they run."""
        return heads_of(self.facts.anchors, self.heads)

    @cached_property
    def _levels(self) -> tuple[RestLevel, ...]:
        """As many as layers have come."""
        return tuple(RestLevel(self.facts, self.layers[: top + 1]) for top in range(len(self.layers)))

    def level(self, level: int) -> RestLevel:
        """Anchors and cells of layers 0...level, all of which have come."""
        return self._levels[level]

    def hierarchy(self, level: int) -> Hierarchy:
        """Cells of scales 0...level."""
        return self._levels[level].hierarchy

    def is_sent(self, scale: int) -> UInt8[np.ndarray, " n"]:
        """1 for cells that carry differences: in the finest scale, anchors that make Gaussians."""
        if scale < self.facts.anchors.layer_count:
            return np.ones(self.hierarchy(scale).scales[scale].count, np.uint8)
        return np.concatenate([layer.is_live for layer in self.layers]).astype(np.uint8)

    def column_ranges(self, scale: int) -> Int64[np.ndarray, " 8"]:
        """First column of each group and its end, the same number twice where the scale's cells do not carry it."""
        starts, ranges = self.channels.starts, []
        for group, is_there in enumerate(sent_groups(self.facts.motion, scale)):
            ranges += [starts[group], starts[group + 1] if is_there else starts[group]]
        return np.array(ranges, np.int64)

    def is_carried(self, scale: int) -> Bool[np.ndarray, " c"]:
        """Which columns the scale's cells carry."""
        carried = np.zeros(self.channels.count, np.bool_)
        for first, end in self.column_ranges(scale).reshape(-1, 2):
            carried[first:end] = True
        return carried

    @property
    def counts(self) -> Mapping[str, int]:
        """Anchors that make Gaussians, and how many these are at most."""
        live = sum(int(layer.is_live.sum()) for layer in self.layers)
        return {"anchors": live, "Gaussians": sum(int(layer.masks.sum()) for layer in self.layers)}
