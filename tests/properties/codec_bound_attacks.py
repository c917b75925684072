# SPDX-License-Identifier: Apache-2.0
"""Attacks on the integers of networks, anchors and pictures; those on the entropy coder are in `bound_attacks.py`."""

from __future__ import annotations

import importlib
from itertools import pairwise
from typing import Any

import numpy as np
from bound_attacks import LONGEST_GOLOMB, RANDOM_SEEDS, Attack, both, forged, noise
from watched import LARGEST, watched

from lamina.anchors.coding.masks import fresh_mask_mixer
from lamina.anchors.coding.tree import family_of, fresh_tree_mixer
from lamina.anchors.context.layout import ContextLayout
from lamina.anchors.context.neighborhood import Family
from lamina.anchors.neighbors import neighbor_rows
from lamina.anchors.octree import indices_of, morton_keys
from lamina.anchors.syntax import ContextShape
from lamina.codecs.planar.lattice import coding as lattice_coding
from lamina.codecs.planar.lattice import motion, steps, update, walk
from lamina.codecs.planar.pgsvc.coding import patterns
from lamina.codecs.planar.pgsvc.sections import unpack_fixed as unpack_columns
from lamina.entropy import binary, symbols
from lamina.entropy.split import split_table
from lamina.networks.coding import pack_fixed, pack_hash_grid, unpack_fixed
from lamina.networks.fixed_point import ACTIVATION_LIMIT, BIAS_LIMIT, MAX_WIDTH, WEIGHT_LIMIT, FixedMlp
from lamina.networks.hash_grid import FixedHashGrid
from lamina.networks.hash_layout import MAX_NODES, HashGridSpec


def network_attacks() -> Attack:
    """Networks whose every number is the largest; grids of one sign only."""
    row = FixedMlp((np.full((4200, 1), WEIGHT_LIMIT, np.int16),), (np.full(4200, BIAS_LIMIT, np.int32),), (15,))
    data, twin = pack_fixed([row]), watched("lamina.networks.coding")
    found = [unpack(data, [row.sizes])[0] for unpack in (unpack_fixed, twin.unpack_fixed)]
    yield tuple([net.weights[0].tolist(), net.biases[0].tolist()] for net in found)
    wide = FixedMlp((np.full((2, MAX_WIDTH), WEIGHT_LIMIT, np.int16),), (np.full(2, BIAS_LIMIT, np.int32),), (15,))
    inputs = np.full((1, MAX_WIDTH), ACTIVATION_LIMIT)
    total = MAX_WIDTH * WEIGHT_LIMIT * ACTIVATION_LIMIT + (BIAS_LIMIT << 15) + (1 << 14)
    LARGEST["lamina.networks.fixed_point:_block"] = total
    yield wide(inputs).tolist(), [[min(total >> 15, ACTIVATION_LIMIT)] * 2]
    odd = inputs.copy()
    odd[0, 1::2] = 2 - ACTIVATION_LIMIT  # almost cancels: each partial sum and the rest must be exact
    exact = (WEIGHT_LIMIT * int(odd.sum()) + (1 << 14)) >> 15
    none = FixedMlp(wide.weights, (np.zeros(2, np.int32),), (15,))
    yield none(odd).tolist(), [[min(exact, ACTIVATION_LIMIT)] * 2]
    yield from grids()


def grids() -> Attack:
    """Positions at the ends of the box, in levels of most nodes, in a table that is shared and one that is not."""
    box = 1 << 20
    corners = np.array([[0, 0, 0], [box, box, box], [box - 1, box, 0], [box // 2, box - 1, 1], [-1, 0, box + 1]])
    for spec in (HashGridSpec((MAX_NODES, 80), (700, MAX_NODES), 19, 19, 1), HashGridSpec((4,), (5,), 9, 9, 2)):
        signs = np.ones((spec.entry_count, spec.feature_count), np.int8)
        twin = watched("lamina.networks.hash_grid").FixedHashGrid(spec, signs)
        yield FixedHashGrid(spec, signs)(corners).tolist(), twin(corners).tolist()
    spec = HashGridSpec((4,), (5,), 9, 9, 2)
    signs = np.where(np.arange(2 * spec.entry_count).reshape(-1, 2) % 3 == 0, -1, 1).astype(np.int8)
    data = pack_hash_grid(FixedHashGrid(spec, signs))
    yield signs.tolist(), watched("lamina.networks.coding").unpack_hash_grid(data).signs.tolist()


def anchor_attacks() -> Attack:
    """The tree and the masks of noise, a probability model of the largest numbers, answered by the largest symbols."""
    tree = "lamina.anchors.coding.tree"
    cells = np.stack(np.meshgrid(*[np.arange(3)] * 3, indexing="ij"), axis=-1).reshape(-1, 3)
    cells = indices_of(np.sort(morton_keys(cells)))
    beside, above = neighbor_rows(cells), family_of(cells)
    blank = lambda count: np.zeros(count, np.uint8)  # noqa: E731
    for seed in (0, 1, 2, 9):
        data = noise(seed) if seed < 9 else b"\x01"
        yield both(tree, "code_flags", data, lambda: (fresh_tree_mixer(), beside, above, blank(27)))
        on = np.ones(27, np.uint8)
        yield both(tree, "code_children", data, lambda on=on: (fresh_tree_mixer(), beside, above, on, blank(27)))
        parents, up = np.arange(40) % 3 - 1, np.ones((2, 31), np.uint8)
        yield both(
            "lamina.anchors.coding.masks", "walk_masks", data,
            lambda parents=parents, up=up: (
                fresh_mask_mixer(), parents, np.ones(40, np.uint8), up, np.zeros((40, 31), np.uint8)
            ),
        )  # fmt: skip
    space = watched("lamina.anchors.context.neighborhood")
    last = np.full((1, 3), (1 << 20) - 1, np.int32)
    yield [[(1 << 20) - 1] * 3], space.box_positions(last, 20).tolist()
    far = np.array([[0, 0, 0], [(1 << 20) - 1] * 3], np.int32)
    octree = watched("lamina.anchors.octree")
    yield far.tolist(), octree.indices_of(octree.morton_keys(far)).tolist()
    yield neighbor_rows(far).tolist(), watched("lamina.anchors.neighbors").neighbor_rows(far).tolist()
    children = watched(tree).children_of(far >> 1, np.array([1, 128], np.uint8))
    yield far.tolist(), children.tolist()
    yield [1, 128], watched(tree).family_of(far).tolist()
    for sign in (-1, 1):
        yield largest_model(sign)


def largest_model(sign: int) -> tuple[Any, Any]:
    """A layer walked by kernel and twin; all weights and symbols are the largest."""
    shape = ContextShape(True, True, True, False, True, True, 2, 2, 2, 2)
    layout = ContextLayout(shape, 4, 1, 2)
    nets = []
    for sizes in layout.network_sizes:
        pairs = list(pairwise(sizes))
        weights = tuple(np.full((o, i), sign * WEIGHT_LIMIT, np.int16) for i, o in pairs)
        nets.append(FixedMlp(weights, tuple(np.full(o, BIAS_LIMIT, np.int32) for _, o in pairs), (0,) * len(pairs)))
    count = 9
    rows = np.arange(count)
    family = Family(
        np.ones(count, np.int64), rows % 2, (rows % 8).astype(np.int32),
        importlib.import_module("lamina.anchors.context.neighborhood").neighbors_of(count),
        np.zeros((count, 3), np.int32), np.zeros((count, 3), np.int32), np.ones(count, np.uint8),
    )  # fmt: skip
    above = np.full((2, layout.channels), (1 << 27) - 1, np.int32)
    above[1] *= -1

    def answer(question: Any) -> np.ndarray:
        found = np.full(question.means.shape, 1 << 29, np.int32)
        found[::2] *= -1
        return found

    outputs = []
    for space in (
        importlib.import_module("lamina.anchors.context.fixed"),
        watched("lamina.anchors.context.fixed"),
    ):
        context = space.FixedContext(layout, tuple(nets), np.full((2, 3), 40, np.int8))
        outputs.append([array.tolist() for array in space.walk_layer(context, family, above, answer)])
    return outputs[0], outputs[1]


def key_frame_attacks() -> Attack:
    """Key frames: noise, corners of the largest picture, amplitudes beyond what is legal."""
    module = "lamina.codecs.planar.lattice.walk"
    bins, grid = steps.stored_tables()
    contexts = lambda: binary.fresh_contexts(walk.CONTEXT_COUNT)  # noqa: E731
    blank = lambda: np.zeros((60, walk.COLUMNS), np.int32)  # noqa: E731
    stack = lambda: np.zeros((walk.DEEPEST, 6), np.int64)  # noqa: E731
    for seed in RANDOM_SEEDS:
        data = noise(seed)
        for cells in ((16384, 2048), (1, 16384), (7, 5)):
            yield both(module, "code_positions", data, lambda cells=cells: (split_table(4), blank(), cells, stack()))
        yield both(module, "code_shapes", data, lambda: (contexts(), bins, blank()))
        yield both(module, "code_colors", data, lambda: (contexts(), in_class(blank(), 8)))
        yield both(module, "code_places", data, lambda: (grid, np.zeros((60, 2), np.int32), farthest_rows(blank())))
    yield both(module, "code_color", loud_color(8), lambda: (contexts(), in_class(blank(), 8), 0))
    yield both(module, "code_color", loud_color(0), lambda: (contexts(), in_class(blank(), 0), 0))
    beyond = forged(
        lambda coder: symbols.code_unsigned(coder, contexts(), 0, walk.COLOR_CAP, walk.COLOR_CAP + LONGEST_GOLOMB)
    )
    yield both(module, "code_amplitude", beyond, lambda: (contexts(), 0, 50, 8, 0))
    space = watched("lamina.codecs.planar.lattice.steps")
    for k, m, rho in ((8, steps.M_HIGHEST, 0), (8, steps.M_LOWEST, steps.RHO_LIMIT), (0, steps.M_HIGHEST, 640)):
        yield steps.position_grid(k, m, rho, grid), space.position_grid(k, m, rho, grid)
        yield steps.angle_bins(k, rho, bins), space.angle_bins(k, rho, bins)

    space, rows = watched("lamina.codecs.planar.lattice.coding"), farthest_rows(blank())
    rows[:, walk.K] = np.arange(60) % 9
    rows[:, walk.M] = [steps.M_HIGHEST // steps.shape_step(int(k)) for k in rows[:, walk.K]]
    shift = steps.position_grids(rows[:, walk.K], rows[:, walk.M], rows[:, walk.RHO]) + 4
    fine = np.stack([32767 * 16 >> shift] * 2, axis=1).astype(np.int32)
    yield lattice_coding.from_rows(rows, fine).x.tolist(), space.from_rows(rows, fine).x.tolist()


def in_class(rows: np.ndarray, k: int) -> np.ndarray:
    rows[:, walk.K] = k
    return rows


def farthest_rows(rows: np.ndarray) -> np.ndarray:
    """Cells at the far border, on the finest grid."""
    rows[:, walk.K], rows[:, walk.X], rows[:, walk.Y] = 8, 16383, 16383
    return rows


def loud_color(k: int) -> bytes:
    """Luma and both chromas as loud as is legal."""
    row = np.zeros((1, walk.COLUMNS), np.int32)
    row[0, walk.K], row[0, walk.C0 :] = k, (1 << 24) - 1
    return forged(lambda coder: walk.code_color(coder, binary.fresh_contexts(walk.CONTEXT_COUNT), row, 0))


def clip_attacks() -> Attack:
    """Predicted frames: differences and motion beyond what is legal, splats at the borders."""
    module = "lamina.codecs.planar.lattice."
    tables, limits = steps.stored_tables(), (32768, 4096)
    contexts = lambda: binary.fresh_contexts(update.UPDATE_CONTEXTS)  # noqa: E731
    for seed in RANDOM_SEEDS:
        yield both(
            module + "update", "code_updates", noise(seed),
            lambda: (contexts(), *tables, splats_before(), splats_before(), np.zeros(40, np.uint8),
                     np.full(40, 2, np.uint8), limits),
        )  # fmt: skip
    for value in (update.DELTA_CAP + LONGEST_GOLOMB + 1, -update.DELTA_CAP - LONGEST_GOLOMB - 1):
        data = forged(lambda coder, value=value: wild_changes(coder, value))
        yield both(
            module + "update", "code_updates", data,
            lambda: (contexts(), *tables, splats_before(), splats_before(), np.zeros(40, np.uint8),
                     np.zeros(40, np.uint8), limits),
        )  # fmt: skip
        data = forged(lambda coder, value=value: wild_motion(coder, value))
        shape = (*motion.field_shape(256, 128), 2)
        yield both(
            module + "motion", "code_details", data, lambda shape=shape: (contexts(), 0, np.zeros(shape, np.int32), 0)
        )
    space = watched(module + "motion")
    for sign in (-1, 1):
        yield moved(motion, sign), moved(space, sign)


def splats_before() -> np.ndarray:
    """Of all classes, with as many angles as there are, at the far corner."""
    rows = np.zeros((40, walk.COLUMNS), np.int32)
    rows[:, walk.K] = 8 - np.arange(40) % 9
    unit = np.array([steps.shape_step(int(k)) for k in rows[:, walk.K]])
    rows[:, walk.M], rows[:, walk.RHO] = steps.M_HIGHEST // unit, steps.RHO_LIMIT // unit
    bins = [steps.angle_bins(int(k), int(r * u), steps.stored_tables()[0]) for k, r, u in
            zip(rows[:, walk.K], rows[:, walk.RHO], unit, strict=True)]  # fmt: skip
    rows[:, walk.PHI] = np.array(bins) - 1
    rows[:, walk.X], rows[:, walk.Y] = 32768 * 16 - 1, 4096 * 16 - 1
    rows[:, walk.C0 :] = (1 << 24) - 1
    return rows


def wild_changes(coder: binary.Coder, value: int) -> None:
    """Each splat changed, each difference the largest; the decoder refuses, and reads on."""
    contexts = binary.fresh_contexts(update.UPDATE_CONTEXTS)
    activity = older = 0
    for _ in range(3):
        update.code_flag(coder, contexts, activity + older, 0, update.CHANGED)
        older, activity = activity, 1
        for part in range(5):
            update.code_delta(coder, contexts, update.GEOMETRY_BASE + part * update.DELTA_CONTEXTS, value)
        for channel in range(3):
            group = channel * update.COLOR_GROUPS + update.COLOR_GROUPS - 1
            update.code_delta(coder, contexts, update.COLOR_BASE + group * update.DELTA_CONTEXTS, value)


def wild_motion(coder: binary.Coder, value: int) -> None:
    """A field whose first node is as far as can be said."""
    contexts = binary.fresh_contexts(update.UPDATE_CONTEXTS)
    binary.code_raw(coder, 0, 1)
    cap = motion.MOTION_CAP
    far = value + (4 if value > 0 else -4)
    symbols.code_signed(coder, contexts, 0, cap, far)
    symbols.code_signed(coder, contexts, (motion.NEIGHBORHOODS + 1) * (cap + 2), cap, far)


def moved(space: Any, sign: int) -> list[list[int]]:
    """A field of the longest details and what it does to splats at the corners."""
    shape = (*motion.field_shape(512, 512), 2)
    details = np.full(shape, sign * motion.LONGEST_VECTOR, np.int32)
    field = np.full(shape, sign * motion.LONGEST_VECTOR, np.int32)
    space.add_details(details, field)
    x, y = np.array([0, 8191, 4000, 255], np.int32), np.array([0, 8191, 255, 4001], np.int32)
    space.move_places(x, y, field, (512, 512))
    return [field.tolist(), x.tolist(), y.tolist()]


def paper_attacks() -> Attack:
    """Positions whose steps go beyond the last pattern; floats and symbols of noise."""
    module = "lamina.codecs.planar.pgsvc.walks"
    walks = importlib.import_module(module)
    arrays = lambda: (binary.fresh_contexts(walks.POSITION_CONTEXTS), np.zeros(30, np.int64), np.zeros(30, np.int64))  # noqa: E731
    floats = lambda: (binary.fresh_contexts(64), 0, np.zeros((30, 2), np.int64), 5, 7)  # noqa: E731
    for seed in RANDOM_SEEDS:
        yield both(module, "walk_positions", noise(seed), arrays)
        yield both(module, "walk_floats", noise(seed), floats)

    def write(coder: binary.Coder) -> None:
        contexts = binary.fresh_contexts(walks.POSITION_CONTEXTS)
        before = 0
        for step in (0xFFFF, (1 << 17) - 2):
            base = (before >> walks.FP16_LOW_BITS) * 2 * walks.STEP_CLASSES
            symbols.code_magnitude(coder, contexts, base, walks.STEP_CLASSES, step)
            symbols.code_symbol(coder, contexts, walks.STEP_GROUPS * 2 * walks.STEP_CLASSES, 6, 63)
            binary.code_raw(coder, 1023, 10)
            before = 0xFFFF

    yield both(module, "walk_positions", forged(write), arrays)
    places = np.array([0, 0x7FFF, 0x8000, 0xFFFF])
    yield patterns(places).tolist(), watched("lamina.codecs.planar.pgsvc.coding").patterns(places).tolist()
    full, shapes = b"\xff" * 40, ((10, 2, 16),)
    twin = watched("lamina.codecs.planar.pgsvc.sections").unpack_fixed(full, shapes, "")
    yield unpack_columns(full, shapes, "")[0].tolist(), twin[0].tolist()
