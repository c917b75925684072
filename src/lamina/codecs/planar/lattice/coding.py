# SPDX-License-Identifier: Apache-2.0
"""Lattice layers of key frames <-> unit payloads: a declared head, then one entropy-coded stream to the unit's end."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

from lamina.codecs.planar.lattice import priors, walk
from lamina.codecs.planar.lattice.color import to_rgb
from lamina.codecs.planar.lattice.splats import LatticeSplats, to_parameters
from lamina.codecs.planar.lattice.steps import COARSEST_GRID, position_grids, stored_tables
from lamina.codecs.planar.lattice.syntax import LatticeLayer
from lamina.codecs.planar.model import LayerState
from lamina.codecs.planar.syntax import PlanarHeader
from lamina.entropy.split import split_table
from lamina.entropy.walk import Coder, expect_end, measured_bits, open_meter, open_reader, write_stream
from lamina.render.planar import Gaussians2D, log_euclidean_to_covariance

STEP_SCALE = 65536.0
"""`PlanarHeader.step` counts in 1/65536 of full scale."""

UNIT_SHIFT = 4
"""log2 of `steps.POSITION_UNITS`."""

NAMES = ("k", "m", "rho", "phi", "x", "y", "color")


@dataclass(frozen=True)
class LayerContext:
    """What the next frame needs of a layer beside its integers."""

    contexts: np.ndarray
    """Adaptive counts after the layer."""
    changes: np.ndarray
    """(n,) uint8: how each splat was coded last (update.py)."""


def splats_of(state: LayerState) -> LatticeSplats:
    """The splats in a state."""
    return LatticeSplats(*(state.integers[name] for name in NAMES))


def state_of(splats: LatticeSplats, context: LayerContext) -> LayerState:
    """A state of splats."""
    return LayerState({name: getattr(splats, name) for name in NAMES}, context)


def to_rows(splats: LatticeSplats) -> tuple[np.ndarray, np.ndarray]:
    """Splats -> rows of the walk (positions as cells), and positions in their own grids."""
    rows = np.empty((splats.count, walk.COLUMNS), np.int32)
    rows[:, walk.K], rows[:, walk.M], rows[:, walk.RHO], rows[:, walk.PHI] = splats.k, splats.m, splats.rho, splats.phi
    rows[:, walk.C0 :] = splats.color
    shift = position_grids(splats.k, splats.m, splats.rho) + UNIT_SHIFT
    places = np.stack([splats.x, splats.y], axis=1)
    fine = (places >> shift[:, None]).astype(np.int32)
    rows[:, walk.X : walk.Y + 1] = places >> (COARSEST_GRID + UNIT_SHIFT)
    return rows, fine


def from_rows(rows: np.ndarray, fine: np.ndarray) -> LatticeSplats:
    """The inverse of `to_rows`."""
    k, m, rho, phi = (np.ascontiguousarray(rows[:, j]) for j in (walk.K, walk.M, walk.RHO, walk.PHI))
    shift = position_grids(k, m, rho) + UNIT_SHIFT
    x, y = ((fine[:, axis] << shift) + (1 << (shift - 1)) for axis in range(2))
    return LatticeSplats(k, m, rho, phi, x, y, np.ascontiguousarray(rows[:, walk.C0 :]))


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
    walk.code_positions(coder, split_table(shape), rows, cells, stack)
    tree = measured_bits(coder)
    walk.code_shapes(coder, contexts, bins_table, rows)
    shapes = measured_bits(coder) - tree
    walk.code_places(coder, grids_table, fine, rows)
    positions = measured_bits(coder) - shapes
    walk.code_colors(coder, contexts, rows)
    return positions, shapes


def encode_key_layer(header: PlanarHeader, state: LayerState, layer: int) -> bytes:
    """A layer of a key frame, its splats already in tree order."""
    splats = splats_of(state)
    shape = priors.SPLIT_SHAPES[priors.role_of(layer, header.levels)]
    cells = walk.cells_of(header.width, header.height)

    def run(coder: Coder) -> tuple[float, float]:
        rows, fine = to_rows(splats)
        return walk_splats(coder, shape, priors.fresh_contexts(layer, header.levels), rows, fine, cells)

    meter = open_meter()
    positions, shapes = run(meter)
    total = max(measured_bits(meter), 1.0)
    head = LatticeLayer(False, int(127 * positions / total), int(127 * shapes / total), splats.count)
    return head.pack() + write_stream(run)


def decode_key_layer(header: PlanarHeader, payload: bytes, layer: int) -> LayerState:
    """The inverse of `encode_key_layer`.

    Raises:
        BitstreamError: the payload is damaged.
    """
    head, end = LatticeLayer.unpack(payload)
    rows, fine = np.zeros((head.count, walk.COLUMNS), np.int32), np.zeros((head.count, 2), np.int32)
    contexts = priors.fresh_contexts(layer, header.levels)
    coder = open_reader(payload[end:], unit="lattice layer")
    shape = priors.SPLIT_SHAPES[priors.role_of(layer, header.levels)]
    walk_splats(coder, shape, contexts, rows, fine, walk.cells_of(header.width, header.height))
    expect_end(coder, unit="lattice layer")
    return state_of(from_rows(rows, fine), LayerContext(contexts, np.zeros(head.count, np.uint8)))


def gaussians_of(header: PlanarHeader, states: tuple[LayerState, ...]) -> Gaussians2D:
    """Layers of one frame -> Gaussians in full-size pixels, RGB colors."""
    step = header.step / STEP_SCALE
    parameters = np.concatenate([to_parameters(splats_of(state), step) for state in states], axis=1)
    values = torch.from_numpy(parameters)
    covariances = log_euclidean_to_covariance(values[2], values[3], values[4])
    colors = torch.from_numpy(to_rgb(parameters[5:8].T))
    return Gaussians2D(values[:2].T.contiguous(), covariances, colors)


def encode_layer(
    header: PlanarHeader, state: LayerState, previous: LayerState | None, below: tuple[LayerState, ...]
) -> bytes:
    """A layer of any frame; `previous` is None on key frames."""
    if previous is not None:
        raise ValueError("predicted")
    return encode_key_layer(header, state, len(below))


def decode_layer(
    header: PlanarHeader, payload: bytes, previous: LayerState | None, below: tuple[LayerState, ...]
) -> LayerState:
    """The inverse of `encode_layer`."""
    return decode_key_layer(header, payload, len(below))
