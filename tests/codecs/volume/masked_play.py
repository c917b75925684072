# SPDX-License-Identifier: Apache-2.0
"""Colored balls that move between a ring of cameras, with masks: a timed capture that is fitted in seconds.

Drawn by hand, ball by ball, so that no renderer of ours has a part in what is compared.
"""

import math
from fractions import Fraction

import numpy as np

from lamina.cameras.camera import Camera, look_at
from lamina.data.captures.timed import TimedCapture, TimedView

WIDTH, HEIGHT, CAMERAS, FRAMES = 56, 44, 9, 5
TEST = (4,)
RADIUS, FOCAL_PX = 0.3, 60.0
BEHIND = (20, 30, 60)
PLACES = np.array([[-0.5, 0.0, 0.0], [0.45, 0.3, 0.2], [0.1, -0.5, -0.25]])
COLORS = np.array([[200, 40, 40], [40, 190, 60], [210, 190, 50]])
PACE = np.array([0.1, 0.0, -0.08])
"""Radians a frame around the vertical: two balls move."""

SMALL = {
    "level_count": 3,
    "voxel": 0.09,
    "hidden": 8,
    "rays": 512,
    "group_frames": 3,
    "key.level_steps": (20, 25, 30),
    "key.whole_steps": 30,
    "key.top_steps": 10,
    "predicted.motion_steps": (10, 10),
    "predicted.whole_steps": 30,
    "predicted.top_steps": 8,
}
"""Fields of a configuration that suits it."""


def places_at(frame: int) -> np.ndarray:
    turn = PACE * frame
    x, y = PLACES[:, 0], PLACES[:, 1]
    return np.stack([x * np.cos(turn) - y * np.sin(turn), x * np.sin(turn) + y * np.cos(turn), PLACES[:, 2]], axis=1)


def camera_at(number: int) -> Camera:
    angle = 2 * math.pi * number / CAMERAS
    place = np.array([2.6 * math.cos(angle), 2.6 * math.sin(angle), 0.9 * math.sin(2 * angle)])
    pose = look_at(place, np.zeros(3), np.array([0.0, 0.0, 1.0]))
    return Camera(np.linalg.inv(pose), FOCAL_PX, FOCAL_PX, WIDTH / 2, HEIGHT / 2, WIDTH, HEIGHT)


def drawn(frame: int, number: int) -> tuple[np.ndarray, np.ndarray]:
    """What a camera sees, and where balls are."""
    camera = camera_at(number)
    rows, columns = np.mgrid[0:HEIGHT, 0:WIDTH] + 0.5
    pixels = np.broadcast_to(np.array(BEHIND, np.float64), (HEIGHT, WIDTH, 3)).copy()
    inside = np.zeros((HEIGHT, WIDTH), np.uint8)
    places, depths = camera.project(places_at(frame))
    for ball in np.argsort(-depths):
        away = np.hypot(columns - places[ball, 0], rows - places[ball, 1]) / (RADIUS * FOCAL_PX / depths[ball])
        shade = np.sqrt(np.clip(1 - away**2, 0, 1))[..., None]
        pixels = np.where(away[..., None] < 1, COLORS[ball] * (0.55 + 0.45 * shade), pixels)
        inside |= (away < 1).astype(np.uint8)
    return np.clip(np.rint(pixels), 0, 255).astype(np.uint8), inside


def masked_play(frame_count: int = FRAMES, *, has_masks: bool = True) -> TimedCapture:
    return TimedCapture(
        name="balls",
        views=tuple(TimedView(f"cam{number}", camera_at(number)) for number in range(CAMERAS)),
        train=tuple(number for number in range(CAMERAS) if number not in TEST),
        test=TEST,
        frame_count=frame_count,
        frames_per_second=Fraction(25),
        points=np.empty((0, 3)),
        point_colors=np.empty((0, 3), np.uint8),
        background=BEHIND,
        load=lambda frame, number: drawn(frame, number)[0],
        load_mask=(lambda frame, number: drawn(frame, number)[1]) if has_masks else None,
    )
