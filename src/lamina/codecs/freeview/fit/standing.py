# SPDX-License-Identifier: Apache-2.0
"""A view while something in it is found: Gaussians that stay and some that change enter, the tiles to draw leave.

From one frame to the next a tenth of the anchors may move, and they show in a third of a picture's tiles. A step then
draws these tiles alone, with the Gaussians that touch them; those that stay are made once. The rest of the picture is
as it was.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from lamina.fitting.shots import Shot
from lamina.render.constants import TILE_PX
from lamina.render.gaussians3d import Gaussians3D, concatenate_gaussians3d
from lamina.render.spatial import render_spatial

REACH_PX = 8
"""Around what changes, so far it may come while it is found."""

LEAST_ALPHA = 1.0 / 255.0
"""What hides less shows nothing."""

Background = tuple[float, float, float]


@dataclass(frozen=True, eq=False)
class Standing:
    """A view in which something changes."""

    shot: Shot
    background: Background
    still: Gaussians3D
    """That stay, and touch a tile that is drawn."""
    tiles: Bool[Tensor, "r c"]
    """That are drawn."""
    drawn: Bool[Tensor, "h w 1"]
    """Their pixels."""
    pixels: Float[Tensor, "h w 3"]
    """As it was, elsewhere."""

    def shown(self, changing: Gaussians3D) -> Float[Tensor, "h w 3"]:
        """With what changes as it is now; differentiable in this."""
        both = concatenate_gaussians3d([self.still, changing])
        image = render_spatial(both, self.shot.camera, background=self.background, tiles=self.tiles)
        return torch.where(self.drawn, image.pixels, self.pixels)


@torch.no_grad()
def standing(
    still: Gaussians3D, changing: Gaussians3D, pixels: Float[Tensor, "h w 3"], shot: Shot, background: Background
) -> Standing:
    """A view of which `pixels` are shown, where some Gaussians may change from now on."""
    alpha = render_spatial(changing, shot.camera).alpha
    tiles = _tiles_near(alpha > LEAST_ALPHA)
    wide = tiles.repeat_interleave(TILE_PX, 0).repeat_interleave(TILE_PX, 1)
    touching = render_spatial(still, shot.camera, tiles=tiles).radii_px > 0
    return Standing(shot, background, still.select(touching), tiles, wide[: len(alpha), : alpha.shape[1], None], pixels)


def _tiles_near(mask: Bool[Tensor, "h w"]) -> Bool[Tensor, "r c"]:
    """Tiles with a pixel that is at most `REACH_PX` from the mask."""
    rows, columns = mask.shape
    padded = torch.nn.functional.pad(mask[None].float(), (0, -columns % TILE_PX, 0, -rows % TILE_PX))
    return torch.nn.functional.max_pool2d(padded, TILE_PX + 2 * REACH_PX, TILE_PX, REACH_PX)[0] > 0
