# SPDX-License-Identifier: Apache-2.0
"""What moved between two frames: the frame before and this one's rays enter, vectors on the coarsest lattice leave.

Vectors descend by the gradients of what they bring, looked at on level 0 first, then on finer ones; in reals, until
they are rounded to steps.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from jaxtyping import Float32, Int32

from lamina.anchors.neighbors import ITSELF, neighbor_rows
from lamina.codecs.volume.fit.descent import LOSS_SCALE, Descent
from lamina.codecs.volume.fit.field import FieldFit
from lamina.codecs.volume.frame_coding import LevelState
from lamina.codecs.volume.model import UNIT
from lamina.codecs.volume.syntax import GroupHead
from lamina.grids.sums import interpolated, restrict
from lamina.grids.warp import MAX_VECTOR, VECTOR_UNIT, warp_gradients, warped_reals

DECAYS = (0.9, 0.95)
LAST_RATE = 0.2
"""Of the first rate on each level, what its last step has."""

TELL_STEPS = 20

Before = Sequence[tuple[LevelState, Float32[np.ndarray, "b c"]]]
"""Of each level, the frame before and its values in reals."""


def before_in_reals(before: Sequence[LevelState]) -> Before:
    """For the descent of vectors."""
    return [(state, state.values.astype(np.float32) * np.float32(UNIT)) for state in before]


def find_vectors(
    descent: Descent,
    before: Sequence[LevelState],
    plan: Sequence[int],
    ways: tuple[float, float],
    tell: Callable[[float, float], None],
) -> Float32[np.ndarray, "r 3"]:
    """At the rows of level 0, in finest voxels; `plan` are steps that look at levels 0, 1, ...

    `ways` are the rate of the first steps and how smooth vectors are.
    """
    rate, smoothness = ways
    around = neighbor_rows(descent.field.levels[0].level.vertices)
    count = descent.field.levels[0].level.row_count
    vectors = np.zeros((count, 3), np.float32)
    first, second = np.zeros_like(vectors), np.zeros_like(vectors)
    known, step, total = before_in_reals(before), 0, max(sum(plan), 1)
    for level, steps in enumerate(plan[: len(descent.field.levels)]):
        for number in range(steps):
            if step % TELL_STEPS == 0:
                tell(step / total, 1.0)
            gradients = _gradients(descent, known, level, vectors)
            scale = float(np.sqrt((gradients**2).mean())) + 1e-20
            gradients = gradients / scale + smoothness * (vectors - _mean_around(vectors, around))
            step += 1
            first = DECAYS[0] * first + (1 - DECAYS[0]) * gradients
            second = DECAYS[1] * second + (1 - DECAYS[1]) * gradients**2
            corrected = first / (1 - DECAYS[0] ** step), np.sqrt(second / (1 - DECAYS[1] ** step))
            now = rate * LAST_RATE ** (number / max(steps - 1, 1))
            vectors = (vectors - now * corrected[0] / (corrected[1] + 1e-8)).astype(np.float32)
    return vectors


def rounded_vectors(vectors: Float32[np.ndarray, "r 3"], head: GroupHead) -> Int32[np.ndarray, "r 3"]:
    """In steps of the group."""
    most = MAX_VECTOR // head.vector_step
    return np.clip(np.rint(vectors * VECTOR_UNIT / head.vector_step), -most, most).astype(np.int32)


def at_level(field: FieldFit, vectors: Float32[np.ndarray, "r 3"], level: int) -> Float32[np.ndarray, "r 3"]:
    """Vectors of level 0 at the rows of another one."""
    for number in range(1, level + 1):
        vectors = interpolated(field.levels[number].parents, vectors)
    return vectors


def _mean_around(vectors: Float32[np.ndarray, "r 3"], around: Int32[np.ndarray, "r 27"]) -> Float32[np.ndarray, "r 3"]:
    """Of the vectors beside each."""
    there = (around >= 0)[:, :, None]
    there[:, ITSELF] = False
    total = np.where(there, vectors[around], 0).sum(axis=1)
    return total / np.maximum(there.sum(axis=1), 1)


def _gradients(
    descent: Descent, before: Before, level: int, vectors: Float32[np.ndarray, "r 3"]
) -> Float32[np.ndarray, "r 3"]:
    """Of the loss at a level where nothing is added to what is moved."""
    field, facts = descent.field, descent.facts
    own, (state, values) = field.levels[level], before[level]
    moved, scale = at_level(field, vectors, level), 1.0 / (1 << (facts.level_count - 1 - level))
    empty = -facts.empty * UNIT
    own.values = warped_reals(own.level, moved, scale, state.level, values, empty)
    own.gradients[:] = 0.0
    descent.look(level, descent.config.rays, 1.0 / LOSS_SCALE, notes=False)
    found = np.zeros((own.level.row_count, 3), np.float32)
    table = state.level.vertex_table
    warp_gradients(
        own.level.vertices, moved, np.float32(scale), *table, state.level.counts, values, np.float32(empty),
        own.gradients, found,
    )  # fmt: skip
    own.gradients[:] = 0.0
    for number in range(level, 0, -1):
        above = np.zeros((field.levels[number - 1].level.row_count, 3), np.float32)
        restrict(field.levels[number].parents, found, above)
        found = above
    return found
