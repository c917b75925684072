# SPDX-License-Identifier: Apache-2.0
"""Lattice layers <-> unit payloads: a declared head, then one entropy-coded stream to the unit's end.

Key frames code all splats (walk.py); predicted frames code what changed (update.py), then new splats as key frames do.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from lamina.codecs.planar.lattice import priors, walk
from lamina.codecs.planar.lattice.color import to_rgb
from lamina.codecs.planar.lattice.motion import Motion, code_details, field_shape, motion_of, move_places
from lamina.codecs.planar.lattice.splats import LatticeSplats, coded_area, to_parameters
from lamina.codecs.planar.lattice.steps import COARSEST_GRID, position_grids, stored_tables
from lamina.codecs.planar.lattice.syntax import LatticeLayer, LatticeUpdate, is_predicted
from lamina.codecs.planar.lattice.update import CHANGED, REMOVED, UPDATE_CONTEXTS, code_updates
from lamina.codecs.planar.packing import LayerState
from lamina.codecs.planar.syntax import MAX_SPLATS, PlanarHeader
from lamina.entropy import binary
from lamina.entropy.split import split_table
from lamina.entropy.walk import Coder, expect_end, measured_bits, open_meter, open_reader, write_stream
from lamina.errors import BitstreamError
from lamina.render.planar_arrays import SplatArrays, log_euclidean_covariances

if TYPE_CHECKING:
    from lamina.render.gaussians2d import Gaussians2D

STEP_SCALE = 65536.0
"""Steps are coded in 1/65536 of full scale."""

UNIT_SHIFT = 4
"""log2 of `steps.POSITION_UNITS`."""

NAMES = ("k", "m", "rho", "phi", "x", "y", "color")

UNIT = "lattice layer"


@dataclass(frozen=True)
class LayerContext:
    """What coding needs of a layer beside its integers; all follows from what was decoded."""

    contexts: np.ndarray
    """Adaptive counts of whole splats, after this frame."""
    update_contexts: np.ndarray
    """Adaptive counts of updates, after this frame."""
    flags: np.ndarray
    """(splats of the frame before,) uint8: how this frame changed them; empty in key frames."""
    added: int
    """New splats at the end; 0 in key frames."""
    motion: Motion | None = None
    """Between the frame before and this one; None: no motion."""

    def past(self, count: int) -> np.ndarray:
        """(count,) uint8: how each splat was coded last, for the next frame's flags."""
        kept = self.flags[self.flags != REMOVED]
        return np.concatenate([kept, np.full(count - len(kept), CHANGED if len(self.flags) else 0, np.uint8)])


def key_context(layer: int, layer_count: int, count: int) -> LayerContext:
    """Of a layer of a key frame, before it is coded."""
    del count
    return LayerContext(
        priors.fresh_contexts(layer, layer_count), binary.fresh_contexts(UPDATE_CONTEXTS), np.zeros(0, np.uint8), 0
    )


def splats_of(state: LayerState) -> LatticeSplats:
    """The splats in a state."""
    return LatticeSplats(*(state.integers[name] for name in NAMES))


def step_of(state: LayerState) -> float:
    """The quantiser step of a state."""
    return int(state.integers["step"][0]) / STEP_SCALE


def state_of(splats: LatticeSplats, step_code: int, context: LayerContext) -> LayerState:
    """A state of splats."""
    integers = {name: getattr(splats, name) for name in NAMES}
    return LayerState({**integers, "step": np.array([step_code], np.int32)}, context)


def parameters_of(state: LayerState) -> np.ndarray:
    """What a state means: (8, n) fit parameters."""
    return to_parameters(splats_of(state), step_of(state))


def to_rows(splats: LatticeSplats) -> tuple[np.ndarray, np.ndarray]:
    """Splats -> rows of the walk (positions as cells), and positions in their own grids."""
    rows = plain_rows(splats)
    shift = position_grids(splats.k, splats.m, splats.rho) + UNIT_SHIFT
    fine = (rows[:, walk.X : walk.Y + 1] >> shift[:, None]).astype(np.int32)
    rows[:, walk.X : walk.Y + 1] >>= COARSEST_GRID + UNIT_SHIFT
    return rows, fine


def plain_rows(splats: LatticeSplats) -> np.ndarray:
    """Splats -> rows of the walk, positions in 1/16 px."""
    columns = (splats.k, splats.m, splats.rho, splats.phi, splats.x, splats.y)
    return np.concatenate([np.stack(columns, axis=1), splats.color], axis=1).astype(np.int32)


def from_plain_rows(rows: np.ndarray) -> LatticeSplats:
    """The inverse of `plain_rows`."""
    k, m, rho, phi, x, y = (np.ascontiguousarray(rows[:, j]) for j in range(walk.C0))
    return LatticeSplats(k, m, rho, phi, x, y, np.ascontiguousarray(rows[:, walk.C0 :]))


def from_rows(rows: np.ndarray, fine: np.ndarray) -> LatticeSplats:
    """The inverse of `to_rows`."""
    splats = from_plain_rows(rows)
    shift = position_grids(splats.k, splats.m, splats.rho) + UNIT_SHIFT
    x, y = ((fine[:, axis] << shift) + (1 << (shift - 1)) for axis in range(2))
    return LatticeSplats(splats.k, splats.m, splats.rho, splats.phi, x, y, splats.color)


def tree_order(splats: LatticeSplats, width: int, height: int) -> LatticeSplats:
    """The same splats in the order in which they are decoded."""
    rows, fine = to_rows(splats)
    tagged = rows.copy()
    tagged[:, walk.K] = np.arange(splats.count)
    stack = np.zeros((walk.DEEPEST, 6), np.int64)
    walk.code_positions(open_meter(), split_table(0), tagged, walk.cells_of(width, height), stack)
    order = tagged[:, walk.K]
    return from_rows(rows[order], fine[order])


def walk_splats(
    coder: Coder, shape: int, contexts: np.ndarray, rows: np.ndarray, fine: np.ndarray, cells: tuple[int, int]
) -> tuple[float, float]:
    """Codes splats in either direction; contexts adapt. Metering, returns the bits of positions and of shapes."""
    bins_table, grids_table = stored_tables()
    stack = np.zeros((walk.DEEPEST, 6), np.int64)
    start = measured_bits(coder)
    walk.code_positions(coder, split_table(shape), rows, cells, stack)
    tree = measured_bits(coder) - start
    walk.code_shapes(coder, contexts, bins_table, rows)
    shapes = measured_bits(coder) - start - tree
    walk.code_places(coder, grids_table, fine, rows)
    positions = measured_bits(coder) - start - shapes
    walk.code_colors(coder, contexts, rows)
    return positions, shapes


def split_shape(header: PlanarHeader, layer: int) -> int:
    """Evenness of a layer's position tree."""
    return priors.SPLIT_SHAPES[priors.role_of(layer, header.levels)]


def encode_layer(
    header: PlanarHeader, state: LayerState, previous: LayerState | None, below: tuple[LayerState, ...]
) -> bytes:
    """A layer of any frame, its new splats already in tree order; `previous` is None on key frames."""
    if previous is None:
        return encode_key_layer(header, state, len(below))
    return encode_update(header, state, previous, below)


def encode_key_layer(header: PlanarHeader, state: LayerState, layer: int) -> bytes:
    """A layer of a key frame."""
    splats = splats_of(state)
    cells = walk.cells_of(header.width, header.height)

    def run(coder: Coder) -> tuple[float, float]:
        rows, fine = to_rows(splats)
        contexts = priors.fresh_contexts(layer, header.levels)
        return walk_splats(coder, split_shape(header, layer), contexts, rows, fine, cells)

    meter = open_meter()
    positions, shapes = run(meter)
    total = max(measured_bits(meter), 1.0)
    shares = (int(127 * positions / total), int(127 * shapes / total))
    return LatticeLayer(
        False, shares[0], False, shares[1], int(state.integers["step"][0]), splats.count
    ).pack() + write_stream(run)


def encode_update(
    header: PlanarHeader, state: LayerState, previous: LayerState, below: tuple[LayerState, ...]
) -> bytes:
    """A layer of a predicted frame."""
    context: LayerContext = state.context
    has_motion = context.motion is not None and not below
    has_updates = bool(np.any(context.flags))

    def run(coder: Coder) -> float:
        splats = splats_of(state)
        work = UpdateWalk(header, previous, below)
        if has_motion:
            assert context.motion is not None
            work.code_motion(coder, context.motion.details.copy(), context.motion.is_change)
        work.move(context.motion)
        if has_updates:
            after = work.before.copy()
            after[context.flags != REMOVED] = plain_rows(splats)[: splats.count - context.added]
            work.code_updates(coder, after, context.flags.copy())
        bits = measured_bits(coder)
        work.code_added(coder, *to_rows(splats.taken(slice(splats.count - context.added, None))))
        return measured_bits(coder) - bits

    meter = open_meter()
    share = run(meter) / max(measured_bits(meter), 1.0)
    head = LatticeUpdate(True, has_motion, has_updates, context.added > 0, False, int(7 * share), context.added or None)
    return head.pack() + write_stream(run)


class UpdateWalk:
    """The walk over a predicted layer; both directions call the same methods in the same order."""

    def __init__(self, header: PlanarHeader, previous: LayerState, below: tuple[LayerState, ...]) -> None:
        self.header = header
        self.layer = len(below)
        self.below = below
        before: LayerContext = previous.context
        self.field_before = None if before.motion is None else before.motion.field
        self.contexts = before.contexts.copy()
        self.update_contexts = before.update_contexts.copy()
        self.splats = splats_of(previous)
        self.past = before.past(self.splats.count)
        self.before = plain_rows(self.splats)

    def code_motion(self, coder: Coder, details: np.ndarray, is_change: bool) -> Motion:
        """The base layer's motion."""
        change = code_details(coder, self.update_contexts, 0, details, is_change)
        before = self.field_before if change else None
        return motion_of(details, np.zeros(details.shape, np.int32) if change and before is None else before)

    def move(self, motion: Motion | None) -> None:
        """Moves the splats of the frame before."""
        if motion is not None:
            x, y = self.before[:, walk.X].copy(), self.before[:, walk.Y].copy()
            move_places(x, y, motion.field, coded_area(self.header.width, self.header.height))
            self.before[:, walk.X], self.before[:, walk.Y] = x, y

    def code_updates(self, coder: Coder, after: np.ndarray, flags: np.ndarray) -> None:
        """Flags and deltas."""
        area = coded_area(self.header.width, self.header.height)
        code_updates(coder, self.update_contexts, *stored_tables(), self.before, after, flags, self.past, area)

    def code_added(self, coder: Coder, rows: np.ndarray, fine: np.ndarray) -> None:
        """New splats."""
        cells = walk.cells_of(self.header.width, self.header.height)
        walk_splats(coder, split_shape(self.header, self.layer), self.contexts, rows, fine, cells)


def decode_layer(
    header: PlanarHeader, payload: bytes, previous: LayerState | None, below: tuple[LayerState, ...]
) -> LayerState:
    """The inverse of `encode_layer`.

    Raises:
        BitstreamError: the payload is damaged, or needs a frame that is not there.
    """
    if not is_predicted(payload):
        return decode_key_layer(header, payload, len(below))
    if previous is None:
        raise BitstreamError("a predicted frame, but the frame before it is missing", UNIT, position=0)
    return decode_update(header, payload, previous, below)


def decode_key_layer(header: PlanarHeader, payload: bytes, layer: int) -> LayerState:
    """A layer of a key frame."""
    head, end = LatticeLayer.unpack(payload)
    rows, fine = np.zeros((head.count, walk.COLUMNS), np.int32), np.zeros((head.count, 2), np.int32)
    context = key_context(layer, header.levels, head.count)
    coder = open_reader(payload[end:], unit=UNIT)
    cells = walk.cells_of(header.width, header.height)
    walk_splats(coder, split_shape(header, layer), context.contexts, rows, fine, cells)
    expect_end(coder, unit=UNIT)
    return state_of(from_rows(rows, fine), head.step, context)


def decode_update(
    header: PlanarHeader, payload: bytes, previous: LayerState, below: tuple[LayerState, ...]
) -> LayerState:
    """A layer of a predicted frame."""
    head, end = LatticeUpdate.unpack(payload)
    if head.has_motion and below:
        raise BitstreamError("a motion field outside the base layer", UNIT, "has_motion", 0)
    work = UpdateWalk(header, previous, below)
    coder = open_reader(payload[end:], unit=UNIT)
    motion: Motion | None = below[0].context.motion if below else None
    if head.has_motion:
        details = np.zeros((*field_shape(header.width, header.height), 2), np.int32)
        motion = work.code_motion(coder, details, False)
    work.move(motion)
    after, flags = work.before.copy(), np.zeros(len(work.before), np.uint8)
    if head.has_updates:
        work.code_updates(coder, after, flags)
    kept = after[flags != REMOVED]
    added = head.added or 0
    if len(kept) + added > MAX_SPLATS:
        raise BitstreamError(f"{len(kept) + added} splats, at most {MAX_SPLATS} are legal", UNIT, "added")
    rows, fine = np.zeros((added, walk.COLUMNS), np.int32), np.zeros((added, 2), np.int32)
    work.code_added(coder, rows, fine)
    expect_end(coder, unit=UNIT)
    new = plain_rows(from_rows(rows, fine))
    context = LayerContext(work.contexts, work.update_contexts, flags, added, motion)
    splats = from_plain_rows(np.concatenate([kept, new]))
    return state_of(splats, int(previous.integers["step"][0]), context)


def gaussians_of(header: PlanarHeader, states: tuple[LayerState, ...]) -> Gaussians2D:
    """Layers of one frame -> Gaussians in full-size pixels, RGB colors."""
    import torch

    from lamina.render.gaussians2d import Gaussians2D

    found = arrays_of(header, states)
    return Gaussians2D(*(torch.from_numpy(part) for part in (found.positions, found.covariances, found.colors)))


def arrays_of(header: PlanarHeader, states: tuple[LayerState, ...]) -> SplatArrays:
    """The same as arrays, which need no torch."""
    del header
    parameters = np.concatenate([parameters_of(state) for state in states], axis=1)
    covariances = log_euclidean_covariances(parameters[2], parameters[3], parameters[4])
    colors = np.ascontiguousarray(to_rgb(parameters[5:8].T))
    return SplatArrays(np.ascontiguousarray(parameters[:2].T), covariances, colors)
