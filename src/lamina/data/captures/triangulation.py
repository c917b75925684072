# SPDX-License-Identifier: Apache-2.0
"""A capture with cameras enters, points leave: features matched between its training views, under the given poses.

pycolmap works in a process of its own (`triangulation_process`), for the reasons that `structure_from_motion` gives.
Its chance is seeded, and nothing is cut off by the clock, so that the same capture gives the same points.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image

from lamina.codec import Progress
from lamina.data.captures.capture import Capture
from lamina.data.captures.point_cloud import PointCloud
from lamina.data.captures.structure_from_motion import LOG_NAME, run_process

MATCHED_VIEWS = 150
"""At most so many, spread evenly over the training views: some minutes on two cores."""

PARTNERS = 8
"""Views that each is matched with: the nearest that look the same way."""

LEAST_LOOK = 0.5
"""Cosine of the angle between two views up to which they are matched: beyond 60 degrees features are not found."""

STANDING = 1e-6
"""Views nearer than this part of the largest coordinate (or 1) show no depth together."""

FOUND_NAME = "points.npz"


def triangulate(capture: Capture, report: Callable[[Progress], None], seed: int = 0) -> PointCloud:
    """Points that at least three training views show, with their mean colors; maybe none.

    Raises:
        SignalError: a picture cannot be decoded, or pycolmap failed.
        Interrupted: `report` raised it.
    """
    rows = np.linspace(0, len(capture.train) - 1, min(MATCHED_VIEWS, len(capture.train))).round().astype(int)
    numbers = [capture.train[row] for row in rows]
    views = []
    with tempfile.TemporaryDirectory(prefix="lamina-") as folder:
        work = Path(folder)
        (work / "images").mkdir()
        for place, number in enumerate(numbers):
            camera, name = capture.views[number].camera, f"{place:05d}.png"
            Image.fromarray(capture.pixels(number)).save(work / "images" / name, compress_level=1)
            pinhole = [camera.focal_x_px, camera.focal_y_px, camera.center_x_px, camera.center_y_px]
            pose = camera.camera_from_world[:3].tolist()
            size = [camera.width, camera.height]
            views.append({"name": name, "size_px": size, "pinhole_px": pinhole, "camera_from_world": pose})
        pairs = pairs_of(capture, numbers)
        if not pairs:
            return PointCloud(np.empty(0, np.int64), np.empty((0, 3)), np.empty((0, 3), np.uint8))
        request = {"views": views, "pairs": pairs, "seed": seed}
        (work / "request.json").write_text(json.dumps(request), encoding="utf-8")
        run_process("lamina.data.captures.triangulation_process", work, work / LOG_NAME, report)
        with np.load(work / FOUND_NAME, allow_pickle=False) as found:
            positions, colors = found["positions"], found["colors"]
    order = np.lexsort(positions.T)
    return PointCloud(np.arange(len(order)), positions[order], colors[order])


def pairs_of(capture: Capture, numbers: list[int]) -> list[tuple[int, int]]:
    """Places in `numbers` of views to match: each with the nearest that look the same way from elsewhere."""
    cameras = [capture.views[number].camera for number in numbers]
    places = np.stack([camera.position_world for camera in cameras])
    axes = np.stack([camera.world_from_camera[:3, 2] for camera in cameras])
    apart = np.linalg.norm(places[:, None] - places[None], axis=2)
    apart[(apart <= STANDING * max(1.0, float(np.abs(places).max()))) | (axes @ axes.T < LEAST_LOOK)] = np.inf
    pairs: set[tuple[int, int]] = set()
    for row, order in enumerate(np.argsort(apart, axis=1, kind="stable")[:, :PARTNERS]):
        pairs |= {(min(row, int(one)), max(row, int(one))) for one in order if np.isfinite(apart[row, one])}
    return sorted(pairs)
