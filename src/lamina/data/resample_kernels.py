# SPDX-License-Identifier: Apache-2.0
"""The loops under `resample`: one axis at a time, box averages with fractional ends. Compiled on first use and cached.

Boxes are computed in integers (edges scaled by the output count), so their ends are exact at every ratio.
"""

from __future__ import annotations

import numpy as np

from lamina.compiled import compiled


@compiled()
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


@compiled()
def average_columns(source, out):
    """`out` (h2, w2, 3) = weighted means of columns of `source` (h2, w, 3)."""
    columns_in, columns_out = source.shape[1], out.shape[1]
    firsts = np.empty(columns_out, np.int64)
    lasts = np.empty(columns_out, np.int64)
    first_weights = np.empty(columns_out, np.float32)
    last_weights = np.empty(columns_out, np.float32)
    for i in range(columns_out):
        start, stop = i * columns_in, (i + 1) * columns_in
        last = (stop - 1) // columns_out
        firsts[i], lasts[i] = start // columns_out, last
        first_weights[i] = (min(stop, (firsts[i] + 1) * columns_out) - start) / columns_in
        last_weights[i] = (stop - max(start, last * columns_out)) / columns_in if last > firsts[i] else 0.0
    whole = np.float32(columns_out / columns_in)
    for row in range(source.shape[0]):
        for i in range(columns_out):
            first, last = firsts[i], lasts[i]
            weight = first_weights[i]
            red = weight * source[row, first, 0]
            green = weight * source[row, first, 1]
            blue = weight * source[row, first, 2]
            for k in range(first + 1, last):
                red += whole * source[row, k, 0]
                green += whole * source[row, k, 1]
                blue += whole * source[row, k, 2]
            weight = last_weights[i]
            out[row, i, 0] = red + weight * source[row, last, 0]
            out[row, i, 1] = green + weight * source[row, last, 1]
            out[row, i, 2] = blue + weight * source[row, last, 2]
