# SPDX-License-Identifier: Apache-2.0
"""Masks of a frame enter; cells that may hold something leave, the pixels that see them, and the box around them.

Out of the picture is unknown, not empty: people leave most frames of a rig. A cell stays if enough cameras see it and
at most one of them has it outside of its mask.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float32, Float64, UInt8

from lamina.anchors.octree import indices_of, morton_keys
from lamina.cameras.camera import Camera
from lamina.compiled import compiled
from lamina.data.captures.hull import Carved, Silhouette, carved
from lamina.data.captures.timed import TimedCapture, spread_frames
from lamina.errors import SignalError
from lamina.grids.bricks import Indices
from lamina.grids.lattice import Lattice

MOST_SEEING = 6
"""Cameras that must see a cell; half of a rig that has fewer than twice as many."""

BOX_FRAMES = 6
"""Of the capture, spread evenly, whose masks say the box."""

BOX_CELLS = 72
"""Of the cube in which the box is looked for, an axis."""

BOX_MARGIN = 0.08
"""Of its extent, added on each side: frames between those that were looked at."""

Numbers = Float32[np.ndarray, "v 18"]
"""Of cameras, as kernels take them."""


class Masks(NamedTuple):
    """What cameras of one size have of a frame's foreground."""

    cameras: Sequence[Camera]
    inside: Sequence[UInt8[np.ndarray, "h w"]]
    """Not 0: it is there; widened by a pixel."""


def camera_numbers(cameras: Sequence[Camera]) -> Numbers:
    """Rows of camera_from_world, then focal lengths, centre, width and height in pixels."""
    rows = [
        [*camera.camera_from_world[:3].reshape(-1), camera.focal_x_px, camera.focal_y_px, camera.center_x_px,
         camera.center_y_px, camera.width, camera.height]
        for camera in cameras
    ]  # fmt: skip
    return np.array(rows, np.float32)


def masks_of(capture: TimedCapture, frame: int, views: Sequence[int]) -> Masks:
    """Of views that have masks."""
    inside = []
    for view in views:
        mask = capture.mask(frame, view)
        if mask is None:
            raise SignalError(f"{capture.name}: view {capture.views[view].name} has no mask of frame {frame}")
        inside.append(widened(mask > 0).astype(np.uint8))
    return Masks([capture.views[view].camera for view in views], inside)


def widened(mask: Bool[np.ndarray, "h w"]) -> Bool[np.ndarray, "h w"]:
    """With the pixels beside its own, across edges."""
    padded = np.pad(mask, 1)
    return padded[1:-1, 1:-1] | padded[:-2, 1:-1] | padded[2:, 1:-1] | padded[1:-1, :-2] | padded[1:-1, 2:]


def least_seeing(views: int) -> int:
    """Cameras that must see a cell."""
    return min(MOST_SEEING, max(2, views // 2))


def box_of(capture: TimedCapture, views: Sequence[int]) -> tuple[Float64[np.ndarray, "3"], Float64[np.ndarray, "3"]]:
    """Corners around what the masks hold over the capture.

    Raises:
        SignalError: masks say that nothing is there.
    """
    frames = spread_frames(capture.frame_count, BOX_FRAMES) if capture.frame_count is not None else [0]
    middle, side = _cube_between([capture.views[view].camera for view in views])
    lows, highs = [], []
    for frame in frames:
        masks = masks_of(capture, frame, views)
        nothing = np.zeros((1, 1, 3), np.uint8)
        silhouettes = [Silhouette(c, m, nothing) for c, m in zip(masks.cameras, masks.inside, strict=True)]
        cube = carved(silhouettes, middle, side, BOX_CELLS)
        kept = cube.grid[_stays(cube, len(views))]
        if len(kept):
            lows.append(kept.min(axis=0) - side / BOX_CELLS)
            highs.append(kept.max(axis=0) + side / BOX_CELLS)
    if not lows:
        raise SignalError(
            f"{capture.name}: no place is inside the masks of all cameras that see it; look at the masks, or give a box"
        )
    low, high = np.min(lows, axis=0), np.max(highs, axis=0)
    return low - BOX_MARGIN * (high - low), high + BOX_MARGIN * (high - low)


def _stays(cube: Carved, views: int) -> Bool[np.ndarray, " c"]:
    return (cube.inside >= least_seeing(views)) & (cube.inside >= cube.seen - 1)


def _cube_between(cameras: Sequence[Camera]) -> tuple[Float64[np.ndarray, "3"], float]:
    """Around the place that cameras look at: the nearest to all axes; it reaches to the median camera."""
    positions = np.stack([camera.position_world for camera in cameras])
    axes = np.stack([camera.world_from_camera[:3, 2] for camera in cameras])
    across = np.eye(3) - axes[:, :, None] * axes[:, None, :]
    middle = np.linalg.lstsq(across.sum(axis=0), np.einsum("vij,vj->i", across, positions), rcond=None)[0]
    return middle, 2.0 * float(np.median(np.linalg.norm(positions - middle, axis=1)))


def hull_cells(masks: Masks, lattice: Lattice, level: int) -> Indices:
    """Cells of a level that may hold something, and those beside them; in Morton order."""
    counts = lattice.cells(level)
    filled = np.zeros(counts, np.bool_)
    pictures = np.stack(masks.inside)
    origin = np.array(lattice.origin, np.float32)
    carve_cells(
        camera_numbers(masks.cameras), pictures, origin, np.float32(lattice.voxel(level)),
        least_seeing(len(masks.cameras)), filled,
    )  # fmt: skip
    return cells_of(dilated(filled))


def cells_of(filled: Bool[np.ndarray, "x y z"]) -> Indices:
    """Indices of what is set, in Morton order."""
    return indices_of(np.sort(morton_keys(np.argwhere(filled).astype(np.int32))))


def dilated(filled: Bool[np.ndarray, "x y z"]) -> Bool[np.ndarray, "x y z"]:
    """With the 26 cells around each."""
    for axis in range(3):
        ahead = [slice(None)] * 3
        behind = [slice(None)] * 3
        ahead[axis], behind[axis] = slice(1, None), slice(None, -1)
        wider = filled.copy()
        wider[tuple(ahead)] |= filled[tuple(behind)]
        wider[tuple(behind)] |= filled[tuple(ahead)]
        filled = wider
    return filled


@compiled(fastmath=True)
def project(numbers, x, y, z):
    """Pixel and depth of a world point."""
    px = numbers[0] * x + numbers[1] * y + numbers[2] * z + numbers[3]
    py = numbers[4] * x + numbers[5] * y + numbers[6] * z + numbers[7]
    pz = numbers[8] * x + numbers[9] * y + numbers[10] * z + numbers[11]
    safe = pz if pz > np.float32(1e-6) else np.float32(1e-6)
    return numbers[12] * px / safe + numbers[14], numbers[13] * py / safe + numbers[15], pz


@compiled(fastmath=True)
def carve_cells(cameras, pictures, origin, voxel, least, filled):
    """Which cells of a box at least `least` cameras see, and all but one of them inside of their masks."""
    height, width = pictures.shape[1], pictures.shape[2]
    half = np.float32(0.5)
    for ix in range(filled.shape[0]):
        for iy in range(filled.shape[1]):
            for iz in range(filled.shape[2]):
                x = origin[0] + (np.float32(ix) + half) * voxel
                y = origin[1] + (np.float32(iy) + half) * voxel
                z = origin[2] + (np.float32(iz) + half) * voxel
                seen, outside = 0, 0
                for view in range(cameras.shape[0]):
                    u, v, depth = project(cameras[view], x, y, z)
                    if depth <= np.float32(0.05) * voxel or u < 0 or v < 0 or u >= width or v >= height:
                        continue
                    seen += 1
                    outside += pictures[view, np.int64(v), np.int64(u)] == 0
                    if outside > 1:
                        break
                filled[ix, iy, iz] = seen >= least and outside <= 1


@compiled(fastmath=True)
def cover_pixels(numbers, cells, origin, voxel, covered):
    """Sets in `covered` (h, w) the pixels of the rectangle around each cell's corners, for one camera."""
    height, width = covered.shape
    for i in range(cells.shape[0]):
        left, right, upper, lower = np.float32(1e9), np.float32(-1e9), np.float32(1e9), np.float32(-1e9)
        behind = False
        for corner in range(8):
            x = origin[0] + np.float32(cells[i, 0] + (corner & 1)) * voxel
            y = origin[1] + np.float32(cells[i, 1] + ((corner >> 1) & 1)) * voxel
            z = origin[2] + np.float32(cells[i, 2] + (corner >> 2)) * voxel
            u, v, depth = project(numbers, x, y, z)
            if depth <= np.float32(1e-3):
                behind = True
            left, right = min(left, u), max(right, u)
            upper, lower = min(upper, v), max(lower, v)
        if behind:
            continue
        first_row, last_row = max(np.int64(np.floor(upper)), 0), min(np.int64(np.floor(lower)), height - 1)
        first, last = max(np.int64(np.floor(left)), 0), min(np.int64(np.floor(right)), width - 1)
        for row in range(first_row, last_row + 1):
            for column in range(first, last + 1):
                covered[row, column] = True
