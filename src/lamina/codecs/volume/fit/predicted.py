# SPDX-License-Identifier: Apache-2.0
"""A frame that builds on the one before: vectors first, then what they leave over, in whole steps, with bits counted.

What the vectors bring is computed as a decoder does, from what a decoder has.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from jaxtyping import Int32

from lamina.codecs.volume.fit.descent import Descent, Shading, Stretch, moved_to, run
from lamina.codecs.volume.fit.field import FieldFit, field_of, reshaped, seen_cells, sent_level
from lamina.codecs.volume.fit.key_frame import Stage, contents_of, real_steps
from lamina.codecs.volume.fit.motion import find_vectors, rounded_vectors
from lamina.codecs.volume.fit.rays import rays_through
from lamina.codecs.volume.fit.silhouettes import hull_cells, masks_of
from lamina.codecs.volume.frame_coding import LevelContent, LevelState
from lamina.codecs.volume.model import UNIT
from lamina.codecs.volume.syntax import GroupHead
from lamina.errors import SignalError
from lamina.grids.bricks import rows_at
from lamina.grids.sums import upsampled
from lamina.grids.warp import warped

PRUNED_AFTER = 0.4
"""Of the steps: then what no ray sees is left out."""


def fit_predicted(
    stage: Stage, frame: int, head: GroupHead, before: Sequence[LevelState], shading: Shading
) -> tuple[LevelContent, ...]:
    """The integers of a frame that is no key.

    Raises:
        SignalError: a picture cannot be decoded, or masks hold nothing.
    """
    facts, config, predicted = stage.facts, stage.config, stage.config.predicted
    lattice = facts.lattice()
    cells = hull_cells(masks_of(stage.capture, frame, stage.views), lattice, sent_level(lattice))
    if not len(cells):
        raise SignalError(f"{stage.capture.name}: masks of frame {frame} hold nothing in the box; give a larger one")
    rays = rays_through(stage.capture, frame, stage.views, lattice, (sent_level(lattice), cells))
    field = field_of(lattice, cells, real_steps(facts, head.steps))
    descent = Descent(facts, config, field, rays, shading, stage.random(frame), stage.rate_weight)
    vectors = np.zeros((field.levels[0].level.row_count, 3), np.float32)
    if sum(predicted.motion_steps):
        vectors = find_vectors(
            descent,
            before,
            predicted.motion_steps,
            (predicted.motion_rate, predicted.smoothness),
            stage.part(0.0, 0.2),
        )
    sent = rounded_vectors(vectors, head)
    expect(stage, field, head, before, sent)
    field.is_rounded = True
    rates, top = (predicted.density_rate, predicted.color_rate), facts.level_count - 1
    first = round(PRUNED_AFTER * predicted.whole_steps)
    middle = 0.1**PRUNED_AFTER
    run(descent, Stretch(top, first, 0, 1.0, middle, notes_seen=True), rates, stage.part(0.2, 0.5))
    kept = seen_cells(field, top, config.key.seen)
    if len(kept):
        new = reshaped(field, kept)
        sent = _carried(field, new, sent)
        expect(stage, new, head, before, sent)
        descent, field = moved_to(descent, new), new
    run(descent, Stretch(top, predicted.whole_steps - first, 0, middle, 0.1), rates, stage.part(0.5, 0.9))
    run(descent, Stretch(top, predicted.top_steps, top, 0.2, 0.04), rates, stage.part(0.9, 1.0))
    return contents_of(field, sent)


def expect(
    stage: Stage, field: FieldFit, head: GroupHead, before: Sequence[LevelState], sent: Int32[np.ndarray, "r 3"]
) -> None:
    """Sets what each level is expected to be, as a decoder computes it."""
    facts = stage.facts
    vectors = sent * np.int32(head.vector_step)
    for number, (own, state) in enumerate(zip(field.levels, before, strict=True)):
        if number:
            vectors = upsampled(own.parents, vectors)
        halvings = facts.level_count - 1 - number
        moved = warped(own.level, vectors, halvings, state.level, state.values, -facts.empty)
        own.expected = moved.astype(np.float32) * np.float32(UNIT)


def _carried(old: FieldFit, new: FieldFit, vectors: Int32[np.ndarray, "r 3"]) -> Int32[np.ndarray, "r 3"]:
    """Vectors at the rows that are left."""
    rows = rows_at(old.levels[0].level.vertex_table, new.levels[0].level.vertices)
    return np.where(rows[:, None] >= 0, vectors[rows], 0).astype(np.int32)
