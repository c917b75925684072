# SPDX-License-Identifier: Apache-2.0
"""The first octree: cameras and points of a capture enter; a lattice, and cells as fine as they look, leave."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
from jaxtyping import Float64, Int64

from lamina.anchors.config import AnchorFitConfig
from lamina.anchors.contraction import Contraction
from lamina.anchors.octree import MAX_DEPTH, Lattice, Layers, build_octree, morton_keys, with_ancestors
from lamina.data.captures import Capture

BOX_QUANTILE = 0.995
"""Share of the points that the box must hold along each axis: the rest are outliers of the reconstruction, or so far
that parallax does not place them."""

BOX_MARGIN = 1.1

FARTHEST_EXTENTS = 30.0
"""Points further from the cameras' middle than this many camera extents do not widen the box."""

FARTHEST_DRAWN_EXTENTS = 1000.0
"""The same where space is contracted, and what is far takes little room."""

CONTRACTED_SPREAD = 0.6
"""Space is contracted where that makes the spread of how wide cells look, in octaves, so much smaller: captures of
rooms and landscapes, not those of a thing that cameras surround."""

RADII_EXTENTS = tuple(2.0 ** (octave / 2) for octave in range(4, -9, -1))
"""Radii that are tried, in camera extents, the largest first."""

LOOSER = 1.25
"""The largest radius is taken whose spread is at most this over the least: the smaller it is, the deeper cells are."""

FINEST_QUANTILE = 0.9
"""Share of the points whose own depth is not cut off by the finest layer."""

NEAR_SHARE = 0.1
"""A point counts as near as in the nearest tenth of all training views."""

FOOTPRINTS_PX = (4.0, 1024.0)
"""Between which the first cells' width on the picture is looked for. A capture with few points starts with few cells:
finer ones would all be on layer 0, with nothing below to refine."""

BISECTIONS = 12

BLOCK_POINTS = 1 << 16
"""Points that are looked at together: bounds memory, which points times views may exceed."""

RANDOM_POINTS = 100_000
"""Where a capture has no points. Source: 3DGS, scene/dataset_readers.py, for Blender's scenes."""


def contraction_of(capture: Capture, pixels: Float64[np.ndarray, " p"]) -> Contraction | None:
    """The contraction about the cameras' middle under which cells of one size look most alike, if that is worth it.

    `pixels` are `pixels_per_unit` of the capture's points.
    """
    points, pixels = capture.points[pixels > 0], pixels[pixels > 0]
    if not len(points):
        return None
    places = np.stack([capture.views[number].camera.position_world for number in capture.train])
    x, y, z = (float(value) for value in places.mean(axis=0).astype(np.float32))
    tried = [Contraction((x, y, z), float(np.float32(extents * capture.camera_extent))) for extents in RADII_EXTENTS]
    spreads = [float(np.log2(pixels * one.stretch(one.contracted(points))).std()) for one in tried]
    allowed = min(LOOSER * min(spreads), CONTRACTED_SPREAD * float(np.log2(pixels).std()))
    return next((one for one, spread in zip(tried, spreads, strict=True) if spread <= allowed), None)


def bounding_cube(capture: Capture, contraction: Contraction | None = None) -> tuple[Float64[np.ndarray, "3"], float]:
    """Corner and side of a cube that holds the training cameras and nearly all points, world units or contracted.

    Without points: the cube around the middle that all cameras look at, as wide as they all see.
    """
    cameras = [capture.views[number].camera for number in capture.train]
    places = np.stack([camera.position_world for camera in cameras])
    if not len(capture.points):
        middle = nearest_to_axes(places, np.stack([camera.world_from_camera[:3, 2] for camera in cameras]))
        half = min(
            float(np.linalg.norm(camera.position_world - middle))
            * 0.5
            * max(camera.width / camera.focal_x_px, camera.height / camera.focal_y_px)
            for camera in cameras
        )
        return middle - half, 2 * half
    reach = (FARTHEST_EXTENTS if contraction is None else FARTHEST_DRAWN_EXTENTS) * capture.camera_extent
    near = capture.points[np.linalg.norm(capture.points - places.mean(axis=0), axis=1) < reach]
    if contraction is not None:
        near, places = contraction.contracted(near), contraction.contracted(places)
    bounds = np.quantile(near, [1 - BOX_QUANTILE, BOX_QUANTILE], axis=0)
    low, high = np.minimum(bounds[0], places.min(axis=0)), np.maximum(bounds[1], places.max(axis=0))
    side = BOX_MARGIN * float((high - low).max())
    return (low + high) / 2 - side / 2, side


def nearest_to_axes(
    places: Float64[np.ndarray, "v 3"], directions: Float64[np.ndarray, "v 3"]
) -> Float64[np.ndarray, "3"]:
    """The point with the least squared distance to all lines of sight."""
    across = np.eye(3) - directions[:, :, None] * directions[:, None, :]
    normal = across.sum(axis=0) + 1e-6 * np.eye(3)
    return np.linalg.solve(normal, np.einsum("vij,vj->i", across, places) + 1e-6 * places.mean(axis=0))


def first_octree(capture: Capture, config: AnchorFitConfig) -> tuple[Lattice, Layers]:
    """A node around every point, as fine as cameras see it, and all ancestors; about `AnchorConfig.first` nodes.

    A cell is as fine as it looks: points get the deepest cell that still covers a number of pixels, the same for all,
    in the cameras nearest to them. That number follows from the count of anchors; base and finest depth follow from it,
    with `AnchorConfig.spare_layers` left to grow into.
    """
    anchors = config.anchors
    pixels = pixels_per_unit(capture, capture.points)
    contraction = contraction_of(capture, pixels) if anchors.contracted else None
    lattice = Lattice(*cube_of(capture, contraction), anchors.base_depth or 0, config.level_count, contraction)
    points = capture.points
    if not len(points):
        points = random_points(lattice, config.seed)
        pixels = pixels_per_unit(capture, points)
    if anchors.base_depth is not None:
        return lattice, build_octree(points, lattice)
    spare = min(anchors.spare_layers, max(config.level_count // 2, 1))
    used = lattice.contains(points) & (pixels > 0)
    points, pixels = points[used], pixels[used]
    low, high = FOOTPRINTS_PX
    for _ in range(BISECTIONS):
        middle = math.sqrt(low * high)
        layers = octree_seen(lattice, points, pixels, middle, spare)[1]
        if sum(len(indices) for indices in layers) > anchors.first:
            low = middle
        else:
            high = middle
    return octree_seen(lattice, points, pixels, high, spare)


def octree_seen(
    lattice: Lattice,
    points: Float64[np.ndarray, "p 3"],
    pixels: Float64[np.ndarray, " p"],
    footprint_px: float,
    spare: int,
) -> tuple[Lattice, Layers]:
    """The octree in which cells around points cover about so many pixels, on a lattice whose depths suit it.

    The last `spare` layers are empty. Where there are too few layers for that, the finest is finer than the cells
    around points, and holds one point of each.
    """
    count = lattice.layer_count
    stretch = lattice.stretch(lattice.contracted(points))
    depths = np.floor(np.log2(lattice.side * stretch * pixels / footprint_px)).clip(0)
    finest = int(np.clip(np.quantile(depths, FINEST_QUANTILE) + spare, count - 1, MAX_DEPTH - 1))
    lattice = replace(lattice, base_depth=finest - count + 1)
    if spare > count - 1:
        points = points[thinned(lattice, points, depths)]
        return lattice, with_ancestors(
            (*(np.zeros((0, 3), np.int32),) * (count - 1), lattice.locate(points, count - 1))
        )
    layer = np.clip(depths - lattice.base_depth, 0, count - 1 - spare)
    return lattice, with_ancestors([lattice.locate(points[layer == own], own) for own in range(count)])


def thinned(
    lattice: Lattice, points: Float64[np.ndarray, "p 3"], depths: Float64[np.ndarray, " p"]
) -> Int64[np.ndarray, " k"]:
    """Rows of points: the first in each cell of its own depth, which may be above the lattice's layers."""
    whole, kept = replace(lattice, base_depth=0), []
    for depth in np.unique(depths):
        rows = np.flatnonzero(depths == depth)
        _, first = np.unique(morton_keys(whole.locate(points[rows], int(depth))), return_index=True)
        kept.append(rows[first])
    return np.sort(np.concatenate(kept))


def cube_of(capture: Capture, contraction: Contraction | None) -> tuple[tuple[float, float, float], float]:
    """`bounding_cube` in float32, which is what is sent."""
    corner, side = bounding_cube(capture, contraction)
    x, y, z = (float(value) for value in corner.astype(np.float32))
    return (x, y, z), float(np.float32(side))


def random_points(lattice: Lattice, seed: int) -> Float64[np.ndarray, "p 3"]:
    """Anywhere in a cube that is not contracted: where a capture has no points."""
    places = np.random.default_rng(seed).uniform(0, 1, (RANDOM_POINTS, 3))
    return np.asarray(lattice.origin) + lattice.side * places


def pixels_per_unit(capture: Capture, points: Float64[np.ndarray, "p 3"]) -> Float64[np.ndarray, " p"]:
    """How many pixels a world unit covers at each point, in the cameras that see it from near; 0: seen by none."""
    kept = max(1, round(NEAR_SHARE * len(capture.train)))
    found = np.zeros(len(points))
    for start in range(0, len(points), BLOCK_POINTS):
        part = points[start : start + BLOCK_POINTS]
        pixels = np.zeros((len(capture.train), len(part)), np.float32)
        for row, number in enumerate(capture.train):
            camera = capture.views[number].camera
            places, depths = camera.project(part)
            with np.errstate(invalid="ignore"):
                seen = (depths > 0) & ((places >= 0) & (places <= (camera.width, camera.height))).all(axis=1)
            pixels[row, seen] = camera.focal_x_px / depths[seen]
        found[start : start + BLOCK_POINTS] = np.sort(pixels, axis=0)[-kept]
    return found
