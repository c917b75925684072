# SPDX-License-Identifier: Apache-2.0
"""Where a fit starts: a capture enters; a lattice, the first octree, and what its anchors hold leave."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import torch
from jaxtyping import Float64, Int64

from lamina.anchors.growth import Statistics
from lamina.anchors.neural import Heads, init_heads
from lamina.anchors.octree import (
    MAX_DEPTH,
    Indices,
    Lattice,
    Layers,
    build_octree,
    morton_keys,
    rows_of,
    with_ancestors,
)
from lamina.codecs.scene.config import SceneConfig
from lamina.codecs.scene.context import ContextModel
from lamina.codecs.scene.layout import ContextLayout
from lamina.codecs.scene.state import FIRST_MASK, FitState, Networks, Parameter
from lamina.codecs.scene.syntax import ContextShape
from lamina.data.captures import Capture
from lamina.networks.hash_layout import HashGridSpec
from lamina.networks.mlp import Mlp

BOX_QUANTILE = 0.995
"""Share of the points that the box must hold along each axis: the rest are outliers of the reconstruction, or so far
that parallax does not place them."""

BOX_MARGIN = 1.1

FARTHEST_EXTENTS = 30.0
"""Points further from the cameras' middle than this many camera extents do not widen the box."""

FINEST_QUANTILE = 0.9
"""Share of the points whose own depth is not cut off by the finest layer."""

NEAR_SHARE = 0.1
"""A point counts as near as in the nearest tenth of all training views."""

FOOTPRINTS_PX = (4.0, 1024.0)
"""Between which the first cells' width on the picture is looked for. A capture with few points starts with few cells:
finer ones would all be on layer 0, with nothing below to refine."""

BISECTIONS = 12

COLOR_BOUNDS = (0.03, 0.97)
"""Of colors that features start from: their logits stay finite."""

FEATURE_NOISE = 0.1
"""Spread of the other first features: anchors that are alike would stay alike."""

FIRST_OPACITY = 0.2
"""Every opacity's first bias, so that nearly all Gaussians start above 0, where they are drawn and learn."""

FIRST_GAIN = 0.3
"""Scales the last layers of the opacity and the color generator, so that they start near what is set here."""

CROWD = 4
"""Anchors in a cell of the octree, from which on they are near each other."""

RANDOM_POINTS = 100_000
"""Where a capture has no points. Source: 3DGS, scene/dataset_readers.py, for Blender's scenes."""


def bounding_cube(capture: Capture) -> tuple[Float64[np.ndarray, "3"], float]:
    """Corner and side of a cube that holds the training cameras and nearly all points, in world units.

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
    middle = places.mean(axis=0)
    reach = FARTHEST_EXTENTS * capture.camera_extent
    near = capture.points[np.linalg.norm(capture.points - middle, axis=1) < reach]
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


def first_octree(capture: Capture, config: SceneConfig) -> tuple[Lattice, Layers]:
    """A node around every point, as fine as cameras see it, and all ancestors; about `AnchorConfig.first` nodes.

    A cell is as fine as it looks: points get the deepest cell that still covers a number of pixels, the same for all,
    in the cameras nearest to them. That number follows from the count of anchors; base and finest depth follow from it,
    with `AnchorConfig.spare_layers` left to grow into.
    """
    anchors = config.anchors
    lattice = Lattice(*cube_of(capture), anchors.base_depth or 0, config.level_count)
    points = points_of(capture, lattice, config.seed)
    if anchors.base_depth is not None:
        return lattice, build_octree(points, lattice)
    spare = min(anchors.spare_layers, max(config.level_count // 2, 1))
    pixels = pixels_per_unit(capture, points)
    points, pixels = points[pixels > 0], pixels[pixels > 0]
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
    depths = np.floor(np.log2(lattice.side * pixels / footprint_px)).clip(0)
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


def cube_of(capture: Capture) -> tuple[tuple[float, float, float], float]:
    """`bounding_cube` in float32, which is what is sent."""
    corner, side = bounding_cube(capture)
    x, y, z = (float(value) for value in corner.astype(np.float32))
    return (x, y, z), float(np.float32(side))


def points_of(capture: Capture, lattice: Lattice, seed: int) -> Float64[np.ndarray, "p 3"]:
    """The capture's points in the cube; random ones where it has none."""
    points = capture.points
    if not len(points):
        places = np.random.default_rng(seed).uniform(0, 1, (RANDOM_POINTS, 3))
        points = np.asarray(lattice.origin) + lattice.side * places
    return points[lattice.contains(points)]


def pixels_per_unit(capture: Capture, points: Float64[np.ndarray, "p 3"]) -> Float64[np.ndarray, " p"]:
    """How many pixels a world unit covers at each point, in the cameras that see it from near; 0: seen by none."""
    pixels = np.zeros((len(capture.train), len(points)), np.float32)
    for row, number in enumerate(capture.train):
        camera = capture.views[number].camera
        places, depths = camera.project(points)
        with np.errstate(invalid="ignore"):
            seen = (depths > 0) & ((places >= 0) & (places <= (camera.width, camera.height))).all(axis=1)
        pixels[row, seen] = camera.focal_x_px / depths[seen]
    kept = max(1, round(NEAR_SHARE * len(capture.train)))
    return np.sort(pixels, axis=0)[-kept].astype(np.float64)


def first_state(capture: Capture, config: SceneConfig, device: torch.device) -> FitState:
    """Everything before the first step."""
    lattice, layers = first_octree(capture, config)
    count, k = sum(len(indices) for indices in layers), config.anchors.offsets
    generator = torch.Generator().manual_seed(config.seed)
    layout = layout_of(config)
    features = FEATURE_NOISE * torch.randn(count, layout.feature_count, generator=generator)
    if not config.anchors.warm_colors:
        features.zero_()
    elif layout.feature_count >= 3:
        features[:, :3] = torch.from_numpy(np.concatenate(color_logits(capture, lattice, layers)))
    spacing = [np.log(spacing_of(cells, layer, lattice)) for layer, cells in enumerate(layers)]
    scalings = torch.from_numpy(np.concatenate(spacing).astype(np.float32))[:, None].repeat(1, 6)
    offsets = config.anchors.random_offsets * torch.randn(count, 3 * k, generator=generator)
    heads = init_heads(layout.feature_count, k, config.anchors.hidden, capture.camera_extent, generator)
    if config.anchors.warm_colors:
        show_colors(heads, k)
    context = ContextModel(layout, generator).to(device)
    return FitState(
        lattice,
        layers,
        Parameter.of(torch.cat([features, scalings, offsets], dim=1).to(device)),
        Parameter.of(torch.full((count, k), FIRST_MASK, device=device)),
        Networks.of(leaves_of(heads, device), context),
        Statistics.none(count, k),
        rate_weight=config.lambda_rate,
    )


def layout_of(config: SceneConfig) -> ContextLayout:
    """The probability model that a configuration asks for."""
    context = config.context
    shape = ContextShape(
        context.parent and config.level_count > 1,
        context.parent_offsets,
        context.neighbors,
        context.hash_grid,
        context.adaptive_steps,
        context.chained,
        min(context.feature_groups, config.anchors.feature_channels),
        context.hidden,
        context.step_hidden,
        context.group_hidden,
    )
    spec = HashGridSpec() if context.hash_grid else None
    return ContextLayout(shape, config.anchors.feature_channels, config.anchors.offsets, config.level_count, spec)


def leaves_of(heads: Heads, device: torch.device) -> Heads:
    """The same numbers on a device, as leaves of the graph, in memory of their own."""
    moved = heads.detached().to(device)
    opacity, covariance, color = (
        Mlp(*(tuple(tensor.clone().requires_grad_() for tensor in tensors) for tensors in (head.weights, head.biases)))
        for head in (moved.opacity, moved.covariance, moved.color)
    )
    return Heads(opacity, covariance, color, moved.unit)


def color_logits(capture: Capture, lattice: Lattice, layers: Layers) -> list[np.ndarray]:
    """Mean color of the points in each cell of each layer, as logits; 0 (grey) where there is none."""
    found = []
    low, high = COLOR_BOUNDS
    for layer, cells in enumerate(layers):
        rows = rows_of(morton_keys(lattice.locate(capture.points, layer)), morton_keys(cells))
        inside = rows >= 0
        counts = np.bincount(rows[inside], minlength=len(cells))[:, None]
        sums = [np.bincount(rows[inside], capture.point_colors[inside, axis], len(cells)) for axis in range(3)]
        means = np.where(counts > 0, np.stack(sums, axis=1) / np.maximum(counts, 1) / 255.0, 0.5)
        clipped = np.clip(means, low, high)
        found.append(np.log(clipped / (1 - clipped)).astype(np.float32))
    return found


def spacing_of(cells: Indices, layer: int, lattice: Lattice) -> Float64[np.ndarray, " n"]:
    """Distance between an anchor and those near it in its layer, in sides of its cell; at least 1.

    From the smallest cube of the octree that holds a crowd: its side, by the crowd's number on a surface. Scaffold-GS
    takes the three nearest neighbours, which needs a search.
    """
    keys = morton_keys(cells)
    found = np.ones(len(cells))
    alone = np.ones(len(cells), np.bool_)
    for up in range(lattice.depth(layer) + 1):
        _, cube, counts = np.unique(keys >> np.uint64(3 * up), return_inverse=True, return_counts=True)
        crowd = counts[cube]
        here = alone & (crowd >= CROWD)
        found[here] = 2.0**up / np.sqrt(crowd[here])
        alone &= ~here
    return np.maximum(found, 1.0)


@torch.no_grad()
def show_colors(heads: Heads, k: int) -> None:
    """Sets generators so that Gaussians start visible, in the color whose logits are their first three features.

    Three features pass the hidden layer as their positive and negative parts; needs six hidden units.
    """
    heads.opacity.weights[-1].mul_(FIRST_GAIN)
    heads.opacity.biases[-1].fill_(FIRST_OPACITY)
    (first, last), (bias, last_bias) = heads.color.weights, heads.color.biases
    if first.shape[0] < 6 or first.shape[1] < 3:
        return
    last.mul_(FIRST_GAIN)
    last_bias.zero_()
    first[:6], bias[:6], last[:, :6] = 0.0, 0.0, 0.0
    outputs = last.view(k, 3, -1)
    for channel in range(3):
        first[channel, channel], first[channel + 3, channel] = 1.0, -1.0
        outputs[:, channel, channel], outputs[:, channel, channel + 3] = 1.0, -1.0
