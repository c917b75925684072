# SPDX-License-Identifier: Apache-2.0
"""Spatial rendering on CUDA: Gaussians and a camera in, pixels, alpha and radii out, by gsplat's kernels.

gsplat (Apache-2.0) compiles its kernels on first use with nvcc and looks for CUDA when it is imported: it is not
touched before a CUDA device is known to be there. Its parts are called one by one, because offsets on the picture enter
between projection and blending. Works in float32, as the CPU kernels do; sums are atomic there: bits differ from run to
run.
"""

from __future__ import annotations

import math
from importlib import import_module
from importlib.util import find_spec

import torch
from jaxtyping import Bool, Float, Int32
from torch import Tensor

from lamina.cameras.camera import Camera
from lamina.errors import BackendUnavailable
from lamina.render.constants import LOW_PASS_VARIANCE, NEAR_PLANE, POSITION_LIMIT_PX, TILE_PX, VARIANCE_LIMIT
from lamina.render.gaussians3d import Gaussians3D
from lamina.render.spatial_reference import replace_undrawable

NUMBER_LIMIT = 1e9
"""Of any value of a Gaussian: its square stays within float32, and so does its place on the picture."""


def find_missing() -> str | None:
    """What the CUDA backend needs and is not there; None if it can run."""
    if not torch.cuda.is_available():
        return 'a CUDA device and a CUDA build of PyTorch (https://pytorch.org): leave the choice out or use "auto"'
    if find_spec("gsplat") is None:
        return "gsplat: pip install 'lamina[cuda]'"
    try:
        kernels = import_module("gsplat.cuda._backend")
    except ModuleNotFoundError:
        return None  # Of a version that is built otherwise: it will say itself what it lacks.
    return None if kernels._C is not None else "NVIDIA's CUDA toolkit, whose nvcc compiles gsplat on first use"


def require_gsplat() -> None:
    """Checks that the CUDA backend can run.

    Raises:
        BackendUnavailable: a CUDA device or gsplat is missing.
    """
    if missing := find_missing():
        raise BackendUnavailable(f"the CUDA backend of spatial rendering needs {missing}")


def render_cuda(
    gaussians: Gaussians3D,
    camera: Camera,
    background: tuple[float, float, float],
    offsets_px: Float[Tensor, "n 2"],
    tiles: Bool[Tensor, "r c"] | None = None,
) -> tuple[Float[Tensor, "h w 3"], Float[Tensor, "h w"], Int32[Tensor, " n"]]:
    """Pixels, alpha and radii. With `tiles` the others are drawn as well, and covered: gsplat has no such choice.

    Raises:
        BackendUnavailable: as `require_gsplat`.

    Source: gsplat 1.5.3, rendering.py, `rasterization` with packed=False and rasterize_mode="classic".
    """
    require_gsplat()
    from gsplat import fully_fused_projection, isect_offset_encode, isect_tiles, rasterize_to_pixels

    if len(gaussians) == 0:
        return _background_alone(gaussians, camera, background)
    sound = find_sound(gaussians, camera)
    safe = replace_undrawable(gaussians, camera, sound).to(torch.float32)
    # Too faint to be drawn: gsplat leaves it out.
    opacities = torch.where(sound, safe.opacities, 0.0)
    view = safe.means.new_tensor(camera.camera_from_world)[None]
    pinhole = safe.means.new_tensor(camera.intrinsics_px)[None]
    radii, positions, depths, conics, _ = fully_fused_projection(
        safe.means, None, safe.rotations, safe.scales, view, pinhole, camera.width, camera.height,
        eps2d=LOW_PASS_VARIANCE, near_plane=NEAR_PLANE, packed=False, opacities=opacities.detach(),
    )  # fmt: skip
    positions = positions + torch.where(sound[:, None], offsets_px, 0.0).float()
    placed = positions.detach().abs().amax(dim=-1, keepdim=True) < POSITION_LIMIT_PX
    radii = torch.where(placed, radii, 0)
    tiles_x, tiles_y = -(-camera.width // TILE_PX), -(-camera.height // TILE_PX)
    _, pairs, splats = isect_tiles(positions.detach(), radii, depths, TILE_PX, tiles_x, tiles_y)
    starts = isect_offset_encode(pairs, 1, tiles_x, tiles_y)
    pixels, alpha = rasterize_to_pixels(
        positions, conics, safe.colors[None], opacities[None], camera.width, camera.height, TILE_PX, starts, splats,
        backgrounds=safe.colors.new_tensor(background)[None],
    )  # fmt: skip
    dtype, found, covered = gaussians.means.dtype, pixels[0], alpha[0, ..., 0]
    if tiles is not None:
        wide = tiles.to(found.device).repeat_interleave(TILE_PX, 0).repeat_interleave(TILE_PX, 1)
        drawn = wide[: camera.height, : camera.width]
        found = torch.where(drawn[..., None], found, found.new_tensor(background))
        covered = torch.where(drawn, covered, 0.0)
    return found.to(dtype), covered.to(dtype), radii[0].amax(dim=-1).int()


@torch.no_grad()
def find_sound(gaussians: Gaussians3D, camera: Camera) -> Bool[Tensor, " n"]:
    """Which Gaussians gsplat can project in float32: of finite place and size on the picture, with extent and rotation.

    Those nearer than the near plane, too faint or out of view it leaves out itself.
    """
    numbers = torch.cat([tensor.reshape(len(gaussians), -1) for tensor in gaussians.tensors()], dim=1)
    axis = gaussians.means.new_tensor(camera.camera_from_world[2])
    depths = (gaussians.means @ axis[:3] + axis[3]).clamp_min(NEAR_PLANE)
    widths_px = gaussians.scales.amax(dim=1) * (max(camera.focal_x_px, camera.focal_y_px) / depths)
    has_extent = (gaussians.scales.amin(dim=1) > 0) & (widths_px < math.sqrt(VARIANCE_LIMIT))
    return (numbers.abs() < NUMBER_LIMIT).all(dim=1) & has_extent & (gaussians.rotations.square().sum(dim=1) > 0)


def _background_alone(
    gaussians: Gaussians3D, camera: Camera, background: tuple[float, float, float]
) -> tuple[Tensor, Tensor, Tensor]:
    """The picture of no Gaussians; in the graph all the same."""
    nothing = gaussians.colors.sum()
    pixels = gaussians.colors.new_tensor(background).expand(camera.height, camera.width, 3) + nothing
    return pixels, pixels[..., 0] * 0.0, torch.zeros(0, dtype=torch.int32, device=gaussians.means.device)
