# SPDX-License-Identifier: Apache-2.0
"""The loops under `color`: 8-bit YUV planes enter, 8-bit RGB leaves, and back. Compiled on first use and cached.

Coefficients, tap weights and sitings arrive as arrays made by `color`; nothing here knows a standard.
"""

from __future__ import annotations

import numpy as np

from lamina.compiled import compiled

PAD = 3
"""Samples of margin on each side of a row buffer: the longest down-sampling filter reaches 3 to the right."""


@compiled(fastmath=True)
def _neighbor(position, step, sited_center, count):
    """Index of the chroma row that is blended in at this luma row, and its weight."""
    index = position // step
    if step == 1:
        return index, index, np.float32(0.0)
    odd = position & 1
    if sited_center:
        other = index + 1 if odd else index - 1
        weight = np.float32(0.25)
    else:
        other = index + 1
        weight = np.float32(0.5) if odd else np.float32(0.0)
    return index, min(max(other, 0), count - 1), weight


@compiled(fastmath=True)
def _expand_row(plane, index, other, weight, blended, row, step, sited_center):
    """One chroma row at full width: blend two rows, then interpolate linearly between columns."""
    count = plane.shape[1]
    keep = np.float32(1.0) - weight
    for j in range(count):
        blended[j + 1] = keep * np.float32(plane[index, j]) + weight * np.float32(plane[other, j])
    blended[0] = blended[1]
    blended[count + 1] = blended[count]
    if step == 1:
        for j in range(count):
            row[j] = blended[j + 1]
        return
    before = np.float32(0.25) if sited_center else np.float32(0.0)
    after = np.float32(0.25) if sited_center else np.float32(0.5)
    for j in range(count):
        row[2 * j] = (np.float32(1.0) - before) * blended[j + 1] + before * blended[j]
        row[2 * j + 1] = (np.float32(1.0) - after) * blended[j + 1] + after * blended[j + 2]


@compiled(fastmath=True)
def _to_byte(value):
    return np.uint8(min(max(value, np.float32(0.0)), np.float32(255.0)) + np.float32(0.5))


@compiled(fastmath=True)
def yuv_to_rgb(y, u, v, coefficients, steps, centers, out):
    """Fill `out` (h, w, 3). `coefficients`: y offset, y gain, v to r, u to g, v to g, u to b."""
    height, width = y.shape
    offset, gain, v_to_r, u_to_g, v_to_g, u_to_b = coefficients
    blended = np.empty(u.shape[1] + 2, np.float32)
    u_row = np.empty(u.shape[1] * 2, np.float32)
    v_row = np.empty(u.shape[1] * 2, np.float32)
    middle = np.float32(128.0)
    for row in range(height):
        index, other, weight = _neighbor(row, steps[0], centers[0], u.shape[0])
        _expand_row(u, index, other, weight, blended, u_row, steps[1], centers[1])
        _expand_row(v, index, other, weight, blended, v_row, steps[1], centers[1])
        for column in range(width):
            luma = (np.float32(y[row, column]) - offset) * gain
            cb = u_row[column] - middle
            cr = v_row[column] - middle
            out[row, column, 0] = _to_byte(luma + v_to_r * cr)
            out[row, column, 1] = _to_byte(luma + u_to_g * cb + v_to_g * cr)
            out[row, column, 2] = _to_byte(luma + u_to_b * cb)


@compiled(fastmath=True)
def _filter_row(source, width, taps, step, out):
    """Pad a row buffer (data from index PAD) by repetition, then filter and decimate it into `out`."""
    if step == 1:
        for j in range(width):
            out[j] = source[PAD + j]
        return
    for k in range(PAD):
        source[k] = source[PAD]
        source[PAD + width + k] = source[PAD + width - 1]
    t0, t1, t2, t3, t4 = taps
    for j in range(out.shape[0]):
        k = 2 * j + PAD
        out[j] = t0 * source[k - 2] + t1 * source[k - 1] + t2 * source[k] + t3 * source[k + 1] + t4 * source[k + 2]


@compiled(fastmath=True)
def _filter_columns(source, taps, step, limits, out):
    """Decimate the rows of `source`, round, clamp to `limits` and store as bytes."""
    height, width = source.shape
    low, high = limits
    t0, t1, t2, t3, t4 = taps
    middle = np.float32(128.5)
    for i in range(out.shape[0]):
        k = i * step
        a, b = max(k - 2, 0), max(k - 1, 0)
        d, e = min(k + 1, height - 1), min(k + 2, height - 1)
        for j in range(width):
            if step == 1:
                value = source[k, j]
            else:
                value = (
                    t0 * source[a, j] + t1 * source[b, j] + t2 * source[k, j] + t3 * source[d, j] + t4 * source[e, j]
                )
            out[i, j] = np.uint8(min(max(value + middle, low), high))


@compiled(fastmath=True)
def rgb_to_yuv(rgb, coefficients, steps, taps, limits, planes):
    """Fill `planes` (y, u, v). `coefficients`: y offset, y gain, weights of r g b, gain of b - y, gain of r - y."""
    y, u, v = planes
    height, width = y.shape
    offset, gain, red, green, blue, b_gain, r_gain = coefficients
    half = np.float32(0.5)
    cb_row = np.empty(width + 2 * PAD, np.float32)
    cr_row = np.empty(width + 2 * PAD, np.float32)
    cb = np.empty((height, u.shape[1]), np.float32)
    cr = np.empty((height, u.shape[1]), np.float32)
    for row in range(height):
        for column in range(width):
            r = np.float32(rgb[row, column, 0])
            g = np.float32(rgb[row, column, 1])
            b = np.float32(rgb[row, column, 2])
            luma = red * r + green * g + blue * b
            y[row, column] = np.uint8(offset + gain * luma + half)
            cb_row[PAD + column] = b_gain * (b - luma)
            cr_row[PAD + column] = r_gain * (r - luma)
        _filter_row(cb_row, width, taps[1], steps[1], cb[row])
        _filter_row(cr_row, width, taps[1], steps[1], cr[row])
    _filter_columns(cb, taps[0], steps[0], limits, u)
    _filter_columns(cr, taps[0], steps[0], limits, v)
