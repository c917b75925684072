# SPDX-License-Identifier: Apache-2.0
"""A layer <-> its unit's payload: a declared head, then one entropy-coded stream of tree, masks and attributes.

The layer above is all that a layer needs beside the header. Attributes are walked by the probability model
(fixed_context.py): it asks, and the stream answers, or is told.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Int32, UInt8

from lamina.anchors.coding.masks import code_masks
from lamina.anchors.coding.tree import code_base, code_continued, code_depth, fresh_tree_mixer
from lamina.anchors.context.fixed import FixedContext, Question, active_values, walk_layer
from lamina.anchors.context.layout import ContextLayout
from lamina.anchors.context.neighborhood import Family, layer_family
from lamina.anchors.layers import AnchorLayer
from lamina.anchors.octree import Indices
from lamina.anchors.syntax import MAX_VALUES, SHARES, AnchorFacts, LayerHead
from lamina.entropy.binary import ran_dry
from lamina.entropy.gaussian_tables import gaussian_tables
from lamina.entropy.indexed import code_where
from lamina.entropy.rans_kernels import TableArrays
from lamina.entropy.walk import Coder, expect_end, measured_bits, open_meter, open_reader, write_stream
from lamina.errors import BitstreamError

UNIT = "anchor layer"

MASKS_PER_BIT = 2048
"""A mixed bit costs at least log2(65536 / (65536 - 24)) = 1 / 1893 bit (entropy/mixing.py)."""

RECORDS_PER_ANCHOR = 24
"""Room for a writer at first: of tree and masks; attributes are counted."""


@dataclass(frozen=True, eq=False)
class Above:
    """The layer above, as coding needs it; without rows above layer 0."""

    cells: Indices
    has_children: UInt8[np.ndarray, " a"]
    masks: UInt8[np.ndarray, "a k"]
    values: Int32[np.ndarray, "a c"]


def above_of(layout: ContextLayout, below: tuple[AnchorLayer, ...]) -> Above:
    """The last of the layers so far."""
    if below:
        last = below[-1]
        return Above(last.indices, last.has_children, last.masks, last.values)
    return Above(
        np.zeros((0, 3), np.int32),
        np.zeros(0, np.uint8),
        np.zeros((0, layout.offset_count), np.uint8),
        np.zeros((0, layout.channels), np.int32),
    )


def code_tree(
    coder: Coder,
    facts: AnchorFacts,
    layer: int,
    above: Above,
    cells: Indices | None,
    has_children: UInt8[np.ndarray, " {count}"],
    count: int,
) -> Indices:
    """Cells of a layer and which of them go on, in either direction; `cells` is None when reading.

    Without any, nothing is coded; cells of the last layer all end.

    Raises:
        BitstreamError: the stream does not give so many cells.
    """
    if count == 0:
        return np.zeros((0, 3), np.int32)
    mixer = fresh_tree_mixer()
    if layer == 0:
        cells = code_base(coder, mixer, facts.base_depth, cells, count)
    else:
        cells = code_depth(coder, mixer, above.cells, above.has_children, cells, count)
    if len(cells) != count:
        raise BitstreamError(f"the tree gives {len(cells)} anchors, the head says {count}", UNIT, "count", 0)
    if layer < facts.layers - 1:
        code_continued(coder, mixer, cells, has_children)
    return cells


def encode_layer(
    facts: AnchorFacts, context: FixedContext, state: AnchorLayer, below: tuple[AnchorLayer, ...]
) -> bytes:
    """The payload of a layer.

    Raises:
        ValueError: its values are not what its symbols decode to.
    """
    layout, layer = context.layout, len(below)
    above = above_of(layout, below)
    family = layer_family(state.indices, above.cells, state.has_children, layer, facts.base_depth)
    questions = predicted(context, family, above, state)
    active = active_values(state.masks, layout)
    tables = table_arrays()

    def run(coder: Coder) -> list[float]:
        marks = [0.0]
        code_tree(coder, facts, layer, above, state.indices, state.has_children.copy(), state.count)
        marks.append(measured_bits(coder))
        code_masks(coder, family, above.masks, state.masks.copy())
        marks.append(measured_bits(coder))
        spent = [0.0, 0.0, 0.0]
        for question in questions:
            rows, columns = question.rows, question.stage.columns
            before = measured_bits(coder)
            code_where(
                coder,
                tables,
                question.tables,
                np.ascontiguousarray(active[rows, columns]),
                state.symbols[rows, columns].copy(),
            )
            spent[question.stage.group] += measured_bits(coder) - before
        return [*np.diff(marks), *spent]

    meter = open_meter()
    spent = run(meter)
    total = max(sum(spent), 1.0)
    shares = tuple(int(SHARES * part / total) for part in spent[:-1])
    capacity = RECORDS_PER_ANCHOR * state.count + int(active.sum(dtype=np.int64)) + 1024
    return LayerHead(False, 0, shares, state.count).pack() + write_stream(run, capacity)


def predicted(context: FixedContext, family: Family, above: Above, state: AnchorLayer) -> list[Question]:
    """All that the model asks about a layer.

    Raises:
        ValueError: its values are not what its symbols decode to.
    """
    questions: list[Question] = []

    def answer(question: Question) -> Int32[np.ndarray, "m w"]:
        questions.append(question)
        return state.symbols[question.rows, question.stage.columns]

    _, values = walk_layer(context, family, above.values, answer)
    if not np.array_equal(values, state.values):
        raise ValueError(
            f"layer {int(family.layers[0])}: values are not what the symbols decode to: quantize_layer first"
        )
    return questions


def decode_layer(
    facts: AnchorFacts, context: FixedContext, payload: bytes, below: tuple[AnchorLayer, ...]
) -> AnchorLayer:
    """The inverse of `encode_layer`.

    Raises:
        BitstreamError: the payload is damaged.
    """
    layout, layer = context.layout, len(below)
    above = above_of(layout, below)
    head, end = LayerHead.unpack(payload)
    check_count(head.count, layout, len(payload))
    coder = open_reader(payload[end:], unit=UNIT)
    has_children = np.zeros(head.count, np.uint8)
    cells = code_tree(coder, facts, layer, above, None, has_children, head.count)
    masks = np.zeros((head.count, layout.offset_count), np.uint8)
    family = layer_family(cells, above.cells, has_children, layer, facts.base_depth)
    code_masks(coder, family, above.masks, masks)
    active, tables = active_values(masks, layout), table_arrays()

    def answer(question: Question) -> Int32[np.ndarray, "m w"]:
        rows, columns = question.rows, question.stage.columns
        found = np.zeros(question.tables.shape, np.int32)
        code_where(coder, tables, question.tables, np.ascontiguousarray(active[rows, columns]), found)
        if ran_dry(coder):
            raise BitstreamError("the stream of attributes ends too early", UNIT, position=len(payload))
        return found

    symbols, values = walk_layer(context, family, above.values, answer)
    expect_end(coder, unit=UNIT)
    return AnchorLayer(cells, has_children, masks, symbols, values)


def check_count(count: int, layout: ContextLayout, size_bytes: int) -> None:
    """Refuse a count that cannot be, before anything of its size is allocated.

    Raises:
        BitstreamError: more values than are legal, or more anchors than so few bytes can hold.
    """
    if count * layout.channels > MAX_VALUES:
        raise BitstreamError(f"{count} anchors of {layout.channels} values; {MAX_VALUES} are legal", UNIT, "count", 0)
    if count * layout.offset_count > 8 * size_bytes * MASKS_PER_BIT:
        raise BitstreamError(f"{count} anchors in {size_bytes} bytes; their masks alone take more", UNIT, "count", 0)


def table_arrays() -> TableArrays:
    """Tables of normal symbols, as kernels take them."""
    tables = gaussian_tables()
    return TableArrays(tables.cumulative, tables.offsets, tables.lows, tables.bucket_entries)
