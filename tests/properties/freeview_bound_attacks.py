# SPDX-License-Identifier: Apache-2.0
"""Attacks on the integers of free view: differences, their sums, cells, guests; see `bound_attacks`."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import Any

import numpy as np
from bound_attacks import RANDOM_SEEDS, Attack, both, forged, noise
from watched import LARGEST, watched

from lamina.anchors.neighbors import ITSELF, NEIGHBORS
from lamina.anchors.octree import MAX_DEPTH
from lamina.anchors.syntax import MAX_ANCHORS, MAX_LAYERS
from lamina.codecs.freeview import memory as memories
from lamina.codecs.freeview import motion, scale_coding, walk
from lamina.codecs.freeview.guests import MAX_GUESTS
from lamina.codecs.freeview.motion import SUM_LIMIT, Channels
from lamina.entropy import binary
from lamina.entropy.mixing import fresh_mixer
from lamina.entropy.walk import open_reader

MODULE = "lamina.codecs.freeview."
WIDEST = Channels(128, 31)
"""As many columns as a header can ask for."""

MOST_CELLS = MAX_LAYERS * MAX_ANCHORS
"""Of the finest scale."""

BEYOND = 1 << 21
"""The largest magnitude that the walk's bits can say: more than it takes."""


def freeview_attacks() -> Attack:
    """All of them."""
    yield from walks()
    yield from sums()
    yield from cells()
    yield from guests()
    yield from points()


def walks() -> Attack:
    """Noise with everything beside it as large as it gets; the largest value that bits can say."""
    for seed in RANDOM_SEEDS:
        yield both(MODULE + "walk", "walk_scale", noise(seed), lambda: scale_arrays(12))
    for sign in (-1, 1):
        for column in (0, WIDEST.count - 1):
            data = forged(lambda coder, sign=sign, column=column: wild_value(coder, column, sign * BEYOND))
            arguments = value_arguments(column, 0)
            yield both(MODULE + "walk", "code_value", data, lambda arguments=arguments: (memory().values, *arguments))
    yield both(MODULE + "walk", "code_groups", forged(wild_cell), cell_arrays)
    yield last_of_many(walk), last_of_many(watched(MODULE + "walk"))
    for own in (memories, watched(MODULE + "memory")):
        grown = own.with_cells(own.fresh_memory(MAX_GUESTS, Channels(1, 1)), np.arange(MAX_GUESTS), 5)
        yield MAX_GUESTS + 5, len(grown.history)
    yield scale_after(scale_coding), scale_after(watched(MODULE + "scale_coding"))


def memory(count: int = 12) -> memories.Memory:
    """Past differences as large as they get."""
    fresh = memories.fresh_memory(count, WIDEST)
    past = np.full(fresh.past.shape, 2 * SUM_LIMIT, np.int32)
    past[::2] *= -1
    return fresh._replace(past=past, history=np.full(count, 255, np.uint8))


def scale_arrays(count: int) -> tuple[Any, ...]:
    own = memory(count)
    above = np.full((2, WIDEST.count), -2 * SUM_LIMIT, np.int32)
    starts = np.repeat(WIDEST.starts, 2)[1:-1].astype(np.int64)
    neighbors = np.tile(np.arange(NEIGHBORS, dtype=np.int32) % count, (count, 1))
    return (
        own.active, own.values, np.zeros((count, WIDEST.count), np.int32), own.past, own.history,
        np.zeros(count, np.uint8), np.ones(count, np.uint8), starts, np.arange(count, dtype=np.int32) % 3 - 1,
        neighbors, above, np.full(2, 15, np.uint8),
    )  # fmt: skip


def cell_arrays() -> tuple[Any, ...]:
    """Of `code_groups`: mixer, cell, last cell, values, past, history, flags, starts, parents, above, its flags."""
    _, mixer, values, past, history, flags, _, starts, parents, _, above, above_flags = scale_arrays(4)
    return mixer, 3, 2, values, past, history, flags, starts, parents, above, above_flags


def wild_cell(coder: binary.Coder) -> None:
    """A cell whose first value is beyond what the walk takes, and all others 1; the decoder refuses, and reads on."""
    mixer, i, last, values, *others = cell_arrays()
    values[3] = 1
    values[3, 0] = BEYOND
    code_groups = watched(MODULE + "walk").code_groups
    known = dict(LARGEST)
    code_groups.__globals__["SUM_LIMIT"] = BEYOND  # What no writer of ours would let pass.
    try:
        code_groups(coder, mixer, i, last, values, *others)
    finally:
        code_groups.__globals__["SUM_LIMIT"] = SUM_LIMIT
        LARGEST.clear()
        LARGEST.update(known)


def value_arguments(column: int, value: int) -> tuple[Any, ...]:
    return 3, column, value, False, -2 * SUM_LIMIT, 2 * SUM_LIMIT, -1, 95, 96


def wild_value(coder: binary.Coder, column: int, value: int) -> None:
    walk.code_value(coder, memory().values, *value_arguments(column, value))


def last_of_many(space: Any) -> tuple[int, list[int]]:
    """The last of as many cells as all layers may have: the same row again and again, which takes no memory."""
    count = MOST_CELLS
    flags, parents = (np.broadcast_to(kind(0), count) for kind in (np.uint8, np.int32))
    values = np.broadcast_to(np.int32(0), (count, 1))
    neighbors = np.broadcast_to(np.int32(-1), (count, NEIGHBORS))
    mixer = fresh_mixer(1, 4, walk.ACTIVE_MODELS)
    mixer = mixer._replace(slots=np.zeros((walk.ACTIVE_CELL + count, mixer.slots.shape[1]), mixer.slots.dtype))
    coder = open_reader(noise(1))
    above = np.zeros(1, np.uint8)
    found = space.code_active(coder, mixer, count - 1, values, values, flags, flags, parents, neighbors, above)
    return int(found), mixer.chosen.tolist()


def scale_after(space: Any) -> list[list[int]]:
    """What is remembered of cells that had differences all along, after noise."""
    own = memories.fresh_memory(3, Channels(1, 1))._replace(history=np.full(3, 255, np.uint8))
    scale = importlib.import_module(MODULE + "hierarchy").Scale(
        np.full(3, -1, np.int32), np.full((3, NEIGHBORS), -1, np.int32)
    )
    columns = Channels(1, 1).count
    nothing = np.zeros((0, columns), np.int32)
    carrier = scale_coding.Carrier(scale, np.array([0, 1, 1, 4, 4, 7, 7, 10]), np.ones(3, np.uint8))
    above = scale_coding.Above(nothing, np.zeros(0, np.uint8))
    flags, after = space.code_scale(open_reader(noise(2)), own, carrier, above, np.zeros((3, columns), np.int32))
    return [flags.tolist(), after.history.tolist(), after.past.tolist()]


def sums() -> Attack:
    """Sums at their limit take the largest differences; scales at their limit are added up."""
    space = watched(MODULE + "motion")
    most = np.array([[SUM_LIMIT, -SUM_LIMIT]], np.int32)
    yield most.tolist(), space.added(most, 2 * most).tolist()
    yield [[0, 0]], space.added(most, -most).tolist()
    scales, rows = [most] * 8, [np.zeros(2, np.int64)] * 8
    yield motion.total(scales, rows).tolist(), space.total(scales, rows).tolist()
    yield WIDEST.count, space.Channels(128, 31).count


def cells() -> Attack:
    """Cells at the far corner of the finest octree, by ancestors of all depths."""
    far = np.array([[0, 0, 0], [(1 << MAX_DEPTH) - 1] * 3], np.int32)
    layers = [far >> 2, far >> 1]
    for depths in ((0, 5, 9), (3, 19, 20), (18, 19, 20)):
        found = []
        for space in (importlib.import_module(MODULE + "hierarchy"), watched(MODULE + "hierarchy")):
            own = space.hierarchy_of(layers, 18, depths, 4)
            found.append([[scale.parents.tolist() for scale in own.scales], [rows.tolist() for rows in own.members]])
        yield found[0], found[1]
    keys = np.arange(MOST_CELLS, dtype=np.uint64)
    wanted = keys[[0, 7, -1]]
    yield [0, 7, MOST_CELLS - 1], watched("lamina.anchors.octree").rows_of(wanted, keys).tolist()


def guests() -> Attack:
    """Gaps as far and as many as can be said; as many guests as there may be, and one more."""
    space = watched(MODULE + "guests")
    plain = importlib.import_module(MODULE + "guests")
    gaps = (MAX_ANCHORS,) * MAX_ANCHORS
    yield refused(plain.stays_of, gaps, 5), refused(space.stays_of, gaps, 5)
    yield plain.stays_of((0, 1), 4).tolist(), space.stays_of((0, 1), 4).tolist()
    found = []
    for own in (plain, space):
        crowd = own.joined(crowd_of(own, MAX_GUESTS), crowd_of(own, 1).layer)
        left = own.remaining(crowd, np.ones(crowd.count, np.uint8))
        found.append([left.count, left.scale.neighbors[-1].tolist()])
    yield found[0], found[1]


def points() -> Attack:
    """Places at both ends of the box, and grids as coarse as can be said: who is where, and who is near."""
    places = np.array([[0, 0, 0], [(1 << 20) - 1] * 3, [1 << 19, 0, (1 << 20) - 1]])
    found = []
    for space in (importlib.import_module(MODULE + "networked.points"), watched(MODULE + "networked.points")):
        scales = space.point_scales(places, (1, 1 << 20, 1 << 21), 3)
        cells = space.places_of([np.array([[(1 << 19) - 1] * 3], np.int32)], 19)
        near = [[scale.above.tolist(), scale.neighbors.tolist(), scale.offsets.tolist()] for scale in scales]
        found.append([near, cells.tolist()])
    yield found[0], found[1]


def refused(function: Callable[..., Any], *arguments: Any) -> str:
    try:
        return str(function(*arguments))
    except ValueError as error:
        return str(error)


def crowd_of(space: Any, count: int) -> Any:
    """Guests side by side."""
    indices = np.stack([np.arange(count), np.zeros(count), np.zeros(count)], axis=1).astype(np.int32)
    one = np.zeros((count, 1), np.int32)
    neighbors = np.full((count, NEIGHBORS), -1, np.int32)
    neighbors[:, ITSELF] = np.arange(count)
    layer = space.AnchorLayer(indices, np.zeros(count, np.uint8), one.astype(np.uint8), one, one)
    channels = Channels(1, 1)
    sums = np.zeros((count, channels.count), np.int32)
    return space.Guests(layer, space.Scale(np.full(count, -1, np.int32), neighbors), sums,
                        memories.fresh_memory(count, channels))  # fmt: skip
