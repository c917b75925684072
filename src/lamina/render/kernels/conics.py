# SPDX-License-Identifier: Apache-2.0
"""A splat's shape: covariance -> conic, and moments -> gradients of position and covariance. float64 inside kernels."""

from __future__ import annotations

import numpy as np

from lamina.compiled import compiled
from lamina.render.constants import CONIC_LIMIT, VARIANCE_LIMIT


@compiled(inline="always")
def invert(xx, xy, yy):
    """Inverse of a covariance, and whether it is usable: positive definite and within the limits of constants.py."""
    determinant = xx * yy - xy * xy
    if not (0.0 < xx < VARIANCE_LIMIT and 0.0 < yy < VARIANCE_LIMIT and determinant > 0.0):
        return 0.0, 0.0, 0.0, False
    a, b, c = yy / determinant, -xy / determinant, xx / determinant
    return a, b, c, a < CONIC_LIMIT and c < CONIC_LIMIT


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
