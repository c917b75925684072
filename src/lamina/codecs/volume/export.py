# SPDX-License-Identifier: Apache-2.0
"""A frame leaves as its grid (.npz), or as the points where something can be seen (.ply).

.npz holds, without pickles: `origin` (3,) and `voxel` (world units), `counts` (3,) cells an axis, `vertices` (r, 3)
indices, `densities` (r,) before shift and activation, `shift`, `delta` (alpha of a step of half a voxel is
1 - (1 + e ** (density + shift)) ** -delta), `colors` (r, 3) sRGB-coded, `extra` (r, e), `cells` (n, 3).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path

import numpy as np

from lamina.atomic import replacing
from lamina.codecs.volume.model import VolumeModel, optics_of, reals_of
from lamina.codecs.volume.shading import RED_GREEN_BLUE
from lamina.codecs.volume.syntax import COLORS

CHANNELS = ("red", "green", "blue")

SOLID_ALPHA = 0.2
"""Of a step at a vertex, from which on it is a point of the cloud."""


def write(model: VolumeModel, path: Path, fit_steps: int, report: Callable[[float], None]) -> str:
    """Write a frame to a file of other tools; what was written, in a few words.

    Raises:
        WriteError: the disk is full or the place not writable.
    """
    del fit_steps
    densities, features = reals_of(model.state.values)
    colors = features[:, :COLORS] @ np.array(RED_GREEN_BLUE, np.float32).T
    what = (_write_points if path.suffix.lower() == ".ply" else _write_grid)(model, path, densities, features, colors)
    report(1.0)
    return what


def _write_grid(model: VolumeModel, path: Path, densities: np.ndarray, features: np.ndarray, colors: np.ndarray) -> str:
    lattice, optics = model.facts.lattice(), optics_of(model.facts, model.level)
    level = model.state.level
    with replacing(path) as file:
        np.savez_compressed(
            file,
            origin=np.array(lattice.origin),
            voxel=np.float64(lattice.voxel(model.level)),
            counts=np.array(level.counts, np.int32),
            vertices=level.vertices,
            cells=level.cells,
            densities=densities,
            colors=colors,
            extra=features[:, COLORS:],
            shift=np.float64(optics.shift),
            delta=np.float64(optics.delta),
        )
    return f"a grid of {level.row_count} vertices"


def _write_points(
    model: VolumeModel, path: Path, densities: np.ndarray, features: np.ndarray, colors: np.ndarray
) -> str:
    """Vertices that hide enough, without those that are inside of others."""
    del features
    optics, lattice = optics_of(model.facts, model.level), model.facts.lattice()
    level = model.state.level
    solid = densities + optics.shift >= math.log(math.expm1(-math.log1p(-SOLID_ALPHA) / optics.delta))
    at_surface = np.zeros(level.row_count, np.bool_)
    mixed = level.corners[~solid[level.corners].all(axis=1)]
    at_surface[mixed.reshape(-1)] = True
    kept = solid & at_surface
    points = np.array(lattice.origin) + level.vertices[kept] * lattice.voxel(model.level)
    rows = np.empty(len(points), [*((axis, "<f4") for axis in "xyz"), *((name, "u1") for name in CHANNELS)])
    for axis, name in enumerate("xyz"):
        rows[name] = points[:, axis]
    for channel, name in enumerate(CHANNELS):
        rows[name] = np.clip(np.rint(255 * colors[kept, channel]), 0, 255)
    properties = [*(f"property float {axis}" for axis in "xyz"), *(f"property uchar {c}" for c in CHANNELS)]
    head = ["ply", "format binary_little_endian 1.0", f"element vertex {len(rows)}", *properties, "end_header", ""]
    with replacing(path) as file:
        file.write("\n".join(head).encode() + rows.tobytes())
    return f"{len(rows)} points"
