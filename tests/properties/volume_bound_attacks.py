# SPDX-License-Identifier: Apache-2.0
"""Attacks on the integers of grids and of the volume codec: rows, sums, motion, symbols; see `bound_attacks`."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
from bound_attacks import RANDOM_SEEDS, Attack, both, flat, forged, noise
from watched import watched

from lamina.codecs.volume import values, vectors, walk
from lamina.codecs.volume.syntax import MAX_STEP, SYMBOL_LIMIT, VALUE_LIMIT
from lamina.codecs.volume.values import CHANNELS
from lamina.entropy import binary
from lamina.entropy.rans_kernels import TableArrays
from lamina.entropy.tables import tables_from_counts
from lamina.entropy.walk import open_reader
from lamina.grids.lattice import MAX_CELLS, MAX_ROWS
from lamina.grids.level import Level, all_children, coarser_cells, level_of, parents_of
from lamina.grids.warp import MAX_VECTOR

CODEC, GRIDS = "lamina.codecs.volume.", "lamina.grids."
FARTHEST = MAX_CELLS - 1


def volume_attacks() -> Attack:
    """All of them."""
    yield from symbols()
    yield last_rows(walk), last_rows(watched(CODEC + "walk"))
    yield from sent_vectors()
    yield from sums()
    yield from rows()


@cache
def family() -> tuple[Level, Level]:
    """A level of eight cells in the near corner, and its finer one."""
    cells = all_children(np.zeros((1, 3), np.int32))
    return level_of((2, 2, 2), cells), level_of((4, 4, 4), all_children(cells))


def alike(module: str, name: str, arrays: Callable[[], tuple[Any, ...]]) -> tuple[Any, Any]:
    """What a kernel without a coder and its twin return, and leave in their arrays."""
    found = []
    for space in (importlib.import_module(module), watched(module)):
        arguments = arrays()
        returned = getattr(space, name)(*arguments)
        found.append((None if returned is None else int(returned), [array.tolist() for array in flat(arguments)]))
    return found[0], found[1]


def symbol_arrays() -> tuple[Any, ...]:
    """Of `walk_symbols`: everything beside the symbols as large as it gets."""
    above, level = family()
    count = level.row_count
    memory = tuple(walk.fresh_memory())
    places = (level.vertices, level.vertex_table.slots, level.vertex_table.rows)
    upper = np.full((above.row_count, CHANNELS), SYMBOL_LIMIT, np.int32)
    before = np.full((count, CHANNELS), -SYMBOL_LIMIT, np.int32)
    density = np.where(np.arange(count) % 2 == 0, VALUE_LIMIT, -VALUE_LIMIT).astype(np.int32)
    around = (parents_of(level, above), upper, np.arange(count, dtype=np.int32), before, density)
    sizes = (np.zeros(count, np.uint8), np.full(above.row_count, 64, np.uint8), np.full(count, 64, np.uint8))
    symbols = np.zeros((count, CHANNELS), np.int32)
    return memory, places, around, sizes, symbols, np.zeros(6, np.int64), np.full(2, -1, np.int64)


def symbols() -> Attack:
    """Noise; all symbols as large as they get; a value beyond."""
    for seed in RANDOM_SEEDS:
        yield both(CODEC + "walk", "walk_symbols", noise(seed, 9000), symbol_arrays)

    def write(coder: binary.Coder) -> None:
        memory, places, around, sizes, own, near, recent = symbol_arrays()
        own[:] = SYMBOL_LIMIT
        own[::2] *= -1
        walk.walk_symbols(coder, memory, places, around, sizes, own, near, recent)

    yield both(CODEC + "walk", "walk_symbols", forged(write), symbol_arrays)
    rows = [[1, 2, 1]] * CHANNELS
    made = tables_from_counts(rows, [0] * CHANNELS)
    tables = TableArrays(made.cumulative, made.offsets, made.lows, made.bucket_entries)
    for seed in RANDOM_SEEDS:
        yield both(
            CODEC + "table_coding",
            "walk_under_tables",
            noise(seed, 900),
            lambda: (tables, np.zeros((40, CHANNELS), np.int32)),
        )
    most = np.full((3, CHANNELS), -SYMBOL_LIMIT, np.int32)
    yield alike(CODEC + "walk", "sum_sizes", lambda: (most.copy(), np.zeros(3, np.uint8)))
    yield values.bit_length(SYMBOL_LIMIT), watched(CODEC + "values").bit_length(SYMBOL_LIMIT)
    told = (7, 7, 7, 15, 7, 2, 2, 26, 2, 3, 26, 15)
    beyond = lambda: (walk.fresh_memory().values, CHANNELS - 1, 0, False, told)  # noqa: E731
    for sign in (-1, 1):

        def wild(coder: binary.Coder, sign: int = sign) -> None:
            values.code_value(coder, walk.fresh_memory().values, CHANNELS - 1, sign * (SYMBOL_LIMIT + 1), False, told)

        yield both(CODEC + "values", "code_value", forged(wild), beyond)


def last_rows(space: Any) -> list[Any]:
    """The last of as many rows as a level may have: most are the same again and again, which takes no memory."""
    memory = walk.fresh_memory()
    same = lambda value, *shape: np.broadcast_to(np.int32(value), (MAX_ROWS, *shape))  # noqa: E731
    vertices, parents, past, density = same(0, 3), same(0, 8), same(-1), same(0)
    above = np.zeros((1, 1), np.int32)
    own, symbols = np.zeros(MAX_ROWS, np.uint8), np.zeros((MAX_ROWS, 1), np.int32)
    sizes = (own, np.zeros(1, np.uint8), np.zeros(1, np.uint8))
    places = (vertices, np.full((1, 1, 1), -1, np.int32), np.zeros((1, 512), np.int32))
    around = (parents, above, past, above, density)
    near, recent = np.full(6, -1, np.int64), np.full(2, -1, np.int64)
    end = space.block_end(vertices, MAX_ROWS - 3, 2)
    bit = space.code_row(open_reader(noise(1)), memory.rows, around, sizes, symbols, vertices, near, MAX_ROWS - 1)
    chosen = memory.rows.chosen.tolist()
    span = (MAX_ROWS - 2, MAX_ROWS)
    space.walk_part(open_reader(noise(2)), tuple(memory), places, around, sizes, symbols, near, span, recent)
    return [int(end), int(bit), chosen, symbols[-2:].tolist(), own[-2:].tolist(), recent.tolist()]


def vector_arrays() -> tuple[Any, ...]:
    """Of `walk_vectors`: those before as far as they get."""
    _, level = family()
    count = level.row_count
    places = (level.vertices, level.vertex_table.slots, level.vertex_table.rows)
    before = np.full((count, 3), MAX_VECTOR, np.int32)
    nothing = np.zeros((count, 3), np.int32)
    past = np.arange(count, dtype=np.int32)
    return (
        vectors.fresh_vector_memory(), places, past, before, MAX_VECTOR, nothing, nothing.copy(), np.zeros(6, np.int64)
    )  # fmt: skip


def sent_vectors() -> Attack:
    """Noise; vectors from one end to the other; a difference beyond."""
    for seed in RANDOM_SEEDS:
        yield both(CODEC + "vectors", "walk_vectors", noise(seed, 4000), vector_arrays)

    def write(coder: binary.Coder) -> None:
        mixer, places, past, before, limit, own, differences, near = vector_arrays()
        own[::2], own[1::2] = MAX_VECTOR, -MAX_VECTOR
        vectors.walk_vectors(coder, mixer, places, past, before, limit, own, differences, near)

    yield both(CODEC + "vectors", "walk_vectors", forged(write), vector_arrays)
    beyond = 1 << vectors.MAX_CLASS

    def wild(coder: binary.Coder) -> None:
        vectors.code_difference(coder, vectors.fresh_vector_memory(), 2, beyond, 7, 99, 1, 7)

    arguments = lambda: (vectors.fresh_vector_memory(), 2, 0, 7, 99, 1, 7)  # noqa: E731
    yield both(CODEC + "vectors", "code_difference", forged(wild), arguments)


def sums() -> Attack:
    """Values at their limit: summed up a level, moved, added to."""
    above, level = family()
    most = np.full((above.row_count, 4), VALUE_LIMIT, np.int32)
    parents = parents_of(level, above)
    room = lambda: np.zeros((level.row_count, 4), np.int32)  # noqa: E731
    yield alike(GRIDS + "sums", "upsample_integers", lambda: (parents, most, room()))
    symbol = np.full((level.row_count, 4), -SYMBOL_LIMIT, np.int32)
    base, steps = np.full_like(symbol, -VALUE_LIMIT), np.full(4, MAX_STEP, np.int64)
    yield alike(CODEC + "reconstruction", "add_in_place", lambda: (base.copy(), base.copy(), symbol, steps))
    yield alike(CODEC + "reconstruction", "add_densities", lambda: (base, base, np.zeros(level.row_count, np.int32)))
    values_before = np.full((level.row_count, 4), -VALUE_LIMIT, np.int32)
    tables = (*level.cell_table, level.corners, *level.vertex_table)
    scratch = (np.zeros(8, np.int32), np.zeros(8, np.int64))
    for reach, halvings, empty in ((3, 0, -VALUE_LIMIT), (MAX_VECTOR, 0, -VALUE_LIMIT), (MAX_VECTOR, 7, 0)):
        moves = np.full((level.row_count, 3), reach, np.int32)
        moves[::2] *= -1
        vertices = level.vertices
        yield alike(
            GRIDS + "warp",
            "warp_integers",
            lambda v=vertices, m=moves, h=halvings, e=empty: (
                v,
                m,
                h,
                tables,
                level.counts,
                values_before,
                e,
                scratch,
                room(),
            ),
        )
    far = np.full((1, 3), MAX_CELLS, np.int32)
    away = np.full((1, 3), -MAX_VECTOR, np.int32)
    yield alike(
        GRIDS + "warp",
        "warp_integers",
        lambda: (far, away, 0, tables, level.counts, values_before, 0, scratch, np.zeros((1, 4), np.int32)),
    )


def last_child(space: Any) -> list[Any]:
    """The last of as many cells as a level may have: those before are never touched, which takes no memory."""
    last = MAX_ROWS // 8 - 1
    above_cells = np.broadcast_to(np.int32(MAX_CELLS // 2 - 1), (last + 1, 3))
    above_corners = np.broadcast_to(np.arange(8, dtype=np.int32), (last + 1, 8))
    cells, corners = np.zeros((MAX_ROWS, 3), np.int32), np.zeros((MAX_ROWS, 8), np.int32)
    parents, near = np.zeros((512, 8), np.int32), np.zeros(27, np.int32)
    slots, places = np.zeros((129,) * 3, np.int32), np.arange(512, dtype=np.int32)[None]
    tables = (slots, np.zeros((1, 512), np.int32), slots, places)
    space.join_cell(last, above_cells, above_corners, tables, near, np.zeros(512, np.uint8), (cells, corners, parents))
    return [cells[-8:].tolist(), corners[-8:].tolist(), parents.tolist(), near.tolist()]


def rows() -> Attack:
    """Cells at the far corner of the largest box: their bricks, corners and parents."""
    counts = (MAX_CELLS,) * 3
    cells = np.array([[FARTHEST, FARTHEST, FARTHEST]], np.int32)
    found = []
    for space in (importlib.import_module(GRIDS + "level"), watched(GRIDS + "level")):
        level, above = space.level_of(counts, cells), space.level_of((512,) * 3, coarser_cells(cells))
        found.append([level.vertices.tolist(), level.corners.tolist(), space.parents_of(level, above).tolist()])
    yield found[0], found[1]
    joined = []
    for space in (importlib.import_module(GRIDS + "refined"), watched(GRIDS + "refined")):
        finer, parents = space.refined(level_of((512,) * 3, coarser_cells(cells)))
        joined.append([finer.vertices.tolist(), finer.corners.tolist(), parents.tolist()])
        joined.append(last_child(space))
    yield joined[:2], joined[2:]
    every = alike(GRIDS + "level", "number_places", lambda: (np.zeros((MAX_ROWS // 512, 512), np.int32),))
    yield every[0][0], every[1][0]
    near = np.zeros((1, 3), np.int32)
    yield all_children(near).tolist(), watched(GRIDS + "level").all_children(near).tolist()
    yield all_children(cells >> 1).tolist(), watched(GRIDS + "level").all_children(cells >> 1).tolist()
    vertices = np.array([[0, 0, 0], [FARTHEST, 3, FARTHEST], [-1, 0, 0]], np.int32)
    slots, places = np.zeros((128, 1, 128), np.int32), np.arange(512, dtype=np.int32)[None]
    yield alike(GRIDS + "bricks", "find_rows", lambda: (slots, places, vertices, np.zeros(3, np.int32)))
    spot = (np.array([[FARTHEST, FARTHEST, FARTHEST]], np.int32), np.zeros((128,) * 3, np.int32), places)
    yield alike(CODEC + "walk", "find_near", lambda: (*spot, 0, np.zeros(6, np.int64)))
