# SPDX-License-Identifier: Apache-2.0
"""Points without features: cameras and pictures enter, places where views agree leave. NumPy alone.

A plane sweep on reduced pictures: pixels of each view are tried at many depths, and stay at that where the neighboring
views show the same colors. Where pictures stand before one plain color, what any view sees through is carved away.
Cameras that stand in one place see no depth: their pixels go to a shell around them.

Source: Collins, "A space-sweep approach to true multi-image matching", CVPR 1996; Kutulakos and Seitz, "A theory of
shape by space carving", IJCV 38(3), 2000.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float32, Float64, Int64, UInt8

from lamina.cameras.camera import Camera
from lamina.data.captures.capture import Capture
from lamina.data.captures.point_cloud import PointCloud
from lamina.data.resample import downsample_area

SWEPT_VIEWS = 48
"""At most so many, spread evenly over the training views: bounds time, and baselines of videos are longer so."""

SWEPT_POINTS = 30_000
"""Pixels that are tried in all views together."""

COARSE_PX, FINE_PX = 96, 256
"""Longer side of the pictures on which depths are looked for, and then refined."""

COARSE_DEPTHS, FINE_DEPTHS = 64, 9

NEIGHBORS = 4
"""Views that a pixel is compared with; the better half counts, as the others may not see it."""

WIDEST_TURN = 0.5
"""Cosine of the angle between two views up to which they are neighbors: beyond 60 degrees surfaces look unlike."""

CROSS = np.array([[0, 0], [1.5, 0], [-1.5, 0], [0, 1.5], [0, -1.5]])
"""Pixels around the one that is tried: one color alone agrees with too much."""

UNSEEN_COST = 255.0
"""Of a depth at which too few neighbors see the place."""

AGREEING_LEVELS = 12.0
"""8-bit levels under which views agree."""

UNSURE_SHARE = 0.25
"""Of the pixels that agree nowhere, so many are kept at their best depth: what is plain must be covered too."""

STANDING = 1e-6
"""Cameras nearer to each other than this part of their distance from the origin (or 1) stand in one place."""

SHELL_RADII = (0.9, 1.1)
"""World units around cameras that stand in one place: any radius shows the same."""

PLAIN_LEVELS = 3
PLAIN_SHARE = 0.1
"""Pictures stand before the background's color where so many of all pixels are so near to it."""


@dataclass(frozen=True, eq=False)
class SweptView:
    """A view at one of the reduced sizes."""

    camera: Camera
    pixels: Float32[np.ndarray, "h w 3"]


def sweep_points(capture: Capture, seed: int) -> PointCloud:
    """Up to `SWEPT_POINTS` places that training views agree on, with their colors; the same for the same seed.

    Raises:
        SignalError: a picture cannot be decoded.
    """
    random = np.random.default_rng(seed)
    picked = np.linspace(0, len(capture.train) - 1, min(SWEPT_VIEWS, len(capture.train))).round().astype(int)
    numbers = [capture.train[row] for row in picked]
    coarse, fine = [], []
    for number in numbers:
        camera, pixels = capture.views[number].camera, capture.pixels(number)
        coarse.append(_reduced(camera, pixels, COARSE_PX))
        fine.append(_reduced(camera, pixels, FINE_PX))
    is_plain = _is_plain(fine, capture.background)
    near = neighbors_of([view.camera for view in coarse])
    bounds = depth_bounds(coarse, near) if capture.depth_bounds is None else capture.depth_bounds
    per_view = -(-SWEPT_POINTS // len(numbers))
    positions, colors = [], []
    for row in range(len(numbers)):
        places = _pixels_of(fine[row], per_view, random, capture.background if is_plain else None)
        if not len(places):
            continue
        if not near[row]:
            depths = random.uniform(*SHELL_RADII, len(places)) * _shell_radius(bounds)
            kept = np.ones(len(places), np.bool_)
        else:
            depths, costs = _swept(row, places, coarse, fine, near[row], bounds)
            kept = (costs < AGREEING_LEVELS) | (random.random(len(places)) < UNSURE_SHARE)
        positions.append(_lifted(fine[row].camera, places[kept], depths[kept]))
        colors.append(_sampled(fine[row].pixels, places[kept]))
    if not positions:
        return PointCloud(np.empty(0, np.int64), np.empty((0, 3)), np.empty((0, 3), np.uint8))
    found, levels = np.concatenate(positions), np.concatenate(colors)
    if is_plain:
        inside = _uncarved(found, fine, capture.background)
        found, levels = found[inside], levels[inside]
    return PointCloud(np.arange(len(found)), found, np.clip(levels + 0.5, 0, 255).astype(np.uint8))


def neighbors_of(cameras: list[Camera]) -> list[list[int]]:
    """For each camera the nearest that look the same way from elsewhere; none where all stand in one place."""
    places = np.stack([camera.position_world for camera in cameras])
    axes = np.stack([camera.world_from_camera[:3, 2] for camera in cameras])
    apart = np.linalg.norm(places[:, None] - places[None], axis=2)
    least = STANDING * max(1.0, float(np.abs(places).max()))
    apart[(apart <= least) | (axes @ axes.T < WIDEST_TURN)] = np.inf
    order = np.argsort(apart, axis=1, kind="stable")[:, :NEIGHBORS]
    return [[int(other) for other in row if np.isfinite(apart[number, other])] for number, row in enumerate(order)]


def depth_bounds(views: list[SweptView], near: list[list[int]]) -> tuple[float, float] | None:
    """Depths between which neighbors shift by a picture's width and by a pixel; None without neighbors.

    Neighbors around a thing are further apart, and it is nearer, than their shift says: so twice as far too.
    """
    shifts = []
    for view, others in zip(views, near, strict=True):
        place = view.camera.position_world
        apart = [float(np.linalg.norm(views[other].camera.position_world - place)) for other in others]
        if apart:
            shifts.append((float(np.median(apart)) * view.camera.focal_x_px, max(view.camera.width, 1)))
    if not shifts:
        return None
    shift = float(np.median([one for one, _ in shifts]))
    return shift / float(np.median([width for _, width in shifts])), shift


def _shell_radius(bounds: tuple[float, float] | None) -> float:
    return 1.0 if bounds is None else float(np.sqrt(bounds[0] * bounds[1]))


def _reduced(camera: Camera, pixels: UInt8[np.ndarray, "h w 3"], longest: int) -> SweptView:
    """The view with no side over `longest`."""
    ratio = min(1.0, longest / max(camera.width, camera.height))
    width, height = max(1, round(camera.width * ratio)), max(1, round(camera.height * ratio))
    if (width, height) != (camera.width, camera.height):
        return SweptView(camera.resized(width, height), downsample_area(pixels, height, width).astype(np.float32))
    return SweptView(camera, pixels.astype(np.float32))


def _is_plain(views: list[SweptView], background: tuple[int, int, int]) -> bool:
    """Whether pictures stand before one color, with something in front."""
    shares = [float(_behind(view.pixels, background).mean()) for view in views]
    return PLAIN_SHARE < float(np.median(shares)) < 1.0


def _behind(pixels: Float32[np.ndarray, "*n 3"], background: tuple[int, int, int]) -> Bool[np.ndarray, "*n"]:
    distances = np.abs(pixels - np.array(background, np.float32))
    return np.asarray((distances <= PLAIN_LEVELS).all(axis=-1))


def _pixels_of(
    view: SweptView, count: int, random: np.random.Generator, background: tuple[int, int, int] | None
) -> Float64[np.ndarray, "p 2"]:
    """About so many places on the picture, one at random in each square; none on the background."""
    width, height = view.camera.width, view.camera.height
    shown = 1.0 if background is None else 1.0 - float(_behind(view.pixels, background).mean())
    side = max(np.sqrt(width * height * shown / count), 1.0)
    x, y = np.meshgrid(np.arange(0, width, side), np.arange(0, height, side))
    corners = np.stack([x.ravel(), y.ravel()], axis=1)
    places = np.minimum(corners + side * random.random(corners.shape), (width - 1e-6, height - 1e-6))
    if background is None:
        return places
    return places[~_behind(_sampled(view.pixels, places), background)]


def _sampled(pixels: Float32[np.ndarray, "h w 3"], places: Float64[np.ndarray, "*n 2"]) -> Float32[np.ndarray, "*n 3"]:
    """The pixel at each place; the nearest outside."""
    height, width = pixels.shape[:2]
    x = np.clip(places[..., 0], 0, width - 1).astype(np.int64)
    y = np.clip(places[..., 1], 0, height - 1).astype(np.int64)
    return pixels[y, x]


def _lifted(
    camera: Camera, places: Float64[np.ndarray, "*n 2"], depths: Float64[np.ndarray, "*n"]
) -> Float64[np.ndarray, "*n 3"]:
    """World positions of pixels at depths along the axis."""
    x = (places[..., 0] - camera.center_x_px) / camera.focal_x_px
    y = (places[..., 1] - camera.center_y_px) / camera.focal_y_px
    rays = np.stack([x, y, np.ones_like(x)], axis=-1) * depths[..., None]
    pose = camera.world_from_camera
    return rays @ pose[:3, :3].T + pose[:3, 3]


def _swept(
    row: int,
    places: Float64[np.ndarray, "p 2"],
    coarse: list[SweptView],
    fine: list[SweptView],
    near: list[int],
    bounds: tuple[float, float] | None,
) -> tuple[Float64[np.ndarray, " p"], Float64[np.ndarray, " p"]]:
    """The depth of each place of the fine picture at which neighbors agree most, and by how many levels they differ."""
    assert bounds is not None
    inverse = np.linspace(1 / bounds[1], 1 / bounds[0], COARSE_DEPTHS)
    step = inverse[1] - inverse[0]
    ratio = np.array([coarse[row].camera.width, coarse[row].camera.height]) / (
        fine[row].camera.width,
        fine[row].camera.height,
    )
    tried = np.broadcast_to(inverse, (len(places), COARSE_DEPTHS))
    best = _costs(coarse, row, near, places * ratio, 1 / tried).argmin(axis=1)
    around = np.linspace(-1, 1, FINE_DEPTHS) * step
    refined = np.maximum(inverse[best][:, None] + around, 0.25 * inverse[0])
    costs = _costs(fine, row, near, places, 1 / refined)
    chosen = costs.argmin(axis=1)
    rows = np.arange(len(places))
    return 1 / refined[rows, chosen], costs[rows, chosen]


def _costs(
    views: list[SweptView],
    row: int,
    near: list[int],
    places: Float64[np.ndarray, "p 2"],
    depths: Float64[np.ndarray, "p d"],
) -> Float64[np.ndarray, "p d"]:
    """Mean difference in levels between a view's cross of pixels and the better half of its neighbors."""
    own = views[row]
    crosses = places[:, None] + CROSS
    colors = _sampled(own.pixels, crosses)[:, None]
    shape = (*depths.shape, len(CROSS))
    lifted = _lifted(
        own.camera, np.broadcast_to(crosses[:, None], (*shape, 2)), np.broadcast_to(depths[..., None], shape)
    )
    costs = np.full((len(near), *depths.shape), UNSEEN_COST, np.float32)
    for number, other in enumerate(near):
        camera = views[other].camera
        found, ahead = camera.project(lifted.reshape(-1, 3))
        seen = _inside(camera, found, ahead)
        levels = _sampled(views[other].pixels, np.where(seen[:, None], found, 0.0)).reshape(*shape, 3)
        differences = np.abs(levels - colors).mean(axis=(2, 3))
        costs[number] = np.where(seen.reshape(shape).all(axis=2), differences, UNSEEN_COST)
    return np.sort(costs, axis=0)[: -(-len(near) // 2)].mean(axis=0).astype(np.float64)


def _inside(
    camera: Camera, places: Float64[np.ndarray, "p 2"], depths: Float64[np.ndarray, " p"]
) -> Bool[np.ndarray, " p"]:
    with np.errstate(invalid="ignore"):
        return (depths > 0) & ((places >= 0) & (places < (camera.width, camera.height))).all(axis=1)


def _uncarved(
    points: Float64[np.ndarray, "p 3"], views: list[SweptView], background: tuple[int, int, int]
) -> Int64[np.ndarray, " k"]:
    """Rows of the points that no view shows as background; all where that leaves none."""
    kept = np.ones(len(points), np.bool_)
    for view in views:
        places, depths = view.camera.project(points)
        seen = _inside(view.camera, places, depths)
        kept[seen] &= ~_behind(_sampled(view.pixels, places[seen]), background)
    return np.flatnonzero(kept) if kept.any() else np.arange(len(points))
