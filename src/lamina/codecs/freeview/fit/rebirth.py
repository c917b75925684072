# SPDX-License-Identifier: Apache-2.0
"""Guests as they are now enter; the same as guests that come, in cells where they are now, leave.

A viewer who joins has none of those that came before. Births have their integers from here as well.
"""

from __future__ import annotations

import numpy as np
import torch
from jaxtyping import Float64, UInt8

from lamina.anchors.anchors import Anchors
from lamina.anchors.context.fixed import FixedContext, quantize_layer
from lamina.anchors.context.neighborhood import layer_family
from lamina.anchors.layers import AnchorLayer, lattice_of
from lamina.anchors.octree import Indices, morton_keys
from lamina.codecs.freeview.guests import guest_facts
from lamina.codecs.freeview.rest import Rest


def reborn(rest: Rest, context: FixedContext, layer: int, anchors: Anchors) -> AnchorLayer | None:
    """Guests as they are now, in cells where they are now; None where there are none.

    Of several in one cell the first stays there, the others go to the nearest free cell beside; who finds none leaves.
    """
    if not len(anchors):
        return None
    lattice = lattice_of(rest.facts.anchors)
    positions = anchors.positions.numpy().astype(np.float64)
    cells, rows = _own_cells(lattice.locate(positions, layer), lattice.cells(layer))
    order = np.argsort(morton_keys(cells))
    cells, rows = cells[order], rows[order]
    own = anchors.select(torch.from_numpy(rows))
    shift = positions[rows] - lattice.centers(cells, layer)
    reach = own.scalings[:, :3].numpy().astype(np.float64)
    offsets = own.offsets.numpy().astype(np.float64) + (shift / reach)[:, None]
    scalings = np.log(own.scalings.numpy().astype(np.float64) / lattice.sides(cells, layer)[:, None])
    values = np.concatenate([own.features.numpy(), scalings, offsets.reshape(len(rows), -1)], axis=1)
    return quantized(rest, context, layer, cells, values, own.masks.numpy().astype(np.uint8))


def _own_cells(wanted: Indices, limit: int) -> tuple[Indices, np.ndarray]:
    """A cell for each row that finds one, and those rows."""
    near = sorted(
        ((x, y, z) for x in (-1, 0, 1) for y in (-1, 0, 1) for z in (-1, 0, 1)), key=lambda step: sum(map(abs, step))
    )
    taken: set[tuple[int, ...]] = set()
    cells, rows = [], []
    for row, cell in enumerate(wanted.tolist()):
        for step in near:
            place = tuple(one + other for one, other in zip(cell, step, strict=True))
            if place not in taken and all(0 <= one < limit for one in place):
                taken.add(place)
                cells.append(place)
                rows.append(row)
                break
    return np.array(cells, np.int32).reshape(-1, 3), np.array(rows, np.int64)


def quantized(
    rest: Rest,
    context: FixedContext,
    layer: int,
    cells: Indices,
    values: Float64[np.ndarray, "m c"],
    used: UInt8[np.ndarray, "m k"],
) -> AnchorLayer:
    """Integers of guests; cells in Morton order, each once."""
    facts = guest_facts(rest.facts.anchors, layer)
    nothing, ends = np.zeros((0, facts.channels), np.int32), np.zeros(len(cells), np.uint8)
    family = layer_family(cells, cells[:0], ends, 0, facts.base_depth)
    used = used.astype(np.uint8)
    return AnchorLayer(cells, ends, used, *quantize_layer(context, family, nothing, values, used))
