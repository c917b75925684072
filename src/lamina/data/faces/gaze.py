# SPDX-License-Identifier: Apache-2.0
"""Irises in a picture and a head's pose enter; where the eyes look, leaves: yaw and pitch in the head's axes."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float64

from lamina.data.faces.alignment import HeadPose, Pinhole

IRISES = (473, 468)
"""Landmarks: the person's left, right."""


def gaze_of(
    irises_px: Float64[np.ndarray, "2 2"],
    pose: HeadPose,
    pinhole: Pinhole,
    eyes: Float64[np.ndarray, "2 3"],
    radius: float,
) -> Float64[np.ndarray, "2"]:
    """Yaw (to the person's left) and pitch (down), radians: the mean of both eyes.

    A ray through the iris meets the eyeball; where it misses, its nearest point counts.
    """
    angles = []
    for iris, centre in zip(irises_px, eyes, strict=True):
        ray = np.array(
            [(iris[0] - pinhole.center_x) / pinhole.focal, (iris[1] - pinhole.center_y) / pinhole.focal, 1.0]
        )
        origin, ray = -pose.rotation.T @ pose.translation, pose.rotation.T @ (ray / np.linalg.norm(ray))
        along = (origin - centre) @ ray
        inside = along**2 - ((origin - centre) @ (origin - centre) - radius**2)
        point = origin + ray * (-along - np.sqrt(max(inside, 0.0))) - centre
        x, y, z = point / np.linalg.norm(point)
        angles.append((np.arctan2(x, z), -np.arcsin(np.clip(y, -1.0, 1.0))))
    return np.mean(angles, axis=0)
