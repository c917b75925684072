# SPDX-License-Identifier: Apache-2.0
"""How far out the octree's cube may lie in contracted space. No numpy: headers are checked by it."""

from __future__ import annotations

from collections.abc import Sequence

FARTHEST = 24.0
"""Coordinates of contracted space, at most: e ** 23 radii."""


def check_cube(origin: Sequence[float], side: float) -> None:
    """Raise ValueError unless a cube of contracted space, given by its smallest corner, is near enough."""
    if max(abs(corner) for value in origin for corner in (value, value + side)) > FARTHEST:
        raise ValueError(
            f"expected a cube inside +-{FARTHEST:g} of contracted space, got one from {origin}, {side} wide"
        )
