# SPDX-License-Identifier: Apache-2.0
"""Silhouettes enter, points on the surface of what casts them leave: a start where few features match.

The visual hull: cells of a cube that all cameras which see them have in their foreground, nearly; of these the ones
at its surface, in the mean color of the cameras that see them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float64, Int32, UInt8

from lamina.cameras.camera import Camera
from lamina.data.captures.point_cloud import PointCloud

CELLS = 96
"""Of the cube, an axis, where nothing else is asked for."""

LEAST_VIEWS = 4
"""That must see a cell: silhouettes of fewer leave cones."""

LEAST_SHARE = 0.9
"""Of the views that see a cell, so many have it in their foreground: masks have holes."""

Mask = UInt8[np.ndarray, "h w"]


class Silhouette(NamedTuple):
    """What a camera has of something."""

    camera: Camera
    mask: Mask
    """Not 0: it is there."""
    pixels: UInt8[np.ndarray, "h w 3"]


class Carved(NamedTuple):
    """Cells of a cube, and how many cameras see each, and have it in their foreground."""

    grid: Float64[np.ndarray, "c 3"]
    """Middles, world units; x slowest."""
    seen: Int32[np.ndarray, " c"]
    inside: Int32[np.ndarray, " c"]


def carved(
    silhouettes: Sequence[Silhouette], middle: Float64[np.ndarray, "3"], side: float, cells: int = CELLS
) -> Carved:
    """A cube of `cells` an axis, looked at from all cameras."""
    centers = (np.arange(cells) + 0.5) / cells * side - 0.5 * side
    grid = np.stack(np.meshgrid(centers, centers, centers, indexing="ij"), axis=-1).reshape(-1, 3) + middle
    seen, inside = np.zeros(len(grid), np.int32), np.zeros(len(grid), np.int32)
    for one in silhouettes:
        rows, _, found = _sampled(one.camera, grid, one.mask)
        seen[rows] += 1
        inside[rows] += found > 0
    return Carved(grid, seen, inside)


def hull_points(silhouettes: Sequence[Silhouette], cube: Carved, least_share: float = LEAST_SHARE) -> PointCloud:
    """Points of the hull's surface, world units; none where no mask says anything."""
    cells = round(len(cube.grid) ** (1 / 3))
    filled = (cube.seen >= LEAST_VIEWS) & (cube.inside >= least_share * cube.seen)
    points = cube.grid[_surface(filled.reshape(cells, cells, cells)).reshape(-1)]
    sums, counts = np.zeros((len(points), 3)), np.zeros((len(points), 1))
    for one in silhouettes:
        rows, places, found = _sampled(one.camera, points, one.mask)
        rows, places = rows[found > 0], places[found > 0]
        sums[rows] += one.pixels[places[:, 1], places[:, 0]]
        counts[rows] += 1
    colors = np.rint(sums / np.maximum(counts, 1)).astype(np.uint8)
    return PointCloud(np.arange(len(points)), points, colors)


def _sampled(
    camera: Camera, points: Float64[np.ndarray, "p 3"], mask: Mask
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Rows of points in the picture, their pixels (x, y), and what the mask has there."""
    places, depths = camera.project(points)
    with np.errstate(invalid="ignore"):
        there = (depths > 0) & ((places >= 0) & (places < (camera.width, camera.height))).all(axis=1)
    rows = np.flatnonzero(there)
    pixels = np.floor(places[rows]).astype(np.int64)
    return rows, pixels, mask[pixels[:, 1], pixels[:, 0]]


def _surface(filled: Bool[np.ndarray, "n n n"]) -> Bool[np.ndarray, "n n n"]:
    """Filled cells of which a neighbour is not."""
    padded = np.pad(filled, 1)
    inner = np.ones_like(filled)
    for axis in range(3):
        for shift in (-1, 1):
            inner &= np.roll(padded, shift, axis)[1:-1, 1:-1, 1:-1]
    return filled & ~inner
