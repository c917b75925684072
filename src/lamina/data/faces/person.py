# SPDX-License-Identifier: Apache-2.0
"""A picture enters; how much of each pixel is the person leaves. Source: MediaPipe's selfie segmentation."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float32, UInt8

from lamina.data.faces.landmarks import Crop, cropped
from lamina.data.faces.networks import network

SIDE = 256
"""Pixels of the network's input and output."""


def person_mask(pixels: UInt8[np.ndarray, "h w 3"], height: int, width: int) -> Float32[np.ndarray, "height width"]:
    """0...1, at any size. The network sees a square about the whole picture.

    Raises:
        BackendUnavailable: LiteRT is not installed.
    """
    own_height, own_width = pixels.shape[:2]
    side = max(own_height, own_width)
    square = cropped(pixels, Crop((own_width / 2, own_height / 2), float(side), 0.0), SIDE)
    mask = network("person_mask")(square[None])[0][0, :, :, 0].astype(np.float32)
    # The square sees beyond the shorter side, where edges are repeated: cut that off again.
    rows = ((np.arange(height) + 0.5) / height - 0.5) * own_height / side + 0.5
    columns = ((np.arange(width) + 0.5) / width - 0.5) * own_width / side + 0.5
    return bilinear(mask, rows * SIDE - 0.5, columns * SIDE - 0.5)


def bilinear(values: np.ndarray, rows: np.ndarray, columns: np.ndarray) -> np.ndarray:
    """Values (h, w) at a grid of rows and columns."""
    top = np.clip(np.floor(rows).astype(np.int64), 0, values.shape[0] - 2)
    left = np.clip(np.floor(columns).astype(np.int64), 0, values.shape[1] - 2)
    down = np.clip(rows - top, 0, 1).astype(np.float32)[:, None]
    along = np.clip(columns - left, 0, 1).astype(np.float32)[None]
    upper = values[top][:, left] * (1 - along) + values[top][:, left + 1] * along
    lower = values[top + 1][:, left] * (1 - along) + values[top + 1][:, left + 1] * along
    return upper * (1 - down) + lower * down
