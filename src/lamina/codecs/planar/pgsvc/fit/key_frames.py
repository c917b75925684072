# SPDX-License-Identifier: Apache-2.0
"""Dynamic key-frame selection (DKS): frames of a clip enter, numbers of key frames leave.

Every frame is fitted twice, briefly and with few splats: from scratch, and from the frame before. Where starting from
the frame before is worse by much more than around it, the scene has changed.

Source: LonganWANG-cs/GSVC, train_video_Represent.py and utils.py; P-GSVC, sec. 3.5.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial

import numpy as np
import torch
from jaxtyping import Float64, UInt8

from lamina.codecs.planar.config import PgsvcConfig
from lamina.codecs.planar.pgsvc.fit.adan import Adan
from lamina.codecs.planar.pgsvc.fit.descent import Descent, Schedule, make_schedule
from lamina.codecs.planar.pgsvc.fit.objective import LevelTarget, joint_errors, make_targets
from lamina.codecs.planar.pgsvc.fit.pruning import Pruning
from lamina.codecs.planar.pgsvc.fit.training import Trained, WeightedSplats, train_table
from lamina.codecs.planar.pgsvc.splats import random_splats

WINDOW_FRAMES = 10
"""To each side of a frame."""

DEVIATIONS = 3.0
"""A key frame's difference is so many standard deviations above the mean of its window, or so many times the mean."""

NO_PRUNING = Pruning((0,), 0, 1)


def key_frames_of(differences: Float64[np.ndarray, " t"]) -> tuple[int, ...]:
    """Key frames, given loss from the frame before minus loss from scratch; frame 0 is always one."""
    spread = float(differences.max() - differences.min()) if len(differences) else 0.0
    scaled = (differences - differences.min()) / spread if spread > 0.0 else np.zeros_like(differences)
    found = [0]
    for frame in range(1, len(scaled)):
        window = scaled[max(0, frame - WINDOW_FRAMES) : frame + WINDOW_FRAMES + 1]
        mean, deviation = float(window.mean()), float(window.std())
        if scaled[frame] - mean > DEVIATIONS * deviation or scaled[frame] > DEVIATIONS * mean:
            found.append(frame)
    return tuple(found)


def trial_differences(
    frames: Iterable[UInt8[np.ndarray, "h w 3"]],
    config: PgsvcConfig,
    seed: int,
    tick: Callable[[float, float], None],
) -> Float64[np.ndarray, " t"]:
    """Loss of each frame from the frame before, minus its loss from scratch; 0 for the first.

    Args:
        frames: of the clip; one is held at a time.
        config: splats and steps of the trials.
        seed: of random splats.
        tick: called before each step with the frames done (with a fraction) and the error now; may raise to stop.
    """
    from_scratch, from_previous = (make_schedule(config, steps, "none") for steps in config.key_frame_steps)
    all_steps = from_scratch.steps + from_previous.steps

    def count(number: int, before: int, descent: Descent) -> None:
        tick(number + (before + descent.step) / all_steps, descent.top_error)

    differences: list[float] = []
    previous: Trained | None = None
    for number, picture in enumerate(frames):
        height, width, _ = picture.shape
        (target,) = make_targets(picture, ((width, height),))
        generator = torch.Generator().manual_seed(seed)
        table = random_splats(config.key_frame_splats, generator)
        fresh = _trial(table, target, from_scratch, partial(count, number, 0))
        if previous is None:
            differences.append(0.0)
        else:
            table = torch.cat([previous.raw, torch.ones_like(previous.raw[:1])])
            moved = _trial(table, target, from_previous, partial(count, number, from_scratch.steps))
            differences.append(_loss(moved, target) - _loss(fresh, target))
        previous = fresh
    return np.array(differences)


def _trial(table: torch.Tensor, target: LevelTarget, schedule: Schedule, tick: Callable[[Descent], None]) -> Trained:
    def report(trainee: WeightedSplats, optimizer: Adan, descent: Descent) -> None:
        tick(descent)

    return train_table(table, (table.shape[1],), (target,), schedule, NO_PRUNING, report)


def _loss(trained: Trained, target: LevelTarget) -> float:
    return joint_errors(trained.raw, (target,), trained.counts, -1).top
