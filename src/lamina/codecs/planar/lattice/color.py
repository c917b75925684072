# SPDX-License-Identifier: Apache-2.0
"""The color space of the lattice: an orthonormal rotation of RGB, so that squared errors are the same in both.

One luma and two chroma axes, nearly uncorrelated on photographs: one quantiser step serves all three.
"""

from __future__ import annotations

import math

import numpy as np
from jaxtyping import Float32

ROTATION = np.array([[1.0, 1.0, 1.0], [1.0, 0.0, -1.0], [1.0, -2.0, 1.0]]) / np.array(
    [[math.sqrt(3.0)], [math.sqrt(2.0)], [math.sqrt(6.0)]]
)
"""Rows: (R + G + B) / sqrt 3, (R - B) / sqrt 2, (R - 2 G + B) / sqrt 6."""


def from_rgb(pixels: np.ndarray) -> Float32[np.ndarray, "... 3"]:
    """RGB -> luma and chroma."""
    return (pixels.astype(np.float32) @ ROTATION.T.astype(np.float32)).astype(np.float32)


def to_rgb(colors: np.ndarray) -> Float32[np.ndarray, "... 3"]:
    """The inverse of `from_rgb`."""
    return (colors.astype(np.float32) @ ROTATION.astype(np.float32)).astype(np.float32)
