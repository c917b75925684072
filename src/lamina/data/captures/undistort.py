# SPDX-License-Identifier: Apache-2.0
"""A picture and its lens enter, the picture a pinhole would have taken leaves: inverse mapping, Catmull-Rom cubics.

Bilinear interpolation would blur what the codec is then measured against; cubics keep 8-bit photographs sharp.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import UInt8

from lamina.data.captures.lens import Lens


def undistort(pixels: UInt8[np.ndarray, "h w 3"], lens: Lens, pinhole: Lens) -> UInt8[np.ndarray, "h2 w2 3"]:
    """What `pinhole` sees of `pixels`, which `lens` saw; beyond the border its pixels go on.

    Raises:
        ValueError: the lens is for another size than the picture's.
    """
    from lamina.data.captures import undistort_kernels as kernels

    if pixels.shape != (lens.height, lens.width, 3):
        raise ValueError(f"expected a picture of {(lens.height, lens.width, 3)}, got {pixels.shape}")
    margin = (kernels.BEFORE, kernels.AFTER)
    padded = np.pad(pixels, (margin, margin, (0, 0)), mode="edge").astype(np.float32)
    out = np.empty((pinhole.height, pinhole.width, 3), np.uint8)
    kind = {"plane": 0, "angle": kernels.ANGLE, "fov": kernels.FOV}[lens.distortion.projection]
    kernels.resample(padded.reshape(-1), lens.width, lens.height, _numbers(lens), kind, _numbers(pinhole)[:4], out)
    return out


def _numbers(lens: Lens) -> tuple[float, ...]:
    inner = (lens.focal_x_px, lens.focal_y_px, lens.center_x_px, lens.center_y_px)
    return tuple(float(number) for number in (*inner, *lens.distortion.coefficients, lens.distortion.omega))
