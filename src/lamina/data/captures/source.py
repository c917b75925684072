# SPDX-License-Identifier: Apache-2.0
"""What the reader of one kind of folder hands over: photographs with lens and pose, points, its split."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

from lamina.data.captures.photographs import Photograph
from lamina.data.captures.point_cloud import PointCloud


@dataclass(frozen=True, eq=False)
class Source:
    """A capture before its views are undistorted and split."""

    photographs: tuple[Photograph, ...]
    points: PointCloud
    picture_scale: Fraction
    """What is left to apply to these pictures: the folder may hold the wanted size already."""
    notes: tuple[str, ...] = ()
    split: tuple[tuple[int, ...], tuple[int, ...]] | None = None
    """Views to fit to and views held out, where the folder itself says."""
    depth_bounds: tuple[float, float] | None = None
    """World units along the axis between which views see things, where the format says."""
    missing: tuple[str, ...] = ()
    """Names of pictures with a pose that are not there."""
