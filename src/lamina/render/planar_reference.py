# SPDX-License-Identifier: Apache-2.0
"""The readable twin of the planar kernels: plain PyTorch, any float type, any device, gradients by autograd.

In: positions, covariances, colours. Out: pixels. It walks (tile, splat) entries, so time and memory follow the area
that splats cover, not splats times pixels; without gradients only one piece of the entries is evaluated at a time.
"""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from lamina.render.constants import CUTOFF_EXPONENT, TILE_AREA_PX, TILE_PX
from lamina.render.tile_entries import invert_covariances, list_tile_entries

PIECE_ENTRIES = 512
"""So many entries are evaluated at once: half a megabyte of float32, which stays in cache."""


def accumulate(
    positions: Float[Tensor, "n 2"],
    covariances: Float[Tensor, "n 3"],
    colors: Float[Tensor, "n c"],
    width: int,
    height: int,
) -> Float[Tensor, "h w c"]:
    """Sum of coloured Gaussians at every pixel centre; terms under 1/255 are dropped. Any number of channels.

    Source: Zhang et al., GaussianImage (ECCV 2024), Eq. 6.
    """
    tiles_x, tiles_y = -(-width // TILE_PX), -(-height // TILE_PX)
    conics, usable = invert_covariances(positions, covariances)
    entries = list_tile_entries(positions, covariances, usable, width, height)
    corners = TILE_PX * torch.stack([entries.tile % tiles_x, entries.tile // tiles_x], dim=1)
    local = torch.cat([positions[entries.splat] - corners, conics[entries.splat], colors[entries.splat]], dim=1)
    tiles = [local.new_zeros((TILE_AREA_PX, colors.shape[1]))] * (tiles_x * tiles_y)
    for numbers, piece in zip(entries.tile.split(PIECE_ENTRIES), local.split(PIECE_ENTRIES), strict=True):
        touched, sizes = (part.tolist() for part in torch.unique_consecutive(numbers, return_counts=True))
        weights = _weights(piece).split(sizes)
        for tile, weight, color in zip(touched, weights, piece[:, 5:].split(sizes), strict=True):
            tiles[tile] = tiles[tile] + weight.T @ color
    no_splat = local[:0, 5:].sum()  # Zero, yet in the graph: pictures that no splat reaches have gradients too.
    grid = (torch.stack(tiles) + no_splat).reshape(tiles_y, tiles_x, TILE_PX, TILE_PX, -1).transpose(1, 2)
    return grid.reshape(tiles_y * TILE_PX, tiles_x * TILE_PX, -1)[:height, :width]


def accumulate_levels(
    positions: Float[Tensor, "n 2"],
    covariances: Float[Tensor, "n 3"],
    colors: Float[Tensor, "n c"],
    split: int,
    width: int,
    height: int,
) -> tuple[Float[Tensor, "h w c"], Float[Tensor, "h w c"]]:
    """Splats [0, split) alone, and all of them: the lower level is a second set of channels, zero from `split` on."""
    below = (torch.arange(colors.shape[0], device=colors.device) < split)[:, None]
    both = torch.cat([torch.where(below, colors, torch.zeros_like(colors)), colors], dim=1)
    pixels = accumulate(positions, covariances, both, width, height)
    return pixels[..., : colors.shape[1]], pixels[..., colors.shape[1] :]


def _weights(entries: Float[Tensor, "k c"]) -> Float[Tensor, "k 256"]:
    """exp(-1/2 Mahalanobis^2) at each pixel of an entry's tile, zero beyond the cut-off.

    Columns of `entries`: x, y from the tile's corner, conic xx, xy, yy; more are not looked at.
    """
    x, y, xx, xy, yy = entries[:, :5, None].unbind(dim=1)
    centers = torch.arange(TILE_PX, dtype=entries.dtype, device=entries.device) + 0.5
    dx, dy = centers - x, centers - y
    power = (0.5 * xx * dx * dx)[:, None, :] + (0.5 * yy * dy * dy)[:, :, None] + (xy * dy)[:, :, None] * dx[:, None, :]
    # Under 0 is rounding: of a needle, whose conic's terms cancel.
    power = power.clamp_min(0.0)
    return (torch.exp(-power) * (power < CUTOFF_EXPONENT)).reshape(-1, TILE_AREA_PX)
