# SPDX-License-Identifier: Apache-2.0
"""A point of the plane at depth 1 enters; where a lens puts it on that plane leaves, and back.

Light that meets the plane at depth 1 in (x, y), at r from its middle, is seen in two stages. A projection first:

    plane  (x, y)                     pinholes, OpenCV's lenses
    angle  (x, y) atan(r) / r         fisheyes: distance from the middle is the angle to the axis
    fov    (x, y) atan(2 r tan(omega / 2)) / (omega r)

Then polynomials about what it gives, (u, v) with s = u^2 + v^2:

    g  = (1 + k1 s + k2 s^2 + k3 s^3 + k4 s^4) / (1 + d1 s + d2 s^2 + d3 s^3)
    u' = u g + 2 p1 u v + p2 (s + 2 u^2) + q1 s
    v' = v g + 2 p2 u v + p1 (s + 2 v^2) + q2 s

OpenCV's models are these with fewer terms (its k4, k5, k6 are d1, d2, d3), and so are COLMAP's (colmap,
src/colmap/sensor/models.h). fov: Devernay and Faugeras, "Straight lines have to be straight", equation 13.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
from jaxtyping import Float64

Projection = Literal["plane", "angle", "fov"]

LEAST_OMEGA = 1e-3
"""Radians; a lens of a smaller field of view is a pinhole to a ten-millionth."""

BEHIND = math.radians(89.9)
"""Angles from here on are not before the camera: no plane at depth 1 has them."""

NEWTON_STEPS = 30
"""The inverse converges in 3-5 steps where the lens is one; what has not converged then is folded."""

CONVERGED = 1e-12
"""On the plane at depth 1: a billionth of a pixel."""


@dataclass(frozen=True)
class Distortion:
    """How a lens differs from a pinhole; of the plane, so that it holds for pictures of any size."""

    radial: tuple[float, float, float, float] = (0.0, 0.0, 0.0, 0.0)
    """k1, k2, k3, k4: powers 2, 4, 6, 8 of the distance from the middle."""
    tangential: tuple[float, float] = (0.0, 0.0)
    """p1, p2."""
    projection: Projection = "plane"
    denominator: tuple[float, float, float] = (0.0, 0.0, 0.0)
    """d1, d2, d3."""
    thin_prism: tuple[float, float] = (0.0, 0.0)
    """q1, q2."""
    omega: float = 1.0
    """Of the projection fov, radians."""

    @property
    def is_wide(self) -> bool:
        """Whether it may see more than any pinhole shows."""
        return self.projection != "plane"

    @property
    def coefficients(self) -> tuple[float, ...]:
        """All of the second stage: k1...k4, d1...d3, p1 p2, q1 q2."""
        return (*self.radial, *self.denominator, *self.tangential, *self.thin_prism)

    def center_gain(self) -> float:
        """How much larger the picture's middle is than a pinhole of this focal length would show it."""
        return 2.0 * math.tan(0.5 * self.omega) / self.omega if self.projection == "fov" else 1.0

    def of(self, plane: Float64[np.ndarray, "p 2"]) -> Float64[np.ndarray, "p 2"]:
        """Points of the plane at depth 1, as a pinhole sees them, to where this lens puts them on that plane."""
        return self.bend(self.project(plane))

    def undone(self, plane: Float64[np.ndarray, "p 2"]) -> Float64[np.ndarray, "p 2"]:
        """The inverse of `of`; NaN where there is none: beyond a fold, or not before the camera."""
        bent = self._unbend(plane)
        if self.projection == "plane":
            return bent
        angle = self._angles(bent)
        bent[~(angle < BEHIND)] = math.nan
        return bent * _ratio(np.tan(np.minimum(angle, BEHIND)), np.linalg.norm(bent, axis=1), 1 / self.center_gain())

    def project(self, plane: Float64[np.ndarray, "p 2"]) -> Float64[np.ndarray, "p 2"]:
        """The first stage."""
        if self.projection == "plane":
            return plane
        radius = np.linalg.norm(plane, axis=1)
        if self.projection == "angle":
            return plane * _ratio(np.arctan(radius), radius, 1.0)
        gain = self.center_gain()
        return plane * _ratio(np.arctan(radius * gain * self.omega) / self.omega, radius, gain)

    def _angles(self, projected: Float64[np.ndarray, "p 2"]) -> Float64[np.ndarray, " p"]:
        """To the axis, in radians, of what angle or fov put there."""
        radius = np.linalg.norm(projected, axis=1)
        if self.projection == "angle":
            return radius
        inner = np.abs(radius * self.omega)
        slope = abs(self.center_gain() * self.omega)
        return np.where(inner < BEHIND, np.arctan(np.tan(np.minimum(inner, BEHIND)) / slope), math.inf)

    def bend(self, points: Float64[np.ndarray, "p 2"]) -> Float64[np.ndarray, "p 2"]:
        """The second stage."""
        u, v = points[:, 0], points[:, 1]
        (p1, p2), (q1, q2) = self.tangential, self.thin_prism
        square = u * u + v * v
        gain, _ = self._gain(square)
        cross = 2.0 * u * v
        moved_u = u * gain + p1 * cross + p2 * (square + 2.0 * u * u) + q1 * square
        moved_v = v * gain + p2 * cross + p1 * (square + 2.0 * v * v) + q2 * square
        return np.stack([moved_u, moved_v], axis=1)

    def _gain(self, square: Float64[np.ndarray, " p"]) -> tuple[Float64[np.ndarray, " p"], Float64[np.ndarray, " p"]]:
        """g, and its derivative by s."""
        (k1, k2, k3, k4), (d1, d2, d3) = self.radial, self.denominator
        over = 1.0 + square * (k1 + square * (k2 + square * (k3 + square * k4)))
        under = 1.0 + square * (d1 + square * (d2 + square * d3))
        over_slope = k1 + square * (2.0 * k2 + square * (3.0 * k3 + square * 4.0 * k4))
        under_slope = d1 + square * (2.0 * d2 + square * 3.0 * d3)
        return over / under, (over_slope - over / under * under_slope) / under

    def _unbend(self, points: Float64[np.ndarray, "p 2"]) -> Float64[np.ndarray, "p 2"]:
        """The inverse of the second stage, by Newton's method from the bent point; NaN where it does not converge."""
        found = points.copy()
        with np.errstate(all="ignore"):
            for _ in range(NEWTON_STEPS):
                residual = self.bend(found) - points
                if np.abs(residual).max(initial=0.0) < CONVERGED:
                    break
                found = found - np.linalg.solve(self.jacobian(found), residual[..., None])[..., 0]
            wrong = ~(np.abs(self.bend(found) - points).max(axis=1) < 1e3 * CONVERGED)
            # A root beyond the fold is a root too, but the lens never looks there: orientation flips at the fold.
            wrong |= ~(np.linalg.det(self.jacobian(found)) > 0)
        found[wrong] = math.nan
        return found

    def jacobian(self, points: Float64[np.ndarray, "p 2"]) -> Float64[np.ndarray, "p 2 2"]:
        """Derivatives of `bend`; the unit matrix where they are singular or not finite."""
        u, v = points[:, 0], points[:, 1]
        (p1, p2), (q1, q2) = self.tangential, self.thin_prism
        gain, slope = self._gain(u * u + v * v)
        slope = 2.0 * slope
        off = u * v * slope + 2.0 * (p1 * u + p2 * v)
        rows = [gain + u * u * slope + 2.0 * p1 * v + 6.0 * p2 * u + 2.0 * q1 * u, off + 2.0 * q1 * v]
        rows += [off + 2.0 * q2 * u, gain + v * v * slope + 2.0 * p2 * u + 6.0 * p1 * v + 2.0 * q2 * v]
        matrices = np.stack(rows, axis=1).reshape(-1, 2, 2)
        matrices[~np.isfinite(matrices).all(axis=(1, 2))] = np.eye(2)
        matrices[np.abs(np.linalg.det(matrices)) < 1e-12] = np.eye(2)
        return matrices


NO_DISTORTION = Distortion()
"""A pinhole's."""


def _ratio(
    over: Float64[np.ndarray, " p"], under: Float64[np.ndarray, " p"], limit: float
) -> Float64[np.ndarray, "p 1"]:
    """Over / under, and the limit where both vanish."""
    tiny = under < 1e-9
    return np.where(tiny, limit, over / np.where(tiny, 1.0, under))[:, None]
