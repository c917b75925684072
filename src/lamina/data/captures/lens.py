# SPDX-License-Identifier: Apache-2.0
"""What a reconstruction says of a camera (focal lengths, distortion) enters; the pinhole nearest to it leaves.

What lenses do is in `distortion`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np
from jaxtyping import Float64

from lamina.cameras.camera import SIZE_LIMIT_PX
from lamina.data.captures.distortion import BEHIND, LEAST_OMEGA, NO_DISTORTION, Distortion
from lamina.errors import SignalError

WIDEST_HALF_ANGLE = math.radians(60.0)
"""To each side of the axis that a pinhole shows. A pinhole spreads its border by 1 / cos^2 of the angle: 4 times at 60
degrees, 33 at 80, so that a wider one gives most of its pixels to what a fisheye hardly saw."""

SHARE_SAMPLES = 32
"""Across and down the picture, for the share of it that a pinhole leaves out: right to a hundredth."""

INSIDE_PX = 0.5
"""By so much a frame's corner may miss the picture: edges are sampled, and borders go on."""

FRAME_SHARES = (1.0, 0.95, 0.9, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3)
"""Of a wide lens's frame, tried in turn: its corners may lie beyond what the coefficients were found for."""

NO_DISTORTION_PX = 0.01
"""A picture that distortion moves by less than this everywhere is left as it is: resampling would cost more."""

SKEW_PX = 0.5
"""Less is what calibrations differ by; nothing that takes pictures has skew."""

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
    distortion: Distortion = NO_DISTORTION

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

        No pixel of it lacks a source; focal lengths differ by what the rectangle's shape does. It is at most twice
        `WIDEST_HALF_ANGLE` wide and high.

        Raises:
            SignalError: the coefficients fold the picture, so that there is no such rectangle.
        """
        if not self.distorts():
            inner = (self.focal_x_px, self.focal_y_px, self.center_x_px, self.center_y_px)
            return Lens(self.width, self.height, *inner)
        left, top, right, bottom = self._inner_frame()
        focal_x, focal_y = self.width / (right - left), self.height / (bottom - top)
        return Lens(self.width, self.height, focal_x, focal_y, -left * focal_x, -top * focal_y)

    @lru_cache(maxsize=LENSES_KEPT)  # noqa: B019 - a lens is a few numbers
    def distorts(self) -> bool:
        """Whether any point of the border is moved by more than `NO_DISTORTION_PX`."""
        if self.distortion == NO_DISTORTION:
            return False
        plane = (np.concatenate(_edges(self.width, self.height)) - self._center) / self._focal
        with np.errstate(all="ignore"):
            moved = np.abs(self.distortion.of(plane) - plane) * self._focal
        return not bool(moved.max() <= NO_DISTORTION_PX)

    @lru_cache(maxsize=LENSES_KEPT)  # noqa: B019 - a lens is a few numbers
    def share_left_out(self) -> float:
        """Of the picture's pixels, those that `undistorted` does not show, 0...1."""
        if not self.distorts():
            return 0.0
        steps = (np.arange(SHARE_SAMPLES) + 0.5) / SHARE_SAMPLES
        places = np.stack(np.meshgrid(steps * self.width, steps * self.height), axis=-1).reshape(-1, 2)
        plane = self.distortion.undone((places - self._center) / self._focal)
        pinhole = self.undistorted()
        seen = plane * pinhole._focal + pinhole._center
        inside = (seen >= 0).all(axis=1) & (seen <= (self.width, self.height)).all(axis=1)
        return float(1.0 - inside.mean())

    @property
    def _focal(self) -> Float64[np.ndarray, "2"]:
        return np.array([self.focal_x_px, self.focal_y_px])

    @property
    def _center(self) -> Float64[np.ndarray, "2"]:
        return np.array([self.center_x_px, self.center_y_px])

    def _inner_frame(self) -> tuple[float, float, float, float]:
        """Left, top, right, bottom on the plane of the largest rectangle inside the undistorted border."""
        left, top, right, bottom = (
            self._border((edge - self._center) / self._focal) for edge in _edges(self.width, self.height)
        )
        frame = np.array([left[:, 0].max(), top[:, 1].max(), right[:, 0].min(), bottom[:, 1].min()])
        if np.isfinite(frame).all() and frame[0] < frame[2] and frame[1] < frame[3]:
            tried = FRAME_SHARES if self.distortion.is_wide else FRAME_SHARES[:1]
            found = next(
                (ratio * frame for ratio in tried if not self.distortion.is_wide or self._sees(ratio * frame)), None
            )
            if found is not None:
                return float(found[0]), float(found[1]), float(found[2]), float(found[3])
        raise SignalError(
            f"distortion {self.distortion.coefficients} folds a picture of {self.width}x{self.height} with "
            f"focal length {self.focal_x_px:.6g} px; expected coefficients of a lens: calibrate again"
        )

    def _border(self, points: Float64[np.ndarray, "p 2"]) -> Float64[np.ndarray, "p 2"]:
        """Undistorted points of an edge, no further from the axis than a pinhole shows."""
        limit = math.tan(WIDEST_HALF_ANGLE)
        plane = self.distortion.undone(points)
        if self.distortion.is_wide:
            # What is not before the camera, or past where coefficients fold, is further out than any pinhole shows.
            behind = np.isnan(plane).any(axis=1)
            plane[behind] = points[behind] / np.linalg.norm(points[behind], axis=1, keepdims=True) * math.tan(BEHIND)
        return np.clip(plane, -limit, limit)

    def _sees(self, frame: Float64[np.ndarray, "4"]) -> bool:
        """Whether this lens shows all of a rectangle's border, unfolded, within its picture."""
        sides = [edge * (frame[2:] - frame[:2]) + frame[:2] for edge in _edges(1, 1)]
        projected = self.distortion.project(np.concatenate(sides))
        with np.errstate(all="ignore"):
            places = self.distortion.bend(projected) * self._focal + self._center
            unfolded = np.linalg.det(self.distortion.jacobian(projected)) > 0
            inside = (places > -INSIDE_PX) & (places < np.array([self.width, self.height]) + INSIDE_PX)
        return bool(unfolded.all() and inside.all())


def check_lens(lens: Lens, place: str) -> None:
    """Refuse sizes, focal lengths and coefficients that no camera has.

    Raises:
        SignalError: with `place` in front.
    """
    if not (1 <= lens.width <= SIZE_LIMIT_PX and 1 <= lens.height <= SIZE_LIMIT_PX):
        raise SignalError(f"{place}: size {lens.width}x{lens.height}; expected 1...{SIZE_LIMIT_PX} pixels a side")
    numbers = (lens.center_x_px, lens.center_y_px, *lens.distortion.coefficients)
    if not (0 < lens.focal_x_px < math.inf and 0 < lens.focal_y_px < math.inf):
        raise SignalError(f"{place}: focal lengths {lens.focal_x_px}, {lens.focal_y_px}; expected more than 0 px")
    if not np.isfinite(numbers).all():
        raise SignalError(f"{place}: principal point or distortion {numbers}; expected finite numbers")
    if not LEAST_OMEGA <= abs(lens.distortion.omega) < math.pi:
        raise SignalError(f"{place}: field of view {lens.distortion.omega}; expected radians, {LEAST_OMEGA} up to pi")


def refuse_skew(skew_px: float, lens: Lens, place: str) -> None:
    """Refuse pixels that are no rectangles, where that moves the border by more than `SKEW_PX`.

    `skew_px` is what stands between the focal length across and the principal point in the matrix of intrinsics.

    Raises:
        SignalError: with `place` in front.
    """
    if not abs(skew_px) * 0.5 * lens.height / lens.focal_y_px <= SKEW_PX:
        raise SignalError(f"{place}: skew {skew_px:.6g} px; expected square corners: calibrate without skew (b2)")


def _edges(width: int, height: int) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Points (x, y) in pixels on the left, upper, right and lower edge of a picture."""
    across, down = np.linspace(0.0, width, BORDER_SAMPLES), np.linspace(0.0, height, BORDER_SAMPLES)
    return (
        np.stack([np.zeros_like(down), down], axis=1),
        np.stack([across, np.zeros_like(across)], axis=1),
        np.stack([np.full_like(down, width), down], axis=1),
        np.stack([across, np.full_like(across, height)], axis=1),
    )
