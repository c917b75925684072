# SPDX-License-Identifier: Apache-2.0
"""All networks of anchors as integers enter, bytes leave; and back.

AnchorNetworks: generators · context networks · steps of layers · hash grid
"""

from __future__ import annotations

import numpy as np

from lamina.anchors.context.fixed import FixedContext
from lamina.anchors.context.layout import head_sizes, layout_of
from lamina.anchors.layers import Generators
from lamina.anchors.syntax import AnchorFacts, AnchorNetworks
from lamina.errors import BitstreamError
from lamina.networks.coding import (
    pack_fixed,
    pack_hash_grid,
    pack_quantized,
    unpack_fixed,
    unpack_hash_grid,
    unpack_quantized,
)

UNIT = "anchor networks"


def pack_networks(facts: AnchorFacts, heads: Generators, context: FixedContext) -> bytes:
    """The networks of anchors of these facts.

    Raises:
        ValueError: the networks are not those that the facts ask for.
    """
    wanted = layout_of(facts, context.layout.hash_spec)
    if context.layout != wanted or (context.hash_grid is not None) != facts.context.uses_hash_grid:
        raise ValueError(f"the probability model is {context.layout}; the facts ask for {wanted}")
    if tuple(head.sizes for head in heads) != head_sizes(facts):
        raise ValueError(f"generators of {[head.sizes for head in heads]}; the facts ask for {head_sizes(facts)}")
    return AnchorNetworks(
        pack_quantized(heads),
        pack_fixed(context.networks),
        tuple(int(step) for step in context.layer_steps.reshape(-1)),
        pack_hash_grid(context.hash_grid) if context.hash_grid is not None else b"",
    ).pack()


def unpack_networks(facts: AnchorFacts, data: bytes) -> tuple[Generators, FixedContext]:
    """The inverse of `pack_networks`; all of `data` is theirs.

    Raises:
        BitstreamError: damaged, or not what the facts ask for.
    """
    networks = AnchorNetworks.unpack_whole(data)
    uses_grid = facts.context.uses_hash_grid
    if bool(networks.hash_grid) != uses_grid:
        raise BitstreamError(f"the facts say that there is {'a' if uses_grid else 'no'} hash grid", UNIT, "hash_grid")
    if len(networks.layer_steps) != 3 * facts.layers:
        problem = f"{len(networks.layer_steps)} steps for {facts.layers} layers, expected three a layer"
        raise BitstreamError(problem, UNIT, "layer_steps")
    grid = unpack_hash_grid(networks.hash_grid, unit=f"{UNIT}.hash_grid") if uses_grid else None
    layout = layout_of(facts, grid.spec if grid is not None else None)
    opacity, covariance, color = unpack_quantized(networks.heads, head_sizes(facts), unit=f"{UNIT}.heads")
    nets = unpack_fixed(networks.context, layout.network_sizes, unit=f"{UNIT}.context")
    steps = np.array(networks.layer_steps, np.int8).reshape(facts.layers, 3)
    return (opacity, covariance, color), FixedContext(layout, nets, steps, grid)
