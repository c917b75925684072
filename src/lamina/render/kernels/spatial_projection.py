# SPDX-License-Identifier: Apache-2.0
"""Gaussians in the world -> splats on the picture, and gradients of splats -> of Gaussians; in float64 inside.

In: fields of Gaussians3D, float32, and a view (a vector of `VIEW_FIELDS` numbers). Out: geometry (8, n) as the tile
lists take it, records (n, 16) as the blending kernels take them, depths; and back, from (n, 9) moments.
"""

from __future__ import annotations

import math

import numpy as np
from numba import prange

from lamina.cameras.camera import Camera
from lamina.compiled import compiled
from lamina.render.constants import (
    ALPHA_MIN,
    CUTOFF_EXPONENT,
    CUTOFF_MAHALANOBIS_SQUARED,
    FRUSTUM_MARGIN,
    LOW_PASS_VARIANCE,
    NEAR_PLANE,
    POSITION_LIMIT_PX,
)
from lamina.render.kernels.conics import chain_moments, invert
from lamina.render.kernels.simd import prefetch

UNSEEN = np.float32(np.inf)
"""Depth of a Gaussian that touches no pixel."""

FAINTEST = np.float64(ALPHA_MIN)
SCREEN_FIELDS = 10
"""Numbers of a projected Gaussian: x, y, conic xx, xy, yy, variance xx, xy, yy of the cut-off, log opacity, radius."""

AHEAD = 8
"""Gaussians between asking for the moments of one and using them: they lie in order of depth."""


def view_numbers(camera: Camera) -> np.ndarray:
    """What the kernels want to know of a camera.

    Rotation (9) and translation (3) of the world into the camera, focal lengths, principal point, size, and the limits
    of x / z and y / z (lower x, upper x, lower y, upper y) up to which the projection is linearised.
    """
    motion = camera.camera_from_world
    fx, fy, cx, cy = camera.focal_x_px, camera.focal_y_px, camera.center_x_px, camera.center_y_px
    margin_x, margin_y = 0.5 * FRUSTUM_MARGIN * camera.width, 0.5 * FRUSTUM_MARGIN * camera.height
    limits = (
        -(cx + margin_x) / fx,
        (camera.width - cx + margin_x) / fx,
        -(cy + margin_y) / fy,
        (camera.height - cy + margin_y) / fy,
    )
    return np.array([*motion[:3, :3].ravel(), *motion[:3, 3], fx, fy, cx, cy, camera.width, camera.height, *limits])


@compiled(inline="always")
def to_camera(means, i, view):
    """Centre of Gaussian i on the camera's axes, and the inverse of its depth."""
    mx, my, mz = np.float64(means[i, 0]), np.float64(means[i, 1]), np.float64(means[i, 2])
    x = view[0] * mx + view[1] * my + view[2] * mz + view[9]
    y = view[3] * mx + view[4] * my + view[5] * mz + view[10]
    z = view[6] * mx + view[7] * my + view[8] * mz + view[11]
    return x, y, z, 1.0 / z


@compiled(inline="always")
def unit_quaternion(rotations, i):
    """Components w, x, y, z of length one, and the inverse of the length that there was."""
    w, x, y, z = (
        np.float64(rotations[i, 0]), np.float64(rotations[i, 1]), np.float64(rotations[i, 2]),
        np.float64(rotations[i, 3]),
    )  # fmt: skip
    inverse = 1.0 / math.sqrt(w * w + x * x + y * y + z * z)
    return w * inverse, x * inverse, y * inverse, z * inverse, inverse


@compiled(inline="always")
def own_axes(view, w, x, y, z):
    """Rotation from the Gaussian's axes to the camera's, row by row."""
    r00, r01, r02 = 1.0 - 2.0 * (y * y + z * z), 2.0 * (x * y - w * z), 2.0 * (x * z + w * y)
    r10, r11, r12 = 2.0 * (x * y + w * z), 1.0 - 2.0 * (x * x + z * z), 2.0 * (y * z - w * x)
    r20, r21, r22 = 2.0 * (x * z - w * y), 2.0 * (y * z + w * x), 1.0 - 2.0 * (x * x + y * y)
    return (
        view[0] * r00 + view[1] * r10 + view[2] * r20,
        view[0] * r01 + view[1] * r11 + view[2] * r21,
        view[0] * r02 + view[1] * r12 + view[2] * r22,
        view[3] * r00 + view[4] * r10 + view[5] * r20,
        view[3] * r01 + view[4] * r11 + view[5] * r21,
        view[3] * r02 + view[4] * r12 + view[5] * r22,
        view[6] * r00 + view[7] * r10 + view[8] * r20,
        view[6] * r01 + view[7] * r11 + view[8] * r21,
        view[6] * r02 + view[7] * r12 + view[8] * r22,
    )


@compiled(inline="always")
def screen_axes(view, x, y, inverse_z, axes, s0, s1, s2):
    """The Gaussian's axes, as long as its standard deviations, on the picture: (2, 3) pixels, and both slopes."""
    slope_x = min(max(x * inverse_z, view[18]), view[19])
    slope_y = min(max(y * inverse_z, view[20]), view[21])
    a, b = view[12] * inverse_z, view[13] * inverse_z
    return (
        a * s0 * (axes[0] - slope_x * axes[6]),
        a * s1 * (axes[1] - slope_x * axes[7]),
        a * s2 * (axes[2] - slope_x * axes[8]),
        b * s0 * (axes[3] - slope_y * axes[6]),
        b * s1 * (axes[4] - slope_y * axes[7]),
        b * s2 * (axes[5] - slope_y * axes[8]),
        slope_x,
        slope_y,
    )


@compiled(inline="always")
def is_finite_gaussian(means, rotations, scales, opacities, colors, i):
    """Whether every number of Gaussian i is finite and its scales are above zero."""
    total = np.float32(0.0)
    for k in range(3):
        # A difference of equal numbers is zero unless they are not finite; zeros add up to zero.
        total += (means[i, k] - means[i, k]) + (scales[i, k] - scales[i, k]) + (colors[i, k] - colors[i, k])
    for k in range(4):
        total += rotations[i, k] - rotations[i, k]
    total += opacities[i] - opacities[i]
    return total == 0.0 and scales[i, 0] > 0.0 and scales[i, 1] > 0.0 and scales[i, 2] > 0.0


@compiled(parallel=True)
def project_gaussians(means, rotations, scales, opacities, colors, offsets, view, screen, depths):
    """Fills `screen` (n, SCREEN_FIELDS) and `depths`, which is `UNSEEN` for a Gaussian that touches no pixel."""
    for i in prange(means.shape[0]):
        depths[i] = UNSEEN
        if not (opacities[i] >= FAINTEST and is_finite_gaussian(means, rotations, scales, opacities, colors, i)):
            continue
        x, y, z, inverse_z = to_camera(means, i, view)
        w, qx, qy, qz, inverse_length = unit_quaternion(rotations, i)
        if not (z >= NEAR_PLANE and inverse_length < np.inf):
            continue
        u = view[12] * (x * inverse_z) + view[14] + np.float64(offsets[i, 0])
        v = view[13] * (y * inverse_z) + view[15] + np.float64(offsets[i, 1])
        if not (abs(u) < POSITION_LIMIT_PX and abs(v) < POSITION_LIMIT_PX):
            continue
        axes = own_axes(view, w, qx, qy, qz)
        p = screen_axes(
            view, x, y, inverse_z, axes, np.float64(scales[i, 0]), np.float64(scales[i, 1]), np.float64(scales[i, 2])
        )
        xx = p[0] * p[0] + p[1] * p[1] + p[2] * p[2] + LOW_PASS_VARIANCE
        xy = p[0] * p[3] + p[1] * p[4] + p[2] * p[5]
        yy = p[3] * p[3] + p[4] * p[4] + p[5] * p[5] + LOW_PASS_VARIANCE
        a, b, c, usable = invert(xx, xy, yy)
        if not usable:
            continue
        log_opacity = math.log(np.float64(opacities[i]))
        # The ellipse where the splat falls under 1/255, as the covariance that ends there at full opacity.
        share = max(1.0 + log_opacity / CUTOFF_EXPONENT, 1e-6)
        reach_x = math.sqrt(CUTOFF_MAHALANOBIS_SQUARED * share * xx)
        reach_y = math.sqrt(CUTOFF_MAHALANOBIS_SQUARED * share * yy)
        if u + reach_x < 0.0 or u - reach_x > view[16] or v + reach_y < 0.0 or v - reach_y > view[17]:
            continue
        depths[i] = z
        screen[i, 0], screen[i, 1] = u, v
        screen[i, 2], screen[i, 3], screen[i, 4] = a, b, c
        screen[i, 5], screen[i, 6], screen[i, 7] = share * xx, share * xy, share * yy
        screen[i, 8], screen[i, 9] = log_opacity, math.ceil(max(reach_x, reach_y))


@compiled(inline="always")
def quaternion_gradient(w, x, y, z, inverse_length, g, out, i):
    """Chain rule from a rotation matrix (nine numbers, row by row) to the quaternion before it was normalised."""
    dw = 2.0 * (x * (g[7] - g[5]) + y * (g[2] - g[6]) + z * (g[3] - g[1]))
    dx = 2.0 * (y * (g[1] + g[3]) + z * (g[2] + g[6]) + w * (g[7] - g[5]) - 2.0 * x * (g[4] + g[8]))
    dy = 2.0 * (x * (g[1] + g[3]) + z * (g[5] + g[7]) + w * (g[2] - g[6]) - 2.0 * y * (g[0] + g[8]))
    dz = 2.0 * (x * (g[2] + g[6]) + y * (g[5] + g[7]) + w * (g[3] - g[1]) - 2.0 * z * (g[0] + g[4]))
    along = w * dw + x * dx + y * dy + z * dz
    out[i, 0] = inverse_length * (dw - along * w)
    out[i, 1] = inverse_length * (dx - along * x)
    out[i, 2] = inverse_length * (dy - along * y)
    out[i, 3] = inverse_length * (dz - along * z)


@compiled(inline="always")
def to_world(view, x, y, z):
    """A gradient on the camera's axes, on those of the world."""
    return (
        view[0] * x + view[3] * y + view[6] * z,
        view[1] * x + view[4] * y + view[7] * z,
        view[2] * x + view[5] * y + view[8] * z,
    )


@compiled(inline="always")
def clear_gradients(i, grad_means, grad_rotations, grad_scales, grad_opacities, grad_colors, grad_offsets):
    """Zeros for Gaussian i."""
    for channel in range(3):
        grad_means[i, channel] = grad_scales[i, channel] = grad_colors[i, channel] = 0.0
    for part in range(4):
        grad_rotations[i, part] = 0.0
    grad_opacities[i] = grad_offsets[i, 0] = grad_offsets[i, 1] = 0.0


@compiled(parallel=True)
def chain_to_gaussians(
    moments, places, means, rotations, scales, opacities, view,
    grad_means, grad_rotations, grad_scales, grad_opacities, grad_colors, grad_offsets,
):  # fmt: skip
    """Gradients of all fields from moments; Gaussian i is splat `places[i]`, or is not seen where that is negative."""
    for i in prange(places.shape[0]):
        prefetch(moments, max(places[min(i + AHEAD, places.shape[0] - 1)], 0) * moments.shape[1])
        k = places[i]
        if k < 0:
            clear_gradients(i, grad_means, grad_rotations, grad_scales, grad_opacities, grad_colors, grad_offsets)
            continue
        x, y, _, inverse_z = to_camera(means, i, view)
        w, qx, qy, qz, inverse_length = unit_quaternion(rotations, i)
        s0, s1, s2 = np.float64(scales[i, 0]), np.float64(scales[i, 1]), np.float64(scales[i, 2])
        axes = own_axes(view, w, qx, qy, qz)
        p = screen_axes(view, x, y, inverse_z, axes, s0, s1, s2)
        slope_x, slope_y = p[6], p[7]
        a, b, c, _ = invert(
            p[0] * p[0] + p[1] * p[1] + p[2] * p[2] + LOW_PASS_VARIANCE,
            p[0] * p[3] + p[1] * p[4] + p[2] * p[5],
            p[3] * p[3] + p[4] * p[4] + p[5] * p[5] + LOW_PASS_VARIANCE,
        )
        gu, gv, gxx, gxy, gyy = chain_moments(moments, k, a, b, c)
        for channel in range(3):
            grad_colors[i, channel] = moments[k, channel]
        grad_opacities[i] = np.float64(moments[k, 3]) / np.float64(opacities[i])
        grad_offsets[i, 0], grad_offsets[i, 1] = gu, gv
        # On the picture: covariance P P^T.
        d0, d1, d2 = 2.0 * gxx * p[0] + gxy * p[3], 2.0 * gxx * p[1] + gxy * p[4], 2.0 * gxx * p[2] + gxy * p[5]
        d3, d4, d5 = gxy * p[0] + 2.0 * gyy * p[3], gxy * p[1] + 2.0 * gyy * p[4], gxy * p[2] + 2.0 * gyy * p[5]
        fx, fy = view[12] * inverse_z, view[13] * inverse_z
        # P's rows are f / z (row of axes - slope * third row), columns times scales.
        gx, gy = fx * gu, fy * gv
        gz = gx * x + gy * y + d0 * p[0] + d1 * p[1] + d2 * p[2] + d3 * p[3] + d4 * p[4] + d5 * p[5]
        of_slope_x = -fx * (d0 * s0 * axes[6] + d1 * s1 * axes[7] + d2 * s2 * axes[8])
        of_slope_y = -fy * (d3 * s0 * axes[6] + d4 * s1 * axes[7] + d5 * s2 * axes[8])
        # A slope at its limit does not move with the centre.
        if slope_x == x * inverse_z:
            gx += of_slope_x * inverse_z
            gz += of_slope_x * slope_x
        if slope_y == y * inverse_z:
            gy += of_slope_y * inverse_z
            gz += of_slope_y * slope_y
        grad_means[i, 0], grad_means[i, 1], grad_means[i, 2] = to_world(view, gx, gy, -gz * inverse_z)
        d0, d1, d2, d3, d4, d5 = fx * d0, fx * d1, fx * d2, fy * d3, fy * d4, fy * d5
        d6, d7, d8 = -slope_x * d0 - slope_y * d3, -slope_x * d1 - slope_y * d4, -slope_x * d2 - slope_y * d5
        grad_scales[i, 0] = d0 * axes[0] + d3 * axes[3] + d6 * axes[6]
        grad_scales[i, 1] = d1 * axes[1] + d4 * axes[4] + d7 * axes[7]
        grad_scales[i, 2] = d2 * axes[2] + d5 * axes[5] + d8 * axes[8]
        g0, g3, g6 = to_world(view, d0 * s0, d3 * s0, d6 * s0)
        g1, g4, g7 = to_world(view, d1 * s1, d4 * s1, d7 * s1)
        g2, g5, g8 = to_world(view, d2 * s2, d5 * s2, d8 * s2)
        quaternion_gradient(w, qx, qy, qz, inverse_length, (g0, g1, g2, g3, g4, g5, g6, g7, g8), grad_rotations, i)
