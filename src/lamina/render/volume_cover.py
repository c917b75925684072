# SPDX-License-Identifier: Apache-2.0
"""Which pixels of a view may see something: blocks of 4x4x4 cells and a camera enter, a bit a pixel leaves.

A block covers the rectangle around its corners. All other rays miss everything, and need not be marched: people in a
box cover a tenth of most views.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Bool, Float64, UInt64

from lamina.cameras.camera import Camera
from lamina.compiled import compiled
from lamina.render.volume_rays import SparseGrid

BLOCK = 4
"""Cells of a block, an axis; eight of them are a brick, in Morton order."""

MARGIN_PX = 1.0
"""Around each rectangle: rays are of single precision."""


def covered_pixels(grid: SparseGrid, visible: UInt64[np.ndarray, "slots 8"], camera: Camera) -> Bool[np.ndarray, "h w"]:
    """Pixels whose rays may meet cells that are marked in `visible` (see `volume.March.visible`)."""
    low = _corners_of_blocks(grid, visible)
    covered = np.zeros((camera.height, camera.width), np.bool_)
    if not len(low):
        return covered
    steps = np.array([[corner & 1, corner >> 1 & 1, corner >> 2] for corner in range(8)], np.float64)
    corners = low[:, None] + BLOCK * grid.voxel * steps
    places, depths = camera.project(corners.reshape(-1, 3))
    if depths.min() <= BLOCK * grid.voxel * 1e-3:
        # A block reaches behind the camera: its corners say nothing of what it covers.
        covered[:] = True
        return covered
    places = places.reshape(-1, 8, 2)
    first = np.floor(places.min(axis=1) - MARGIN_PX).clip(0, (camera.width, camera.height)).astype(np.int64)
    end = np.ceil(places.max(axis=1) + MARGIN_PX).clip(0, (camera.width, camera.height)).astype(np.int64)
    fill_rectangles(first, end, covered)
    return covered


def _corners_of_blocks(grid: SparseGrid, visible: UInt64[np.ndarray, "slots 8"]) -> Float64[np.ndarray, "n 3"]:
    """Smallest corners of blocks in which something is marked, world units."""
    bricks = np.argwhere(grid.slots >= 0)
    numbers, blocks = np.nonzero(visible[grid.slots[tuple(bricks.T)]])
    octants = np.stack([blocks & 1, blocks >> 1 & 1, blocks >> 2], axis=1)
    return grid.origin.astype(np.float64) + grid.voxel * BLOCK * (2 * bricks[numbers] + octants)


@compiled(_nrt=False)
def fill_rectangles(first, end, covered):
    """Sets columns and rows `first` (n, 2) up to `end` (n, 2) in `covered` (h, w)."""
    for i in range(first.shape[0]):
        for row in range(first[i, 1], end[i, 1]):
            for column in range(first[i, 0], end[i, 0]):
                covered[row, column] = True
