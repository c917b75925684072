# SPDX-License-Identifier: Apache-2.0
"""What the integers of the head codec are: columns of a Gaussian, columns of a frame. Nothing is imported.

Gaussian    place 3 · turn · size 2 · opacity · color 3 · [free ones: skin]
frame       rotation 3 · translation 3 · gaze 2 · torso m · expression k
"""

from __future__ import annotations

PLACE, TURN, SIZE, OPACITY, COLOR, SKIN = slice(0, 3), 3, slice(4, 6), 6, slice(7, 10), 10
MESH_COLUMNS, FREE_COLUMNS = 10, 11
GAUSSIAN_STEPS = 6
"""Of places, turns, sizes, opacities, colors, skin."""
STEP_OF_COLUMN = (0, 0, 0, 1, 2, 2, 3, 4, 4, 4, 5)
"""Which step each column of a Gaussian has."""

ROTATION, TRANSLATION, GAZE = slice(0, 3), slice(3, 6), slice(6, 8)
FIXED = 8
"""Columns before those of the torso, which those of expressions follow."""
DEPTH_RATIO = 5.0
"""Steps along the line of sight by those across: what is a little nearer looks nearly the same."""
MOTION_STEPS = 5
"""Of rotations, translations, gaze, the torso's components, the expressions' components."""

LATTICE = (12, 8)
"""Nodes across and down the picture, which hair and torso bend with."""
NODE_VALUES = 2 * LATTICE[0] * LATTICE[1]
"""To the right and down, of each node."""

VALUE_LIMIT = 1 << 18
"""Magnitude of any integer of the codec: what is coded of one is at most four times as large, which 20 bits hold."""


def column_layers(torso: int, dimensions: int, layers: int) -> tuple[range, ...]:
    """Columns that each layer of a frame carries: all but the finer components of expressions are in the base layer.

    The base layer has at least three quarters of these; the others are shared by the layers above.
    """
    first = FIXED + torso + (dimensions if layers == 1 else -(-3 * dimensions // 4))
    total = FIXED + torso + dimensions
    ends = [first + round((total - first) * layer / max(layers - 1, 1)) for layer in range(layers)]
    ends[-1] = total
    return tuple(range(start, stop) for start, stop in zip([0, *ends[:-1]], ends, strict=True))
