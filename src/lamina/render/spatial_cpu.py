# SPDX-License-Identifier: Apache-2.0
"""Spatial rendering on the CPU as a differentiable operation: tensors in, tensors out, Numba kernels inside.

float32 tensors are used where they lie; float64 is rounded to float32 on the way in, and pixels and gradients are
widened on the way out. The same bits come out for any number of threads: a tile's pixels and the moments of its entries
are summed by one thread in depth order, a Gaussian's entries in tile order.

float32 has an end where the terms of a conic cancel: among needles that are thousands of pixels long and half a pixel
thick, a third of a percent of the pixels is off by more than 1e-4.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
import torch
from jaxtyping import Bool, Float, Int32
from torch import Tensor
from torch.autograd.function import once_differentiable

from lamina.cameras.camera import Camera
from lamina.render.gaussians3d import Gaussians3D
from lamina.render.kernels import depth_order, spatial_blend, spatial_projection, tile_lists
from lamina.render.kernels.threads import share_threads
from lamina.render.kernels.tile_lists import gather_moments

GOLDEN = 0.6180339887498949
"""Multiples of it modulo one are spread evenly: threads that take runs of tiles in this order have equal work."""


def render_cpu(
    gaussians: Gaussians3D,
    camera: Camera,
    background: tuple[float, float, float],
    offsets_px: Float[Tensor, "n 2"],
    tiles: Bool[Tensor, "r c"] | None,
) -> tuple[Float[Tensor, "h w 3"], Float[Tensor, "h w"], Int32[Tensor, " n"]]:
    """Pixels, alpha and radii."""
    drawn = None if tiles is None else tiles.reshape(-1).numpy()
    return _SpatialCpu.apply(*gaussians.tensors(), offsets_px, camera, background, drawn)


class _SpatialCpu(torch.autograd.Function):
    """Forward keeps splats and tile lists; backward reduces gradients to moments and chains them to the inputs."""

    @staticmethod
    def forward(ctx: Any, *arguments: Any) -> tuple[Tensor, Tensor, Tensor]:
        *fields, camera, background, drawn = arguments
        threads = share_threads()
        means, rotations, scales, opacities, colors, offsets = (_as_float32(field) for field in fields)
        view = spatial_projection.view_numbers(camera)
        count = means.shape[0]
        screen = np.empty((count, spatial_projection.SCREEN_FIELDS), np.float32)
        depths = np.empty(count, np.float32)
        spatial_projection.project_gaussians(means, rotations, scales, opacities, colors, offsets, view, screen, depths)
        order = depth_order.sort_by_depth(depths)
        geometry = np.empty((8, order.shape[0]), np.float32)
        records = aligned_records(order.shape[0])
        places = np.full(count, -1, np.int32)
        spatial_blend.pack_records(order, screen, colors, geometry, records, places)
        lists = tile_lists.build_tile_lists(geometry, camera.width, camera.height, threads, drawn)
        pixels = np.empty((camera.height, camera.width, 3), np.float32)
        alpha = np.empty((camera.height, camera.width), np.float32)
        tile_stops = np.empty(lists.tile_starts.shape[0] - 1, np.int64)
        tiles = spread_tiles(tile_stops.shape[0])
        spatial_blend.blend_pixels(
            records, lists.tile_starts, lists.entry_splat, lists.entry_rows, tiles, np.array(background, np.float32),
            pixels, alpha, tile_stops,
        )  # fmt: skip
        radii = np.zeros(count, np.int32)
        touched = order[lists.splat_starts[1:] > lists.splat_starts[:-1]]
        radii[touched] = screen[touched, 9]
        pictures = (torch.from_numpy(pixels).to(fields[0].dtype), torch.from_numpy(alpha).to(fields[0].dtype))
        # Pictures are saved as tensors: a change in place is noticed then, and not taken for what was rendered.
        ctx.save_for_backward(*fields[:4], *pictures)
        ctx.kept = (places, records, lists, tiles, tile_stops, view)
        radii_px = torch.from_numpy(radii)
        ctx.mark_non_differentiable(radii_px)
        return *pictures, radii_px

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *grad_outputs: Any) -> tuple[Tensor | None, ...]:  # pyright: ignore[reportIncompatibleMethodOverride]
        share_threads()
        places, records, lists, tiles, tile_stops, view = ctx.kept
        means, rotations, scales, opacities, pixels, alpha = (_as_float32(tensor) for tensor in ctx.saved_tensors)
        moments = np.empty((records.shape[0], tile_lists.MOMENTS), np.float32)
        entry_moments = np.empty((lists.entry_splat.shape[0], tile_lists.MOMENTS), np.float32)
        spatial_blend.moments_of_blend(
            records, lists.tile_starts, tile_stops, lists.entry_splat, lists.entry_rows, tiles, pixels, alpha,
            _as_float32(grad_outputs[0]), _as_float32(grad_outputs[1]), entry_moments,
        )  # fmt: skip
        gather_moments(lists.splat_starts, lists.splat_entries, entry_moments, moments)
        count = places.shape[0]
        shapes = ((count, 3), (count, 4), (count, 3), (count,), (count, 3), (count, 2))
        gradients = [np.empty(shape, np.float32) for shape in shapes]
        spatial_projection.chain_to_gaussians(moments, places, means, rotations, scales, opacities, view, *gradients)
        dtype = ctx.saved_tensors[0].dtype
        return *(torch.from_numpy(gradient).to(dtype) for gradient in gradients), None, None, None


@cache
def spread_tiles(count: int) -> np.ndarray:
    """Numbers of all tiles so that any run of them is spread over the whole picture."""
    return np.argsort(np.arange(count) * GOLDEN % 1.0, kind="stable")


def aligned_records(count: int) -> np.ndarray:
    """Room for records (count, FIELDS), each in one line of the cache."""
    room = np.empty((count + 1) * spatial_blend.FIELDS, np.float32)
    first = (-room.ctypes.data // room.itemsize) % spatial_blend.FIELDS
    return room[first : first + count * spatial_blend.FIELDS].reshape(count, spatial_blend.FIELDS)


def _as_float32(tensor: Tensor) -> np.ndarray:
    """The tensor's own memory where it is contiguous float32, a copy otherwise."""
    return tensor.detach().to(torch.float32).contiguous().numpy()
