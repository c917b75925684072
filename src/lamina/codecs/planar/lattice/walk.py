# SPDX-License-Identifier: Apache-2.0
"""Lattice splats <-> entropy-coded symbols, written once for both directions.

Order: positions of all splats by a binary tree over 2-px cells (which also sorts them), then each splat's class, size,
axis ratio, angle, sub-cell position and colors, in the tree's order. Every probability is adaptive and starts from
trained counts (priors.py).
"""

from __future__ import annotations

import numpy as np

from lamina.codecs.planar.lattice.steps import (
    CELL_PX,
    CLASSES,
    COARSEST_GRID,
    M_HIGHEST,
    M_LOWEST,
    RHO_LIMIT,
    angle_bins,
    position_grid,
    shape_step,
)
from lamina.entropy.binary import code_bit, code_raw, code_uniform, fail, is_reading, ran_dry
from lamina.entropy.kernel import kernel
from lamina.entropy.split import MAX_TOTAL, code_split
from lamina.entropy.symbols import code_symbol, code_unsigned

# Columns of the integer array that the walk reads or fills: one row a splat.
K, M, RHO, PHI, X, Y, C0, C1, C2 = range(9)
COLUMNS = 9

# Contexts, by first row. Sizes of classes 0 and 1 are in steps of 1/2; finer ones are coded as quarters, then raw bits.
SHAPE_GROUPS = 5
M_TREE, RHO_TREE = 63, 15
CLASS_BASE = 0
M_BASE = CLASS_BASE + 15
RHO_BASE = M_BASE + SHAPE_GROUPS * M_TREE
ANGLE_BASE = RHO_BASE + SHAPE_GROUPS * 4 * RHO_TREE
COLOR_CAP = 8
ROOM_GROUPS = 6
LUMA_BASE = ANGLE_BASE + 3 * 3
CHROMA_BASE = LUMA_BASE + CLASSES * COLOR_CAP
SIGN_BASE = CHROMA_BASE + 2 * CLASSES * ROOM_GROUPS * COLOR_CAP
CONTEXT_COUNT = SIGN_BASE + 1 + 2 * 3

QUARTER = 64
"""1/4 in units of 1/256: finer sizes are coded as this and raw bits below; the distribution inside is flat."""

M_OFFSET = -(M_LOWEST // QUARTER)
DEEPEST = 64
"""Nodes that wait on the stack of the position tree: at most its depth, 2 log2(32768), plus one."""


@kernel
def code_positions(coder, splits, splats, cells, stack):
    """Cells of all splats, into or from columns X and Y (in cells); writing, it sorts the rows into the tree's order.

    Args:
        splits: `split_table` of the shape in use.
        splats: (n, 9) int32.
        cells: (width, height) in cells.
        stack: (DEEPEST, 6) int64 scratch: x, y, width, height, first row, rows.
    """
    reading = is_reading(coder)
    stack[0, 0], stack[0, 1], stack[0, 2], stack[0, 3] = 0, 0, cells[0], cells[1]
    stack[0, 4], stack[0, 5] = 0, splats.shape[0]
    depth = 1
    while depth > 0 and not ran_dry(coder):
        depth -= 1
        x, y, width, height = stack[depth, 0], stack[depth, 1], stack[depth, 2], stack[depth, 3]
        first, total = stack[depth, 4], stack[depth, 5]
        if total == 0:
            continue
        if width * height == 1:
            for i in range(first, first + total):
                splats[i, X], splats[i, Y] = x, y
            continue
        if total == 1 and width * height <= MAX_TOTAL:
            place = code_uniform(coder, (splats[first, Y] - y) * width + splats[first, X] - x, width * height)
            splats[first, X], splats[first, Y] = x + place % width, y + place // width
            continue
        column = X if width >= height else Y
        half = (width if width >= height else height) >> 1
        border = (x if width >= height else y) + half
        left = np.int64(0)
        if not reading:
            left = partition(splats, first, total, column, border)
        left = code_split(coder, splits, left, total)
        if width >= height:
            push(stack, depth, x + half, y, width - half, height, first + left, total - left)
            push(stack, depth + 1, x, y, half, height, first, left)
        else:
            push(stack, depth, x, y + half, width, height - half, first + left, total - left)
            push(stack, depth + 1, x, y, width, half, first, left)
        depth += 2


@kernel
def push(stack, depth, x, y, width, height, first, total):
    """Puts a node on the stack."""
    stack[depth, 0], stack[depth, 1], stack[depth, 2], stack[depth, 3] = x, y, width, height
    stack[depth, 4], stack[depth, 5] = first, total


@kernel
def partition(splats, first, total, column, border):
    """Moves rows with `column` below `border` to the front; returns how many."""
    low, high = first, first + total - 1
    while True:
        while low <= high and splats[low, column] < border:
            low += 1
        while low <= high and splats[high, column] >= border:
            high -= 1
        if low >= high:
            return np.int64(low - first)
        for j in range(COLUMNS):
            kept = splats[low, j]
            splats[low, j] = splats[high, j]
            splats[high, j] = kept


@kernel
def shape_group(k):
    """Contexts of sizes: classes 0 and 1 together, 2, 3, 4, and all finer ones."""
    return np.int64(0) if k <= 1 else np.int64(min(k - 1, SHAPE_GROUPS - 1))


@kernel
def code_size(coder, contexts, base, bits, unit, offset, value):
    """A size in steps of `unit` / 256: a tree over quarters (halves, when the step is 1/2), then raw bits."""
    coarse_unit = max(unit, QUARTER)
    per = coarse_unit // unit
    coarse = (value * unit) // coarse_unit + offset
    coarse = code_symbol(coder, contexts, base, bits, coarse)
    raw_bits = 0
    while (1 << raw_bits) < per:
        raw_bits += 1
    low = code_raw(coder, value - (coarse - offset) * per, raw_bits)
    return (coarse - offset) * per + low


@kernel
def code_shape(coder, contexts, bins_table, splats, i):
    """Class, size, axis ratio and angle of splat i."""
    k = code_symbol(coder, contexts, CLASS_BASE, 4, splats[i, K])
    if k >= CLASSES:
        fail(coder)
        k = np.int64(0)
    unit = shape_step(k)
    group = shape_group(k)
    offset = M_OFFSET // 2 if unit > QUARTER else M_OFFSET
    m = code_size(coder, contexts, M_BASE + group * M_TREE, 6, unit, offset, splats[i, M])
    if m * unit > M_HIGHEST or m * unit < M_LOWEST:
        fail(coder)
        m = np.int64(0)
    width = min(max((m * unit) // 128, 0), 3)
    rho = code_size(coder, contexts, RHO_BASE + (group * 4 + width) * RHO_TREE, 4, unit, 0, splats[i, RHO])
    if rho * unit > RHO_LIMIT:
        fail(coder)
        rho = np.int64(0)
    bins = angle_bins(k, rho * unit, bins_table)
    phi = np.int64(0)
    if bins > 1:
        quarter = bins // 4
        turned = (splats[i, PHI] + bins // 8) % bins
        base = ANGLE_BASE + 3 * min(rho * unit // 128, 2)
        which = code_symbol(coder, contexts, base, 2, turned // quarter)
        turned = which * quarter + code_uniform(coder, turned - which * quarter, quarter)
        phi = (turned + bins - bins // 8) % bins
    splats[i, K], splats[i, M], splats[i, RHO], splats[i, PHI] = k, m, rho, phi


@kernel
def code_place(coder, grids_table, fine, splats, i):
    """Sub-cell position of splat i: raw bits below the cell; X and Y go from cells to the splat's own grid.

    Args:
        fine: (n, 2) int32 positions in the own grid: given when writing, filled when reading.
    """
    unit = shape_step(splats[i, K])
    bits = COARSEST_GRID - position_grid(splats[i, K], splats[i, M] * unit, splats[i, RHO] * unit, grids_table)
    mask = (1 << bits) - 1
    low_x = code_raw(coder, fine[i, 0] & mask, bits)
    low_y = code_raw(coder, fine[i, 1] & mask, bits)
    fine[i, 0] = (splats[i, X] << bits) | low_x
    fine[i, 1] = (splats[i, Y] << bits) | low_y


@kernel
def room_left(k, spent):
    """How much amplitude the class leaves for the next color: 0...5, in sixths of about 2^k."""
    room = (np.int64(2) << (2 * k)) - spent
    if room <= 0:
        return np.int64(0)
    root = np.int64(0)
    bit = np.int64(1) << (k + 1)
    while bit > 0:
        if (root + bit) * (root + bit) <= room:
            root += bit
        bit >>= 1
    return min((root * 4) >> k, np.int64(ROOM_GROUPS - 1))


@kernel
def code_amplitude(coder, contexts, base, sign, k, value):
    """A color in steps: magnitude over 2^(k - 2) in unary, raw bits below, then the sign."""
    raw_bits = max(np.int64(k) - 2, np.int64(0))
    size = np.int64(abs(value))
    coarse = code_unsigned(coder, contexts, base, COLOR_CAP, size >> raw_bits)
    size = (coarse << raw_bits) | code_raw(coder, size & ((1 << raw_bits) - 1), raw_bits)
    if size >= 1 << 24:
        fail(coder)
        size = np.int64(0)
    if size == 0:
        return np.int64(0)
    return -size if code_bit(coder, contexts, sign, np.int64(value < 0)) else size


@kernel
def code_color(coder, contexts, splats, i):
    """The three colors of splat i; chroma is told how much of the class's amplitude is left."""
    k = splats[i, K]
    y = code_amplitude(coder, contexts, LUMA_BASE + k * COLOR_CAP, SIGN_BASE, k, splats[i, C0])
    sign = np.int64(1) if y > 0 else np.int64(2) if y < 0 else np.int64(0)
    room = room_left(k, y * y)
    base = CHROMA_BASE + (k * ROOM_GROUPS + room) * COLOR_CAP
    first = code_amplitude(coder, contexts, base, SIGN_BASE + 1 + sign, k, splats[i, C1])
    room = room_left(k, y * y + first * first)
    base = CHROMA_BASE + ((CLASSES + k) * ROOM_GROUPS + room) * COLOR_CAP
    sign = np.int64(1) if first > 0 else np.int64(2) if first < 0 else np.int64(0)
    second = code_amplitude(coder, contexts, base, SIGN_BASE + 4 + sign, k, splats[i, C2])
    splats[i, C0], splats[i, C1], splats[i, C2] = y, first, second


@kernel
def code_shapes(coder, contexts, bins_table, splats):
    """Classes, sizes, axis ratios and angles of all splats."""
    for i in range(splats.shape[0]):
        if ran_dry(coder):
            return
        code_shape(coder, contexts, bins_table, splats, i)


@kernel
def code_places(coder, grids_table, fine, splats):
    """Sub-cell positions of all splats."""
    for i in range(splats.shape[0]):
        if ran_dry(coder):
            return
        code_place(coder, grids_table, fine, splats, i)


@kernel
def code_colors(coder, contexts, splats):
    """Colors of all splats."""
    for i in range(splats.shape[0]):
        if ran_dry(coder):
            return
        code_color(coder, contexts, splats, i)


def cells_of(width: int, height: int) -> tuple[int, int]:
    """Cells across and down."""
    return -(-width // CELL_PX), -(-height // CELL_PX)
