# SPDX-License-Identifier: Apache-2.0
"""Silhouettes enter, points on the surface of what casts them leave: a start where few features match.

The visual hull: cells of a cube that all cameras which see them have in their foreground, nearly; of these the ones
at its surface, in the mean color of the cameras that see them.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
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


@dataclass(frozen=True, eq=False)
class SeenCube:
    """Cells of a cube, and where cameras have them, kept to be carved again: 4 bytes a cell and camera."""

    grid: Float64[np.ndarray, "c 3"]
    """Middles, world units; x slowest."""
    places: tuple[Int32[np.ndarray, " c"], ...]
    """Of each camera: the pixel of each cell, row by row; -1 for cells that it does not see."""

    @classmethod
    def of(cls, cameras: Sequence[Camera], middle: Float64[np.ndarray, "3"], side: float, cells: int) -> SeenCube:
        """A cube of `cells` an axis, looked at from all cameras."""
        grid = cube_grid(middle, side, cells)
        places: list[Int32[np.ndarray, " c"]] = []
        for camera in cameras:
            rows, pixels = _pixels_of(camera, grid)
            own = np.full(len(grid), -1, np.int32)
            own[rows] = pixels[:, 1] * camera.width + pixels[:, 0]
            places.append(own)
        return cls(grid, tuple(places))

    @cached_property
    def seen(self) -> Int32[np.ndarray, " c"]:
        """How many cameras see each cell."""
        seen = np.zeros(len(self.grid), np.int32)
        for own in self.places:
            seen += own >= 0
        return seen


def carved_while_any(
    cube: SeenCube, silhouettes: Iterable[Silhouette], least_share: float, least_cells: int
) -> tuple[list[Silhouette], Carved] | None:
    """Silhouettes as they come, one of each camera, and the cube; None as soon as too few cells can still be filled.

    What comes after that is not asked for. Of cells that are not filled at `least_share`, what is said of the inside is
    too little to be so.
    """
    seen, taken = cube.seen, list[Silhouette]()
    inside, rows = seen.copy(), np.flatnonzero(seen >= LEAST_VIEWS)
    for places, one in zip(cube.places, silhouettes, strict=True):
        taken.append(one)
        own = places[rows]
        inside[rows] -= (own >= 0) & (one.mask.reshape(-1)[own] == 0)
        rows = rows[inside[rows] >= least_share * seen[rows]]
        if len(rows) < least_cells:
            return None
    return taken, Carved(cube.grid, seen, inside)


def carved(
    silhouettes: Sequence[Silhouette], middle: Float64[np.ndarray, "3"], side: float, cells: int = CELLS
) -> Carved:
    """A cube of `cells` an axis, looked at from all cameras."""
    grid = cube_grid(middle, side, cells)
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


def cube_grid(middle: Float64[np.ndarray, "3"], side: float, cells: int) -> Float64[np.ndarray, "c 3"]:
    """Middles of the cells of a cube, world units; x slowest."""
    centers = (np.arange(cells) + 0.5) / cells * side - 0.5 * side
    return np.stack(np.meshgrid(centers, centers, centers, indexing="ij"), axis=-1).reshape(-1, 3) + middle


def _sampled(
    camera: Camera, points: Float64[np.ndarray, "p 3"], mask: Mask
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Rows of points in the picture, their pixels (x, y), and what the mask has there."""
    rows, pixels = _pixels_of(camera, points)
    return rows, pixels, mask[pixels[:, 1], pixels[:, 0]]


def _pixels_of(camera: Camera, points: Float64[np.ndarray, "p 3"]) -> tuple[np.ndarray, np.ndarray]:
    """Rows of points in the picture, and their pixels (x, y)."""
    places, depths = camera.project(points)
    with np.errstate(invalid="ignore"):
        there = (depths > 0) & ((places >= 0) & (places < (camera.width, camera.height))).all(axis=1)
    rows = np.flatnonzero(there)
    return rows, np.floor(places[rows]).astype(np.int64)


def _surface(filled: Bool[np.ndarray, "n n n"]) -> Bool[np.ndarray, "n n n"]:
    """Filled cells of which a neighbour is not."""
    padded = np.pad(filled, 1)
    inner = np.ones_like(filled)
    for axis in range(3):
        for shift in (-1, 1):
            inner &= np.roll(padded, shift, axis)[1:-1, 1:-1, 1:-1]
    return filled & ~inner
