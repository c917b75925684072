# SPDX-License-Identifier: Apache-2.0
"""Vectors on the coarsest lattice, coded row by row: one walk for both directions.

A vector is predicted by the mean of its neighbours that come before and of what was there in the frame before; what it
differs by is coded, an axis after the other. Level by level vectors go up as values do, so all levels move alike.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from jaxtyping import Int32

from lamina.codecs.volume.values import bit_length, size_class
from lamina.codecs.volume.walk import find_near
from lamina.entropy.binary import fail, ran_dry
from lamina.entropy.kernel import kernel
from lamina.entropy.mixing import Mixer, code_mixed_bit, fresh_mixer
from lamina.entropy.walk import Coder
from lamina.grids.level import Level
from lamina.grids.warp import MAX_VECTOR

MODELS = 4
AXES = 3
MAX_CLASS = 14
"""Bit lengths of magnitudes less 1: twice `MAX_VECTOR` fits."""

ZERO_NEAR = 0
ZERO_OTHERS = ZERO_NEAR + AXES * 8 * 3
ZERO_PAST = ZERO_OTHERS + AXES * 8 * 3
ZERO_LAST = ZERO_PAST + AXES * 3 * 8
SIGN_NEAR = ZERO_LAST + AXES * 8
SIGN_OTHERS = SIGN_NEAR + AXES * 3
CLASS_NEAR = SIGN_OTHERS + AXES * 9
CLASS_OTHERS = CLASS_NEAR + AXES * 16 * 8
CLASS_PAST = CLASS_OTHERS + AXES * 16 * 8
CLASS_LAST = CLASS_PAST + AXES * 16 * 3
BITS_PLAIN = CLASS_LAST + AXES * 16 * 8
SLOTS = BITS_PLAIN + AXES * 16 * 16
SETS = 4 * AXES


class PastVectors(NamedTuple):
    """Those of the frame before."""

    rows: Int32[np.ndarray, " r"]
    """Row there of each vertex; -1: none."""
    vectors: Int32[np.ndarray, "b 3"]
    """In steps."""


def fresh_vector_memory() -> Mixer:
    """At a key frame."""
    return fresh_mixer(SLOTS, SETS, MODELS)


@kernel
def code_difference(coder, mixer, axis, value, around, others, past, last):
    """What a component differs by from its prediction."""
    mixer.chosen[0] = ZERO_NEAR + (axis * 8 + around) * 3 + past
    mixer.chosen[1] = ZERO_OTHERS + (axis * 8 + size_class(others)) * 3 + past
    mixer.chosen[2] = ZERO_PAST + (axis * 3 + past) * 8 + around
    mixer.chosen[3] = ZERO_LAST + axis * 8 + last
    if code_mixed_bit(coder, mixer, axis, np.int64(value != 0)) == 0:
        return np.int64(0)
    mixer.chosen[0] = SIGN_NEAR + axis * 3 + past
    mixer.chosen[1] = SIGN_NEAR + axis * 3
    mixer.chosen[2] = SIGN_OTHERS + axis * 9 + min(others, 8)
    mixer.chosen[3] = SIGN_OTHERS + axis * 9
    is_below = code_mixed_bit(coder, mixer, AXES + axis, np.int64(value < 0))
    wanted = abs(value) - 1
    wanted_class = bit_length(wanted)
    found = np.int64(0)
    while found < MAX_CLASS:
        mixer.chosen[0] = CLASS_NEAR + (axis * 16 + found) * 8 + around
        mixer.chosen[1] = CLASS_OTHERS + (axis * 16 + found) * 8 + size_class(others)
        mixer.chosen[2] = CLASS_PAST + (axis * 16 + found) * 3 + past
        mixer.chosen[3] = CLASS_LAST + (axis * 16 + found) * 8 + last
        if code_mixed_bit(coder, mixer, 2 * AXES + axis, np.int64(wanted_class > found)) == 0:
            break
        found += 1
    magnitude = np.int64(found > 0)
    for place in range(found - 2, -1, -1):
        for model in range(MODELS):
            mixer.chosen[model] = BITS_PLAIN + (axis * 16 + found) * 16 + place
        magnitude = (magnitude << 1) | code_mixed_bit(coder, mixer, 3 * AXES + axis, (wanted >> place) & 1)
    magnitude += 1
    return -magnitude if is_below == 1 else magnitude


@kernel
def walk_vectors(coder, mixer, level, past, before, limit, vectors, differences, near):
    """All vectors, in steps, into or from `vectors` (r, 3); `differences` (r, 3) are scratch, `near` (6,) too.

    Args:
        level: vertices (r, 3), and slots and rows of their table.
        limit: largest magnitude of a component.
    """
    vertices, slots, rows = level
    for i in range(vectors.shape[0]):
        if ran_dry(coder):
            return
        find_near(vertices, slots, rows, i, near)
        others = np.int64(0)
        for axis in range(AXES):
            total, count, around = np.int64(0), np.int64(0), np.int64(0)
            for k in range(6):
                if near[k] >= 0:
                    weight = 2 if k < 3 else 1
                    total += weight * np.int64(vectors[near[k], axis])
                    count += weight
                    around += min(abs(np.int64(differences[near[k], axis])), 8)
            known = np.int64(0)
            if past[i] >= 0:
                known = np.int64(1)
                total += 2 * np.int64(before[past[i], axis])
                count += 2
            expected = (2 * total + count) // (2 * count) if count > 0 else np.int64(0)
            last = min(abs(np.int64(differences[i - 1, axis])), 7) if i > 0 else np.int64(0)
            found = code_difference(
                coder, mixer, axis, np.int64(vectors[i, axis]) - expected, size_class(around >> 1), others, known, last
            )
            if abs(expected + found) > limit:
                fail(coder)
                found = -expected
            differences[i, axis] = found
            vectors[i, axis] = expected + found
            others += min(abs(found), 8)


def code_vectors(
    coder: Coder, memory: Mixer, level: Level, past: PastVectors, step: int, vectors: Int32[np.ndarray, "r 3"]
) -> None:
    """Vectors in steps, into or from `vectors`; `memory` is changed."""
    table = level.vertex_table
    walk_vectors(
        coder, memory, (level.vertices, table.slots, table.rows), past.rows, past.vectors, MAX_VECTOR // step, vectors,
        np.zeros_like(vectors), np.zeros(6, np.int64),
    )  # fmt: skip
