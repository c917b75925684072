# SPDX-License-Identifier: Apache-2.0
"""What is coming: the frames of a group, and what they will cost beside their key frame.

Quick fits of a few frames are moved onto the frames after them. What motion leaves wrong, over the error of the fit,
says how much of a picture a predicted frame has to code anew. A key frame far better than what motion keeps of it is
wasted.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from lamina.codecs.planar.config import PlanarConfig, RateTarget
from lamina.codecs.planar.fit.signal import PlanarSignal
from lamina.codecs.planar.lattice.coding import key_context, splats_of
from lamina.codecs.planar.lattice.fit import rate_control
from lamina.codecs.planar.lattice.fit.alignment import aligned, make_scene, squared_error
from lamina.codecs.planar.lattice.fit.key_frame import PILOT_EFFORT, fit_plan, freeze_and_measure
from lamina.codecs.planar.lattice.fit.optimize import begin, fit_levels
from lamina.codecs.planar.lattice.fit.picture import make_sketch
from lamina.codecs.planar.lattice.fit.rate_control import first_plan
from lamina.codecs.planar.lattice.fit.refine import ERROR_PER_BIT
from lamina.codecs.planar.lattice.fit.settle import joined

PAIRS = 3
"""Pairs of frames looked at."""

PILOT_STEPS = 120
"""Optimiser steps of a quick fit."""

PILOT_LOSS = 0.45
"""Error of a full fit over that of a quick one of as many bytes: measured on photographs."""

CALM_RATIO, RATIO_BY_ERROR, ERROR_POWER = 0.03, 0.25, 1.6
"""Bytes of a predicted frame over a key frame's: the first where motion explains all, plus the second times what it
leaves wrong over the key frame's own error, to the third. Set on four clips, between what was measured best on each."""

ERROR_BY_BYTES = 0.76
"""Error falls about as bytes^-this: rate_control.DECIBELS_PER_DOUBLING."""


class Lookahead:
    """Frames in order, and the ones that will come: at most a group of them is held."""

    def __init__(self, signal: PlanarSignal, reach: int, start: int = 0) -> None:
        self.source = signal.frames(start)
        self.reach = reach
        self.held: list[np.ndarray] = []

    def __iter__(self) -> Iterator[np.ndarray]:
        while self.fill(1):
            yield self.held.pop(0)

    def fill(self, count: int) -> int:
        """Reads ahead; returns how many of `count` frames are there."""
        while len(self.held) < count:
            pixels = next(self.source, None)
            if pixels is None:
                break
            self.held.append(pixels)
        return min(len(self.held), count)


@dataclass(frozen=True)
class Glimpse:
    """What a quick fit of a frame says."""

    size_bytes: float
    error: float
    """Mean squared error that a full fit of that size would have."""
    left_by_motion: float
    """Mean squared error beyond the fit's own when it is moved onto the next frame."""


def glimpse(now: np.ndarray, after: np.ndarray, signal: PlanarSignal, config: PlanarConfig) -> Glimpse:
    """Fits a frame quickly and moves it onto the next."""
    sketch = make_sketch(now, config, None)
    random = np.random.default_rng(config.seed)
    draft = fit_plan(config, first_plan(config, signal.width * signal.height), PILOT_STEPS)
    splats = fit_levels(sketch.targets, draft, begin(sketch.targets, draft, random), lambda done, error: None)
    frozen = freeze_and_measure(sketch, splats, draft, signal, config, PILOT_EFFORT)
    size = (signal.width, signal.height)
    still = joined([splats_of(state) for state in frozen.layers])
    before = key_context(0, config.layer_count, still.count)
    next_sketch = make_sketch(after, config, sketch.background)
    own = squared_error(make_scene(sketch.targets.full, still, draft.step), still)
    scene = make_scene(next_sketch.targets.full, still, draft.step)
    found = aligned(scene, size, before, ERROR_PER_BIT * draft.step**2)
    moved = squared_error(scene, still if found is None else found[1])
    samples = 3.0 * signal.width * signal.height
    return Glimpse(frozen.outcome.size_bytes, PILOT_LOSS * own / samples, max(moved - own, 0.0) / samples)


def foreseen_ratio(frames: list[np.ndarray], signal: PlanarSignal, config: PlanarConfig, total_bytes: float) -> float:
    """Bytes of a predicted frame over a key frame's, for a group of `frames` that may take `total_bytes`."""
    if len(frames) < 2:
        return 1.0
    config = replace(
        config,
        target=RateTarget(size_bytes=int(max(3.0 * total_bytes / len(frames), rate_control.SMALL_STREAM_BYTES + 64.0))),
    )
    places = np.unique(np.linspace(0, len(frames) - 2, PAIRS).astype(int))
    seen = [glimpse(frames[k], frames[k + 1], signal, config) for k in places]
    size, error, left = (
        float(np.mean([getattr(one, name) for one in seen])) for name in ("size_bytes", "error", "left_by_motion")
    )

    def ratio_at(key_bytes: float) -> float:
        error_then = max(error, 1e-9) * (key_bytes / size) ** -ERROR_BY_BYTES
        return min(CALM_RATIO + RATIO_BY_ERROR * (left / error_then) ** ERROR_POWER, 1.0)

    low, high = total_bytes / len(frames), total_bytes
    for _ in range(30):
        middle = 0.5 * (low + high)
        if middle * (1.0 + (len(frames) - 1) * ratio_at(middle)) > total_bytes:
            high = middle
        else:
            low = middle
    return ratio_at(low)
