# SPDX-License-Identifier: Apache-2.0
"""Latent points: places of anchors at rest enter, integers; scales of points with their neighbors leave.

    scale 0        the anchors that make Gaussians
    scale r        the places of scale r - 1 on a grid of size eps_r, each once         (HPC, Eq. 6)

Source: HPC (arXiv 2602.00671), sec. IV-A; ContextGS finds sizes by a ratio of counts. The paper samples the places of
the frame before, which are reals that networks have made; a decoder on another machine would find other points. Here
they are those at rest, in units of 2**-20 of the octree's box, so that counts, order and neighbors are the same
everywhere.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float32, Int32, Int64

from lamina.codecs.freeview.networked.nearest import nearest_points
from lamina.networks.constants import POSITION_BITS
from lamina.networks.hash_grid import cell_centres

SIZE_BISECTIONS = 40


@dataclass(frozen=True, eq=False)
class PointScale:
    """Points of one scale."""

    above: Int64[np.ndarray, " n"]
    """Row in the next coarser scale; empty in the coarsest."""
    neighbors: Int64[np.ndarray, "n k"]
    """Rows of the nearest points, itself first; fewer than `k` points: the last again."""
    offsets: Float32[np.ndarray, "n k 3"]
    """To each of these, in units of the scale's median distance to the last of them."""

    @property
    def count(self) -> int:
        """Points."""
        return len(self.neighbors)


def places_of(cells: Sequence[Int32[np.ndarray, "n 3"]], base_depth: int) -> Int64[np.ndarray, "m 3"]:
    """Middles of the octree's cells, layer after layer, in 2**-20 of its box."""
    parts = [cell_centres(own, base_depth + layer).astype(np.int64) for layer, own in enumerate(cells)]
    return np.concatenate(parts) if parts else np.zeros((0, 3), np.int64)


def point_scales(
    places: Int64[np.ndarray, "n 3"], grid_sizes: Sequence[int], neighbor_count: int
) -> tuple[PointScale, ...]:
    """Scales, the points themselves first."""
    found, own = [], places
    for size in (*grid_sizes, None):
        nearest = nearest_points(own, neighbor_count)
        offsets = (own[nearest] - own[:, None]).astype(np.float64)
        reach = np.sqrt(np.square(offsets[:, -1]).sum(axis=1)) if len(own) else np.ones(1)
        unit = max(float(np.median(reach)), 1.0)
        above, rows = sampled(own, size) if size is not None else (own[:0], np.zeros(0, np.int64))
        found.append(PointScale(rows, nearest, (offsets / unit).astype(np.float32)))
        own = above
    return tuple(found)


def sampled(places: Int64[np.ndarray, "n 3"], size: int) -> tuple[Int64[np.ndarray, "m 3"], Int64[np.ndarray, " n"]]:
    """Places rounded to multiples of a size, each once, in order; and which of them each place became (Eq. 6)."""
    cells, rows = np.unique((2 * places + size) // (2 * size), axis=0, return_inverse=True)
    return cells * size, rows.reshape(-1).astype(np.int64)


def sizes_for(places: Int64[np.ndarray, "n 3"], scale_count: int, ratio: float) -> tuple[int, ...]:
    """Grid sizes under which each scale has about `ratio` of the points of the one below it (HPC, sec. VI-A).

    Fewer where points are so few that no coarser grid is left.
    """
    sizes: list[int] = []
    for _ in range(scale_count - 1):
        low, high = (sizes[-1] if sizes else 0) + 1, 1 << POSITION_BITS
        if low > high:
            break
        for _ in range(SIZE_BISECTIONS):
            middle = (low + high) // 2
            if len(sampled(places, middle)[0]) > ratio * len(places):
                low = middle + 1
            else:
                high = middle
            if low >= high:
                break
        sizes.append(high)
        places = sampled(places, high)[0]
    return tuple(sizes)
