# SPDX-License-Identifier: Apache-2.0
"""Where splats go: first ones by the picture's gradient, later ones where the error is; the least useful move.

In: targets and residuals (h, w, 3) in the rotated colour space. Out: (8, k) parameters of new splats, or slots to
re-use.
"""

from __future__ import annotations

import math

import numpy as np
from jaxtyping import Float32

from lamina.codecs.planar.lattice.fit.kernels import SMALLEST_LOG_SCALE
from lamina.compiled import compiled

NEW_SCALE_PX = 1.5
"""Size of a splat put on a residual peak."""

ERROR_POWER = 2.0
"""Places are drawn with probability error^this: sharper than the error itself, softer than its maxima."""

ANISOTROPY = 0.5
"""Share of the structure tensor's coherence that first splats take over as their log axis ratio."""


@compiled(fastmath=True)
def _blur_rows(plane, kernel, out):
    height, width = plane.shape
    reach = kernel.shape[0] // 2
    for y in range(height):
        for x in range(width):
            total = np.float32(0.0)
            for k in range(kernel.shape[0]):
                total += kernel[k] * plane[y, min(max(x + k - reach, 0), width - 1)]
            out[x, y] = total


def blur(plane: Float32[np.ndarray, "h w"], sigma_px: float) -> Float32[np.ndarray, "h w"]:
    """Gaussian blur, edges repeated."""
    reach = max(1, math.ceil(3.0 * sigma_px))
    kernel = np.exp(-0.5 * (np.arange(-reach, reach + 1) / sigma_px) ** 2).astype(np.float32)
    kernel /= kernel.sum()
    turned = np.empty((plane.shape[1], plane.shape[0]), np.float32)
    out = np.empty(plane.shape, np.float32)
    _blur_rows(np.ascontiguousarray(plane, np.float32), kernel, turned)
    _blur_rows(turned, kernel, out)
    return out


def draw_places(weight: Float32[np.ndarray, "h w"], count: int, random: np.random.Generator) -> np.ndarray:
    """`count` different pixels (flat index), with probability in proportion to `weight` (exponential races)."""
    flat = weight.reshape(-1).astype(np.float64)
    flat = np.maximum(flat, flat.max() * 1e-12 + 1e-30)
    arrival = random.exponential(size=flat.size) / flat
    count = min(count, flat.size)
    return np.argpartition(arrival, count - 1)[:count]


def first_splats(
    target: Float32[np.ndarray, "h w 3"], count: int, random: np.random.Generator
) -> Float32[np.ndarray, "8 k"]:
    """Splats for an empty picture: dense where the gradient is, turned along the structure. Colours are left zero."""
    height, width, _ = target.shape
    luma = blur(target[:, :, 0], 1.0)
    grad_y, grad_x = np.gradient(luma) if min(height, width) > 1 else (np.zeros_like(luma), np.zeros_like(luma))
    spread = max(1.0, 0.25 * math.sqrt(height * width / max(count, 1)))
    density = blur(np.hypot(grad_x, grad_y).astype(np.float32), spread)
    density += 0.3 * float(density.mean()) + 1e-8
    places = draw_places(density, count, random)
    rows, columns = places // width, places % width
    spacing = np.sqrt(density.sum() / (density.reshape(-1)[places] * len(places)))
    scale = np.clip(0.55 * spacing, 1.0, 0.25 * max(height, width) + 1.0)
    xx, xy, yy = blur(grad_x * grad_x, spread), blur(grad_x * grad_y, spread), blur(grad_y * grad_y, spread)
    trace = (xx + yy).reshape(-1)[places] + 1e-12
    # Long axis across the gradient: d and e turn the tensor by 90 degrees.
    d = -ANISOTROPY * (xx - yy).reshape(-1)[places] / trace
    e = -ANISOTROPY * 2.0 * xy.reshape(-1)[places] / trace
    parameters = np.zeros((8, len(places)), np.float32)
    parameters[0] = columns + random.uniform(0.2, 0.8, len(places))
    parameters[1] = rows + random.uniform(0.2, 0.8, len(places))
    parameters[2] = np.maximum(np.log(scale), SMALLEST_LOG_SCALE)
    parameters[3], parameters[4] = d, e
    return parameters


def splats_on_residual(
    residual: Float32[np.ndarray, "h w 3"], count: int, random: np.random.Generator
) -> Float32[np.ndarray, "8 k"]:
    """Round splats on places drawn by the error."""
    return splats_at(residual, blur(np.square(residual).sum(axis=2), 1.0), count, random)


def splats_at(
    residual: Float32[np.ndarray, "h w 3"], error: Float32[np.ndarray, "h w"], count: int, random: np.random.Generator
) -> Float32[np.ndarray, "8 k"]:
    """Round splats on places drawn by `error`, with half of the local residual as color; less where they crowd."""
    height, width, _ = residual.shape
    places = draw_places(error**ERROR_POWER, count, random)
    # Splats that overlap add up: more than two halves of the residual would overshoot, and growth would feed on that.
    crowd = np.bincount(places, minlength=height * width).reshape(height, width).astype(np.float32)
    crowd = blur(crowd, NEW_SCALE_PX) * (2.0 * math.pi * NEW_SCALE_PX**2)
    share = 0.5 / np.maximum(1.0, 0.5 * crowd.reshape(-1)[places])
    parameters = np.zeros((8, len(places)), np.float32)
    parameters[0] = places % width + 0.5
    parameters[1] = places // width + 0.5
    parameters[2] = math.log(NEW_SCALE_PX)
    for channel in range(3):
        parameters[5 + channel] = share * blur(np.ascontiguousarray(residual[:, :, channel]), 1.0).reshape(-1)[places]
    return parameters


def usefulness(parameters: Float32[np.ndarray, "8 n"]) -> Float32[np.ndarray, " n"]:
    """Squared error that removing each splat would add, at a colour optimum: pi s1 s2 |c|^2."""
    return np.pi * np.exp(2.0 * parameters[2]) * np.square(parameters[5:8]).sum(axis=0)
