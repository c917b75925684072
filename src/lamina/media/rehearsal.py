# SPDX-License-Identifier: Apache-2.0
"""Tiny jobs on made-up media: nothing enters, and every kernel that encoding and decoding need is compiled.

They run the codecs as users do, so that no list of kernels and argument types has to be kept beside the code.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import UInt8

from lamina.cameras.camera import Camera
from lamina.data.captures.capture import Capture, View
from lamina.media.comparison import compare
from lamina.media.encoding import encode
from lamina.media.export import export
from lamina.media.filming import write_shots
from lamina.media.shots import shots_of
from lamina.media.sources import signal_of

SHORT_FIT: dict[str, Any] = {
    "lattice.steps": 24, "lattice.predicted_steps": 4, "lattice.freeze_rounds": 1, "lattice.freeze_steps": 2,
    "lattice.refine_sweeps": 2,
}  # fmt: skip
SHORT_PAPER_FIT: dict[str, Any] = {
    "pgsvc.steps": 4, "pgsvc.predicted_steps": 4, "pgsvc.quantization_steps": 2, "pgsvc.key_frame_splats": 20,
    "pgsvc.key_frame_steps": (2, 2),
}  # fmt: skip
SHORT_SCENE_FIT: dict[str, Any] = {
    "anchors.first": 200, "anchors.limit": 400, "growth.interval_steps": 20, "context.settle_steps": 10,
    "schedule.steps": 90, "schedule.tune_steps": 4,
}  # fmt: skip
VIEW_COUNT = 8
POINT_COUNT = 300


def rehearse_pictures(folder: Path) -> None:
    """A still and a clip, with levels by quality and by resolution, to a size and to a quality."""
    still, clip = made_up_frames(1)[0], made_up_frames(4)
    still_path, clip_path = folder / "still.lam", folder / "clip.lam"
    encode(still, still_path, preset="fast", psnr_db=24.0, scalability="resolution", **SHORT_FIT).close()
    with encode(still, still_path, preset="fast", size_bytes=400, **SHORT_FIT) as media:
        export(media, folder / "still.png")
        export(media, folder / "large.png", size=(96, 64))
        list(compare(media, signal_of(still)))
    with encode(clip, clip_path, preset="fast", group_frames=3, **SHORT_FIT) as media:
        export(media, folder / "clip.y4m")
        list(compare(media, signal_of(folder / "clip.y4m")))


def rehearse_paper_pictures(folder: Path) -> None:
    """A clip by the paper's method, whose key frames are stills of it."""
    clip = made_up_frames(3)
    with encode(clip, folder / "paper.lam", preset="paper", splats=60, group_frames=2, **SHORT_PAPER_FIT) as media:
        export(media, folder / "paper.y4m")


def rehearse_scenes(folder: Path) -> None:
    """A scene: fitted, coded, seen by its cameras, exported as Gaussians."""
    capture = made_up_capture()
    with encode(capture, folder / "scene.lam", preset="fast", **SHORT_SCENE_FIT) as media:
        write_shots(media, folder / "views", shots_of(media, "orbit", frames=(0, 2), size=(48, 36)))
        export(media, folder / "scene.ply", fit_steps=2)
        list(compare(media, capture))
    grid: dict[str, Any] = {**SHORT_SCENE_FIT, "schedule.steps": 20, "context.hash_grid": True}
    with encode(capture, folder / "grid.lam", preset="fast", **grid) as media:
        list(compare(media, capture))


JOBS: Mapping[str, Callable[[Path], Any]] = {
    "scenes": rehearse_scenes,
    "pictures and clips": rehearse_pictures,
    "pictures by the paper": rehearse_paper_pictures,
}
"""What is rehearsed, the longest first."""


def made_up_frames(count: int) -> UInt8[np.ndarray, "t h w 3"]:
    """Smooth parts, an edge and texture, moving by a pixel a frame."""
    rows, columns = np.mgrid[0:48, 0:64]
    red = 128 + 90 * np.sin(columns / 9) * np.cos(rows / 11)
    green = np.where(columns > 30 + 0.3 * rows, 200, 60) + 10 * np.sin(columns * 1.7)
    still = np.clip(np.stack([red, green, 255 - red], axis=2), 0, 255).astype(np.uint8)
    return np.stack([np.roll(still, number, axis=1) for number in range(count)])


def made_up_capture() -> Capture:
    """Cameras in a ring around points on a ball."""
    random = np.random.default_rng(1)
    points = random.normal(size=(POINT_COUNT, 3))
    points /= np.linalg.norm(points, axis=1, keepdims=True)
    pictures = made_up_frames(VIEW_COUNT)
    views = tuple(
        View(f"{number}.png", _camera_at(2 * math.pi * number / VIEW_COUNT), Path(f"{number}.png"))
        for number in range(VIEW_COUNT)
    )
    return Capture(
        "rehearsal", views, tuple(range(1, VIEW_COUNT)), (0,), points,
        random.integers(0, 256, points.shape).astype(np.uint8), (0, 0, 0), lambda number: pictures[number],
    )  # fmt: skip


def _camera_at(angle: float) -> Camera:
    """On the ring, looking at the middle."""
    place = np.array([3 * math.cos(angle), -0.6, 3 * math.sin(angle)])
    forward = -place / np.linalg.norm(place)
    right = np.cross([0.0, 1.0, 0.0], forward)
    right /= np.linalg.norm(right)
    motion = np.eye(4)
    motion[:3, :3] = np.stack([right, np.cross(forward, right), forward])
    motion[:3, 3] = -motion[:3, :3] @ place
    return Camera(motion, 60.0, 60.0, 32.0, 24.0, 64, 48)
