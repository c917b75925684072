# SPDX-License-Identifier: Apache-2.0
"""Reals -> lattice: geometry is rounded and frozen in rounds, then colors are solved and rounded in rounds.

In: real-valued `Splats`. Out: `LatticeSplats`, integers that mean exactly what the decoder will render.
"""

from __future__ import annotations

import math

import numpy as np
from jaxtyping import Float32
from numba import prange

from lamina.codecs.planar.lattice import steps
from lamina.codecs.planar.lattice.fit.canvas import Splats
from lamina.codecs.planar.lattice.fit.color_solver import solve_colors
from lamina.codecs.planar.lattice.fit.optimize import (
    BITS_TO_ERROR,
    FitPlan,
    Targets,
    descend,
    level_gradients,
)
from lamina.codecs.planar.lattice.splats import LatticeSplats, coded_area, geometry_values
from lamina.compiled import compiled

COLOR_ROUNDS = 5
"""Colours are rounded in so many rounds, smallest splats first; the rest is solved again after each."""

COLOR_ITERATIONS = (10, 5)
"""Conjugate gradient steps: after geometry is frozen, and after each round of rounding."""

RIDGE = 0.005
"""Damping of the colour solves: keeps overlapping splats from cancelling each other with large amplitudes."""


@compiled(inline="always")
def nearest_shape(log_size, across, along, k, bins_table):
    """m, rho and phi of class k nearest to a size and an elongation, both logarithms; elongation as a vector."""
    unit = steps.shape_step(k)
    m = int(math.floor(log_size * 256.0 / unit + 0.5))
    m = min(max(m, -((-steps.M_LOWEST) // unit)), steps.M_HIGHEST // unit)
    rho = min(int(math.floor(math.hypot(across, along) * 256.0 / unit + 0.5)), steps.RHO_LIMIT // unit)
    bins = steps.angle_bins(k, rho * unit, bins_table)
    turn = math.atan2(along, across) / (2.0 * math.pi)
    return m, rho, int(math.floor(turn * bins + 0.5)) % bins


@compiled(parallel=True)
def quantize_geometry(parameters, step, limits, bins_table, grids_table, out):
    """Nearest lattice point of each splat's geometry: (n, 6) k, m, rho, phi, x, y.

    Args:
        limits: (width, height) of the coded area in pixels: a whole number of cells; positions are clamped into it.
    """
    for i in prange(parameters.shape[1]):
        amplitude = math.exp(parameters[2, i]) * math.sqrt(
            parameters[5, i] ** 2 + parameters[6, i] ** 2 + parameters[7, i] ** 2
        )
        k = int(math.floor(math.log2(max(amplitude / step, 1e-9)) + 0.5))
        k = min(max(k, 0), steps.CLASSES - 1)
        unit = steps.shape_step(k)
        m, rho, phi = nearest_shape(parameters[2, i], parameters[3, i], parameters[4, i], k, bins_table)
        shift = steps.position_grid(k, m * unit, rho * unit, grids_table) + 4
        out[i, 0] = k
        out[i, 1] = m
        out[i, 2] = rho
        out[i, 3] = phi
        for axis in range(2):
            last = ((limits[axis] * steps.POSITION_UNITS) >> shift) - 1
            cell = min(max(int(math.floor(parameters[axis, i] * steps.POSITION_UNITS)) >> shift, 0), last)
            out[i, 4 + axis] = (cell << shift) + (1 << (shift - 1))


def freeze(
    targets: Targets, splats: Splats, plan: FitPlan, size: tuple[int, int], rounds: int, steps_each: int
) -> LatticeSplats:
    """Rounds all splats to the lattice, closed loop; `splats` change. `size`: (width, height) of the full picture."""
    geometry = freeze_geometry(targets, splats, plan, size, rounds, steps_each)
    color = round_colors(targets, splats.parameters, plan)
    k, m, rho, phi, x, y = (np.ascontiguousarray(column) for column in geometry.T)
    return LatticeSplats(k, m, rho, phi, x, y, color)


def freeze_geometry(
    targets: Targets, splats: Splats, plan: FitPlan, size: tuple[int, int], rounds: int, steps_each: int
) -> np.ndarray:
    """Quantises geometry, the largest amplitudes first; the free ones take up the errors. (n, 6) integers."""
    bins_table, grids_table = steps.stored_tables()
    lattice = np.zeros((splats.count, 6), np.int32)
    trial = np.zeros((splats.count, 6), np.int32)
    amplitude = np.exp(splats.parameters[2]) * np.sqrt(np.square(splats.parameters[5:8]).sum(axis=0))
    order = np.argsort(-amplitude, kind="stable")
    done = 0
    levels = len(plan.layer_counts)
    rate = plan.rate_weight * BITS_TO_ERROR * plan.step**2
    for number in range(rounds):
        last = number == rounds - 1
        stop = splats.count if last else done + (splats.count - done) // 2
        chosen = order[done:stop]
        quantize_geometry(splats.parameters, plan.step, coded_area(*size), bins_table, grids_table, trial)
        lattice[chosen] = trial[chosen]
        values = np.zeros((8, len(chosen)), np.float32)
        k, m, rho, phi, x, y = (np.ascontiguousarray(lattice[chosen, j]) for j in range(6))
        geometry_values(k, m, rho, phi, x, y, bins_table, values)
        # Amplitudes, not colours, are kept: a size that rounds up must not brighten the splat.
        values[5:8] = splats.parameters[5:8, chosen] * np.exp(splats.parameters[2, chosen] - values[2])
        splats.parameters[:, chosen] = values
        splats.frozen[chosen] = 1
        done = stop
        for step in range(steps_each):
            lower = step % (levels - 1) if levels > 1 else -1
            gradient, _, _ = level_gradients(targets, splats, plan, levels - 1, lower, rate)
            descend(splats, gradient, 0.3 * (1.0 - step / steps_each))
    return lattice


def round_colors(targets: Targets, parameters: Float32[np.ndarray, "8 n"], plan: FitPlan) -> np.ndarray:
    """Solves the colours for the frozen geometry and rounds them, smallest splats first. (n, 3) int32 steps."""
    n = parameters.shape[1]
    counts = tuple(int(c) for c in np.cumsum(plan.layer_counts))
    weights = (*(plan.lower_weight,) * (len(counts) - 1), 1.0)
    scale = np.exp(-parameters[2].astype(np.float64)) * plan.step
    free = np.ones(n, bool)
    order = np.argsort(parameters[2], kind="stable")
    color = np.zeros((n, 3), np.int32)
    canvas = targets.full
    solve_colors(canvas, parameters, counts, weights, free, COLOR_ITERATIONS[0], RIDGE)
    done = 0
    for number in range(COLOR_ROUNDS):
        stop = n if number == COLOR_ROUNDS - 1 else done + (n - done) // 2
        chosen = order[done:stop]
        color[chosen] = np.rint(parameters[5:8, chosen].T / scale[chosen, None]).astype(np.int32)
        parameters[5:8, chosen] = (color[chosen] * scale[chosen, None]).T
        free[chosen] = False
        done = stop
        if done < n:
            solve_colors(canvas, parameters, counts, weights, free, COLOR_ITERATIONS[1], RIDGE)
    return color
