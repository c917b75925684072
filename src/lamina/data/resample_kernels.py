# SPDX-License-Identifier: Apache-2.0
"""The loops under `resample`: one axis at a time, box averages with fractional ends. Compiled on first use and cached.

Boxes are computed in integers (edges scaled by the output count), so their ends are exact at every ratio.
"""

from __future__ import annotations

import numba
import numpy as np


@numba.njit(cache=True, nogil=True, error_model="numpy")
def average_rows(source, out):
    """`out` (h2, n) = weighted means of rows of `source` (h, n)."""
    rows_in, rows_out = source.shape[0], out.shape[0]
    for i in range(rows_out):
        # In units of 1/rows_out of an input row, the box is [i rows_in, (i + 1) rows_in).
        start, stop = i * rows_in, (i + 1) * rows_in
        out[i, :] = np.float32(0.0)
        for k in range(start // rows_out, (stop - 1) // rows_out + 1):
            overlap = min(stop, (k + 1) * rows_out) - max(start, k * rows_out)
            weight = np.float32(overlap / rows_in)
            for j in range(source.shape[1]):
                out[i, j] += weight * source[k, j]


@numba.njit(cache=True, nogil=True, error_model="numpy")
def average_columns(source, out):
    """`out` (h2, w2, c) = weighted means of columns of `source` (h2, w, c)."""
    columns_in, columns_out = source.shape[1], out.shape[1]
    for row in range(source.shape[0]):
        for i in range(columns_out):
            start, stop = i * columns_in, (i + 1) * columns_in
            for channel in range(source.shape[2]):
                out[row, i, channel] = np.float32(0.0)
            for k in range(start // columns_out, (stop - 1) // columns_out + 1):
                overlap = min(stop, (k + 1) * columns_out) - max(start, k * columns_out)
                weight = np.float32(overlap / columns_in)
                for channel in range(source.shape[2]):
                    out[row, i, channel] += weight * source[row, k, channel]
