# SPDX-License-Identifier: Apache-2.0
"""Splats -> (tile, splat) entries with plain PyTorch, on any device: what the reference and the CUDA kernel walk.

In: positions, covariances. Out: usable inverses, and entries sorted by tile, in splat order within a tile. The CPU
kernel has its own, faster lists of the same pairs (kernels/tile_lists.py).
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from lamina.render.constants import (
    CONIC_LIMIT,
    CUTOFF_MAHALANOBIS_SQUARED,
    POSITION_LIMIT_PX,
    TILE_PX,
    VARIANCE_LIMIT,
)

EDGE_PX = 1e-3
"""Extents are widened by this against rounding; a pixel too many costs nothing, since the cut-off decides per pixel."""


@dataclass(frozen=True)
class TileEntries:
    """Which splats touch which tile. Tiles are numbered row by row."""

    tile: Int[Tensor, " e"]
    """Tile of each entry, ascending."""
    splat: Int[Tensor, " e"]
    """Splat of each entry, ascending within a tile."""
    order: Int[Tensor, " e"]
    """Where each entry stood before sorting by tile: in splat order."""
    per_splat: Int[Tensor, " n"]
    """Entries of each splat."""
    per_tile: Int[Tensor, " t"]
    """Entries of each tile."""


def invert_covariances(
    positions: Float[Tensor, "n 2"], covariances: Float[Tensor, "n 3"]
) -> tuple[Float[Tensor, "n 3"], Bool[Tensor, " n"]]:
    """Conics (inverse covariances xx, xy, yy; 1 / square pixels) and which splats can be drawn at all.

    A splat is left out when its covariance is not positive definite or beyond the limits of constants.py (or not
    a number), or when its position is; its conic is the identity then, and no gradient flows through it.
    """
    xx, xy, yy = covariances.detach().unbind(dim=1)
    determinant = xx * yy - xy * xy
    placed = (positions.detach().abs() < POSITION_LIMIT_PX).all(dim=1)
    drawable = (xx > 0) & (xx < VARIANCE_LIMIT) & (yy > 0) & (yy < VARIANCE_LIMIT) & (determinant > 0)
    usable = placed & drawable & (torch.maximum(xx, yy) < CONIC_LIMIT * determinant)
    identity = covariances.new_tensor((1.0, 0.0, 1.0))
    xx, xy, yy = torch.where(usable[:, None], covariances, identity).unbind(dim=1)
    return torch.stack([yy, -xy, xx], dim=1) / (xx * yy - xy * xy)[:, None], usable


@torch.no_grad()
def list_tile_entries(
    positions: Float[Tensor, "n 2"],
    covariances: Float[Tensor, "n 3"],
    usable: Bool[Tensor, " n"],
    width: int,
    height: int,
    drawn: Bool[Tensor, " t"] | None = None,
) -> TileEntries:
    """All pairs of a tile that is drawn and a splat whose cut-off ellipse reaches one of its pixel centres."""
    tiles_x, tiles_y = -(-width // TILE_PX), -(-height // TILE_PX)
    identity = covariances.new_tensor((1.0, 0.0, 1.0))
    shapes = torch.where(usable[:, None], covariances, identity)
    reach_y = torch.sqrt(CUTOFF_MAHALANOBIS_SQUARED * shapes[:, 2])
    y = torch.where(usable, positions[:, 1], torch.full_like(reach_y, -2.0 * POSITION_LIMIT_PX))
    first_row, row_count = _covered_tiles(y - reach_y, y + reach_y, height)
    row_splat, row_tile = _expand(first_row, row_count)
    left, right = _band_extents(shapes[row_splat], row_tile * TILE_PX + 0.5 - y[row_splat])
    x = positions[row_splat, 0]
    first_column, column_count = _covered_tiles(x + left, x + right, width)
    pair, column = _expand(first_column, column_count)
    splat, tile = row_splat[pair], row_tile[pair] * tiles_x + column
    if drawn is not None:
        splat, tile = splat[drawn[tile]], tile[drawn[tile]]
    sorted_tile, order = torch.sort(tile, stable=True)
    return TileEntries(
        tile=sorted_tile,
        splat=splat[order],
        order=order,
        per_splat=torch.bincount(splat, minlength=positions.shape[0]),
        per_tile=torch.bincount(tile, minlength=tiles_x * tiles_y),
    )


def _covered_tiles(low: Tensor, high: Tensor, size: int) -> tuple[Tensor, Tensor]:
    """First tile and number of tiles with a pixel centre of 0...size-1 inside [low, high]."""
    first = torch.ceil(low - 0.5 - EDGE_PX).clamp(0, size).long()
    last = torch.floor(high - 0.5 + EDGE_PX).clamp(-1, size - 1).long()
    first_tile = first // TILE_PX
    count = torch.where(first <= last, last // TILE_PX - first_tile + 1, torch.zeros_like(first))
    return first_tile, count


def _expand(first: Tensor, count: Tensor) -> tuple[Tensor, Tensor]:
    """Rows (owner, first[owner] + 0, 1, ..., count[owner] - 1), owner by owner."""
    owner = torch.repeat_interleave(torch.arange(first.shape[0], device=first.device), count)
    starts = torch.cumsum(count, 0) - count
    return owner, first[owner] + torch.arange(owner.shape[0], device=first.device) - starts[owner]


def _band_extents(shapes: Float[Tensor, "r 3"], low: Float[Tensor, " r"]) -> tuple[Tensor, Tensor]:
    """Extent along x of each cut-off ellipse over one tile row of pixel centres, whose first is `low` below the centre.

    The boundary x(y) = slope y +- sqrt(rest (1 - y^2 / reach^2)) is concave: over a band its maximum lies at the
    unconstrained maximum clamped into the band.
    """
    xx, xy, yy = shapes.unbind(dim=1)
    reach = torch.sqrt(CUTOFF_MAHALANOBIS_SQUARED * yy)
    slope = xy / yy
    rest = torch.clamp(CUTOFF_MAHALANOBIS_SQUARED * (xx - slope * xy), min=0.0)
    lower, upper = torch.maximum(low, -reach), torch.minimum(low + (TILE_PX - 1), reach)
    y_of_right = xy * torch.sqrt(CUTOFF_MAHALANOBIS_SQUARED / xx)

    def half_chord(y: Tensor) -> Tensor:
        return torch.sqrt(rest * torch.clamp(1.0 - (y / reach) ** 2, min=0.0))

    at_right = torch.minimum(torch.maximum(y_of_right, lower), upper)
    at_left = torch.minimum(torch.maximum(-y_of_right, lower), upper)
    return slope * at_left - half_chord(at_left), slope * at_right + half_chord(at_right)
