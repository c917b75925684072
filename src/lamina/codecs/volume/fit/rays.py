# SPDX-License-Identifier: Apache-2.0
"""Pictures of a frame and the cells that may hold something enter; batches of rays with their targets leave."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Float, Float32, Int32, Int64
from torch import Tensor

from lamina.codecs.volume.fit.silhouettes import camera_numbers, cover_pixels
from lamina.compiled import compiled
from lamina.data.captures.timed import TimedCapture
from lamina.grids.bricks import Indices
from lamina.grids.lattice import Lattice
from lamina.render.volume_rays import Rays


class Batch(NamedTuple):
    """Rays of a step."""

    rays: Rays
    views: Int64[Tensor, " r"]
    """Place of each ray's camera among the training views."""
    colors: Float[Tensor, "r 3"]
    """What the camera saw there, over black, 0...1."""
    covered: Float[Tensor, " r"]
    """Share of the pixel that is foreground."""


class FrameRays(NamedTuple):
    """All rays of a frame that go through something."""

    cameras: Float32[np.ndarray, "v 18"]
    views: Int32[np.ndarray, " n"]
    pixels: Int32[np.ndarray, " n"]
    colors: Float32[np.ndarray, "n 3"]
    covered: Float32[np.ndarray, " n"]

    def batch(self, random: np.random.Generator, count: int) -> Batch:
        """Some at random."""
        chosen = random.integers(0, len(self.views), count)
        views, pixels = self.views[chosen], self.pixels[chosen]
        origins, directions = np.empty((count, 3), np.float32), np.empty((count, 3), np.float32)
        aim_rays(self.cameras, views, pixels, origins, directions)
        return Batch(
            Rays(origins, directions),
            torch.from_numpy(views.astype(np.int64)),
            torch.from_numpy(self.colors[chosen]),
            torch.from_numpy(self.covered[chosen]),
        )


def rays_through(
    capture: TimedCapture, frame: int, views: Sequence[int], lattice: Lattice, cells_at: tuple[int, Indices]
) -> FrameRays:
    """Rays of the training views through active cells, given as (level, cells).

    Raises:
        SignalError: a picture cannot be decoded.
    """
    level, cells = cells_at
    numbers = camera_numbers([capture.views[view].camera for view in views])
    origin, voxel = np.array(lattice.origin, np.float32), np.float32(lattice.voxel(level))
    places, pixels, colors, shares = [], [], [], []
    for place, view in enumerate(views):
        seen, share = capture.foreground(frame, view)
        covered = np.zeros(share.shape, np.bool_)
        cover_pixels(numbers[place], cells, origin, voxel, covered)
        found = np.flatnonzero(covered.reshape(-1))
        places.append(np.full(len(found), place, np.int32))
        pixels.append(found.astype(np.int32))
        colors.append(seen.reshape(-1, 3)[found].astype(np.float32) / np.float32(255))
        shares.append(share.reshape(-1)[found].astype(np.float32) / np.float32(255))
    return FrameRays(numbers, *(np.concatenate(parts) for parts in (places, pixels, colors, shares)))


@compiled(fastmath=True)
def aim_rays(cameras, views, pixels, origins, directions):
    """Rays through the middles of pixels."""
    for r in range(views.size):
        numbers = cameras[views[r]]
        width = np.int64(numbers[16])
        row, column = pixels[r] // width, pixels[r] % width
        x = (np.float32(column) + np.float32(0.5) - numbers[14]) / numbers[12]
        y = (np.float32(row) + np.float32(0.5) - numbers[15]) / numbers[13]
        length = np.sqrt(x * x + y * y + np.float32(1))
        x, y, z = x / length, y / length, np.float32(1) / length
        for axis in range(3):
            directions[r, axis] = numbers[axis] * x + numbers[4 + axis] * y + numbers[8 + axis] * z
            origins[r, axis] = -(
                numbers[axis] * numbers[3] + numbers[4 + axis] * numbers[7] + numbers[8 + axis] * numbers[11]
            )
