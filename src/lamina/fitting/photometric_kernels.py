# SPDX-License-Identifier: Apache-2.0
"""The loops under `losses.photometric`: SSIM and absolute error of two pictures, and their gradient by the first.

Window means of x, y, x x, y y and x y are taken with a separable 11-tap Gaussian, zeros outside the picture. SSIM at a
pixel depends on x through mean x, mean x x and mean x y; so the gradient is three maps of derivatives, filtered with
the same window (which is symmetric), times 1, 2 x and y.
"""

from __future__ import annotations

import numpy as np
from numba import prange

from lamina.compiled import compiled

WINDOW = 11
"""Taps of the window; the sums below are written out for it."""


@compiled(fastmath=True)
def _filter_down(plane, row, taps, out):
    """One row of the filtered plane (h, w); rows outside are zero."""
    height, width = plane.shape
    for j in range(width):
        out[j] = taps[0] * plane[row, j]
    for k in range(1, 6):
        tap = taps[k]
        if row - k >= 0 and row + k < height:
            for j in range(width):
                out[j] += tap * (plane[row - k, j] + plane[row + k, j])
        elif row - k >= 0:
            for j in range(width):
                out[j] += tap * plane[row - k, j]
        elif row + k < height:
            for j in range(width):
                out[j] += tap * plane[row + k, j]


@compiled(fastmath=True)
def _filter_across(padded, taps, out):
    """`padded` has five zeros on either side."""
    t0, t1, t2, t3, t4, t5 = taps[0], taps[1], taps[2], taps[3], taps[4], taps[5]
    for j in range(out.shape[0]):
        out[j] = (
            t0 * padded[j + 5]
            + t1 * (padded[j + 4] + padded[j + 6])
            + t2 * (padded[j + 3] + padded[j + 7])
            + t3 * (padded[j + 2] + padded[j + 8])
            + t4 * (padded[j + 1] + padded[j + 9])
            + t5 * (padded[j] + padded[j + 10])
        )


@compiled(fastmath=True, parallel=True)
def measure(x, y, taps, stabilizers, products, derivatives, sums):
    """Fill sums (3 h, 2) with SSIM and absolute error of each row of planes x, y (3, h, w).

    `derivatives` (3, 3, h, w) get those of SSIM by the window means of x, x x and x y; `products` is scratch.
    """
    planes, height, width = x.shape
    c1, c2 = stabilizers[0], stabilizers[1]
    one, two = np.float32(1.0), np.float32(2.0)
    for task in prange(planes * height):
        plane, row = task // height, task % height
        for j in range(width):
            a, b = x[plane, row, j], y[plane, row, j]
            products[plane, 0, row, j] = a * a
            products[plane, 1, row, j] = b * b
            products[plane, 2, row, j] = a * b
    for task in prange(planes * height):
        plane, row = task // height, task % height
        padded = np.zeros((5, width + 10), np.float32)
        means = np.empty((5, width), np.float32)
        _filter_down(x[plane], row, taps, padded[0, 5 : width + 5])
        _filter_down(y[plane], row, taps, padded[1, 5 : width + 5])
        for k in range(3):
            _filter_down(products[plane, k], row, taps, padded[2 + k, 5 : width + 5])
        for k in range(5):
            _filter_across(padded[k], taps, means[k])
        total, absolute = np.float32(0.0), np.float32(0.0)
        for j in range(width):
            mx, my = means[0, j], means[1, j]
            luminance = two * mx * my + c1
            structure = two * (means[4, j] - mx * my) + c2
            energy = mx * mx + my * my + c1
            spread = means[2, j] + means[3, j] - mx * mx - my * my + c2
            scale = one / (energy * spread)
            value = luminance * structure * scale
            total += value
            absolute += abs(x[plane, row, j] - y[plane, row, j])
            derivatives[plane, 0, row, j] = two * my * (structure - luminance) * scale + two * mx * value * (
                one / spread - one / energy
            )
            derivatives[plane, 1, row, j] = -value / spread
            derivatives[plane, 2, row, j] = two * luminance * scale
        sums[task, 0] = total
        sums[task, 1] = absolute


@compiled(fastmath=True, parallel=True)
def differentiate(x, y, taps, weights, derivatives, gradient):
    """Fill gradient (3, h, w) with weights[0] * d SSIM sum / d x + weights[1] * d absolute sum / d x."""
    planes, height, width = x.shape
    two, zero = np.float32(2.0), np.float32(0.0)
    for task in prange(planes * height):
        plane, row = task // height, task % height
        padded = np.zeros((3, width + 10), np.float32)
        means = np.empty((3, width), np.float32)
        for k in range(3):
            _filter_down(derivatives[plane, k], row, taps, padded[k, 5 : width + 5])
            _filter_across(padded[k], taps, means[k])
        for j in range(width):
            a, b = x[plane, row, j], y[plane, row, j]
            side = np.float32(1.0) if a > b else (np.float32(-1.0) if a < b else zero)
            slope = means[0, j] + two * a * means[1, j] + b * means[2, j]
            gradient[plane, row, j] = weights[0] * slope + weights[1] * side
