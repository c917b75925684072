# SPDX-License-Identifier: Apache-2.0
"""The readable twin of the spatial kernels: plain PyTorch, any float type, any device, gradients by autograd.

In: Gaussians, a camera. Out: pixels, alpha, radii. It projects, sorts by depth, and blends tile by tile, so time and
memory follow the area that splats cover; without gradients only one tile is evaluated at a time.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int32
from torch import Tensor

from lamina.cameras.camera import Camera
from lamina.render.constants import (
    ALPHA_MAX,
    ALPHA_MIN,
    CUTOFF_EXPONENT,
    CUTOFF_MAHALANOBIS_SQUARED,
    FRUSTUM_MARGIN,
    LOW_PASS_VARIANCE,
    NEAR_PLANE,
    TILE_AREA_PX,
    TILE_PX,
    TRANSMITTANCE_STOP,
)
from lamina.render.gaussians3d import Gaussians3D
from lamina.render.tile_entries import invert_covariances, list_tile_entries

FAINTEST_EXPONENT = 1e-6
"""A splat of opacity 1/255 has an extent of nought, by which nothing may be divided: it gets this one."""


@dataclass(frozen=True)
class Projection:
    """Gaussians as splats on the picture."""

    positions: Float[Tensor, "n 2"]
    """Pixels."""
    covariances: Float[Tensor, "n 3"]
    """xx, xy, yy, square pixels."""
    depths: Float[Tensor, " n"]
    """World units along the camera's axis."""


def blend(
    gaussians: Gaussians3D,
    camera: Camera,
    background: Float[Tensor, "3"],
    screen_offsets_px: Float[Tensor, "n 2"],
    tiles: Bool[Tensor, "r c"] | None = None,
) -> tuple[Float[Tensor, "h w 3"], Float[Tensor, "h w"], Int32[Tensor, " n"]]:
    """Pixels, alpha and radii of one picture, front to back.

    Source: Kerbl et al., 3D Gaussian Splatting (SIGGRAPH 2023), Eq. 3-5; numbers as gsplat 1.5, `classic` mode.
    """
    seen = find_drawable(gaussians, camera, screen_offsets_px)
    safe = replace_undrawable(gaussians, camera, seen)
    projection = project(safe, camera)
    positions = projection.positions + torch.where(seen[:, None], screen_offsets_px, 0.0)
    conics, _ = invert_covariances(positions, projection.covariances)
    order = torch.argsort(projection.depths.detach(), stable=True)
    order = order[seen[order]]
    exponents = torch.clamp(CUTOFF_EXPONENT + torch.log(safe.opacities.detach()), min=FAINTEST_EXPONENT)[order, None]
    extents = projection.covariances.detach()[order] * (exponents / CUTOFF_EXPONENT)
    everywhere = torch.ones_like(order, dtype=torch.bool)
    drawn = None if tiles is None else tiles.reshape(-1)
    entries = list_tile_entries(positions.detach()[order], extents, everywhere, camera.width, camera.height, drawn)
    splats = torch.cat([positions, conics, safe.opacities[:, None], safe.colors], dim=1)
    pixels, alpha = _blend_tiles(splats, order[entries.splat], entries.per_tile, camera, background)
    radii = torch.zeros(len(gaussians), dtype=torch.int32, device=positions.device)
    reach = torch.sqrt(CUTOFF_MAHALANOBIS_SQUARED * torch.maximum(extents[:, 0], extents[:, 2]))
    radii[order] = torch.where(entries.per_splat > 0, torch.ceil(reach), 0.0).int()
    return pixels, alpha, radii


def project(gaussians: Gaussians3D, camera: Camera) -> Projection:
    """Centres by the pinhole; covariances by its derivative at the centre, plus the low-pass.

    Source: Zwicker et al., EWA Splatting (2002), Eq. 24-31; the limits of the derivative are gsplat's.
    """
    view = gaussians.means.new_tensor(camera.camera_from_world)
    x, y, z = (gaussians.means @ view[:3, :3].T + view[:3, 3]).unbind(dim=1)
    fx, fy, cx, cy = camera.focal_x_px, camera.focal_y_px, camera.center_x_px, camera.center_y_px
    margin_x, margin_y = 0.5 * FRUSTUM_MARGIN * camera.width, 0.5 * FRUSTUM_MARGIN * camera.height
    slope_x = torch.clamp(x / z, -(cx + margin_x) / fx, (camera.width - cx + margin_x) / fx)
    slope_y = torch.clamp(y / z, -(cy + margin_y) / fy, (camera.height - cy + margin_y) / fy)
    zero = torch.zeros_like(z)
    jacobian = torch.stack([fx / z, zero, -fx * slope_x / z, zero, fy / z, -fy * slope_y / z], dim=1)
    axes = view[:3, :3] @ (rotation_matrices(gaussians.rotations) * gaussians.scales[:, None, :])
    on_screen = jacobian.reshape(-1, 2, 3) @ axes
    covariances = on_screen @ on_screen.transpose(1, 2)
    xx, xy, yy = covariances[:, 0, 0] + LOW_PASS_VARIANCE, covariances[:, 0, 1], covariances[:, 1, 1]
    positions = torch.stack([fx * x / z + cx, fy * y / z + cy], dim=1)
    return Projection(positions, torch.stack([xx, xy, yy + LOW_PASS_VARIANCE], dim=1), z)


def rotation_matrices(quaternions: Float[Tensor, "n 4"]) -> Float[Tensor, "n 3 3"]:
    """Matrices of quaternions w, x, y, z, which are normalised here."""
    w, x, y, z = (quaternions / quaternions.norm(dim=1, keepdim=True)).unbind(dim=1)
    rows = (
        1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y),
        2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x),
        2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y),
    )  # fmt: skip
    return torch.stack(rows, dim=1).reshape(-1, 3, 3)


@torch.no_grad()
def find_drawable(
    gaussians: Gaussians3D, camera: Camera, screen_offsets_px: Float[Tensor, "n 2"]
) -> Bool[Tensor, " n"]:
    """Which Gaussians can be drawn: all values finite, scales above 0, in front of the near plane, not too faint.

    Limits of positions and covariances on the picture are the planar renderer's.
    """
    projection = project(gaussians, camera)
    numbers = torch.cat([tensor[:, None].flatten(1) for tensor in gaussians.tensors()], dim=1)
    finite = torch.isfinite(numbers).all(dim=1) & (gaussians.scales > 0).all(dim=1)
    visible = (projection.depths >= NEAR_PLANE) & (gaussians.opacities >= ALPHA_MIN)
    _, usable = invert_covariances(projection.positions + screen_offsets_px, projection.covariances)
    return finite & visible & usable


def replace_undrawable(gaussians: Gaussians3D, camera: Camera, drawable: Bool[Tensor, " n"]) -> Gaussians3D:
    """The others become a unit ball in front of the camera, so that no gradient meets their values."""
    ahead = camera.world_from_camera[:3, 2] + camera.position_world
    rows = (ahead, (1.0, 0.0, 0.0, 0.0), (1.0, 1.0, 1.0), 1.0, (0.0, 0.0, 0.0))
    replaced = (
        torch.where(drawable.reshape(-1, *[1] * (tensor.ndim - 1)), tensor, tensor.new_tensor(row))
        for tensor, row in zip(gaussians.tensors(), rows, strict=True)
    )
    return Gaussians3D(*replaced)


def _blend_tiles(
    splats: Float[Tensor, "n 9"], entries: Tensor, per_tile: Tensor, camera: Camera, background: Float[Tensor, "3"]
) -> tuple[Float[Tensor, "h w 3"], Float[Tensor, "h w"]]:
    """Blends each tile's entries, which stand in depth order, and puts the tiles together."""
    tiles_x, tiles_y = -(-camera.width // TILE_PX), -(-camera.height // TILE_PX)
    no_splat = splats[:0].sum()  # Zero, yet in the graph: pictures that no splat reaches have gradients too.
    empty = torch.cat([background, background.new_zeros(1)]).expand(TILE_AREA_PX, 4) + no_splat
    tiles = [
        _blend_tile(splats[rows], TILE_PX * (tile % tiles_x), TILE_PX * (tile // tiles_x), background)
        if rows.shape[0]
        else empty
        for tile, rows in enumerate(entries.split(per_tile.tolist()))
    ]
    grid = torch.stack(tiles).reshape(tiles_y, tiles_x, TILE_PX, TILE_PX, 4).transpose(1, 2)
    picture = grid.reshape(tiles_y * TILE_PX, tiles_x * TILE_PX, 4)[: camera.height, : camera.width]
    return picture[..., :3], picture[..., 3]


def _blend_tile(
    splats: Float[Tensor, "k 9"], left: int, upper: int, background: Float[Tensor, "3"]
) -> Float[Tensor, "256 4"]:
    """Pixels and alpha of one tile.

    Columns of `splats`: x, y, conic xx, xy, yy, opacity, three colors.
    """
    x, y, xx, xy, yy, opacity = splats[:, :6, None].unbind(dim=1)
    centers = torch.arange(TILE_PX, dtype=splats.dtype, device=splats.device) + 0.5
    dx, dy = centers + left - x, centers + upper - y
    power = (0.5 * xx * dx * dx)[:, None, :] + (0.5 * yy * dy * dy)[:, :, None] + (xy * dy)[:, :, None] * dx[:, None, :]
    # Under 0 is rounding: of a needle, whose conic's terms cancel.
    alpha = opacity * torch.exp(-power.clamp_min(0.0).reshape(-1, TILE_AREA_PX))
    alpha = torch.where(alpha >= ALPHA_MIN, torch.clamp(alpha, max=ALPHA_MAX), 0.0)
    after = torch.cumprod(1.0 - alpha, dim=0)
    before = torch.cat([torch.ones_like(after[:1]), after[:-1]])
    weights = torch.where(after > TRANSMITTANCE_STOP, alpha * before, 0.0)
    covered = weights.sum(dim=0)[:, None]
    return torch.cat([weights.T @ splats[:, 6:] + (1.0 - covered) * background, covered], dim=1)
