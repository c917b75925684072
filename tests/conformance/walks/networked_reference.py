# SPDX-License-Identifier: Apache-2.0
"""Integers of frames of networks, from docs/walks.md: plain Python, sharing no code with Lamina. Heads come parsed."""

from __future__ import annotations

import struct
from itertools import pairwise
from math import ceil
from typing import Any

from attribute_reference import NORMAL
from network_reference import read_signs
from reference_decoder import Decoder
from walk_reference import expect

GRIDS = {
    1: {"nodes_3d": (), "nodes_2d": (258, 514, 1026, 2050)},
    2: {"nodes_3d": tuple(ceil(16 * 128 ** (level / 15) - 1e-6) + 2 for level in range(16)), "nodes_2d": ()},
}
"""By the number of the representation; tables of 2**15 entries, 4 features."""


def points_of(cells: list[tuple[int, ...]], base_depth: int, sizes: tuple[int, ...]) -> list[int]:
    """Points of each scale, finest first."""
    places = [tuple((2 * part + 1) << (19 - base_depth) for part in cell) for cell in cells]
    counts = [len(places)]
    for e in sizes:
        places = sorted({tuple((2 * part + e) // (2 * e) * e for part in place) for place in places})
        counts.append(len(places))
    return counts


def layers_of(facts: Any, features: int, offsets: int) -> list[int]:
    """Parameters of each layer."""
    chains = []
    if facts.representation == 0:
        width = facts.channels * (len(facts.grid_sizes) + 1)
        if facts.has_inner_aggregation:
            chains += [(3, 16, 1), (facts.channels, 16, facts.channels)]
    else:
        grid = GRIDS[facts.representation]
        width = 4 * (len(grid["nodes_3d"]) + 3 * len(grid["nodes_2d"]))
    chains += [(width, facts.hidden, outputs) for outputs in (features, 3, 3, 3 * offsets)]
    return [(inputs + 1) * outputs for chain in chains for inputs, outputs in pairwise(chain)]


def single(value: float) -> float:
    """Rounded to single precision."""
    return struct.unpack("<f", struct.pack("<f", value))[0]


def read_networks(facts: Any, head: Any, sizes: list[int]) -> list[list[int]]:
    """Integers of each layer; of 32 bits none."""
    bits = facts.network_bits
    if bits == 32:
        return []
    decoder, layers = Decoder(head.networks), []
    for layer, size in enumerate(sizes):
        if not facts.has_network_entropy:
            layers.append([decoder.raw(bits) for _ in range(size)])
            continue
        low, cumulative = NORMAL[head.scales[layer]]
        layers.append([decoder.table_value(cumulative, low) + head.means[layer] for _ in range(size)])
    expect(decoder.ended() and all(0 <= value < 2**bits for own in layers for value in own))
    return layers


def parameters_of(
    facts: Any, head: Any, sizes: list[int], integers: list[list[int]], before: list[list[float]]
) -> list[list[float]]:
    """Of each layer after the frame. A product of two singles is exact in a double: it is rounded once."""
    if facts.network_bits == 32:
        values = iter(struct.unpack(f"<{len(head.networks) // 4}f", head.networks))
        return [[next(values) for _ in range(size)] for size in sizes]
    found = []
    for layer, own in enumerate(integers):
        low, high = head.ranges[2 * layer], head.ranges[2 * layer + 1]
        step = single(single(high - low) / (2**facts.network_bits - 1))
        values = [single(single(value * step) + low) for value in own]
        if head.has_reference:
            expect(bool(before))
            eta = head.factors[layer]
            values = [single(single(past * eta) + p) for past, p in zip(before[layer], values, strict=True)]
        found.append([min(max(value, -1e9), 1e9) for value in values])
    return found


def read_latents(facts: Any, head: Any, stream: bytes, counts: list[int]) -> list[list[list[int]]]:
    """Of each scale, a row a point."""
    tables = Decoder(head.tables).packed_tables()
    expect(len(tables) == facts.channels)
    decoder = Decoder(stream)
    scales = [
        [[decoder.table_value(cumulative, low) for low, cumulative in tables] for _ in range(count)] for count in counts
    ]
    expect(decoder.ended())
    return scales


def read_grid(facts: Any, head: Any, stream: bytes) -> list[list[int]]:
    """Signs, a row an entry; `head` is the grid's own."""
    shape = {"log2_table_3d": head.log2_table_3d, "log2_table_2d": head.log2_table_2d, **GRIDS[facts.representation]}
    for name, value in GRIDS[facts.representation].items():
        expect(tuple(getattr(head, name)) == tuple(value))
    return read_signs(Decoder(stream), {**shape, "feature_count": 4})
