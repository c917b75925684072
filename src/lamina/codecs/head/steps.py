# SPDX-License-Identifier: Apache-2.0
"""What the integers of a frame are worth: steps of its columns, and turns made of three of them. No torch."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float32, Float64

from lamina.codecs.head.columns import DEPTH_RATIO


@dataclass(frozen=True)
class MotionSteps:
    """What 1 is of a frame's columns."""

    rotation: float
    translation_cm: float
    gaze: float
    torso_cm: float
    component_cm: float

    def row(self, torso: int, dimensions: int) -> Float32[np.ndarray, " c"]:
        """A step a column."""
        across = self.translation_cm
        pose = [self.rotation] * 3 + [across, across, DEPTH_RATIO * across, self.gaze, self.gaze]
        return np.array([*pose, *[self.torso_cm] * torso, *[self.component_cm] * dimensions], np.float32)


def scale_factor(scale: int) -> float:
    """What a run's steps are multiplied by."""
    return 2.0 ** (scale / 4)


def rotation_matrix(vector: Float64[np.ndarray, "3"]) -> Float64[np.ndarray, "3 3"]:
    """About a vector, by its length in radians (Rodrigues)."""
    angle = float(np.linalg.norm(vector))
    if angle < 1e-12:
        return np.eye(3)
    x, y, z = np.asarray(vector, np.float64) / angle
    across = np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]])
    return np.eye(3) + np.sin(angle) * across + (1 - np.cos(angle)) * across @ across
