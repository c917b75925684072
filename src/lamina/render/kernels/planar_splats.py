# SPDX-License-Identifier: Apache-2.0
"""Splats -> the planar kernels' geometry, and moments -> gradients: both ends of the chain, in float64 inside.

In: positions (n, 2), covariances (n, 3), colours (n, 3), float32. Out: geometry (8, n) with rows x, y, conic xx, xy,
yy, covariance xx, xy, yy, and colour planes (3, n); and back, gradients of the same three from (n, 9) moments.
"""

from __future__ import annotations

import numpy as np
from numba import prange

from lamina.compiled import compiled
from lamina.render.constants import CONIC_LIMIT, POSITION_LIMIT_PX, VARIANCE_LIMIT

OUTSIDE = np.float32(4e9)
"""Where a splat goes that shall touch nothing: beyond the position limit, yet finite, as the fast kernels assume."""


@compiled(inline="always")
def invert(xx, xy, yy):
    """Inverse of a covariance, and whether it is usable: positive definite and within the limits of constants.py."""
    determinant = xx * yy - xy * xy
    if not (0.0 < xx < VARIANCE_LIMIT and 0.0 < yy < VARIANCE_LIMIT and determinant > 0.0):
        return 0.0, 0.0, 0.0, False
    a, b, c = yy / determinant, -xy / determinant, xx / determinant
    return a, b, c, a < CONIC_LIMIT and c < CONIC_LIMIT


@compiled(parallel=True)
def prepare_splats(positions, covariances, colors, geometry, planes):
    """Fills `geometry` and `planes`; splats that are singular or not finite are moved out of every picture."""
    for i in prange(positions.shape[0]):
        x, y = positions[i, 0], positions[i, 1]
        xx, xy, yy = np.float64(covariances[i, 0]), np.float64(covariances[i, 1]), np.float64(covariances[i, 2])
        a, b, c, usable = invert(xx, xy, yy)
        if usable and abs(x) < POSITION_LIMIT_PX and abs(y) < POSITION_LIMIT_PX:
            geometry[0, i], geometry[1, i] = x, y
            geometry[5, i], geometry[6, i], geometry[7, i] = xx, xy, yy
            geometry[2, i], geometry[3, i], geometry[4, i] = a, b, c
        else:
            geometry[0, i], geometry[1, i] = OUTSIDE, OUTSIDE
            geometry[5, i], geometry[6, i], geometry[7, i] = 1.0, 0.0, 1.0
            geometry[2, i], geometry[3, i], geometry[4, i] = 1.0, 0.0, 1.0
        for channel in range(3):
            planes[channel, i] = colors[i, channel]


@compiled(inline="always")
def chain_moments(moments, i, a, b, c):
    """Moments of splat i about its centre -> gradients of position A m1 and covariance A M2 A / 2 (xx, xy, yy).

    A is the inverse covariance with entries a, b, b, c.
    """
    m_x, m_y = np.float64(moments[i, 4]), np.float64(moments[i, 5])
    m_xx, m_xy, m_yy = np.float64(moments[i, 6]), np.float64(moments[i, 7]), np.float64(moments[i, 8])
    p, q = a * m_xx + b * m_xy, a * m_xy + b * m_yy
    r, s = b * m_xx + c * m_xy, b * m_xy + c * m_yy
    return a * m_x + b * m_y, b * m_x + c * m_y, 0.5 * (p * a + q * b), r * a + s * b, 0.5 * (r * b + s * c)


@compiled(parallel=True)
def moments_to_gradients(moments, covariances, grad_positions, grad_covariances, grad_colors):
    """Chain rule from moments; splats that touch nothing have zero moments, hence zero gradients."""
    for i in prange(moments.shape[0]):
        xx, xy, yy = np.float64(covariances[i, 0]), np.float64(covariances[i, 1]), np.float64(covariances[i, 2])
        a, b, c, _ = invert(xx, xy, yy)
        gradients = chain_moments(moments, i, a, b, c)
        grad_positions[i, 0], grad_positions[i, 1] = gradients[0], gradients[1]
        grad_covariances[i, 0], grad_covariances[i, 1], grad_covariances[i, 2] = gradients[2:]
        for channel in range(3):
            grad_colors[i, channel] = moments[i, channel]
