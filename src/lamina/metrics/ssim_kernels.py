# SPDX-License-Identifier: Apache-2.0
"""The loops under `ssim`. Compiled on first use and cached.

Two pictures x and y travel as s = x + y and d = x - y: four filtered maps (s, d, s^2, d^2) then give all that SSIM
needs, instead of five. Rows are filtered across once into a ring of 11, then down.
"""

from __future__ import annotations

import numpy as np

from lamina.compiled import compiled

WINDOW = 11
"""Taps of the Gaussian; the sums below are written out for it."""

CENTER = np.float32(255.0)
"""Middle of s; subtracted before squaring, for float32 variances of bright areas would lose digits."""


@compiled(fastmath=True)
def split_pair(reference, decoded, weights, sums, differences):
    """Fill planes (c, h, w) with x + y and x - y; plane c is the sum of `weights[c]` times red, green and blue."""
    planes, height, width = sums.shape
    for plane in range(planes):
        red, green, blue = weights[plane, 0], weights[plane, 1], weights[plane, 2]
        for row in range(height):
            for column in range(width):
                x = (
                    red * reference[row, column, 0]
                    + green * reference[row, column, 1]
                    + blue * reference[row, column, 2]
                )
                y = red * decoded[row, column, 0] + green * decoded[row, column, 1] + blue * decoded[row, column, 2]
                sums[plane, row, column] = x + y
                differences[plane, row, column] = x - y


@compiled(fastmath=True)
def _filter_across(row, taps, out):
    t0, t1, t2, t3, t4, t5 = taps
    for j in range(out.shape[0]):
        out[j] = (
            t0 * (row[j] + row[j + 10])
            + t1 * (row[j + 1] + row[j + 9])
            + t2 * (row[j + 2] + row[j + 8])
            + t3 * (row[j + 3] + row[j + 7])
            + t4 * (row[j + 4] + row[j + 6])
            + t5 * row[j + 5]
        )


@compiled(fastmath=True)
def _filter_down(ring, newest, taps, out):
    """Combine the 11 rows of a ring whose last written row is `newest`."""
    t0, t1, t2, t3, t4, t5 = taps
    r0, r1, r2, r3 = ring[(newest + 1) % 11], ring[(newest + 2) % 11], ring[(newest + 3) % 11], ring[(newest + 4) % 11]
    r4, r5, r6, r7 = ring[(newest + 5) % 11], ring[(newest + 6) % 11], ring[(newest + 7) % 11], ring[(newest + 8) % 11]
    r8, r9, r10 = ring[(newest + 9) % 11], ring[(newest + 10) % 11], ring[newest]
    for j in range(out.shape[0]):
        out[j] = (
            t0 * (r0[j] + r10[j])
            + t1 * (r1[j] + r9[j])
            + t2 * (r2[j] + r8[j])
            + t3 * (r3[j] + r7[j])
            + t4 * (r4[j] + r6[j])
            + t5 * r5[j]
        )


@compiled(fastmath=True)
def _sum_row(maps, c1, c2):
    """Sums over one row of SSIM and of its contrast-structure factor."""
    total, contrast = np.float32(0.0), np.float32(0.0)
    two = np.float32(2.0)
    for j in range(maps.shape[1]):
        mean_s, mean_d = maps[0, j], maps[1, j]
        variance_s = maps[2, j] - mean_s * mean_s
        variance_d = maps[3, j] - mean_d * mean_d
        structure = (variance_s - variance_d + two * c2) / (variance_s + variance_d + two * c2)
        a = (mean_s + CENTER) * (mean_s + CENTER)
        b = mean_d * mean_d
        total += structure * (a - b + two * c1) / (a + b + two * c1)
        contrast += structure
    return total, contrast


@compiled(fastmath=True)
def sum_ssim(sums, differences, first, last, taps, c1, c2):
    """Sums of SSIM and of contrast-structure over window rows first...last-1 of one plane (h, w), all columns."""
    width = sums.shape[1]
    row = np.empty((4, width), np.float32)
    ring = np.empty((4, 11, width - 10), np.float32)
    maps = np.empty((4, width - 10), np.float32)
    total, contrast = 0.0, 0.0
    for line in range(first, last + 10):
        for j in range(width):
            s, d = sums[line, j] - CENTER, differences[line, j]
            row[0, j] = s
            row[1, j] = d
            row[2, j] = s * s
            row[3, j] = d * d
        newest = (line - first) % 11
        for k in range(4):
            _filter_across(row[k], taps, ring[k, newest])
        if line >= first + 10:
            for k in range(4):
                _filter_down(ring[k], newest, taps, maps[k])
            row_total, row_contrast = _sum_row(maps, c1, c2)
            total += row_total
            contrast += row_contrast
    return total, contrast


@compiled(fastmath=True)
def halve(source, out):
    """Mean of 2x2 samples. An odd axis is preceded by a zero, as pytorch-msssim's padded pooling does."""
    height, width = source.shape
    top, left = height & 1, width & 1
    quarter = np.float32(0.25)
    for i in range(out.shape[0]):
        first, second = 2 * i - top, 2 * i - top + 1
        keep = np.float32(0.0) if first < 0 else quarter
        upper, lower = source[max(first, 0)], source[second]
        if left:
            out[i, 0] = keep * upper[0] + quarter * lower[0]
        for j in range(left, out.shape[1]):
            k = 2 * j - left
            out[i, j] = keep * (upper[k] + upper[k + 1]) + quarter * (lower[k] + lower[k + 1])
