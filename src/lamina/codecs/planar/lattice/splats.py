# SPDX-License-Identifier: Apache-2.0
"""Splats as lattice points: the integers that are coded, and what they mean in pixels."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields

import numpy as np
from jaxtyping import Float32

from lamina.codecs.planar.lattice import steps
from lamina.compiled import compiled


@dataclass(frozen=True)
class LatticeSplats:
    """Splats as integers; all arrays (n,) int32 but `color` (n, 3)."""

    k: np.ndarray
    """Class, 0...8."""
    m: np.ndarray
    """Log size in steps of the class."""
    rho: np.ndarray
    """Log axis ratio / 2 in steps of the class."""
    phi: np.ndarray
    """Bin of the doubled angle."""
    x: np.ndarray
    """Position in 1/16 px from the outer border; in key frames the center of a cell of the splat's own grid."""
    y: np.ndarray
    color: np.ndarray
    """Amplitudes in steps of q."""

    @property
    def count(self) -> int:
        """Splats."""
        return len(self.k)

    def taken(self, index: np.ndarray | slice) -> LatticeSplats:
        """The splats at `index`, in its order."""
        return LatticeSplats(*(getattr(self, f.name)[index] for f in fields(self)))


@compiled()
def geometry_values(k, m, rho, phi, x, y, bins_table, parameters):
    """Lattice points -> rows x, y, m, d, e of `parameters`."""
    for i in range(k.shape[0]):
        unit = steps.shape_step(k[i])
        bins = steps.angle_bins(k[i], rho[i] * unit, bins_table)
        turn = 2.0 * math.pi * phi[i] / bins
        length = rho[i] * unit / 256.0
        parameters[0, i] = x[i] / 16.0
        parameters[1, i] = y[i] / 16.0
        parameters[2, i] = m[i] * unit / 256.0
        parameters[3, i] = length * math.cos(turn)
        parameters[4, i] = length * math.sin(turn)


def coded_area(width: int, height: int) -> tuple[int, int]:
    """Pixels that positions can be in: the picture, rounded up to whole cells."""
    cell = steps.CELL_PX
    return -(-width // cell) * cell, -(-height // cell) * cell


def to_parameters(splats: LatticeSplats, step: float) -> Float32[np.ndarray, "8 n"]:
    """What the lattice points mean, as fit parameters."""
    parameters = np.zeros((8, splats.count), np.float32)
    bins_table, _ = steps.stored_tables()
    geometry_values(splats.k, splats.m, splats.rho, splats.phi, splats.x, splats.y, bins_table, parameters)
    parameters[5:8] = (splats.color * step * np.exp(-parameters[2].astype(np.float64))[:, None]).T
    return parameters
