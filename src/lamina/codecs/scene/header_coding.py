# SPDX-License-Identifier: Apache-2.0
"""The header unit: facts and all networks as integers enter, its payload leaves; and back.

SceneFacts · SceneNetworks: generators · context networks · steps of layers · hash grid
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from lamina.codecs.scene.fixed_context import FixedContext
from lamina.codecs.scene.layout import head_sizes, layout_of
from lamina.codecs.scene.syntax import SceneFacts, SceneNetworks
from lamina.errors import BitstreamError
from lamina.networks.coding import (
    pack_fixed,
    pack_hash_grid,
    pack_quantized,
    unpack_fixed,
    unpack_hash_grid,
    unpack_quantized,
)
from lamina.networks.quantized import QuantizedMlp

UNIT = "scene header"

Generators = tuple[QuantizedMlp, QuantizedMlp, QuantizedMlp]
"""Of opacity, covariance and color."""


@dataclass(frozen=True, eq=False)
class SceneHeader:
    """What every layer needs."""

    facts: SceneFacts
    heads: Generators
    context: FixedContext


def pack_header(facts: SceneFacts, heads: Generators, context: FixedContext) -> bytes:
    """The payload of the header unit.

    Raises:
        ValueError: the networks are not those that the facts ask for.
    """
    wanted = layout_of(facts, context.layout.hash_spec)
    if context.layout != wanted or (context.hash_grid is not None) != facts.context.uses_hash_grid:
        raise ValueError(f"the probability model is {context.layout}; the facts ask for {wanted}")
    if tuple(head.sizes for head in heads) != head_sizes(facts):
        raise ValueError(f"generators of {[head.sizes for head in heads]}; the facts ask for {head_sizes(facts)}")
    networks = SceneNetworks(
        pack_quantized(heads),
        pack_fixed(context.networks),
        tuple(int(step) for step in context.layer_steps.reshape(-1)),
        pack_hash_grid(context.hash_grid) if context.hash_grid is not None else b"",
    )
    return facts.pack() + networks.pack()


def unpack_header(payload: bytes) -> SceneHeader:
    """The inverse of `pack_header`.

    Raises:
        BitstreamError: the payload is damaged, or of another version.
    """
    facts, end = SceneFacts.unpack(payload)
    networks = SceneNetworks.unpack_whole(payload[end:])
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
    return SceneHeader(facts, (opacity, covariance, color), FixedContext(layout, nets, steps, grid))
