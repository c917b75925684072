# SPDX-License-Identifier: Apache-2.0
"""The mean head: neutral vertices, what expressions move, places of Gaussians on its triangles. Arrays from one file.

A stream names the file by its hash, and everything that decides an order or a count is an integer. Source: Li et al.,
Learning Formation of Physically-Based Face Attributes (CVPR 2020), ICT-FaceKit; made by release/make_face_models.py.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from enum import IntEnum
from functools import cache
from pathlib import Path

import numpy as np
from jaxtyping import Float32, Float64, Int16, Int64, UInt8

MODELS = Path(__file__).parent / "models"
UNIT_CM = 1 / 1024
"""Of neutral vertices."""


class Region(IntEnum):
    """Of the head's surface; the numbers are those of the file."""

    FACE = 0
    HEAD_AND_NECK = 1
    TEETH = 2
    MOUTH_SOCKET = 3
    GUMS = 4
    LEFT_EYE = 5
    """The person's own left."""
    RIGHT_EYE = 6


@dataclass(frozen=True, eq=False)
class FaceTemplate:
    """A head in its own axes: x to the person's left, y up, z out of the face; cm."""

    neutral: Int16[np.ndarray, "v 3"]
    """Vertices, in `UNIT_CM`."""
    expression: Int16[np.ndarray, "e v 3"]
    """What an expression at 1 adds, in its step."""
    expression_steps: Float32[np.ndarray, " e"]
    """Cm."""
    expression_names: tuple[str, ...]
    sample_corners: Int64[np.ndarray, "s 3"]
    """Vertices of the triangle that a place is on. Any number of the first places is spread evenly."""
    sample_weights: UInt8[np.ndarray, "s 3"]
    """Of the corners, in 1/255."""
    sample_regions: UInt8[np.ndarray, " s"]
    sample_ranks: Int64[np.ndarray, " s"]
    """Place along a curve that keeps neighbours together."""
    eye_centers: Float32[np.ndarray, "2 3"]
    """Left, right; cm."""
    eye_radii: Float32[np.ndarray, " 2"]
    """Cm."""
    digest: bytes
    """First 8 bytes of the SHA-256 of the arrays: its name in streams."""

    @property
    def vertices(self) -> Float32[np.ndarray, "v 3"]:
        """Neutral, cm."""
        return self.neutral.astype(np.float32) * np.float32(UNIT_CM)

    @property
    def shapes(self) -> Float32[np.ndarray, "e v 3"]:
        """What expressions add, cm."""
        return self.expression.astype(np.float32) * self.expression_steps[:, None, None]

    def places(self, count: int) -> Int64[np.ndarray, "n 3"]:
        """The first places on the neutral head, in units of `UNIT_CM` / 255: integers, exact everywhere."""
        corners = self.neutral[self.sample_corners[:count]].astype(np.int64)
        return (corners * self.sample_weights[:count, :, None].astype(np.int64)).sum(axis=1)


@cache
def face_template() -> FaceTemplate:
    """The one that this package carries."""
    with np.load(MODELS / "template.npz", allow_pickle=False) as stored:
        arrays = {name: stored[name] for name in stored.files}
    digest = hashlib.sha256()
    for name in sorted(arrays):
        digest.update(name.encode() + np.ascontiguousarray(arrays[name]).tobytes())
    return FaceTemplate(
        neutral=arrays["neutral"],
        expression=arrays["expression"],
        expression_steps=arrays["expression_steps"],
        expression_names=tuple(str(name) for name in arrays["expression_names"]),
        sample_corners=arrays["sample_corners"].astype(np.int64),
        sample_weights=arrays["sample_weights"],
        sample_regions=arrays["sample_regions"],
        sample_ranks=arrays["sample_ranks"].astype(np.int64),
        eye_centers=arrays["eye_centers"],
        eye_radii=arrays["eye_radii"],
        digest=digest.digest()[:8],
    )


def barycentric(values: Float64[np.ndarray, "v c"], template: FaceTemplate, count: int) -> Float64[np.ndarray, "n c"]:
    """Values of vertices at the first places."""
    corners, weights = template.sample_corners[:count], template.sample_weights[:count].astype(np.float64) / 255
    return (values[corners] * weights[..., None]).sum(axis=1)
