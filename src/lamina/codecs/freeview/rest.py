# SPDX-License-Identifier: Apache-2.0
"""The first frame: layers of anchors enter; of each level, its anchors at rest and where they find their cells."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from jaxtyping import UInt8

from lamina.anchors.anchors import Anchors
from lamina.anchors.layers import AnchorLayer, Generators, anchors_of, heads_of, level_of, missing_of
from lamina.anchors.neural import Heads
from lamina.cameras.camera import Camera
from lamina.codecs.freeview.hierarchy import Hierarchy, hierarchy_of
from lamina.codecs.freeview.motion import Channels, sent_groups
from lamina.codecs.freeview.syntax import FreeviewFacts


@dataclass(frozen=True, eq=False)
class RestLevel:
    """Of one level: what does not change from frame to frame."""

    anchors: Anchors
    hierarchy: Hierarchy


@dataclass(frozen=True, eq=False)
class Rest:
    """The scene at rest, as far as its layers have come."""

    facts: FreeviewFacts
    heads: Generators
    layers: tuple[AnchorLayer, ...]
    """Base first."""
    cameras: tuple[Camera, ...] = ()
    _kept: dict[object, object] = field(default_factory=dict, repr=False)
    """What was asked for before."""

    @property
    def channels(self) -> Channels:
        """Columns of differences."""
        return Channels.of(self.facts.anchors)

    @property
    def networks(self) -> Heads:
        """Generators of Gaussians, as they run."""
        found = self._kept.get("heads")
        if not isinstance(found, Heads):
            found = self._kept["heads"] = heads_of(self.facts.anchors, self.heads)
        return found

    def level(self, level: int) -> RestLevel:
        """Anchors and cells of layers 0...level, all of which have come."""
        found = self._kept.get(level)
        if not isinstance(found, RestLevel):
            facts, layers = self.facts.anchors, self.layers[: level + 1]
            parts = [anchors_of(facts, layer, state) for layer, state in enumerate(layers)]
            found = RestLevel(level_of(parts, missing_of(facts, layers)), self.hierarchy(level))
            self._kept[level] = found
        return found

    def hierarchy(self, level: int) -> Hierarchy:
        """Cells of scales 0...level."""
        found = self._kept.get(("cells", level))
        if not isinstance(found, Hierarchy):
            facts = self.facts.anchors
            cells = [layer.indices for layer in self.layers[: level + 1]]
            found = hierarchy_of(cells, facts.base_depth, self.facts.motion.depths, facts.layers)
            self._kept["cells", level] = found
        return found

    def is_sent(self, scale: int) -> UInt8[np.ndarray, " n"]:
        """1 for cells that carry differences: in the finest scale, anchors that make Gaussians."""
        if scale < self.facts.anchors.layer_count:
            return np.ones(self.hierarchy(scale).scales[scale].count, np.uint8)
        return np.concatenate([layer.is_live for layer in self.layers]).astype(np.uint8)

    def column_ranges(self, scale: int) -> np.ndarray:
        """First and last column + 1 of each group, the same number twice where a scale does not carry it."""
        starts, ranges = self.channels.starts, []
        for group, is_there in enumerate(sent_groups(self.facts.motion, scale)):
            ranges += [starts[group], starts[group + 1] if is_there else starts[group]]
        return np.array(ranges, np.int64)

    @property
    def counts(self) -> Mapping[str, int]:
        """Anchors that make Gaussians, and how many these are at most."""
        live = sum(int(layer.is_live.sum()) for layer in self.layers)
        return {"anchors": live, "Gaussians": sum(int(layer.masks.sum()) for layer in self.layers)}
