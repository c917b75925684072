# SPDX-License-Identifier: Apache-2.0
"""A picture and its lens enter, the picture a pinhole would have taken leaves: inverse mapping, Catmull-Rom cubics.

Bilinear interpolation would blur what the codec is then measured against; cubics keep 8-bit photographs sharp.
Compiled on first use and cached.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import UInt8

from lamina.compiled import compiled
from lamina.data.captures.lens import Lens


def undistort(pixels: UInt8[np.ndarray, "h w 3"], lens: Lens, pinhole: Lens) -> UInt8[np.ndarray, "h2 w2 3"]:
    """What `pinhole` sees of `pixels`, which `lens` saw; pixels beyond the border repeat it.

    Raises:
        ValueError: the lens is for another size than the picture's.
    """
    if pixels.shape != (lens.height, lens.width, 3):
        raise ValueError(f"expected a picture of {(lens.height, lens.width, 3)}, got {pixels.shape}")
    out = np.empty((pinhole.height, pinhole.width, 3), np.uint8)
    _resample(np.ascontiguousarray(pixels), _numbers(lens), _numbers(pinhole)[:4], out)
    return out


def _numbers(lens: Lens) -> tuple[float, ...]:
    inner = (lens.focal_x_px, lens.focal_y_px, lens.center_x_px, lens.center_y_px)
    return tuple(float(number) for number in (*inner, *lens.radial, *lens.tangential))


@compiled()
def _cubic(t):
    """Weights of the four samples around a point, `t` behind the second. Source: Catmull-Rom spline, tension 1/2."""
    half = np.float32(0.5)
    one = np.float32(1.0)
    square = t * t
    w0 = half * (-t + square * (np.float32(2.0) - t))
    w1 = one + half * square * (np.float32(3.0) * t - np.float32(5.0))
    w3 = half * square * (t - one)
    return w0, w1, one - w0 - w1 - w3, w3


@compiled()
def _resample(source, lens, pinhole, out):
    """Fill `out` (h2, w2, 3). `lens`: focal x y, centre x y, k1 k2 k3 k4, p1 p2; `pinhole`: the first four."""
    height, width = source.shape[0], source.shape[1]
    focal_x, focal_y, center_x, center_y, k1, k2, k3, k4, p1, p2 = lens
    for row in range(out.shape[0]):
        y = (row + 0.5 - pinhole[3]) / pinhole[1]
        for column in range(out.shape[1]):
            x = (column + 0.5 - pinhole[2]) / pinhole[0]
            square = x * x + y * y
            gain = 1.0 + square * (k1 + square * (k2 + square * (k3 + square * k4)))
            moved_x = x * gain + 2.0 * p1 * x * y + p2 * (square + 2.0 * x * x)
            moved_y = y * gain + 2.0 * p2 * x * y + p1 * (square + 2.0 * y * y)
            u = moved_x * focal_x + center_x - 0.5
            v = moved_y * focal_y + center_y - 0.5
            # Written so that what is not a number goes to the corner, not out of the array.
            u = min(u, width - 1.0) if u > 0.0 else 0.0
            v = min(v, height - 1.0) if v > 0.0 else 0.0
            left, top = int(u), int(v)
            wx = _cubic(np.float32(u - left))
            wy = _cubic(np.float32(v - top))
            c0, c2, c3 = max(left - 1, 0), min(left + 1, width - 1), min(left + 2, width - 1)
            red, green, blue = np.float32(0.5), np.float32(0.5), np.float32(0.5)
            for k in range(4):
                line = min(max(top - 1 + k, 0), height - 1)
                a, b, c, d = wy[k] * wx[0], wy[k] * wx[1], wy[k] * wx[2], wy[k] * wx[3]
                red += a * source[line, c0, 0] + b * source[line, left, 0]
                red += c * source[line, c2, 0] + d * source[line, c3, 0]
                green += a * source[line, c0, 1] + b * source[line, left, 1]
                green += c * source[line, c2, 1] + d * source[line, c3, 1]
                blue += a * source[line, c0, 2] + b * source[line, left, 2]
                blue += c * source[line, c2, 2] + d * source[line, c3, 2]
            limit = np.float32(255.0)
            zero = np.float32(0.0)
            out[row, column, 0] = np.uint8(min(max(red, zero), limit))
            out[row, column, 1] = np.uint8(min(max(green, zero), limit))
            out[row, column, 2] = np.uint8(min(max(blue, zero), limit))
