# SPDX-License-Identifier: Apache-2.0
"""A float picture enters, the same picture with fewer pixels leaves, without aliasing: exact averages over boxes."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float32

from lamina.data.color import ONE_LAYOUT


def downsample_area(pixels: Float32[np.ndarray, "h w 3"], height: int, width: int) -> Float32[np.ndarray, "h2 w2 3"]:
    """Average of `pixels` over each output pixel's exact area; any ratio, pixels on a border are shared by area.

    Constant pictures stay constant and the mean is kept, to float32 rounding. uint8 pixels are taken too.

    Raises:
        ValueError: the output is empty or larger than the input on an axis.
    """
    from lamina.data import resample_kernels

    if not (1 <= height <= pixels.shape[0] and 1 <= width <= pixels.shape[1]):
        raise ValueError(f"expected 1x1...{pixels.shape[1]}x{pixels.shape[0]}, got {width}x{height}")
    source = np.require(pixels, np.float32, ONE_LAYOUT)
    channels = source.shape[2]
    rows = np.empty((height, source.shape[1] * channels), np.float32)
    resample_kernels.average_rows(source.reshape(source.shape[0], -1), rows)
    out = np.empty((height, width, channels), np.float32)
    resample_kernels.average_columns(rows.reshape(height, source.shape[1], channels), out)
    return out
