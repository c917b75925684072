# SPDX-License-Identifier: Apache-2.0
"""Numbers that the hash grid's kernels have compiled in, and that are part of the format."""

from __future__ import annotations

PRIMES = (1, 2654435761, 805459861)
"""A node's coordinates, each times its prime, are combined by exclusive or (Instant-NGP, Eq. 4)."""
POSITION_BITS = 20
"""Positions are integers in units of 2**-20 of the box: octree cells down to depth 19 have exact centres."""
FRACTION_BITS = 10
"""Of the place between two nodes; three of them multiply to weights of 30 bits, which sum to 2**30 exactly."""
SUM_BITS = 3 * FRACTION_BITS
"""Sums of weighted signs are integers in units of 2**-30."""
AXIS_X, AXIS_Y, AXIS_Z, NODES, FIRST, MASK = range(6)
"""Columns of `HashGridSpec.table`: axes (z: -1 in a plane), nodes an axis, first entry, size - 1 (0: not hashed)."""
