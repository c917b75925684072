# SPDX-License-Identifier: Apache-2.0
"""Rotation matrices to unit quaternions and back, and the rotation between two."""

from __future__ import annotations

import math

import numpy as np
from jaxtyping import Float64

SAME_DIRECTION = 1.0 - 1e-9
"""Cosine of half the angle between two rotations from which on (0.005 degrees) they are blended, not turned."""


def quaternion_of(rotation: Float64[np.ndarray, "3 3"]) -> Float64[np.ndarray, "4"]:
    """(w, x, y, z) of length 1; the eigenvector that stands for the rotation.

    Source: Bar-Itzhack 2000.
    """
    r = rotation
    form = np.zeros((4, 4))
    form[0] = [np.trace(r), r[2, 1] - r[1, 2], r[0, 2] - r[2, 0], r[1, 0] - r[0, 1]]
    form[1:, 0] = form[0, 1:]
    form[1:, 1:] = r + r.T - np.trace(r) * np.eye(3)
    return np.linalg.eigh(form)[1][:, -1]


def rotation_of(quaternion: Float64[np.ndarray, "4"]) -> Float64[np.ndarray, "3 3"]:
    """The matrix of (w, x, y, z), of any length but zero."""
    w, x, y, z = quaternion / np.linalg.norm(quaternion)
    return np.array(
        [
            [1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y)],
            [2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x)],
            [2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)],
        ]
    )


def rotation_between(
    first: Float64[np.ndarray, "3 3"], second: Float64[np.ndarray, "3 3"], share: float
) -> Float64[np.ndarray, "3 3"]:
    """The first turned a share 0...1 of the shortest way to the second, at a steady pace.

    Source: Shoemake 1985, slerp.
    """
    start, end = quaternion_of(first), quaternion_of(second)
    cosine = float(start @ end)
    if cosine < 0:
        # A quaternion and its negative are one rotation: the nearer of the two.
        end, cosine = -end, -cosine
    if cosine > SAME_DIRECTION:
        return rotation_of((1 - share) * start + share * end)
    angle = math.acos(cosine)
    return rotation_of(math.sin((1 - share) * angle) * start + math.sin(share * angle) * end)
