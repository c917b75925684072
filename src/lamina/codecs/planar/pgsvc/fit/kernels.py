# SPDX-License-Identifier: Apache-2.0
"""Raw splats (8, n) -> geometry for the tile kernels, and moments of the tile kernels -> gradients of raw splats.

The hand-written chain rule through tanh and the Cholesky factor; `splats.to_gaussians` is its readable twin.
"""

from __future__ import annotations

import math

import numpy as np
from numba import prange

from lamina.compiled import compiled

ONE = np.float32(1.0)
HALF = np.float32(0.5)
BOUND = np.float32(0.5)
SMALLEST_DETERMINANT = np.float32(1e-12)
"""Square pixels squared: a splat under a millionth of a pixel contributes nothing (as in `render_planar`)."""


@compiled()
def geometry_of(raw, width, height, ratio_x, ratio_y, geometry):
    """Rows x, y, conic xx, xy, yy, covariance xx, xy, yy at a level's size.

    Args:
        raw: (8, n) raw splats.
        width: of the level, pixels.
        height: of the level, pixels.
        ratio_x: level's width over the full width.
        ratio_y: level's height over the full height.
        geometry: (8, n) out; NaN for singular splats, which the tile lists leave out.
    """
    for i in range(raw.shape[1]):
        l11 = (raw[2, i] + BOUND) * ratio_x
        l21 = raw[3, i] * ratio_y
        l22 = (raw[4, i] + BOUND) * ratio_y
        xx, xy, yy = l11 * l11, l11 * l21, l21 * l21 + l22 * l22
        determinant = (l11 * l22) ** 2
        inverse = ONE / determinant if determinant > SMALLEST_DETERMINANT else np.float32(np.nan)
        geometry[0, i] = HALF * (ONE + math.tanh(raw[0, i])) * width
        geometry[1, i] = HALF * (ONE + math.tanh(raw[1, i])) * height
        geometry[2, i] = yy * inverse
        geometry[3, i] = -xy * inverse
        geometry[4, i] = xx * inverse
        geometry[5, i] = xx
        geometry[6, i] = xy
        geometry[7, i] = yy if determinant > SMALLEST_DETERMINANT else np.float32(np.nan)


@compiled(parallel=True, fastmath=True)
def raw_gradients(raw, geometry, size, splat_starts, splat_entries, moments, gradients):
    """Adds to `gradients` (8, n) what the moments of all entries of each splat say.

    Args:
        raw: (8, n) raw splats.
        geometry: (8, n) as `geometry_of` left it.
        size: float32 (width, height, ratio_x, ratio_y) of the level.
        splat_starts: (n + 1,) of the tile lists.
        splat_entries: (entries,) of the tile lists.
        moments: (entries, 9) of the tile kernels.
        gradients: (8, n) added to.
    """
    width, height, ratio_x, ratio_y = size
    for i in prange(raw.shape[1]):
        if splat_starts[i] == splat_starts[i + 1]:
            continue
        total = np.zeros(9, np.float32)
        for s in range(splat_starts[i], splat_starts[i + 1]):
            k = splat_entries[s]
            for j in range(9):
                total[j] += moments[k, j]
        cxx, cxy, cyy = geometry[2, i], geometry[3, i], geometry[4, i]
        txx, txy, tyy = total[6], total[7], total[8]
        tanh_x, tanh_y = math.tanh(raw[0, i]), math.tanh(raw[1, i])
        gradients[0, i] += (cxx * total[4] + cxy * total[5]) * HALF * width * (ONE - tanh_x * tanh_x)
        gradients[1, i] += (cxy * total[4] + cyy * total[5]) * HALF * height * (ONE - tanh_y * tanh_y)
        # dL/dSigma = 1/2 C T C with the conic C and the second moments T; then dL/dL = 2 (dL/dSigma) L.
        axx, axy = cxx * txx + cxy * txy, cxx * txy + cxy * tyy
        ayx, ayy = cxy * txx + cyy * txy, cxy * txy + cyy * tyy
        mxx = axx * cxx + axy * cxy
        mxy = axx * cxy + axy * cyy
        myy = ayx * cxy + ayy * cyy
        l11 = (raw[2, i] + BOUND) * ratio_x
        l21 = raw[3, i] * ratio_y
        l22 = (raw[4, i] + BOUND) * ratio_y
        gradients[2, i] += ratio_x * (mxx * l11 + mxy * l21)
        gradients[3, i] += ratio_y * (mxy * l11 + myy * l21)
        gradients[4, i] += ratio_y * myy * l22
        for j in range(3):
            gradients[5 + j, i] += total[j]
