# SPDX-License-Identifier: Apache-2.0
"""Frames one after another: units enter, anchors of each frame leave. Frames chain; a viewer joins at the first."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from jaxtyping import Float, Int64
from torch import Tensor

from lamina.anchors.anchors import Anchors
from lamina.anchors.syntax import MAX_VALUES
from lamina.codecs.freeview.model import NetworkedModel
from lamina.codecs.freeview.networked.deformation import deformed
from lamina.codecs.freeview.networked.frame_coding import (
    Latents,
    NetworkedChanges,
    decoded_networks,
    unpack_frame,
)
from lamina.codecs.freeview.networked.networks import GRIDS, Networks, Vectors, layer_sizes, network_sizes
from lamina.codecs.freeview.networked.points import PointScale, places_of, point_scales
from lamina.codecs.freeview.networked.syntax import MAX_SEARCHES, NetworkedFacts
from lamina.codecs.freeview.rest import Rest
from lamina.errors import BitstreamError
from lamina.networks.hash_grid import FixedHashGrid
from lamina.networks.hash_layout import HashGridSpec
from lamina.units import UnitKey

LARGEST_OUTPUT = 1e6
"""Of networks, in gains: as far as sums of differences reach where cells move anchors."""

FARTHEST = 1e30
"""World units; and what features and offsets saturate at: hostile streams stay within what floats hold."""

LARGEST_VALUE = 1e15


@dataclass(frozen=True, eq=False)
class Ground:
    """What stays the same for all frames: the anchors that may move, and their points."""

    facts: NetworkedFacts
    rest: Rest

    @cached_property
    def rows(self) -> Int64[np.ndarray, " n"]:
        """Anchors at rest that make Gaussians: only these move.

        Raises:
            BitstreamError: they are more than a decoder has memory or time for.
        """
        rows = np.flatnonzero(self.rest.is_sent(self.rest.facts.anchors.layer_count))
        widest = self.facts.widest if self.grid is None else max(self.grid.width, self.facts.hidden)
        if len(rows) * widest > MAX_VALUES:
            raise BitstreamError(f"networks move {len(rows)} anchors of {widest} values; {MAX_VALUES} are legal")
        if len(rows) * self.facts.searches > MAX_SEARCHES:
            raise BitstreamError(
                f"networks move {len(rows)} anchors by {self.facts.searches} neighbors; {MAX_SEARCHES} are legal"
            )
        return rows

    @cached_property
    def places(self) -> Int64[np.ndarray, "n 3"]:
        """Of these, in 2**-20 of the octree's box."""
        cells = [layer.indices for layer in self.rest.layers]
        return places_of(cells, self.rest.facts.anchors.base_depth)[self.rows]

    @cached_property
    def scales(self) -> tuple[PointScale, ...]:
        """Points that carry latents, finest first; none where a grid does."""
        if self.grid is not None:
            return ()
        return point_scales(self.places, self.facts.grid_sizes, self.facts.neighbors)

    @cached_property
    def sizes(self) -> tuple[tuple[int, ...], ...]:
        """Of each perceptron."""
        return network_sizes(self.facts, self.rest.channels)

    @property
    def grid(self) -> HashGridSpec | None:
        """What carries differences in place of points."""
        return GRIDS.get(self.facts.representation)

    @cached_property
    def anchors(self) -> Anchors:
        """All anchors at rest."""
        return self.rest.level(self.rest.facts.anchors.layer_count).anchors

    def moved(self, before: Anchors, outputs: Float[Tensor, "n c"]) -> Anchors:
        """All anchors after a frame; those that make no Gaussians stay."""
        rows = torch.from_numpy(self.rows)
        outputs = outputs.nan_to_num(0.0).clamp(-LARGEST_OUTPUT, LARGEST_OUTPUT)
        own = deformed(before.select(rows), outputs, self.facts, self.rest.channels)
        return Anchors(
            before.positions.index_copy(0, rows, own.positions.clamp(-FARTHEST, FARTHEST)),
            before.features.index_copy(0, rows, own.features.clamp(-LARGEST_VALUE, LARGEST_VALUE)),
            before.scalings,
            before.offsets.index_copy(0, rows, own.offsets.clamp(-LARGEST_VALUE, LARGEST_VALUE)),
            before.masks,
            before.missing,
        )


@dataclass(frozen=True, eq=False)
class NetworkedState:
    """After a frame."""

    anchors: Anchors
    vectors: Vectors = ()
    """Parameters of the networks; none before any have come."""
    changes: NetworkedChanges | None = None
    """What was said of this frame; None: it is before the first."""

    @property
    def integers(self) -> dict[str, np.ndarray]:
        """Whatever was decoded: the same on every machine."""
        named: dict[str, np.ndarray] = {}
        if self.changes is None:
            return named
        for scale, latents in enumerate(self.changes.latents):
            named[f"latents_{scale}"] = latents
        if self.changes.grid is not None:
            named["signs"] = self.changes.grid.signs.astype(np.int32)
        for number, layer in enumerate(self.changes.layers):
            named[f"network_{number}"] = layer.values
        for number, vector in enumerate(self.vectors):
            named[f"parameters_{number}"] = vector.view(np.int32)
        return named


def after(ground: Ground, before: NetworkedState, changes: NetworkedChanges) -> NetworkedState:
    """The state after a frame."""
    if changes.is_rest:
        return NetworkedState(ground.anchors, before.vectors, changes)
    vectors = decoded_networks(ground.facts, changes, before.vectors)
    networks = Networks.of(ground.sizes, [torch.from_numpy(vector) for vector in vectors])
    with torch.no_grad():
        outputs = networks.differences(embedding_of(ground, networks, changes.latents, changes.grid))
        return NetworkedState(ground.moved(before.anchors, outputs), vectors, changes)


def embedding_of(
    ground: Ground, networks: Networks, latents: Latents, grid: FixedHashGrid | None
) -> Float[Tensor, "n e"]:
    """What the heads are told of each anchor."""
    if grid is not None:
        features = grid(ground.places).astype(np.float32) / np.float32(1 << GRID_BITS)
        return torch.from_numpy(features)
    return networks.aggregated([torch.from_numpy(own.astype(np.float32)) for own in latents], ground.scales)


GRID_BITS = 10
"""Fraction bits of a grid's features."""


@dataclass(eq=False)
class NetworkedFrames:
    """A decoder's memory: the newest frame."""

    facts: NetworkedFacts
    ground: Ground | None = None
    frame: int = -1
    state: NetworkedState | None = None

    def take(self, rest: Rest, key: UnitKey, payload: bytes) -> NetworkedState:
        """A frame's unit.

        Raises:
            BitstreamError: it is damaged, or the frame before it is missing.
        """
        if not rest.layers:
            raise BitstreamError("layer 0 of the first frame is missing", str(key))
        if self.ground is None:
            self.ground = Ground(self.facts, rest)
        if key.layer != 0:
            raise BitstreamError("frames of networks have one layer", str(key))
        ground, before = self.ground, self.state
        counts = [scale.count for scale in ground.scales]
        if before is None or key.frame != self.frame + 1:
            if key.frame:
                raise BitstreamError("the frame before, on which it builds, is missing", str(key))
            before = NetworkedState(ground.anchors)
        changes = unpack_frame(self.facts, payload, layer_sizes(ground.sizes), counts, bool(before.vectors))
        self.frame, self.state = key.frame, after(ground, before, changes)
        return self.state

    def model(self, rest: Rest, frame: int, level: int) -> NetworkedModel:
        """What is known of a frame."""
        assert self.state is not None
        assert frame == self.frame
        return NetworkedModel(rest, frame, level, self.state.anchors)
