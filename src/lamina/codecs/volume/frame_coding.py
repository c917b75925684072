# SPDX-License-Identifier: Apache-2.0
"""One level of one frame <-> its unit's payload.

    LevelHead     what follows
    stream        cells: of level 0 from the root down, of others the children; of the finest none, it has all of them
                  vectors of level 0                                                          vectors.py
                  symbols of the level's rows                        walk.py, or with tables  table_coding.py

A unit builds on the level above in the same frame, and on the same level in the frame before: `LevelState` is what each
leaves. Key frames build on no frame before.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from jaxtyping import Int32

from lamina.anchors.coding.tree import code_base, code_depth, fresh_tree_mixer
from lamina.codecs.volume.reconstruction import channel_steps, expected_densities, finish_level
from lamina.codecs.volume.syntax import MAX_VALUES, GroupHead, LevelHead, VolumeFacts
from lamina.codecs.volume.table_coding import Counts, code_under_tables, read_tables
from lamina.codecs.volume.vectors import PastVectors, code_vectors, fresh_vector_memory
from lamina.codecs.volume.walk import Around, Memory, code_symbols, copied_mixer, fresh_memory
from lamina.entropy.binary import POSITION, code_raw
from lamina.entropy.mixing import Mixer
from lamina.entropy.walk import Coder, expect_end, open_reader, write_stream
from lamina.errors import BitstreamError
from lamina.grids.bricks import Indices, rows_at
from lamina.grids.lattice import MAX_ROWS, Lattice
from lamina.grids.level import Level, all_cells, all_children, level_of, parents_of
from lamina.grids.refined import refined
from lamina.grids.sums import Parents, upsampled
from lamina.grids.warp import warped

UNIT = "level"
SHARES = 127


class LevelContent(NamedTuple):
    """What a unit says of its level."""

    level: Level
    vectors: Int32[np.ndarray, "r 3"]
    """Of level 0 of a frame that is no key, in steps; elsewhere none (0, 3)."""
    symbols: Int32[np.ndarray, "r c"]
    counts: Counts | None = None
    """Of tables that symbols are coded under; None: under contexts. With them, a box full of cells sends none."""


@dataclass(frozen=True, eq=False)
class LevelState:
    """Of one level after a frame."""

    is_key: bool
    level: Level
    symbols: Int32[np.ndarray, "r c"]
    sent_vectors: Int32[np.ndarray, "r 3"]
    """In steps, of level 0."""
    vectors: Int32[np.ndarray, "r 3"]
    """At the level's rows, in 1/16 of the finest voxel; of a key frame 0."""
    differences: Int32[np.ndarray, "r c"]
    """From what was expected."""
    values: Int32[np.ndarray, "r c"]
    memory: Memory
    vector_memory: Mixer


class Expected(NamedTuple):
    """Of a level before its symbols are known; `_state` makes its values of the last two, in place."""

    parents: Int32[np.ndarray, "r 8"]
    vectors: Int32[np.ndarray, "r 3"]
    moved: Int32[np.ndarray, "r c"]
    """What the frame before brings."""
    base: Int32[np.ndarray, "r c"]
    """Differences of the level above, at this level's rows."""


@dataclass(frozen=True)
class Place:
    """Which unit, and what it builds on."""

    facts: VolumeFacts
    head: GroupHead
    level: int
    before: LevelState | None
    """None: a key frame."""
    above: LevelState | None
    """None: level 0."""

    @property
    def lattice(self) -> Lattice:
        """Of the stream."""
        return self.facts.lattice()

    @property
    def is_all_children(self) -> bool:
        """The finest level's cells follow from those above; with one level only they are sent."""
        return self.level > 0 and self.level == self.facts.level_count - 1

    def has_all(self, level: Level) -> bool:
        """Whether a level whose cells would be sent has all cells of the box."""
        x, y, z = level.counts
        return not self.is_all_children and len(level.cells) == x * y * z


def pack_level(place: Place, content: LevelContent) -> tuple[bytes, LevelState]:
    """A unit's payload, and the state after it."""
    expected = expected_of(place, content.level, content.vectors)
    marks: list[int] = []
    kept: list[tuple[Memory, Mixer]] = []

    def walk(coder: Coder) -> None:
        marks.clear()
        kept.clear()
        kept.append(_memories(place))
        if not is_dense:
            _code_cells(coder, place, content.level.cells)
        marks.append(int(coder.state[POSITION]))
        if has_vectors:
            code_vectors(coder, kept[0][1], content.level, _past(place, content.level), step, content.vectors.copy())
        marks.append(int(coder.state[POSITION]))
        if has_symbols and tables is not None:
            code_under_tables(coder, read_tables(tables, place.facts.channel_count, UNIT), content.symbols.copy())
        elif has_symbols:
            around = _around(place, content.level, expected)
            code_symbols(coder, kept[0][0], content.level, around, content.symbols.copy())
        marks.append(max(int(coder.state[POSITION]), 1))

    step = place.head.vector_step
    has_vectors, has_symbols = bool(content.vectors.any()), bool(content.symbols.any())
    tables = content.counts.pack() if content.counts is not None and has_symbols else None
    is_dense = content.counts is not None and place.has_all(content.level)
    stream = write_stream(walk)
    shares = [min(SHARES, SHARES * (b - a) // marks[2]) for a, b in ((0, marks[0]), (marks[0], marks[1]))]
    head = LevelHead(
        has_extensions=False,
        is_key=place.before is None,
        has_vectors=has_vectors,
        has_symbols=has_symbols,
        is_dense=is_dense,
        has_tables=tables is not None,
        reserved=0,
        shares=(shares[0], shares[1]),
        tables=tables,
    )
    memories = kept[0] if kept else _memories(place)
    return head.pack() + stream, _state(place, content, expected, memories)


def unpack_level(place: Place, payload: bytes) -> LevelState:
    """The state after a unit.

    Raises:
        BitstreamError: the payload is damaged.
    """
    head, end = LevelHead.unpack(payload)
    if head.has_vectors and (place.level > 0 or place.before is None):
        raise BitstreamError("vectors of a key frame, or of a level that is not 0", UNIT, "has_vectors")
    if head.has_tables and not head.has_symbols:
        raise BitstreamError("tables, and the head says that there are no symbols", UNIT, "has_tables")
    if head.is_dense and place.is_all_children:
        raise BitstreamError("cells of a level that has all children of those above", UNIT, "is_dense")
    stream = payload[end:]
    memories = _memories(place)
    coder = open_reader(stream, unit=UNIT) if stream else None
    level, parents = _read_level(coder, place, is_dense=head.is_dense)
    count = level.row_count
    vectors = np.zeros((count if place.level == 0 else 0, 3), np.int32)
    symbols = np.zeros((count, place.facts.channel_count), np.int32)
    if coder is None and (head.has_vectors or head.has_symbols):
        raise BitstreamError("no stream follows, and the head says that one does", UNIT)
    if coder is not None and head.has_vectors:
        code_vectors(coder, memories[1], level, _past(place, level), place.head.vector_step, vectors)
    expected = expected_of(place, level, vectors, parents)
    if coder is not None and head.tables is not None:
        code_under_tables(coder, read_tables(head.tables, place.facts.channel_count, UNIT), symbols)
    elif coder is not None and head.has_symbols:
        code_symbols(coder, memories[0], level, _around(place, level, expected), symbols)
    if coder is not None:
        expect_end(coder, unit=UNIT)
    return _state(place, LevelContent(level, vectors, symbols), expected, memories)


def expected_of(
    place: Place, level: Level, sent_vectors: Int32[np.ndarray, "r 3"], parents: Parents | None = None
) -> Expected:
    """What is known of a level's values before its symbols; `parents` where they are known already.

    Raises:
        BitstreamError: a cell has no parent.
    """
    count, channels = level.row_count, place.facts.channel_count
    above, before = place.above, place.before
    if above is None:
        parents, base = np.zeros((0, 8), np.int32), np.zeros((count, channels), np.int32)
    else:
        if parents is None:
            parents = _parents_of(level, above.level)
        base = upsampled(parents, above.differences)
    if before is None:
        return Expected(parents, np.zeros((count, 3), np.int32), np.zeros_like(base), base)
    if above is not None:
        vectors = upsampled(parents, above.vectors)
    elif len(sent_vectors):
        vectors = sent_vectors * np.int32(place.head.vector_step)
    else:
        vectors = np.zeros((count, 3), np.int32)
    halvings = place.facts.level_count - 1 - place.level
    moved = warped(level, vectors, halvings, before.level, before.values, -place.facts.empty)
    return Expected(parents, vectors, moved, base)


def _parents_of(level: Level, above: Level) -> Parents:
    try:
        return parents_of(level, above)
    except ValueError as error:
        raise BitstreamError(str(error), UNIT) from None


def _state(place: Place, content: LevelContent, expected: Expected, memories: tuple[Memory, Mixer]) -> LevelState:
    steps = channel_steps(place.head.steps, place.level, place.facts.channel_count)
    finish_level(expected.base, expected.moved, content.symbols, steps)
    return LevelState(
        is_key=place.before is None,
        level=content.level,
        symbols=content.symbols,
        sent_vectors=content.vectors,
        vectors=expected.vectors,
        differences=expected.base,
        values=expected.moved,
        memory=memories[0],
        vector_memory=memories[1],
    )


def _memories(place: Place) -> tuple[Memory, Mixer]:
    """Copies that can be changed; contexts begin anew with a key frame."""
    if place.before is None:
        return fresh_memory(), fresh_vector_memory()
    return place.before.memory.copied(), copied_mixer(place.before.vector_memory)


def _around(place: Place, level: Level, expected: Expected) -> Around:
    channels = place.facts.channel_count
    above = np.zeros((0, channels), np.int32) if place.above is None else place.above.symbols
    past, before = np.full(level.row_count, -1, np.int32), np.zeros((0, channels), np.int32)
    if place.before is not None:
        past, before = rows_at(place.before.level.vertex_table, level.vertices), place.before.symbols
    density = expected_densities(expected.moved, expected.base)
    return Around(expected.parents, above, past, before, density)


def _past(place: Place, level: Level) -> PastVectors:
    """Vectors of the frame before; a key frame has none."""
    before = place.before
    if before is None or not len(before.sent_vectors):
        return PastVectors(np.full(level.row_count, -1, np.int32), np.zeros((0, 3), np.int32))
    return PastVectors(rows_at(before.level.vertex_table, level.vertices), before.sent_vectors)


def _code_cells(coder: Coder, place: Place, cells: Indices | None) -> Indices:
    """Active cells, into or from the stream; nothing is coded of a finest level under others."""
    if place.above is not None and place.is_all_children:
        return all_children(place.above.level.cells)
    mixer = fresh_tree_mixer()
    # One bit, so that there is a stream where all cells are the only ones that there can be.
    if code_raw(coder, 0, 1):
        raise BitstreamError("the bit before cells is 1, expected 0", UNIT, "cells")
    if place.above is None:
        depth = (max(place.lattice.coarse_cells) - 1).bit_length()
        return code_base(coder, mixer, depth, cells, MAX_ROWS)
    above = place.above.level.cells
    return code_depth(coder, mixer, above, np.ones(len(above), np.uint8), cells, MAX_ROWS)


def _read_level(coder: Coder | None, place: Place, *, is_dense: bool) -> tuple[Level, Parents | None]:
    """The level that a unit is of, and the parents of its rows where they are found on the way.

    Raises:
        BitstreamError: the stream ends too early, or cells lie outside of the box, or are too many.
    """
    try:
        if place.above is not None and place.is_all_children:
            level, parents = refined(place.above.level)
        else:
            level, parents = level_of(place.lattice.cells(place.level), _read_cells(coder, place, is_dense)), None
    except BitstreamError:
        raise
    except ValueError as error:
        raise BitstreamError(str(error), UNIT) from None
    if level.row_count * place.facts.channel_count > MAX_VALUES:
        channels = place.facts.channel_count
        raise BitstreamError(f"{level.row_count} vertices of {channels} channels, expected {MAX_VALUES} values", UNIT)
    return level, parents


def _read_cells(coder: Coder | None, place: Place, is_dense: bool) -> Indices:
    """Active cells of a level whose cells are sent, or are all there are."""
    counts = place.lattice.cells(place.level)
    if is_dense:
        vertices = (counts[0] + 1) * (counts[1] + 1) * (counts[2] + 1)
        if vertices > min(MAX_ROWS, MAX_VALUES // place.facts.channel_count):
            raise BitstreamError(f"all {vertices} vertices of the box are too many", UNIT, "is_dense")
        return all_cells(counts)
    if coder is None:
        raise BitstreamError("no stream follows, and cells must", UNIT)
    cells = _code_cells(coder, place, None)
    if (cells >= np.array(counts)).any():
        raise BitstreamError(f"a cell outside of the {counts} cells of the box", UNIT)
    return cells
