# SPDX-License-Identifier: Apache-2.0
"""Motion of splats between frames: vectors at nodes 16 px apart, interpolated in between; the same for all layers.

The field is sent from coarse to fine: at nodes 128 px apart as it is, then at 64, 32 and 16 px only by how far it is
from the mean of its coarser neighbours. So a smooth motion takes a few numbers, and a still picture next to nothing.
It may be sent as a change of the field of the frame before.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Int32

from lamina.compiled import compiled
from lamina.entropy.binary import code_raw, ran_dry
from lamina.entropy.kernel import kernel
from lamina.entropy.symbols import code_signed

NODE_PX = 16
"""Distance of nodes in full-size pixels."""

GRADES = 4
"""Distances at which the field is sent: 16 px times 8, 4, 2, 1."""

COARSEST_NODES = 1 << (GRADES - 1)

VECTOR_UNITS = 4
"""What is sent counts in 1/4 px: 4 of the 16ths that positions and fields count in."""

LONGEST_VECTOR = 1 << 14
"""In 1/16 px: 1024 px; longer ones are cut."""

MOTION_CAP = 12
NEIGHBORHOODS = 4
MOTION_CONTEXTS = GRADES * 2 * NEIGHBORHOODS * (MOTION_CAP + 2)
"""Contexts of the field's coding: by grade, across and down, by what the node before did."""


@dataclass(frozen=True)
class Motion:
    """How the splats of the frame before move."""

    details: Int32[np.ndarray, "rows columns 2"]
    """What is sent, in 1/4 px: each node's, at its own grade."""
    is_change: bool
    """It is added to the field of the frame before."""
    field: Int32[np.ndarray, "rows columns 2"]
    """Vectors at the nodes in 1/16 px: where content went, right and down."""


def field_shape(width: int, height: int) -> tuple[int, int]:
    """Nodes down and across: from border to border or beyond, in whole steps of the coarsest grade."""
    step = NODE_PX * COARSEST_NODES
    return -(-height // step) * COARSEST_NODES + 1, -(-width // step) * COARSEST_NODES + 1


def motion_of(
    details: Int32[np.ndarray, "rows columns 2"], before: Int32[np.ndarray, "rows columns 2"] | None
) -> Motion:
    """Motion from what is sent; `before`: the field that it changes."""
    field = np.zeros(details.shape, np.int32) if before is None else before.copy()
    add_details(details, field)
    return Motion(details, before is not None, field)


@compiled()
def add_details(details, field):
    """Adds what the details of all grades make, interpolated, to a field in place; both sides call it."""
    rows, columns, _ = details.shape
    made = np.zeros((rows, columns, 2), np.int64)
    step = COARSEST_NODES
    while step >= 1:
        for row in range(0, rows, step):
            for column in range(0, columns, step):
                high, wide = row % (2 * step) != 0, column % (2 * step) != 0
                for axis in range(2):
                    value = np.int64(0)
                    if step < COARSEST_NODES and (high or wide):
                        up, down = row - step * high, row + step * high
                        left, right = column - step * wide, column + step * wide
                        value = made[up, left, axis] + made[down, right, axis]
                        value = (value + made[up, right, axis] + made[down, left, axis]) >> 2
                    elif step < COARSEST_NODES:
                        continue
                    made[row, column, axis] = value + VECTOR_UNITS * np.int64(details[row, column, axis])
        step >>= 1
    for row in range(rows):
        for column in range(columns):
            for axis in range(2):
                value = field[row, column, axis] + made[row, column, axis]
                field[row, column, axis] = min(max(value, -LONGEST_VECTOR), LONGEST_VECTOR)


@compiled()
def move_places(x, y, field, limits):
    """Moves positions (1/16 px) along the interpolated field, in place, kept inside `limits` pixels."""
    side = NODE_PX * 16
    for i in range(x.shape[0]):
        row = min(max(y[i] // side, 0), field.shape[0] - 2)
        column = min(max(x[i] // side, 0), field.shape[1] - 2)
        down, across = np.int64(y[i] - row * side), np.int64(x[i] - column * side)
        moved = (np.int64(x[i]), np.int64(y[i]))
        for axis in range(2):
            upper = (side - across) * field[row, column, axis] + across * field[row, column + 1, axis]
            lower = (side - across) * field[row + 1, column, axis] + across * field[row + 1, column + 1, axis]
            shift = ((side - down) * upper + down * lower + side * side // 2) // (side * side)
            place = min(max(moved[axis] + shift, 0), limits[axis] * 16 - 1)
            if axis == 0:
                x[i] = place
            else:
                y[i] = place


@kernel
def code_details(coder, contexts, base, details, is_change):
    """Details grade by grade in raster order; returns whether they change the field of the frame before.

    A context knows whether the node coded before had any, and down whether across has.
    """
    change = code_raw(coder, np.int64(is_change), 1)
    step = np.int64(COARSEST_NODES)
    for grade in range(GRADES):
        before = np.int64(0)
        for row in range(0, details.shape[0], step):
            if ran_dry(coder):
                return change
            for column in range(0, details.shape[1], step):
                if grade > 0 and row % (2 * step) == 0 and column % (2 * step) == 0:
                    continue
                neighborhood = 2 * before
                before = np.int64(0)
                for axis in range(2):
                    guess = np.int64(0)
                    if grade == 0 and column > 0:
                        guess = np.int64(details[row, column - step, axis])
                    elif grade == 0 and row > 0:
                        guess = np.int64(details[row - step, column, axis])
                    first = base + ((grade * 2 + axis) * NEIGHBORHOODS + neighborhood) * (MOTION_CAP + 2)
                    value = code_signed(coder, contexts, first, MOTION_CAP, details[row, column, axis] - guess)
                    if value != 0:
                        neighborhood |= 1
                        before = np.int64(1)
                    details[row, column, axis] = min(max(guess + value, -LONGEST_VECTOR), LONGEST_VECTOR)
        step >>= 1
    return change
