# SPDX-License-Identifier: Apache-2.0
"""One optimiser step of the lattice fit around `planar_errors.error_moments`: geometry, chain rule, rate term, Adam.

Parameters are rows of an (8, n) float32 array: x, y (pixels), m, d, e (half log covariance [[m + d, e], [e, m - d]]),
and three colours in the rotated space.
"""

from __future__ import annotations

import math

import numpy as np
from numba import prange

from lamina.compiled import compiled
from lamina.render.kernels.tile_pixels import HALF

ONE = np.float32(1.0)
TWO = np.float32(2.0)

SMALLEST_LOG_SCALE = np.float32(math.log(0.35))
"""Splats narrower than about a third of a pixel only alias."""

LARGEST_RHO = np.float32(2.5)
"""Axis ratio e^5 = 148: thin lines need no more, and the angle's precision grows with sinh(2 rho)."""


@compiled(parallel=True, fastmath=True)
def geometry_of(parameters, ratios, geometry):
    """(8, n) parameters -> (8, n) x, y, conic xx, xy, yy, covariance xx, xy, yy at `ratios` (x, y) of the full size."""
    ratio_x, ratio_y = np.float32(ratios[0]), np.float32(ratios[1])
    for i in prange(parameters.shape[1]):
        m, d, e = parameters[2, i], parameters[3, i], parameters[4, i]
        rho = math.sqrt(d * d + e * e)
        two_rho = min(TWO * rho, np.float32(20.0))
        cosh = math.cosh(two_rho)
        sinhc = math.sinh(two_rho) / rho if rho > np.float32(1e-4) else TWO
        variance = math.exp(TWO * m)
        inverse = ONE / variance
        geometry[0, i] = parameters[0, i] * ratio_x
        geometry[1, i] = parameters[1, i] * ratio_y
        geometry[2, i] = inverse * (cosh - sinhc * d) / (ratio_x * ratio_x)
        geometry[3, i] = -inverse * sinhc * e / (ratio_x * ratio_y)
        geometry[4, i] = inverse * (cosh + sinhc * d) / (ratio_y * ratio_y)
        geometry[5, i] = variance * (cosh + sinhc * d) * ratio_x * ratio_x
        geometry[6, i] = variance * sinhc * e * ratio_x * ratio_y
        geometry[7, i] = variance * (cosh - sinhc * d) * ratio_y * ratio_y


@compiled(inline="always", fastmath=True)
def shape_gradient(m, d, e, conic_xx, conic_xy, conic_yy):
    """dL/d(conic xx, xy, yy) -> dL/d(m, d, e)."""
    rho = math.sqrt(d * d + e * e)
    inverse = math.exp(-TWO * m)
    cosh = math.cosh(TWO * rho)
    if rho > np.float32(1e-3):
        sinhc = math.sinh(TWO * rho) / rho
        curve = (TWO * cosh - sinhc) / (rho * rho)
    else:
        sinhc = TWO
        curve = np.float32(8.0 / 3.0)
    xx = inverse * (cosh - sinhc * d)
    xy = -inverse * sinhc * e
    yy = inverse * (cosh + sinhc * d)
    grad_m = -TWO * (xx * conic_xx + xy * conic_xy + yy * conic_yy)
    grad_d = inverse * (
        (TWO * sinhc * d - sinhc - curve * d * d) * conic_xx
        - curve * d * e * conic_xy
        + (TWO * sinhc * d + sinhc + curve * d * d) * conic_yy
    )
    grad_e = inverse * (
        (TWO * sinhc * e - curve * d * e) * conic_xx
        - (sinhc + curve * e * e) * conic_xy
        + (TWO * sinhc * e + curve * d * e) * conic_yy
    )
    return grad_m, grad_d, grad_e


@compiled(inline="always", fastmath=True)
def add_rate_gradient(gradient, parameters, i, rate_weight, step):
    """Adds the gradient of the rate term (docs/codecs/planar.md, "rate term") of splat i; weights are in nats."""
    m, d, e = parameters[2, i], parameters[3, i], parameters[4, i]
    scale = math.exp(m) / step
    a0, a1, a2 = parameters[5, i] * scale, parameters[6, i] * scale, parameters[7, i] * scale
    s0, s1, s2 = a0 * a0, a1 * a1, a2 * a2
    energy = s0 + s1 + s2
    common = np.float32(5.0) / (ONE + energy)
    gradient[5] += rate_weight * scale * a0 * (common + ONE / (ONE + s0))
    gradient[6] += rate_weight * scale * a1 * (common + ONE / (ONE + s1))
    gradient[7] += rate_weight * scale * a2 * (common + ONE / (ONE + s2))
    gradient[2] += rate_weight * (common * energy - TWO + s0 / (ONE + s0) + s1 / (ONE + s1) + s2 / (ONE + s2))
    rho = math.sqrt(d * d + e * e)
    slope = np.float32(4.0) * math.tanh(TWO * rho) / max(rho, np.float32(1e-4))
    gradient[3] += rate_weight * slope * d
    gradient[4] += rate_weight * slope * e


@compiled(parallel=True, fastmath=True)
def splat_gradients(parameters, geometry, ratios, splat_starts, splat_entries, moments, rate, gradients):
    """Moments of all entries -> (n, 8) gradients by full-size parameters, rate term included.

    Args:
        ratios: (x, y) size of what was rendered over the full size.
        rate: (weight in squared error per nat, quantiser step); weight 0 leaves the rate out.
        gradients: (n, 8) out.
    """
    ratio_x, ratio_y = np.float32(ratios[0]), np.float32(ratios[1])
    for i in prange(parameters.shape[1]):
        total = np.zeros(9, np.float32)
        for s in range(splat_starts[i], splat_starts[i + 1]):
            k = splat_entries[s]
            for j in range(9):
                total[j] += moments[k, j]
        gradient = gradients[i]
        gradient[0] = ratio_x * (geometry[2, i] * total[4] + geometry[3, i] * total[5])
        gradient[1] = ratio_y * (geometry[3, i] * total[4] + geometry[4, i] * total[5])
        gradient[2], gradient[3], gradient[4] = shape_gradient(
            parameters[2, i], parameters[3, i], parameters[4, i],
            -HALF * total[6] / (ratio_x * ratio_x), -total[7] / (ratio_x * ratio_y), -HALF * total[8] / (ratio_y *
            ratio_y),
        )  # fmt: skip
        gradient[5], gradient[6], gradient[7] = total[0], total[1], total[2]
        if rate[0] > 0.0:
            add_rate_gradient(gradient, parameters, i, np.float32(rate[0]), np.float32(rate[1]))


@compiled(parallel=True, fastmath=True)
def adam_step(parameters, gradients, first, second, age, frozen, learning_rates, betas):
    """Adam with an age of its own for every splat; positions move in units of the splat's size.

    Args:
        first: (n, 8) mean of gradients.
        second: (n, 8) mean of squares.
        age: (n,) int32 steps that a splat has seen.
        frozen: (n,) uint8: 0 all free, 1 geometry fixed, 2 all fixed.
        learning_rates: (position in splat sizes, shape, color).
    """
    beta1, beta2 = np.float32(betas[0]), np.float32(betas[1])
    log_beta1, log_beta2 = math.log(betas[0]), math.log(betas[1])
    for i in prange(parameters.shape[1]):
        if frozen[i] >= 2:
            continue
        age[i] += 1
        correction1 = ONE / (ONE - math.exp(log_beta1 * age[i]))
        correction2 = ONE / (ONE - math.exp(log_beta2 * age[i]))
        size = math.exp(parameters[2, i])
        for j in range(5 if frozen[i] == 1 else 0, 8):
            g = gradients[i, j]
            first[i, j] = beta1 * first[i, j] + (ONE - beta1) * g
            second[i, j] = beta2 * second[i, j] + (ONE - beta2) * g * g
            move = first[i, j] * correction1 / (math.sqrt(second[i, j] * correction2) + np.float32(1e-12))
            if j < 2:
                rate = np.float32(learning_rates[0]) * size
            elif j < 5:
                rate = np.float32(learning_rates[1])
            else:
                rate = np.float32(learning_rates[2])
            parameters[j, i] -= rate * move
        parameters[2, i] = max(parameters[2, i], SMALLEST_LOG_SCALE)
        rho = math.sqrt(parameters[3, i] ** 2 + parameters[4, i] ** 2)
        if rho > LARGEST_RHO:
            parameters[3, i] *= LARGEST_RHO / rho
            parameters[4, i] *= LARGEST_RHO / rho
