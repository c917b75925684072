# SPDX-License-Identifier: Apache-2.0
"""A capture made in memory: a ring of cameras around some Gaussians, seen by our own renderer."""

from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import torch

from lamina.anchors.config import AnchorConfig, ContextConfig, GrowthConfig, ScheduleConfig
from lamina.cameras.camera import Camera
from lamina.codecs.scene.config import SceneConfig
from lamina.data.captures.capture import Capture, View
from lamina.render.gaussians3d import Gaussians3D
from lamina.render.spatial import render_spatial

WIDTH, HEIGHT = 48, 36

SMALL = SceneConfig(
    level_count=3,
    anchors=AnchorConfig(feature_channels=6, offsets=3, hidden=8, first=200, limit=400),
    growth=GrowthConfig(interval_steps=20),
    context=ContextConfig(hidden=12, step_hidden=8, group_hidden=8, feature_groups=2, settle_steps=20),
    schedule=ScheduleConfig(steps=120, tune_steps=5),
)
"""A fit of about two seconds."""


def changed(config: SceneConfig, part: str, **changes: object) -> SceneConfig:
    """A configuration with other values in one of its parts."""
    return replace(config, **{part: replace(getattr(config, part), **changes)})  # pyright: ignore[reportArgumentType]


def camera_at(angle: float, height: float = 0.6) -> Camera:
    """On the ring, looking at the middle."""
    place = np.array([3 * np.cos(angle), -height, 3 * np.sin(angle)])
    forward = -place / np.linalg.norm(place)
    right = np.cross([0.0, 1.0, 0.0], forward)
    right /= np.linalg.norm(right)
    motion = np.eye(4)
    motion[:3, :3] = np.stack([right, np.cross(forward, right), forward])
    motion[:3, 3] = -motion[:3, :3] @ place
    return Camera(motion, 50.0, 50.0, WIDTH / 2, HEIGHT / 2, WIDTH, HEIGHT)


@cache
def gaussians() -> Gaussians3D:
    """Two hundred colored spots on a ball."""
    random = np.random.default_rng(7)
    means = random.normal(size=(200, 3))
    means /= np.linalg.norm(means, axis=1, keepdims=True)
    colors = 0.5 + 0.45 * np.sin(3 * means + [0, 1, 2])
    rotations = random.normal(size=(200, 4))
    scales = random.uniform(0.06, 0.2, (200, 3))
    fields = (means, rotations, scales, random.uniform(0.5, 1, 200), colors)
    return Gaussians3D(*(torch.from_numpy(field.astype(np.float32)) for field in fields))


@cache
def picture(number: int, views: int) -> np.ndarray:
    """8-bit pixels of a view."""
    angle = 2 * np.pi * number / views
    pixels = render_spatial(gaussians(), camera_at(angle), background=(1.0, 1.0, 1.0)).pixels
    return (pixels.clamp(0, 1) * 255).round().to(torch.uint8).numpy()


def tiny_capture(views: int = 12, *, has_points: bool = True, held_out: bool = True) -> Capture:
    """Every sixth view is held out."""
    cameras = [camera_at(2 * np.pi * number / views) for number in range(views)]
    test = tuple(range(0, views, 6)) if held_out else ()
    cloud = gaussians()
    points = cloud.means.numpy().astype(np.float64) if has_points else np.zeros((0, 3))
    colors = (cloud.colors.numpy() * 255).astype(np.uint8) if has_points else np.zeros((0, 3), np.uint8)
    return Capture(
        "ball",
        tuple(View(f"{number:02}.png", camera, Path(f"{number:02}.png")) for number, camera in enumerate(cameras)),
        tuple(number for number in range(views) if number not in test),
        test,
        points,
        colors,
        (255, 255, 255),
        lambda number: picture(number, views),
    )
