# SPDX-License-Identifier: Apache-2.0
"""Colored balls that move between a ring of cameras: a timed capture that is fitted in seconds.

Drawn by hand, ball by ball, so that no renderer of ours has a part in what is compared.
"""

import math
from dataclasses import replace
from fractions import Fraction

import numpy as np

from lamina.anchors.config import AnchorConfig, ContextConfig, GrowthConfig, ScheduleConfig
from lamina.cameras.camera import Camera, look_at
from lamina.data.captures.timed import TimedCapture, TimedView

WIDTH, HEIGHT, CAMERAS, FRAMES = 48, 40, 8, 7
TEST = (3,)
RADIUS = 0.22
BACKGROUND = (20, 30, 60)
GAINS = np.where(np.arange(CAMERAS) % 2 == 0, 1.0, 1.12)
"""Half of the cameras are brighter."""

PLACES = np.array([[-0.6, 0.0, 0.0], [0.5, 0.3, 0.2], [0.1, -0.6, -0.2], [0.0, 0.5, -0.5], [0.4, -0.2, 0.6]])
COLORS = np.array([[200, 40, 40], [40, 190, 60], [210, 190, 50], [60, 90, 210], [190, 80, 190]])
PACE = np.array([0.06, 0.0, -0.05, 0.0, 0.0])
"""Radians a frame around the vertical: two balls move."""

SMALL = {
    "first.anchors": AnchorConfig(feature_channels=6, offsets=2, hidden=16, first=140, limit=260, near_share=0.2),
    "first.growth": GrowthConfig(interval_steps=20),
    "first.context": ContextConfig(hidden=16, step_hidden=8, group_hidden=8, feature_groups=2, settle_steps=20),
    "first.schedule": ScheduleConfig(steps=60, tune_steps=3),
    "motion.iterations": 12,
    "births.cube_cells": 24,
    "births.iterations": 10,
    "births.most_iterations": 10,
    "births.every": 1,
    "group_frames": 2,
    "join_groups": 2,
}
"""Fields of a configuration that suits it."""


def places_at(frame: int) -> np.ndarray:
    turn = PACE * frame
    x, y = PLACES[:, 0], PLACES[:, 1]
    return np.stack([x * np.cos(turn) - y * np.sin(turn), x * np.sin(turn) + y * np.cos(turn), PLACES[:, 2]], axis=1)


def camera_at(number: int) -> Camera:
    angle = 2 * math.pi * number / CAMERAS
    place = np.array([2.6 * math.cos(angle), 2.6 * math.sin(angle), 0.7 * math.sin(2 * angle)])
    pose = look_at(place, np.zeros(3), np.array([0.0, 0.0, 1.0]))
    return Camera(np.linalg.inv(pose), 52.0, 52.0, WIDTH / 2, HEIGHT / 2, WIDTH, HEIGHT)


def picture(frame: int, number: int) -> np.ndarray:
    """What a camera sees, 8 bits."""
    return drawn(places_at(frame), COLORS, number)


def drawn(balls: np.ndarray, colors: np.ndarray, number: int) -> np.ndarray:
    """Balls before a camera."""
    camera = camera_at(number)
    rows, columns = np.mgrid[0:HEIGHT, 0:WIDTH] + 0.5
    pixels = np.broadcast_to(np.array(BACKGROUND, np.float64), (HEIGHT, WIDTH, 3)).copy()
    places, depths = camera.project(balls)
    for ball in np.argsort(-depths):
        away = np.hypot(columns - places[ball, 0], rows - places[ball, 1]) / (RADIUS * 52.0 / depths[ball])
        shade = np.sqrt(np.clip(1 - away**2, 0, 1))[..., None]
        pixels = np.where(away[..., None] < 1, colors[ball] * (0.55 + 0.45 * shade), pixels)
    return np.clip(np.rint(pixels * GAINS[number]), 0, 255).astype(np.uint8)


def mask(frame: int, number: int) -> np.ndarray:
    """1 where a ball is."""
    plain = np.clip(np.rint(np.array(BACKGROUND) * GAINS[number]), 0, 255)
    return (np.abs(picture(frame, number).astype(int) - plain).max(axis=2) > 8).astype(np.uint8)


def tiny_play(frame_count: int = FRAMES, *, has_masks: bool = True) -> TimedCapture:
    random = np.random.default_rng(3)
    directions = random.normal(size=(300, 3))
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    balls = np.arange(300) % len(PLACES)
    return TimedCapture(
        name="balls",
        views=tuple(TimedView(f"cam{number}", camera_at(number)) for number in range(CAMERAS)),
        train=tuple(number for number in range(CAMERAS) if number not in TEST),
        test=TEST,
        frame_count=frame_count,
        frames_per_second=Fraction(25),
        points=PLACES[balls] + RADIUS * directions,
        point_colors=COLORS[balls].astype(np.uint8),
        background=BACKGROUND,
        load=picture,
        load_mask=mask if has_masks else None,
    )


COMES = 3
"""Frame in which another ball stands among the others."""

NEWCOMER, NEWCOMER_COLOR = np.array([-0.5, -0.5, 0.5]), np.array([240, 240, 240])


def play_with_newcomer(frame_count: int = 6) -> TimedCapture:
    """The same without masks, and with another ball from a frame on."""

    def load(frame: int, number: int) -> np.ndarray:
        if frame < COMES:
            return picture(frame, number)
        balls, colors = np.vstack([places_at(frame), NEWCOMER]), np.vstack([COLORS, NEWCOMER_COLOR])
        return drawn(balls, colors, number)

    return replace(tiny_play(frame_count), load=load, load_mask=None)
