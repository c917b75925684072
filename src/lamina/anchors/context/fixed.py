# SPDX-License-Identifier: Apache-2.0
"""The probability model in integers: decoded attributes enter, means, steps and tables leave, the same everywhere.

One walk over a layer (`walk_layer`) serves fitting, encoding and decoding: it predicts some columns of some rows, asks
for their symbols, and what they decode to is an input of the next prediction. Nothing here is a float but for whole
numbers in doubles (networks/fixed_point.py).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64, Int8, Int32, Int64, UInt8, UInt16

from lamina.anchors.context.layout import (
    SCORE_LIMIT,
    STEP_PARTS,
    STEP_RANGE,
    VALUE_BITS,
    VALUE_LIMIT,
    ContextLayout,
    Stage,
    log2_step_table,
    scale_tables,
    step_table,
)
from lamina.anchors.context.neighborhood import Family, phases_of
from lamina.entropy.gaussian_tables import scale_indices
from lamina.networks.fixed_point import ACTIVATION_BITS, FixedMlp
from lamina.networks.hash_grid import FixedHashGrid

VALUE_SHIFT = VALUE_BITS - ACTIVATION_BITS
"""From decoded values to inputs of networks."""

MAX_SYMBOL = 1 << 24
"""Largest magnitude of a symbol that an encoder gives; values saturate long before."""

UNITY = 1 << ACTIVATION_BITS

UNIT_BITS = 2 * ACTIVATION_BITS
UNIT_HALF = 1 << (UNIT_BITS - 1)
"""Corrections are outputs of networks times scales in steps (2**-10 both) times steps, which are in units of values."""

FARTHEST_MEAN = 1 << 28
FARTHEST_CORRECTION = 1 << 29
"""Beyond these a mean saturates at `VALUE_LIMIT` anyway; with them every product stays below 2**50."""

SCORE_SHIFT = 16 - ACTIVATION_BITS
SCORE_HALF = 1 << (SCORE_SHIFT - 1)
SCORE_BOUND = SCORE_LIMIT * UNITY
"""Scores are symbols times inverses of scales (2**-16), in units of networks."""


@dataclass(frozen=True, eq=False)
class FixedContext:
    """A probability model as it is sent; checks itself.

    Raises:
        ValueError: networks, steps or grid are not what the layout says.
    """

    layout: ContextLayout
    networks: tuple[FixedMlp, ...]
    """Main, skips, steps if adaptive, then those of stages: as `layout.network_sizes`."""
    layer_steps: Int8[np.ndarray, "layers 3"]
    """e of each layer and group; what adaptive steps are added to."""
    hash_grid: FixedHashGrid | None = None

    def __post_init__(self) -> None:
        sizes, wanted = tuple(net.sizes for net in self.networks), self.layout.network_sizes
        if sizes != wanted:
            raise ValueError(f"networks of {sizes}; expected {wanted}")
        if self.layer_steps.shape != (self.layout.layer_count, 3) or np.abs(self.layer_steps).max() > STEP_RANGE:
            raise ValueError(f"steps {self.layer_steps.shape}; expected ({self.layout.layer_count}, 3), e at most 40")
        if (self.hash_grid.spec if self.hash_grid else None) != self.layout.hash_spec:
            raise ValueError("the hash grid is not the layout's")

    @property
    def stage_networks(self) -> tuple[FixedMlp | None, ...]:
        """One a stage."""
        left = iter(self.networks[3 if self.layout.shape.has_adaptive_steps else 2 :])
        return tuple(next(left) if stage.known else None for stage in self.layout.stages)


@dataclass(frozen=True, eq=False)
class Question:
    """Some columns of some rows of a layer, predicted; a walk asks for their symbols."""

    rows: slice
    stage: Stage
    means: Int64[np.ndarray, "m w"]
    """In units of 2**-14."""
    steps: Int64[np.ndarray, "m 1"]
    """The same."""
    tables: UInt16[np.ndarray, "m w"]
    """Index of each symbol's table."""


def walk_layer(
    context: FixedContext,
    family: Family,
    above: Int32[np.ndarray, "a c"],
    answer: Callable[[Question], Int32[np.ndarray, "m w"]],
) -> tuple[Int32[np.ndarray, "n c"], Int32[np.ndarray, "n c"]]:
    """Symbols and values of one layer, predicted and answered stage by stage.

    Args:
        family: of this layer alone; `parents` are rows of `above`, `neighbors` rows of this layer.
        above: decoded values of the layer above; none for layer 0.
        answer: what to code gives the symbols, what to decode finds them.
    """
    layout = context.layout
    symbols = np.zeros((len(family), layout.channels), np.int32)
    values = np.zeros_like(symbols)
    for rows in phases_of(len(family), layout.shape.uses_neighbors):
        parent = _parent_inputs(family, above, rows, layout)
        means, scales = _predict(context, family, parent, values, rows)
        exponents = _exponents(context, family, parent, rows)
        scores = np.zeros_like(means)
        for stage, net in zip(layout.stages, context.stage_networks, strict=True):
            columns, places = stage.columns, exponents[:, stage.group, None]
            steps = step_table()[stage.group][places]
            mean, scale = means[:, columns] << VALUE_SHIFT, scales[:, columns] - log2_step_table()[stage.group][places]
            if net is not None:
                correction = net(scores[:, : stage.known]).astype(np.int64)
                unit = scale_tables()[0][scale_indices(scale)] * steps
                farthest = (FARTHEST_CORRECTION << UNIT_BITS) // unit
                moves = np.clip(correction[:, : stage.width], -farthest, farthest)
                mean = np.clip(mean, -FARTHEST_MEAN, FARTHEST_MEAN) + ((moves * unit + UNIT_HALF) >> UNIT_BITS)
                scale = scale + correction[:, stage.width :]
            question = Question(rows, stage, np.clip(mean, -VALUE_LIMIT, VALUE_LIMIT), steps, scale_indices(scale))
            found = answer(question)
            symbols[rows, columns] = found
            values[rows, columns] = np.clip(question.means + found * steps, -VALUE_LIMIT, VALUE_LIMIT)
            inverses = scale_tables()[1][question.tables]
            scores[:, columns] = np.clip((found * inverses + SCORE_HALF) >> SCORE_SHIFT, -SCORE_BOUND, SCORE_BOUND)
    return symbols, values


def quantize_layer(
    context: FixedContext,
    family: Family,
    above: Int32[np.ndarray, "a c"],
    targets: Float64[np.ndarray, "n c"],
    masks: UInt8[np.ndarray, "n k"],
) -> tuple[Int32[np.ndarray, "n c"], Int32[np.ndarray, "n c"]]:
    """Symbols and decoded values nearest to real targets, closed loop; what is masked stays predicted, for nothing."""
    active = active_values(masks, context.layout)

    def answer(question: Question) -> Int32[np.ndarray, "m w"]:
        wanted = targets[question.rows, question.stage.columns] * (1 << VALUE_BITS)
        symbols = np.rint((wanted - question.means) / question.steps)
        symbols = np.clip(symbols, -MAX_SYMBOL, MAX_SYMBOL).astype(np.int32)
        return symbols * active[question.rows, question.stage.columns]

    return walk_layer(context, family, above, answer)


def active_values(masks: UInt8[np.ndarray, "n k"], layout: ContextLayout) -> UInt8[np.ndarray, "n c"]:
    """1 where a value is coded: used offsets, and features and scalings of anchors that have any."""
    alive = masks.max(axis=1, initial=0)[:, None]
    return np.concatenate([np.repeat(alive, layout.summary_channels, axis=1), np.repeat(masks, 3, axis=1)], axis=1)


def to_inputs(values: Int32[np.ndarray, "*shape"]) -> Int64[np.ndarray, "*shape"]:
    """Decoded values in units of networks, the nearest (halves up)."""
    return (values.astype(np.int64) + (1 << VALUE_SHIFT >> 1)) >> VALUE_SHIFT


def _parent_inputs(
    family: Family, above: Int32[np.ndarray, "a c"], rows: slice, layout: ContextLayout
) -> Int64[np.ndarray, "m p"]:
    """Parents as inputs: all that any network may be told of them; zeros in layer 0."""
    parents = family.parents[rows]
    width = max(layout.parent_channels, layout.summary_channels)
    if len(above) == 0:
        return np.zeros((len(parents), width), np.int64)
    return to_inputs(above[parents, :width])


def _beside_inputs(
    family: Family, values: Int32[np.ndarray, "n c"], rows: slice, width: int
) -> Int64[np.ndarray, "m w"]:
    """Mean of the neighbors that are there, halves up."""
    neighbors = family.neighbors[rows]
    there = neighbors >= 0
    near = to_inputs(values[np.maximum(neighbors, 0), :width]) * there[:, :, None]
    both = (there[:, 0] & there[:, 1])[:, None]
    total = near.sum(axis=1)
    return np.where(both, (total + 1) >> 1, total)


def _predict(
    context: FixedContext,
    family: Family,
    parent: Int64[np.ndarray, "m p"],
    values: Int32[np.ndarray, "n c"],
    rows: slice,
) -> tuple[Int64[np.ndarray, "m c"], Int64[np.ndarray, "m c"]]:
    """Means and log2 scales from the main network and the skips, in units of networks."""
    layout, parts = context.layout, []
    main, skips = context.networks[:2]
    direct = np.zeros((len(parent), layout.channels), np.int64)
    if layout.parent_channels:
        known = parent[:, : layout.parent_channels]
        parts.append(known)
        direct[:, : layout.parent_channels] += known * skips.weights[0][: layout.parent_channels, 0].astype(np.int64)
    if layout.neighbor_channels:
        known = _beside_inputs(family, values, rows, layout.neighbor_channels)
        parts.append(known)
        direct[:, : layout.neighbor_channels] += known * skips.weights[0][: layout.neighbor_channels, 1].astype(
            np.int64
        )
    parts.append(place_inputs(family, rows, layout.layer_count))
    if context.hash_grid is not None:
        own = family.positions[rows]
        above = context.hash_grid(family.parent_positions[rows]) * (family.parents[rows] >= 0)[:, None]
        parts += [context.hash_grid(own), above]
    outputs = main(np.concatenate(parts, axis=1)).astype(np.int64)
    bits = skips.weight_bits[0]
    means = outputs[:, : layout.channels] + ((direct + (1 << bits >> 1)) >> bits)
    return means, outputs[:, layout.channels :]


def _exponents(
    context: FixedContext, family: Family, parent: Int64[np.ndarray, "m p"], rows: slice
) -> Int64[np.ndarray, "m 3"]:
    """E + 40 of each row and group."""
    layout = context.layout
    exponents = context.layer_steps[family.layers[rows]].astype(np.int64)
    if layout.shape.has_adaptive_steps:
        parts = [place_inputs(family, rows, layout.layer_count)]
        if layout.shape.uses_parent:
            parts.append(parent[:, : layout.summary_channels])
        octaves = context.networks[2](np.concatenate(parts, axis=1)).astype(np.int64)
        exponents += (octaves * STEP_PARTS + UNITY // 2) >> ACTIVATION_BITS
    return np.clip(exponents, -STEP_RANGE, STEP_RANGE) + STEP_RANGE


def place_inputs(family: Family, rows: slice, layer_count: int) -> Int64[np.ndarray, "m p"]:
    """Octant, +-1 an axis (0 in layer 0); whether the cell goes on; layer, one of them 1; in units of networks."""
    bits = family.octants[rows, None] >> np.arange(3) & 1
    signs = (2 * bits - 1) * (family.parents[rows] >= 0)[:, None]
    layers = family.layers[rows, None] == np.arange(layer_count)
    has_children = family.has_children[rows, None]
    return np.concatenate([signs, has_children, layers], axis=1).astype(np.int64) * UNITY
