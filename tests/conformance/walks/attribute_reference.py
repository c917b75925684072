# SPDX-License-Identifier: Apache-2.0
"""Attributes of anchors, from docs/walks.md: plain Python, sharing no code with Lamina. Networks run in integers."""

from __future__ import annotations

from itertools import accumulate
from types import SimpleNamespace
from typing import Any

from anchor_reference import Nodes
from network_reference import fixed_mlp, hash_features, levels, read_networks, read_signs
from reference_decoder import Decoder
from walk_reference import TABLES

MODEL = TABLES["lamina.anchors.context.layout"]
NORMAL = [
    (row["low"], [0, *accumulate(row["frequencies"])]) for row in TABLES["lamina.entropy.gaussian_tables"]["rows"]
]
LIMIT = 2**27 - 1


def within(value: int, limit: int) -> int:
    return max(-limit, min(limit, value))


def index(log2_scale: int) -> int:
    return max(0, min(63, (log2_scale + 3365) // 182))


def to_input(value: int) -> int:
    return (value + 8) >> 4


def stages_of(facts: Any) -> list[SimpleNamespace]:
    """First and last column, group, columns that are known."""
    d, shape, stages = facts.feature_count, facts.context, []
    for g in range(shape.feature_groups):
        first, end = d * g // shape.feature_groups, d * (g + 1) // shape.feature_groups
        stages.append(SimpleNamespace(first=first, end=end, group=0, known=first))
    for group, first, end in ((1, d, d + 6), (2, d + 6, d + 6 + 3 * facts.offset_count)):
        stages.append(SimpleNamespace(first=first, end=end, group=group, known=first if shape.is_chained else 0))
    return stages


class Model:
    """The probability model that a header carries."""

    def __init__(self, facts: Any, networks: Any, grid: tuple[dict, bytes] | None) -> None:
        self.facts, self.shape = facts, facts.context
        self.summary = facts.feature_count + 6
        self.c = self.summary + 3 * facts.offset_count
        self.stages, self.steps = stages_of(facts), networks.layer_steps
        self.spec = self.signs = None
        if grid is not None:
            self.spec, self.signs = grid[0], read_signs(Decoder(grid[1]), grid[0])
        self.networks = self.read(Decoder(networks.context))

    def parent_width(self) -> int:
        return 0 if not self.shape.uses_parent else self.c if self.shape.uses_parent_offsets else self.summary

    def read(self, decoder: Decoder) -> list[list[dict]]:
        place = 4 + self.facts.layers
        inputs = self.parent_width() + self.summary * self.shape.uses_neighbors + place
        inputs += 2 * len(levels(self.spec)) * self.spec["feature_count"] if self.spec else 0
        sizes = [[inputs, self.shape.hidden, 2 * self.c], [2, self.c]]
        if self.shape.has_adaptive_steps:
            sizes.append([place + self.summary * self.shape.uses_parent, self.shape.step_hidden, 3])
        sizes += [[s.known, self.shape.group_hidden, 2 * (s.end - s.first)] for s in self.stages if s.known]
        tensors = iter(read_networks(decoder, NORMAL, sizes, 4))
        networks = []
        for chain in sizes:
            layers = []
            for _ in chain[1:]:
                bits, weights = next(tensors)
                halvings, (biases,) = next(tensors)
                layers.append({"bits": bits, "weights": weights, "biases": [bias << halvings for bias in biases]})
            networks.append(layers)
        assert decoder.ended()
        return networks

    def grid_at(self, cell: tuple[int, ...], depth: int) -> list[int]:
        return hash_features(self.spec, self.signs, [((2 * part + 1) * 2**19) >> depth for part in cell])


def read_attributes(
    decoder: Decoder, model: Model, nodes: Nodes, goes_on: list[int], masks: list, above: Nodes | None, parents: list
) -> tuple[list[list[int]], list[list[int]]]:
    """Symbols and values of a layer; `parents`: values of the layer above."""
    count = len(nodes.cells)
    layer = 0 if above is None else parents[1]
    values = [[0] * model.c for _ in range(count)]
    symbols = [[0] * model.c for _ in range(count)]
    phases = [(range(0, count, 4), 0), (range(2, count, 4), 2), (range(1, count, 2), 1)]
    for rows, distance in phases if model.shape.uses_neighbors else [(range(count), 0)]:
        told = {}
        for i in rows:
            near = [values[j] for j in (i - distance, i + distance) if distance and 0 <= j < count]
            parent = None if above is None else parents[0][above.rows[tuple(part >> 1 for part in nodes.cells[i])]]
            told[i] = predict(model, nodes.cells[i], goes_on[i], parent, near, layer)
        networks = iter(model.networks[3 if model.shape.has_adaptive_steps else 2 :])
        scores = {i: [0] * model.c for i in rows}
        for stage in model.stages:
            network = next(networks) if stage.known else None
            for i in rows:
                read_stage(decoder, stage, network, told[i], masks[i], (symbols[i], values[i], scores[i]))
    return symbols, values


def predict(
    model: Model, cell: tuple[int, ...], goes_on: int, parent: list[int] | None, near: list, layer: int
) -> tuple[list[int], list[int], list[int]]:
    """Means and log2 scales of all columns, e + 40 of all groups."""
    shape, width, is_base = model.shape, model.parent_width(), parent is None
    of_parent = [to_input(value) for value in parent or [0] * model.c]
    beside = [sum(to_input(row[column]) for row in near) for column in range(model.summary)]
    if len(near) == 2:
        beside = [(total + 1) >> 1 for total in beside]
    place = [0 if is_base else 1024 if part & 1 else -1024 for part in cell] + [1024 * goes_on]
    place += [1024 * (number == layer) for number in range(model.facts.layers)]
    told = of_parent[:width] + beside * shape.uses_neighbors + place
    if model.spec:
        depth = model.facts.base_depth + layer
        own = model.grid_at(cell, depth)
        told += own + ([0] * len(own) if is_base else model.grid_at(tuple(p >> 1 for p in cell), depth - 1))
    outputs, (skips,) = fixed_mlp(model.networks[0], told), model.networks[1]
    means = outputs[: model.c]
    for column, (first, second) in enumerate(skips["weights"]):
        direct = first * of_parent[column] if column < width else 0
        direct += second * beside[column] if shape.uses_neighbors and column < model.summary else 0
        means[column] += (direct + (1 << skips["bits"] >> 1)) >> skips["bits"]
    octaves = [0, 0, 0]
    if shape.has_adaptive_steps:
        octaves = fixed_mlp(model.networks[2], place + of_parent[: model.summary] * shape.uses_parent)
    exponents = [within(model.steps[3 * layer + g] + ((8 * octaves[g] + 512) >> 10), 40) + 40 for g in range(3)]
    return means, outputs[model.c :], exponents


def read_stage(
    decoder: Decoder, stage: Any, network: list | None, told: tuple, mask: list[int], row: tuple[list, list, list]
) -> None:
    """Fills the stage's columns of symbols, values and scores."""
    means, log2_scales, exponents = told
    symbols, values, scores = row
    step = MODEL["steps"][stage.group][exponents[stage.group]]
    width = stage.end - stage.first
    output = fixed_mlp(network, scores[: stage.known]) if network else [0] * 2 * width
    for number in range(width):
        column = stage.first + number
        mean = 16 * means[column]
        log2_scale = log2_scales[column] - MODEL["log2_steps"][stage.group][exponents[stage.group]]
        if network:
            unit = MODEL["scales"][index(log2_scale)] * step
            move = within(output[number], 2**49 // unit)
            mean = within(mean, 2**28) + ((move * unit + 2**19) >> 20)
            log2_scale += output[width + number]
        mean, table = within(mean, LIMIT), index(log2_scale)
        is_used = any(mask) if stage.group < 2 else mask[number // 3]
        if is_used:
            low, cumulative = NORMAL[table]
            symbols[column] = decoder.table_value(cumulative, low)
        values[column] = within(mean + symbols[column] * step, LIMIT)
        scores[column] = within((symbols[column] * MODEL["inverses"][table] + 32) >> 6, 16384)
