# SPDX-License-Identifier: Apache-2.0
"""A wall with a drawing on it, seen by cameras through lenses: pictures whose right values are known everywhere."""

import numpy as np

from lamina.cameras.camera import Camera
from lamina.data.captures.lens import Lens

CYCLES = 0.5
"""Of the drawing, a unit of the wall: fine enough that a wrong pose or lens costs 10 dB, coarse enough to resample."""


def drawing(places: np.ndarray) -> np.ndarray:
    """Colors, 0...255, of places (..., 2) on the wall."""
    x, y = 2 * np.pi * CYCLES * places[..., 0], 2 * np.pi * CYCLES * places[..., 1]
    waves = [np.sin(x) * np.cos(0.7 * y), np.sin(0.6 * x + 1.3 * y), np.cos(1.1 * x - 0.4 * y + 0.5)]
    return 127.5 + 100.0 * np.stack(waves, axis=-1)


def seen_by(lens: Lens, camera_from_world: np.ndarray) -> np.ndarray:
    """The picture that a camera takes of the wall, which is the plane z = 0 of the world; black where it sees none."""
    rows, columns = np.mgrid[: lens.height, : lens.width] + 0.5
    places = np.stack([columns - lens.center_x_px, rows - lens.center_y_px], -1).reshape(-1, 2)
    plane = lens.distortion.undone(places / (lens.focal_x_px, lens.focal_y_px))
    return _wall(plane, camera_from_world).reshape(lens.height, lens.width, 3)


def seen_by_pinhole(camera: Camera) -> np.ndarray:
    """What a view should show."""
    inner = (camera.focal_x_px, camera.focal_y_px, camera.center_x_px, camera.center_y_px)
    return seen_by(Lens(camera.width, camera.height, *inner), camera.camera_from_world)


def _wall(plane: np.ndarray, camera_from_world: np.ndarray) -> np.ndarray:
    world_from_camera = np.linalg.inv(camera_from_world)
    rays = np.concatenate([plane, np.ones((len(plane), 1))], axis=1) @ world_from_camera[:3, :3].T
    start = world_from_camera[:3, 3]
    with np.errstate(all="ignore"):
        distance = -start[2] / rays[:, 2]
        places = start[:2] + distance[:, None] * rays[:, :2]
        colors = np.where((distance > 0)[:, None] & np.isfinite(places).all(axis=1)[:, None], drawing(places), 0.0)
    return np.clip(np.nan_to_num(colors) + 0.5, 0, 255).astype(np.uint8)


def psnr(one: np.ndarray, other: np.ndarray) -> float:
    """dB."""
    error = np.square(one.astype(float) - other).mean()
    return float(10 * np.log10(255.0**2 / max(error, 1e-9)))


def pose(x: float, y: float = 0.0, turned: float = 0.1, depth: float = 3.0) -> np.ndarray:
    """camera_from_world of a camera `depth` before the wall, turned about its upright axis, radians."""
    cosine, sine = np.cos(turned), np.sin(turned)
    world_from_camera = np.eye(4)
    world_from_camera[:3, :3] = [[cosine, 0, sine], [0, 1, 0], [-sine, 0, cosine]]
    world_from_camera[:3, 3] = x, y, -depth
    return np.linalg.inv(world_from_camera)
