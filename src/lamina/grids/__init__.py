# SPDX-License-Identifier: Apache-2.0
"""Fields on nested sparse lattices: active cells enter, rows of vertices that hold values leave, level by level.

    cells of a level ─► Level: rows of their corners, in Morton order, each with its eight parents
    values of a level = sum over its parents / 8 + what the level adds              sums
    values of the frame before, moved along a field of vectors                       warp

A lattice of one level is every second vertex of the next finer one, and a trilinear field on it is one on the finer
one: all levels sum to values on the finest, exactly, and nothing but these is rendered. Nothing here knows a codec.

Read in this order: lattice · bricks (where a cell or vertex is found) · level · refined (all children of a level) ·
sums · warp · reference (readable twins of the kernels).
"""
