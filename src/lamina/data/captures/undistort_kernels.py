# SPDX-License-Identifier: Apache-2.0
"""The loops under `undistort`: where each pixel comes from, and the sixteen samples around that place.

The readable twin of the former is `Distortion.of`.
"""

from __future__ import annotations

import numpy as np

from lamina.compiled import compiled

BEFORE, AFTER = 1, 2
"""Samples that a cubic needs before and after the one at or left of a point."""

CHANNELS = 3
"""Red, green, blue, side by side."""


ANGLE, FOV = 1, 2
"""Projections; 0 is the plane."""


@compiled()
def _projected(x, y, kind, omega):
    """The first stage of a lens: what the plane point is multiplied by."""
    if kind == 0:
        return 1.0
    radius = np.sqrt(x * x + y * y)
    slope = 1.0 if kind == ANGLE else 2.0 * np.tan(0.5 * omega)
    if radius < 1e-9:
        return 1.0 if kind == ANGLE else slope / omega
    angle = np.arctan(slope * radius)
    return angle / radius if kind == ANGLE else angle / (omega * radius)


@compiled()
def _source_row(lens, kind, pinhole, row, width, height, u, v):
    """Fill `u`, `v`: where in the source, in pixels from its first centre, each pixel of an output row comes from."""
    focal_x, focal_y, center_x, center_y, k1, k2, k3, k4, d1, d2, d3, p1, p2, q1, q2, omega = lens
    plane_y = (row + 0.5 - pinhole[3]) / pinhole[1]
    for column in range(u.shape[0]):
        plane_x = (column + 0.5 - pinhole[2]) / pinhole[0]
        projected = _projected(plane_x, plane_y, kind, omega)
        x, y = plane_x * projected, plane_y * projected
        square = x * x + y * y
        gain = 1.0 + square * (k1 + square * (k2 + square * (k3 + square * k4)))
        gain /= 1.0 + square * (d1 + square * (d2 + square * d3))
        moved_x = x * gain + 2.0 * p1 * x * y + p2 * (square + 2.0 * x * x) + q1 * square
        moved_y = y * gain + 2.0 * p2 * x * y + p1 * (square + 2.0 * y * y) + q2 * square
        moved_x = moved_x * focal_x + center_x - 0.5
        moved_y = moved_y * focal_y + center_y - 0.5
        # Written so that what is not a number goes to the corner, not out of the array.
        u[column] = min(moved_x, width - 1.0) if moved_x > 0.0 else 0.0
        v[column] = min(moved_y, height - 1.0) if moved_y > 0.0 else 0.0


@compiled(fastmath=True)
def _cubic(t):
    """Weights of the four samples around a point, `t` behind the second. Source: Catmull-Rom spline, tension 1/2."""
    half = np.float32(0.5)
    one = np.float32(1.0)
    square = t * t
    w0 = half * (-t + square * (np.float32(2.0) - t))
    w1 = one + half * square * (np.float32(3.0) * t - np.float32(5.0))
    w3 = half * square * (t - one)
    return w0, w1, one - w0 - w1 - w3, w3


@compiled(fastmath=True)
def _across(source, i, weights):
    """Four samples from index `i` on, weighted: red, green, blue."""
    w0, w1, w2, w3 = weights
    red = w0 * source[i] + w1 * source[i + 3] + w2 * source[i + 6] + w3 * source[i + 9]
    green = w0 * source[i + 1] + w1 * source[i + 4] + w2 * source[i + 7] + w3 * source[i + 10]
    blue = w0 * source[i + 2] + w1 * source[i + 5] + w2 * source[i + 8] + w3 * source[i + 11]
    return red, green, blue


@compiled(fastmath=True)
def _to_byte(value):
    return np.uint8(min(max(value + np.float32(0.5), np.float32(0.0)), np.float32(255.0)))


@compiled(fastmath=True)
def resample(source, width, height, lens, kind, pinhole, out):
    """Fill `out` (h2, w2, 3) from padded pixels. `lens`: focal x y, centre x y, then the numbers of `Distortion`."""
    u, v = np.empty(out.shape[1]), np.empty(out.shape[1])
    line = np.uint64((width + BEFORE + AFTER) * CHANNELS)
    for row in range(out.shape[0]):
        _source_row(lens, kind, pinhole, row, width, height, u, v)
        for column in range(out.shape[1]):
            left, top = np.uint64(u[column]), np.uint64(v[column])
            wx = _cubic(np.float32(u[column] - left))
            y0, y1, y2, y3 = _cubic(np.float32(v[column] - top))
            # Padding has put the sample before (left, top) there.
            i = top * line + left * np.uint64(CHANNELS)
            r0, g0, b0 = _across(source, i, wx)
            r1, g1, b1 = _across(source, i + line, wx)
            r2, g2, b2 = _across(source, i + line + line, wx)
            r3, g3, b3 = _across(source, i + line + line + line, wx)
            out[row, column, 0] = _to_byte(y0 * r0 + y1 * r1 + y2 * r2 + y3 * r3)
            out[row, column, 1] = _to_byte(y0 * g0 + y1 * g1 + y2 * g2 + y3 * g3)
            out[row, column, 2] = _to_byte(y0 * b0 + y1 * b1 + y2 * b2 + y3 * b3)
