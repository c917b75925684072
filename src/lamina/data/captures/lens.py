# SPDX-License-Identifier: Apache-2.0
"""What a reconstruction says of a camera (focal lengths, distortion) enters; the pinhole nearest to it leaves.

The model is OpenCV's: with x, y on the plane at depth 1 and r^2 = x^2 + y^2,

    x' = x (1 + k1 r^2 + k2 r^4 + k3 r^6 + k4 r^8) + 2 p1 x y + p2 (r^2 + 2 x^2)
    y' = y (1 + k1 r^2 + k2 r^4 + k3 r^6 + k4 r^8) + 2 p2 x y + p1 (r^2 + 2 y^2)

COLMAP's SIMPLE_RADIAL, RADIAL and OPENCV are this with fewer terms (colmap, src/colmap/sensor/models.h).
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np
from jaxtyping import Float64

from lamina.cameras.camera import SIZE_LIMIT_PX
from lamina.errors import SignalError

NEWTON_STEPS = 30
"""The inverse converges in 3-5 steps where the lens is one; what has not converged then is folded."""

CONVERGED = 1e-12
"""On the plane at depth 1: a billionth of a pixel."""

NO_DISTORTION_PX = 0.01
"""A picture that distortion moves by less than this everywhere is left as it is: resampling would cost more."""

BORDER_SAMPLES = 64
"""Points on each edge of the picture from which its undistorted frame is found; edges are smooth curves."""

LENSES_KEPT = 1024
"""Captures have one lens for all pictures, or one for each; what follows from it is found once."""


@dataclass(frozen=True)
class Lens:
    """Intrinsics of a picture as it lies in its file; pixels, principal point from the upper left corner."""

    width: int
    height: int
    focal_x_px: float
    focal_y_px: float
    center_x_px: float
    center_y_px: float
    radial: tuple[float, float, float, float] = (0.0, 0.0, 0.0, 0.0)
    """k1, k2, k3, k4: powers 2, 4, 6, 8 of the radius on the plane at depth 1."""
    tangential: tuple[float, float] = (0.0, 0.0)
    """p1, p2."""

    def resized(self, width: int, height: int) -> Lens:
        """The same lens on a picture of another size; distortion is of the plane and stays."""
        ratio_x, ratio_y = width / self.width, height / self.height
        return replace(
            self,
            width=width,
            height=height,
            focal_x_px=self.focal_x_px * ratio_x,
            focal_y_px=self.focal_y_px * ratio_y,
            center_x_px=self.center_x_px * ratio_x,
            center_y_px=self.center_y_px * ratio_y,
        )

    @lru_cache(maxsize=LENSES_KEPT)  # noqa: B019 - a lens is a few numbers
    def undistorted(self) -> Lens:
        """The pinhole of the same size whose picture is the upright rectangle inside the undistorted border.

        No pixel of it lacks a source; focal lengths differ by the little that the rectangle's shape does.

        Raises:
            SignalError: the coefficients fold the picture, so that there is no such rectangle.
        """
        if not self.distorts():
            return replace(self, radial=(0.0,) * 4, tangential=(0.0, 0.0))
        left, top, right, bottom = self._inner_frame()
        focal_x, focal_y = self.width / (right - left), self.height / (bottom - top)
        return Lens(self.width, self.height, focal_x, focal_y, -left * focal_x, -top * focal_y)

    @lru_cache(maxsize=LENSES_KEPT)  # noqa: B019 - a lens is a few numbers
    def distorts(self) -> bool:
        """Whether any point of the border is moved by more than `NO_DISTORTION_PX`."""
        if not any(self.radial) and not any(self.tangential):
            return False
        plane = (np.concatenate(_edges(self.width, self.height)) - self._center) / self._focal
        moved = np.abs(self.distort(plane) - plane) * self._focal
        return not bool(moved.max() <= NO_DISTORTION_PX)

    def distort(self, plane: Float64[np.ndarray, "p 2"]) -> Float64[np.ndarray, "p 2"]:
        """Points of the plane at depth 1, as a pinhole sees them, to where this lens puts them on that plane."""
        x, y = plane[:, 0], plane[:, 1]
        k1, k2, k3, k4 = self.radial
        p1, p2 = self.tangential
        square = x * x + y * y
        gain = 1.0 + square * (k1 + square * (k2 + square * (k3 + square * k4)))
        cross = 2.0 * x * y
        moved_x = x * gain + p1 * cross + p2 * (square + 2.0 * x * x)
        moved_y = y * gain + p2 * cross + p1 * (square + 2.0 * y * y)
        return np.stack([moved_x, moved_y], axis=1)

    def undistort(self, plane: Float64[np.ndarray, "p 2"]) -> Float64[np.ndarray, "p 2"]:
        """The inverse of `distort`, by Newton's method from the distorted point; NaN where it does not converge."""
        found = plane.copy()
        with np.errstate(all="ignore"):
            for _ in range(NEWTON_STEPS):
                residual = self.distort(found) - plane
                if np.abs(residual).max(initial=0.0) < CONVERGED:
                    break
                found = found - np.linalg.solve(self._jacobian(found), residual[..., None])[..., 0]
            wrong = ~(np.abs(self.distort(found) - plane).max(axis=1) < 1e3 * CONVERGED)
            # A root beyond the fold is a root too, but the lens never looks there: orientation flips at the fold.
            wrong |= ~(np.linalg.det(self._jacobian(found)) > 0)
        found[wrong] = math.nan
        return found

    @property
    def _focal(self) -> Float64[np.ndarray, "2"]:
        return np.array([self.focal_x_px, self.focal_y_px])

    @property
    def _center(self) -> Float64[np.ndarray, "2"]:
        return np.array([self.center_x_px, self.center_y_px])

    def _jacobian(self, plane: Float64[np.ndarray, "p 2"]) -> Float64[np.ndarray, "p 2 2"]:
        """Derivatives of `distort`; the unit matrix where they are singular or not finite."""
        x, y = plane[:, 0], plane[:, 1]
        k1, k2, k3, k4 = self.radial
        p1, p2 = self.tangential
        square = x * x + y * y
        gain = 1.0 + square * (k1 + square * (k2 + square * (k3 + square * k4)))
        slope = 2.0 * (k1 + square * (2.0 * k2 + square * (3.0 * k3 + square * 4.0 * k4)))
        off = x * y * slope + 2.0 * (p1 * x + p2 * y)
        rows = [gain + x * x * slope + 2.0 * p1 * y + 6.0 * p2 * x, off, off]
        rows.append(gain + y * y * slope + 2.0 * p2 * x + 6.0 * p1 * y)
        matrices = np.stack(rows, axis=1).reshape(-1, 2, 2)
        matrices[~np.isfinite(matrices).all(axis=(1, 2))] = np.eye(2)
        matrices[np.abs(np.linalg.det(matrices)) < 1e-12] = np.eye(2)
        return matrices

    def _inner_frame(self) -> tuple[float, float, float, float]:
        """Left, top, right, bottom on the plane of the largest rectangle inside the undistorted border."""
        left, top, right, bottom = (
            self.undistort((edge - self._center) / self._focal) for edge in _edges(self.width, self.height)
        )
        frame = left[:, 0].max(), top[:, 1].max(), right[:, 0].min(), bottom[:, 1].min()
        inside = frame[0] < frame[2] and frame[1] < frame[3]
        if not (np.isfinite(frame).all() and inside):
            raise SignalError(
                f"distortion {self.radial + self.tangential} folds a picture of {self.width}x{self.height} with "
                f"focal length {self.focal_x_px:.6g} px; expected coefficients of a lens: calibrate again"
            )
        return float(frame[0]), float(frame[1]), float(frame[2]), float(frame[3])


def check_lens(lens: Lens, place: str) -> None:
    """Refuse sizes, focal lengths and coefficients that no camera has.

    Raises:
        SignalError: with `place` in front.
    """
    if not (1 <= lens.width <= SIZE_LIMIT_PX and 1 <= lens.height <= SIZE_LIMIT_PX):
        raise SignalError(f"{place}: size {lens.width}x{lens.height}; expected 1...{SIZE_LIMIT_PX} pixels a side")
    numbers = (lens.center_x_px, lens.center_y_px, *lens.radial, *lens.tangential)
    if not (0 < lens.focal_x_px < math.inf and 0 < lens.focal_y_px < math.inf):
        raise SignalError(f"{place}: focal lengths {lens.focal_x_px}, {lens.focal_y_px}; expected more than 0 px")
    if not np.isfinite(numbers).all():
        raise SignalError(f"{place}: principal point or distortion {numbers}; expected finite numbers")


def _edges(width: int, height: int) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Points (x, y) in pixels on the left, upper, right and lower edge of a picture."""
    across, down = np.linspace(0.0, width, BORDER_SAMPLES), np.linspace(0.0, height, BORDER_SAMPLES)
    return (
        np.stack([np.zeros_like(down), down], axis=1),
        np.stack([across, np.zeros_like(across)], axis=1),
        np.stack([np.full_like(down, width), down], axis=1),
        np.stack([across, np.full_like(across, height)], axis=1),
    )
