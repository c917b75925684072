# SPDX-License-Identifier: Apache-2.0
"""A .splat enters, a cloud leaves: 32 bytes a Gaussian, no header, axes as in the .ply that it was made of.

    position 3 float32 | sigma 3 float32 | red, green, blue, opacity 4 uint8 | w, x, y, z 4 uint8

Source: the layout that antimatter15/splat (convert.py) writes.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from jaxtyping import Float, Float32, UInt8

from lamina.data.splats.cloud import COLOR_OF_CONSTANT, SplatCloud, cloud_of_linear
from lamina.data.splats.guarded import read_bytes, reading
from lamina.data.splats.ply import checked
from lamina.errors import SignalError

KIND = ".splat"
RECORD = np.dtype([("mean", "<f4", 3), ("scale", "<f4", 3), ("color", "u1", 4), ("rotation", "u1", 4)])
ROTATION_ZERO = 128.0
"""Of a quaternion's byte; 128 steps are 1."""


def read_splat(path: str | Path) -> SplatCloud:
    """Read a .splat; its colors have degree 0.

    Raises:
        SignalError: not a whole number of Gaussians, or values that are none.
    """
    path = Path(path)
    data = read_bytes(path, KIND)
    if not data or len(data) % RECORD.itemsize:
        raise SignalError(
            f"{path}: {len(data)} bytes; expected {RECORD.itemsize} for each Gaussian: it is cut off, or no .splat"
        )
    with reading(path, KIND):
        records = np.frombuffer(data, RECORD)
        rotations = (records["rotation"] - ROTATION_ZERO) / ROTATION_ZERO
        # Writers round the quaternion 0 0 0 0 of Gaussians without a rotation to four zeros.
        rotations[~rotations.any(axis=1)] = (1, 0, 0, 0)
        rotations /= np.linalg.norm(rotations, axis=1, keepdims=True)
        cloud = cloud_of_linear(
            records["mean"],
            rotations,
            positive_scales(records["scale"], path),
            records["color"][:, 3] / 255.0,
            constant_of_bytes(records["color"][:, :3])[:, None],
        )
        return checked(cloud, path)


def positive_scales(scales: Float[np.ndarray, "n 3"], path: Path) -> Float32[np.ndarray, "n 3"]:
    """The same, if none is negative or no number; 0 is as thin as float16 and bytes make it.

    Raises:
        SignalError: one is.
    """
    wrong = int((~(np.isfinite(scales) & (scales >= 0))).any(axis=1).sum())
    if wrong:
        raise SignalError(f"{path}: scales of {wrong} Gaussians are negative or no numbers; it is damaged")
    return scales.astype(np.float32)


def constant_of_bytes(colors: UInt8[np.ndarray, "n 3"]) -> Float32[np.ndarray, "n 3"]:
    """Coefficients of degree 0 of colors 0...255."""
    return ((colors / 255.0 - 0.5) / COLOR_OF_CONSTANT).astype(np.float32)
