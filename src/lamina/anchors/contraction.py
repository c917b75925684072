# SPDX-License-Identifier: Apache-2.0
"""Space drawn together towards its middle: what is far from where cameras stand takes as much room as it does in views.

With the distance d from the centre, in radii:

    d <= 1    as it is, in radii
    d > 1     the same direction, at 1 + ln d

A cube of contracted space is a cell that grows with its distance, so that cells look about as wide near and far:
outside the radius they are d wide along the line of sight from the centre, and d / (1 + ln d) across.

Source: the contracted space of Barron et al., Mip-NeRF 360 (CVPR 2022), Eq. 10, with a logarithm in place of 2 - 1 / d:
its cells grow with the square of the distance along the line of sight, ten times as deep as wide at ten radii.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64


@dataclass(frozen=True)
class Contraction:
    """Where space is as it is.

    Raises:
        ValueError: the centre is not finite, or the radius not above 0.
    """

    center: tuple[float, float, float]
    """World units."""
    radius: float
    """World units; a coordinate of 1."""

    def __post_init__(self) -> None:
        if not all(math.isfinite(value) for value in self.center) or not 0 < self.radius < math.inf:
            raise ValueError(f"expected a finite centre and a radius above 0, got {self.center} and {self.radius}")

    def contracted(self, points: Float64[np.ndarray, "p 3"]) -> Float64[np.ndarray, "p 3"]:
        """World units -> contracted space."""
        apart = (np.asarray(points, np.float64) - self.center) / self.radius
        distance = np.maximum(np.linalg.norm(apart, axis=1, keepdims=True), 1.0)
        return apart * ((1.0 + np.log(distance)) / distance)

    def expanded(self, places: Float64[np.ndarray, "p 3"]) -> Float64[np.ndarray, "p 3"]:
        """Drawn space -> world units."""
        distance = np.maximum(np.linalg.norm(places, axis=1, keepdims=True), 1.0)
        return np.asarray(self.center) + self.radius * np.exp(distance - 1.0) / distance * places

    def stretch(self, places: Float64[np.ndarray, "p 3"]) -> Float64[np.ndarray, " p"]:
        """World units that one of contracted space is there: the cube root of what it does to a volume."""
        distance = np.maximum(np.linalg.norm(places, axis=1), 1.0)
        return self.radius * np.exp(distance - 1.0) / np.cbrt(distance) ** 2
