# SPDX-License-Identifier: Apache-2.0
"""Splats -> the planar kernels' geometry, and moments -> gradients: both ends of the chain, in float64 inside.

In: positions (n, 2), covariances (n, 3), colours (n, 3), float32. Out: geometry (8, n) with rows x, y, conic xx, xy,
yy, covariance xx, xy, yy, and colour planes (3, n); and back, gradients of the same three from (n, 9) moments.
"""

from __future__ import annotations

import numpy as np
from numba import prange

from lamina.compiled import compiled
from lamina.render.constants import POSITION_LIMIT_PX
from lamina.render.kernels.conics import chain_moments, invert

OUTSIDE = np.float32(4e9)
"""Where a splat goes that shall touch nothing: beyond the position limit, yet finite, as the fast kernels assume."""


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
