# SPDX-License-Identifier: Apache-2.0
"""A second implementation of networks and hash grids: plain Python, written from docs/networks.md, sharing no code.

It reads numbers through `tests/conformance/entropy/reference_decoder.py` and is given the normal tables.
"""

from __future__ import annotations

from itertools import pairwise, product
from math import isqrt, prod

LIMIT = 2**24 - 1
PRIMES = (1, 2654435761, 805459861)


def fixed_mlp(layers: list[dict], row: list[int]) -> list[int]:
    values = [min(max(value, -LIMIT), LIMIT) for value in row]
    for index, layer in enumerate(layers):
        bits, low = layer["bits"], -LIMIT if index == len(layers) - 1 else 0
        found = []
        for weights, bias in zip(layer["weights"], layer["biases"], strict=True):
            total = sum(weight * value for weight, value in zip(weights, values, strict=True)) + bias * 2**bits
            found.append(min(max((total + 2**bits // 2) >> bits, low), LIMIT))
        values = found
    return values


def levels(spec: dict) -> list[tuple[tuple[int, ...], int, int, int]]:
    """Axes, nodes, table bits and entries of each level."""
    kinds = [((0, 1, 2), spec["nodes_3d"], spec["log2_table_3d"])]
    kinds += [(axes, spec["nodes_2d"], spec["log2_table_2d"]) for axes in ((0, 1), (0, 2), (1, 2))]
    found = []
    for axes, all_nodes, bits in kinds:
        for nodes in all_nodes:
            plain = nodes ** len(axes)
            found.append((axes, nodes, bits, (plain + 7) // 8 * 8 if plain <= 2**bits else 2**bits))
    return found


def hash_features(spec: dict, signs: list[list[int]], position: list[int]) -> list[int]:
    if not all(0 <= coordinate <= 2**20 for coordinate in position):
        return [0] * len(levels(spec)) * spec["feature_count"]
    features, first = [], 0
    for axes, nodes, bits, entries in levels(spec):
        places = [min(max(position[a] * (nodes - 2) + 2**19, 2**20), (nodes - 2) * 2**20) for a in axes]
        fractions = [place >> 10 & 1023 for place in places]
        sums = [0] * spec["feature_count"]
        for corner in product((0, 1), repeat=len(axes)):
            weight = prod(f if step else 1024 - f for f, step in zip(fractions, corner, strict=True))
            at = [(place >> 20) + step for place, step in zip(places, corner, strict=True)]
            if nodes ** len(axes) <= 2**bits:
                entry = sum(coordinate * nodes**axis for axis, coordinate in enumerate(at))
            else:
                entry = 0
                for coordinate, prime in zip(at, PRIMES, strict=False):
                    entry ^= coordinate * prime
                entry %= 2**bits
            for f, sign in enumerate(signs[first + entry] if weight else []):
                sums[f] += weight * sign * (1024 if len(axes) == 2 else 1)
        features += [(total + 2**19) >> 20 for total in sums]
        first += entries
    return features


def read_networks(decoder, tables, sizes: list[list[int]], code_bits: int) -> list[tuple[int, list[list[int]]]]:
    """Code and rows of each tensor; `tables` are (low, cumulative frequencies)."""
    means = [sum(abs(low + i) * (row[i + 1] - row[i]) for i in range(len(row) - 2)) for low, row in tables]
    thresholds = [isqrt(a * b) for a, b in pairwise(means)]
    found = []
    for chain in sizes:
        for inputs, outputs in pairwise(chain):
            for rows, columns in ((outputs, inputs), (1, outputs)):
                code, mean = decoder.raw(code_bits), decoder.exp_golomb(6)
                prior = min(max(mean, 1) * 2**12, 2**26)
                below, values = [0] * columns, []
                for i in range(rows):
                    row: list[int] = []
                    for j in range(columns):
                        r = min((min(sum(map(abs, row)), 2**36) * 2**16 + 8 * prior) // (j + 8), 2**26)
                        c = min((min(below[j], 2**36) * 2**16 + 8 * prior) // (i + 8), 2**26)
                        low, cumulative = tables[sum(threshold <= r * c // prior for threshold in thresholds)]
                        row.append(decoder.table_value(cumulative, low))
                    below = [total + abs(value) for total, value in zip(below, row, strict=True)]
                    values.append(row)
                found.append((code, values))
    return found


def read_signs(decoder, spec: dict) -> list[list[int]]:
    signs = []
    features = spec["feature_count"]
    contexts = [[16, 16, 32 * 1024] for _ in range(4 * features * len(levels(spec)))]
    for level, (_, _, _, entries) in enumerate(levels(spec)):
        before = 0
        for _ in range(entries):
            entry: list[int] = []
            for f in range(features):
                context = 4 * (level * features + f) + 2 * before + int(-1 in entry)
                entry.append(-1 if decoder.bit(contexts[context]) else 1)
            before = int(-1 in entry)
            signs.append(entry)
    return signs
