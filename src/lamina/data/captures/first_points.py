# SPDX-License-Identifier: Apache-2.0
"""A capture enters, one with points that a fit can start from leaves: its own, triangulated, or swept.

This is a step of its own, which whoever fits calls first: a capture that is only looked at or compared needs none. What
it finds follows from the capture and the seed, so that a fit that goes on after a stop finds the same.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from dataclasses import replace

import numpy as np
from jaxtyping import Bool, Float64

from lamina.codec import Progress
from lamina.data.captures.capture import Capture
from lamina.data.captures.point_cloud import PointCloud
from lamina.data.captures.seen_volume import neighbors_of, sweep_points
from lamina.data.captures.triangulation import triangulate
from lamina.errors import SignalError

LEAST_POINTS = 100
"""Fewer that cameras see are no start: a cell of the first octree is made of several."""

ENOUGH_TRIANGULATED = 2_000
"""Fewer leave holes, so that swept points are added."""

STRAY_EXTENTS = 1000.0
"""Points further from the cameras' middle than so many extents of theirs are strays."""


def with_points(capture: Capture, report: Callable[[Progress], None], seed: int = 0) -> Capture:
    """The same capture where training views see at least `LEAST_POINTS` of its points; otherwise with points added.

    pycolmap, where it is installed, matches features of the training views and triangulates under the given poses; what
    that leaves open is filled by `sweep_points`. A note says what was done. Held-out views are not looked at.

    Raises:
        SignalError: a picture cannot be decoded.
        Interrupted: `report` raised it.
    """
    own = seen_by_training(capture, capture.points)
    if int(own.sum()) >= LEAST_POINTS:
        return capture
    parts = [PointCloud(np.arange(int(own.sum())), capture.points[own], capture.point_colors[own])]
    how: list[str] = []
    cameras = [capture.views[number].camera for number in capture.train]
    if importlib.util.find_spec("pycolmap") is not None and any(neighbors_of(cameras)):
        try:
            # Its shares are of its own time: whoever counts the fit would see them fall back to nothing.
            parts.append(triangulate(capture, lambda at: report(Progress(0.0, at.stage)), seed))
            how.append(f"{len(parts[-1].positions)} triangulated between views")
        except SignalError as error:
            how.append(f"no triangulation ({error})")
    if sum(len(part.positions) for part in parts) < ENOUGH_TRIANGULATED:
        report(Progress(0.0, "sweeping what cameras see for points"))
        parts.append(sweep_points(capture, seed))
        how.append(f"{len(parts[-1].positions)} where views agree in color")
    positions = np.concatenate([part.positions for part in parts])
    colors = np.concatenate([part.colors for part in parts])
    note = f"{int(own.sum())} of its own points are seen by training views; added {', '.join(how)}"
    report(Progress(0.0, note))
    return replace(capture, points=positions, point_colors=colors, notes=(*capture.notes, note))


def seen_by_training(capture: Capture, points: Float64[np.ndarray, "p 3"]) -> Bool[np.ndarray, " p"]:
    """Which points are in a training view's picture, and no strays."""
    cameras = [capture.views[number].camera for number in capture.train]
    places = np.stack([camera.position_world for camera in cameras])
    middle = places.mean(axis=0)
    reach = float(np.linalg.norm(places - middle, axis=1).max()) * STRAY_EXTENTS or np.inf
    seen = np.zeros(len(points), np.bool_)
    for camera in cameras:
        found, depths = camera.project(points)
        with np.errstate(invalid="ignore"):
            seen |= (depths > 0) & ((found >= 0) & (found <= (camera.width, camera.height))).all(axis=1)
    return seen & (np.linalg.norm(points - middle, axis=1) <= reach)
