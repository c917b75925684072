# SPDX-License-Identifier: Apache-2.0
"""What the reader of one kind of folder hands over: photographs with lens and pose, points, its split."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from lamina.data.captures.colmap import PointCloud
from lamina.data.captures.photographs import Photograph


@dataclass(frozen=True, eq=False)
class Source:
    """A capture before its views are undistorted and split."""

    photographs: tuple[Photograph, ...]
    points: PointCloud
    picture_scale: Fraction
    """What is left to apply to these pictures: the folder may hold the wanted size already."""
    notes: tuple[str, ...] = ()
    test: tuple[int, ...] | None = None
    """Views that the folder itself holds out; None: it does not say."""


def empty_cloud() -> PointCloud:
    """No points."""
    return PointCloud(np.empty(0, np.int64), np.empty((0, 3)), np.empty((0, 3), np.uint8))
