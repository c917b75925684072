# SPDX-License-Identifier: Apache-2.0
"""Unit quaternions as the index of their largest part and the three others, and back: .spz, .sog and .ply share it."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float, Float32, Int

OTHERS = np.array([[1, 2, 3], [0, 2, 3], [0, 1, 3], [0, 1, 2]])
"""Indices of the three others, in order, by the index of the largest."""


def split_largest(rotations: Float[np.ndarray, "n 4"]) -> tuple[Float[np.ndarray, "n 3"], Int[np.ndarray, " n"]]:
    """The three smaller parts, within +-sqrt(1/2), of the quaternion whose largest is positive; and its index.

    Rotations need not be of length one; a zero becomes the identity (its first part is the largest).
    """
    unit = np.asarray(rotations, np.float64)
    length = np.linalg.norm(unit, axis=1, keepdims=True)
    unit = np.where(length > 0, unit / np.where(length > 0, length, 1), [1.0, 0, 0, 0])
    largest = np.argmax(np.abs(unit), axis=1)
    unit = np.where(np.take_along_axis(unit, largest[:, None], 1) < 0, -unit, unit)
    return np.take_along_axis(unit, OTHERS[largest], 1), largest


def restore_largest(small: Float[np.ndarray, "n 3"], largest: Int[np.ndarray, " n"]) -> Float32[np.ndarray, "n 4"]:
    """Quaternions with a positive largest part; where rounding left it no room, it is zero."""
    whole = np.empty((len(small), 4), np.float32)
    np.put_along_axis(whole, OTHERS[largest], small.astype(np.float32), 1)
    rest = np.sqrt(np.maximum(0.0, 1.0 - (small.astype(np.float64) ** 2).sum(axis=1)))
    np.put_along_axis(whole, largest[:, None], rest[:, None].astype(np.float32), 1)
    return whole
