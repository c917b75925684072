# SPDX-License-Identifier: Apache-2.0
"""Speed of spatial rendering on the CPU: kernel against PyTorch twin, stage by stage.

    python -m benchmarks.spatial_kernel_speed [--rounds 9] [--threads 1 2]

Two scenes are made from a fixed seed, with splats of about 1.5 pixels (standard deviation) at every depth; where the
development data are, two real ones follow at 400x267: a trained object, and the points of a capture with the size that
3DGS starts from. Forward and backward run through autograd, to all fields.

On one thread figures are medians of processor time, so that other work on the same cores counts less. On more, waiting
threads spin and only the clock on the wall says something: there the best round is taken, and the load of the machine
is written beside it.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from benchmarks.planar_kernel_speed import measure_peak, take_turns
from benchmarks.result_files import data_folder
from benchmarks.run_log import write_result

from lamina.cameras.camera import Camera, look_at
from lamina.data.captures.reading import read_capture
from lamina.data.splats.gaussians import gaussians_seen_from
from lamina.data.splats.opening import read_splats
from lamina.render.backends import Backend
from lamina.render.gaussians3d import Gaussians3D
from lamina.render.kernels import depth_order, spatial_blend, spatial_projection, tile_lists
from lamina.render.kernels.threads import share_threads
from lamina.render.spatial import render_spatial
from lamina.render.spatial_cpu import aligned_records, spread_tiles

MADE_SCENES = {"256x256, 20000 Gaussians": (256, 256, 20_000), "640x480, 100000 Gaussians": (640, 480, 100_000)}

SIGMA_PX = 1.5
"""Geometric mean of the standard deviations on the picture of scenes that are made, before the low-pass."""

FORWARD_INSTRUCTIONS, BACKWARD_INSTRUCTIONS = 20, 36
"""Vector arithmetic in the loops of `blend_splat` and `blend_moments` for one row of sixteen pixels (read from the
assembly; loads and stores and masked moves are not counted)."""

TWIN_ROUNDS = 3
STATISTIC = "one thread: median processor time; more: best wall time"
NEIGHBOURS = 3
"""3DGS starts with the mean distance to so many nearest points as standard deviation."""


@dataclass(frozen=True)
class Scene:
    """Gaussians as leaves of autograd, the camera, and the gradient that comes back."""

    gaussians: Gaussians3D
    camera: Camera
    gradient: torch.Tensor


def scene_of(gaussians: Gaussians3D, camera: Camera) -> Scene:
    """With leaves of their own and a random gradient."""
    leaves = (tensor.detach().clone().requires_grad_() for tensor in gaussians.tensors())
    generator = torch.Generator().manual_seed(1)
    return Scene(Gaussians3D(*leaves), camera, torch.randn(camera.height, camera.width, 3, generator=generator))


def make_scene(width: int, height: int, count: int) -> Scene:
    """Evenly over the picture and a little beyond it, depths 2 to 8, any opacity, axis ratios of about 3."""
    generator = torch.Generator().manual_seed(0)
    depths = 2.0 + 6.0 * torch.rand(count, 1, generator=generator)
    focal = 0.9 * width
    places = (torch.rand(count, 2, generator=generator) - 0.5) * 1.1 * torch.tensor([float(width), float(height)])
    scales = SIGMA_PX * depths / focal * torch.exp(0.5 * torch.randn(count, 3, generator=generator))
    gaussians = Gaussians3D(
        torch.cat([places * depths / focal, depths], dim=1),
        torch.randn(count, 4, generator=generator),
        scales,
        torch.rand(count, generator=generator),
        torch.rand(count, 3, generator=generator),
    )
    return scene_of(gaussians, Camera(np.eye(4), focal, focal, 0.5 * width, 0.5 * height, width, height))


def real_scenes() -> dict[str, Scene]:
    """A trained guitar, filling the picture, and the points of a capture of a room; empty without development data."""
    try:
        folder = data_folder()
    except FileNotFoundError as error:
        print(error, "- scenes that are made alone are measured")
        return {}
    cloud = read_splats(folder / "splats" / "guitar.compressed.ply")
    low, middle, high = np.quantile(cloud.means.astype(np.float64), (0.02, 0.5, 0.98), axis=0)
    position = middle + 0.7 * float(np.linalg.norm(high - low)) * np.array([0.5, -0.25, 1.0])
    pose = look_at(position, middle, np.array([0.0, -1.0, 0.0]))
    camera = Camera(np.linalg.inv(pose), 400.0, 400.0, 200.0, 133.5, 400, 267)
    guitar = scene_of(gaussians_seen_from(cloud, position), camera)
    capture = read_capture(folder / "static" / "mipnerf360_bonsai_800", scale=0.5)
    room = scene_of(start_of_3dgs(capture.points, capture.point_colors), capture.views[0].camera)
    return {named("trained guitar", guitar): guitar, named("points of bonsai", room): room}


def named(what: str, scene: Scene) -> str:
    """Name of a real scene in the result."""
    return f"{scene.camera.width}x{scene.camera.height}, {what}, {len(scene.gaussians)} Gaussians"


def start_of_3dgs(points: np.ndarray, colors: np.ndarray) -> Gaussians3D:
    """Balls at the points, as large as the mean distance to the nearest ones; opacity 0.5."""
    means = torch.from_numpy(points.astype(np.float32))
    nearest = [torch.cdist(rows, means).topk(NEIGHBOURS + 1, largest=False).values[:, 1:] for rows in means.split(1024)]
    sizes = torch.cat(nearest).mean(dim=1, keepdim=True).clamp(min=1e-6)
    count = len(means)
    upright = torch.tensor([[1.0, 0.0, 0.0, 0.0]]).repeat(count, 1)
    tints = torch.from_numpy(colors.astype(np.float32)) / 255.0
    return Gaussians3D(means, upright, sizes.repeat(1, 3), torch.full((count,), 0.5), tints)


def run_backend(scene: Scene, backend: Backend) -> None:
    """Forward and backward, as a user gets them."""
    image = render_spatial(scene.gaussians, scene.camera, backend=backend)
    torch.autograd.grad(image.pixels, scene.gaussians.tensors(), scene.gradient)


def kernel_stages(scene: Scene, threads: int) -> tuple[Mapping[str, Callable[[], object]], dict[str, Any]]:
    """The kernel's stages one by one, on arrays made beforehand, and what they have to do."""
    fields = [tensor.detach().numpy() for tensor in scene.gaussians.tensors()]
    camera, count = scene.camera, len(scene.gaussians)
    view, offsets = spatial_projection.view_numbers(camera), np.zeros((count, 2), np.float32)
    screen = np.empty((count, spatial_projection.SCREEN_FIELDS), np.float32)
    depths, places = np.empty(count, np.float32), np.full(count, -1, np.int32)
    spatial_projection.project_gaussians(*fields, offsets, view, screen, depths)
    order = depth_order.sort_by_depth(depths)
    geometry, records = np.empty((8, len(order)), np.float32), aligned_records(len(order))
    spatial_blend.pack_records(order, screen, fields[4], geometry, records, places)
    lists = tile_lists.build_tile_lists(geometry, camera.width, camera.height, threads)
    pixels = np.empty((camera.height, camera.width, 3), np.float32)
    alpha, background = np.empty(pixels.shape[:2], np.float32), np.zeros(3, np.float32)
    stops = np.empty(len(lists.tile_starts) - 1, np.int64)
    tiles = spread_tiles(len(stops))
    shared = (lists.entry_splat, lists.entry_rows, tiles)
    spatial_blend.blend_pixels(records, lists.tile_starts, *shared, background, pixels, alpha, stops)
    entry_moments, moments = (np.empty((size, tile_lists.MOMENTS), np.float32) for size in (len(shared[0]), len(order)))
    gradients = [np.empty(field.shape, np.float32) for field in (*fields, offsets)]
    pictures = (pixels, alpha, scene.gradient.numpy(), np.zeros_like(alpha))
    stages = {
        "project": lambda: spatial_projection.project_gaussians(*fields, offsets, view, screen, depths),
        "sort": lambda: depth_order.sort_by_depth(depths),
        "pack": lambda: spatial_blend.pack_records(order, screen, fields[4], geometry, records, places),
        "tile_lists": lambda: tile_lists.build_tile_lists(geometry, camera.width, camera.height, threads),
        "forward": lambda: spatial_blend.blend_pixels(
            records, lists.tile_starts, *shared, background, pixels, alpha, stops
        ),
        "backward": lambda: spatial_blend.moments_of_blend(
            records, lists.tile_starts, stops, *shared, *pictures, entry_moments
        ),
        "gather": lambda: tile_lists.gather_moments(lists.splat_starts, lists.splat_entries, entry_moments, moments),
        "chain": lambda: spatial_projection.chain_to_gaussians(moments, places, *fields[:4], view, *gradients),
    }
    return stages, work_of(lists, stops, len(order), alpha)


def work_of(lists: tile_lists.TileLists, stops: np.ndarray, visible: int, alpha: np.ndarray) -> dict[str, Any]:
    """Counts of what is blended; rows are of sixteen pixels."""
    rows = ((lists.entry_rows & 15) - (lists.entry_rows >> 4) + 1).astype(np.int64)
    sums = np.concatenate([[0], np.cumsum(rows)])
    return {
        "on_picture": visible,
        "entries": len(rows),
        "entries_blended": int((stops - lists.tile_starts[:-1]).sum()),
        "rows_blended": int((sums[stops] - sums[lists.tile_starts[:-1]]).sum()),
        "mean_alpha": round(float(alpha.mean()), 3),
    }


def measure_scene(scene: Scene, rounds: int, threads: int, peak_gflops: float) -> dict[str, Any]:
    """Figures of one scene on the threads that are set."""
    both: dict[str, Callable[[], object]] = {
        "kernel": lambda: run_backend(scene, "cpu"),
        "twin": lambda: run_backend(scene, "reference"),
    }
    taken_in_turns = take_turns(both, min(rounds, TWIN_ROUNDS), threads)
    kernel_ms = take_turns({"kernel": both["kernel"]}, rounds, threads)["kernel"]
    stages, work = kernel_stages(scene, threads)
    stage_ms = take_turns(stages, rounds, threads)
    peak_rows_s = peak_gflops * 1e9 / (2 * 16)
    shares = {
        f"{name}_instruction_share_of_peak": round(
            work["rows_blended"] * instructions / (stage_ms[name] * 1e-3) / peak_rows_s, 3
        )
        for name, instructions in (("forward", FORWARD_INSTRUCTIONS), ("backward", BACKWARD_INSTRUCTIONS))
    }
    return {
        "kernel_ms": round(kernel_ms, 2),
        "twin_ms": round(taken_in_turns["twin"], 1),
        "twin_over_kernel": round(taken_in_turns["twin"] / taken_in_turns["kernel"], 1),
        "stages_ms": {name: round(value, 3) for name, value in stage_ms.items()},
        **work,
        **shares,
    }


def main() -> None:
    """Measure every scene on each number of threads and write the result."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--threads", type=int, nargs="+", default=sorted({1, torch.get_num_threads()}))
    options = parser.parse_args()
    scenes = {name: make_scene(*size) for name, size in MADE_SCENES.items()} | real_scenes()
    figures: dict[str, Any] = {}
    for threads in options.threads:
        torch.set_num_threads(threads)
        share_threads()
        peak = measure_peak(threads)
        of_threads: dict[str, Any] = {"peak_gflops": round(peak, 1), "load_average": os.getloadavg()[0]}
        for name, scene in scenes.items():
            of_threads[name] = measure_scene(scene, options.rounds, threads, peak)
            print(threads, "threads,", name, of_threads[name], flush=True)
        figures[f"{threads} threads"] = of_threads
    print(write_result("spatial_kernel_speed", {"rounds": options.rounds, "statistic": STATISTIC}, figures))


if __name__ == "__main__":
    main()
