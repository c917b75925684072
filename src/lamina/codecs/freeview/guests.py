# SPDX-License-Identifier: Apache-2.0
"""Guests: anchors that are born after the first frame, where the error is new, and leave when they show nothing.

Somebody enters; nothing at rest can become him. Guests stand in cells of their layer's depth, as anchors at rest do,
but each has only differences of its own: no cell above moves them. They come in batches, each in Morton order, and are
listed in the order in which they came. A frame that a viewer can join at brings all of them anew, where they are then.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from jaxtyping import Int64, UInt8

from lamina.anchors.anchors import Anchors
from lamina.anchors.coding.layer import decode_layer, encode_layer
from lamina.anchors.context.fixed import FixedContext
from lamina.anchors.layers import AnchorLayer, anchors_of
from lamina.anchors.neighbors import NEIGHBORS, neighbor_rows
from lamina.anchors.syntax import AnchorFacts
from lamina.codecs.freeview.hierarchy import Scale
from lamina.codecs.freeview.memory import Memory, fresh_memory, with_cells
from lamina.codecs.freeview.motion import Channels, Sums, moved, step_row
from lamina.codecs.freeview.syntax import FreeviewFacts

MAX_GUESTS = 1 << 16
"""Of one layer at a time: bounds what a decoder holds."""


@dataclass(frozen=True, eq=False)
class Guests:
    """Of one layer, after a frame."""

    layer: AnchorLayer
    """Cells, masks and values as they came; rows in the order of coming."""
    scale: Scale
    """Neighbours within each batch; no parents."""
    sums: Sums
    """Differences since each came."""
    memory: Memory
    """Of the coder of their differences."""

    @property
    def count(self) -> int:
        """How many there are."""
        return len(self.sums)


def guest_facts(facts: AnchorFacts, layer: int) -> AnchorFacts:
    """Anchors of a layer that stand for themselves: what their coding is told."""
    return replace(facts, base_depth=facts.base_depth + layer, layer_count=0)


def no_guests(facts: FreeviewFacts) -> Guests:
    """Before any has come."""
    anchors = facts.anchors
    channels = Channels.of(anchors)
    return Guests(
        AnchorLayer(
            np.zeros((0, 3), np.int32),
            np.zeros(0, np.uint8),
            np.zeros((0, anchors.offset_count), np.uint8),
            np.zeros((0, anchors.channels), np.int32),
            np.zeros((0, anchors.channels), np.int32),
        ),
        Scale(np.zeros(0, np.int32), np.zeros((0, NEIGHBORS), np.int32)),
        np.zeros((0, channels.count), np.int32),
        fresh_memory(0, channels),
    )


def pack_births(facts: FreeviewFacts, context: FixedContext, layer: int, born: AnchorLayer) -> bytes:
    """Guests that come -> bytes."""
    return encode_layer(guest_facts(facts.anchors, layer), context, born, ())


def unpack_births(facts: FreeviewFacts, context: FixedContext, layer: int, payload: bytes) -> AnchorLayer:
    """The inverse.

    Raises:
        BitstreamError: they are damaged.
    """
    return decode_layer(guest_facts(facts.anchors, layer), context, payload, ())


def joined(guests: Guests, born: AnchorLayer) -> Guests:
    """With those that come."""
    before = guests.layer
    pairs = ((before.indices, born.indices), (before.has_children, born.has_children), (before.masks, born.masks),
             (before.symbols, born.symbols), (before.values, born.values))  # fmt: skip
    rows = neighbor_rows(born.indices)
    beside = np.where(rows < 0, -1, rows + guests.count).astype(np.int32)
    count = guests.count + born.count
    return Guests(
        AnchorLayer(*(np.concatenate(pair) for pair in pairs)),
        Scale(np.full(count, -1, np.int32), np.concatenate([guests.scale.neighbors, beside])),
        np.concatenate([guests.sums, np.zeros((born.count, guests.sums.shape[1]), np.int32)]),
        with_cells(guests.memory, np.arange(guests.count), born.count),
    )


def remaining(guests: Guests, stays: UInt8[np.ndarray, " n"]) -> Guests:
    """Without those that leave."""
    rows = np.flatnonzero(stays)
    place = np.full(guests.count + 1, -1, np.int32)
    place[rows] = np.arange(len(rows), dtype=np.int32)
    layer = guests.layer
    fields = (layer.indices, layer.has_children, layer.masks, layer.symbols, layer.values)
    return Guests(
        AnchorLayer(*(field[rows] for field in fields)),
        Scale(np.full(len(rows), -1, np.int32), place[guests.scale.neighbors[rows]]),
        guests.sums[rows],
        with_cells(guests.memory, rows, 0),
    )


def gaps_of(stays: UInt8[np.ndarray, " n"]) -> tuple[int, ...]:
    """How many stay before each that leaves, from the one before on."""
    leaving = np.flatnonzero(stays == 0)
    return tuple(int(gap) for gap in np.diff(leaving, prepend=-1) - 1)


def stays_of(gaps: Sequence[int], count: int) -> UInt8[np.ndarray, " {count}"]:
    """The inverse.

    Raises:
        ValueError: more leave than are there.
    """
    places: Int64[np.ndarray, " m"] = np.cumsum(np.asarray(gaps, np.int64) + 1) - 1
    if len(places) and places[-1] >= count:
        raise ValueError(f"guest {places[-1]} leaves, but there are {count}")
    stays = np.ones(count, np.uint8)
    stays[places] = 0
    return stays


def guest_anchors(facts: FreeviewFacts, layer: int, guests: Guests) -> Anchors:
    """As they came."""
    own = anchors_of(guest_facts(facts.anchors, layer), 0, guests.layer)
    return replace(own, missing=torch.zeros(guests.count, 1))


def moved_guests(facts: FreeviewFacts, layer: int, guests: Guests) -> Anchors:
    """As they are in this frame."""
    channels = Channels.of(facts.anchors)
    differences = torch.from_numpy(guests.sums.astype(np.float32)) * step_row(facts.motion, channels)
    return moved(guest_anchors(facts, layer, guests), differences, channels)
