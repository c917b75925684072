# SPDX-License-Identifier: Apache-2.0
"""Speed of planar rendering on the CPU: kernel against PyTorch twin, and the distance to the arithmetic limit.

    python -m benchmarks.planar_kernel_speed [--rounds 9] [--threads 1 2]

Scenes come from a fixed seed. Both sides run forward and backward through autograd, taking turns. On one thread figures
are medians of processor time, so that other work on the same cores counts less. On more, waiting threads spin and only
the clock on the wall says something: there the best round is taken, and the load of the machine is written beside it.
The limit is this machine's own peak of fused multiply-adds, measured in the same run.
"""

from __future__ import annotations

import argparse
import os
import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from benchmarks.run_log import write_result
from numba import njit, prange

from lamina.render.gaussians2d import Gaussians2D, log_euclidean_to_covariance
from lamina.render.kernels import planar_cpu, planar_splats, tile_lists
from lamina.render.kernels.simd import fill_row, sum_row
from lamina.render.kernels.threads import share_threads
from lamina.render.planar import render_planar

SCENES = {"768x512, 10000 splats": (768, 512, 10_000), "1920x1080, 27000 splats": (1920, 1080, 27_000)}

FORWARD_FLOPS, FORWARD_INSTRUCTIONS = 24, 15
"""A pixel of a (tile, splat) entry in `add_splat`, a fused multiply-add being two operations and one instruction:
offset 1, exponent 4, polynomial 8, powers 4, cut-off 1, three colors 6."""

BACKWARD_FLOPS, BACKWARD_INSTRUCTIONS = 34, 22
"""The same in `splat_moments`: Gaussian 18, three colour sums 6, product with the gradient 6, moments in y 4."""

STATISTIC = "one thread: median processor time; more: best wall time"

PEAK_STEPS = 200_000
PEAK_TRIES = 60
PEAK_CHAINS = 12
"""Independent chains: more than latency (4 cycles) times ports (2)."""


@dataclass(frozen=True)
class Scene:
    """Splats as leaves of autograd, the gradient that comes back, and the size."""

    leaves: tuple[torch.Tensor, torch.Tensor, torch.Tensor]
    gradient: torch.Tensor
    width: int
    height: int


def make_scene(width: int, height: int, count: int) -> Scene:
    """Uniformly placed splats of 1.5 to 4 pixels, axis ratio about 2."""
    generator = torch.Generator().manual_seed(0)
    positions = torch.rand(count, 2, generator=generator) * torch.tensor([float(width), float(height)])
    scale = torch.log(1.5 + 2.5 * torch.rand(count, generator=generator))
    d, e = 0.4 * torch.randn(2, count, generator=generator)
    colors = 0.3 * torch.randn(count, 3, generator=generator)
    leaves = (positions, log_euclidean_to_covariance(scale, d, e), colors)
    gradient = torch.randn(height, width, 3, generator=generator)
    return Scene(tuple(leaf.requires_grad_() for leaf in leaves), gradient, width, height)


def run_backend(scene: Scene, backend: Any) -> None:
    """Forward and backward, as a user gets them."""
    picture = render_planar(Gaussians2D(*scene.leaves), scene.width, scene.height, backend=backend)
    torch.autograd.grad(picture, scene.leaves, scene.gradient)


def kernel_stages(scene: Scene) -> tuple[Mapping[str, Callable[[], object]], tile_lists.TileLists]:
    """The kernel's stages one by one, on arrays made beforehand."""
    arrays = [leaf.detach().numpy() for leaf in scene.leaves]
    count = len(arrays[0])
    geometry, planes = np.empty((8, count), np.float32), np.empty((3, count), np.float32)
    planar_splats.prepare_splats(*arrays, geometry, planes)
    lists = tile_lists.build_tile_lists(geometry, scene.width, scene.height)
    shared = (geometry, planes, lists.tile_starts, lists.entry_splat, lists.entry_rows, 0)
    gradient = scene.gradient.numpy()
    top = np.empty_like(gradient)
    entry_moments, moments = (np.empty((size, 9), np.float32) for size in (len(lists.entry_splat), count))
    stages = {
        "tile_lists": lambda: tile_lists.build_tile_lists(geometry, scene.width, scene.height),
        "forward": lambda: planar_cpu.accumulate_pixels(*shared, top, top),
        "backward": lambda: planar_cpu.moments_of_pixels(*shared, gradient, gradient, entry_moments),
        "gather": lambda: tile_lists.gather_moments(lists.splat_starts, lists.splat_entries, entry_moments, moments),
    }
    return stages, lists


def take_turns(jobs: Mapping[str, Callable[[], object]], rounds: int, threads: int) -> dict[str, float]:
    """Milliseconds of each job; jobs alternate, so a busy machine slows all alike. The first round does not count."""
    clock = time.process_time if threads == 1 else time.perf_counter
    times: dict[str, list[float]] = {name: [] for name in jobs}
    for _ in range(rounds + 1):
        for name, job in jobs.items():
            start = clock()
            job()
            times[name].append((clock() - start) * 1e3)
    pick = statistics.median if threads == 1 else min
    return {name: pick(values[1:]) for name, values in times.items()}


@njit(nogil=True, parallel=True, fastmath=True, error_model="numpy")
def multiply_add(parts, steps, factor, sums):
    """`PEAK_CHAINS` independent chains of row-wide multiply-adds in each part."""
    for part in prange(parts):
        a = b = c = d = e = f = fill_row(np.float32(part))
        g = h = i = j = k = m = fill_row(np.float32(part + 1))
        one = fill_row(np.float32(1.0))
        for _ in range(steps):
            a, b, c, d = a * factor + one, b * factor + one, c * factor + one, d * factor + one
            e, f, g, h = e * factor + one, f * factor + one, g * factor + one, h * factor + one
            i, j, k, m = i * factor + one, j * factor + one, k * factor + one, m * factor + one
        sums[part] = sum_row(a + b + c + d + e + f + g + h + i + j + k + m)


def measure_peak(threads: int) -> float:
    """Fused multiply-adds as GFLOP/s (two each), the best of several runs on all threads."""
    sums = np.empty(threads, np.float32)
    best = float("inf")
    for _ in range(PEAK_TRIES):
        start = time.perf_counter()
        multiply_add(threads, PEAK_STEPS, np.float32(0.5), sums)
        best = min(best, time.perf_counter() - start)
    return threads * PEAK_STEPS * PEAK_CHAINS * 16 * 2 / best / 1e9


def measure_scene(scene: Scene, rounds: int, threads: int, peak_gflops: float) -> dict[str, Any]:
    """Figures of one scene on the threads that are set."""
    users = take_turns(
        {"kernel": lambda: run_backend(scene, "cpu"), "twin": lambda: run_backend(scene, "reference")},
        rounds,
        threads,
    )
    stages, lists = kernel_stages(scene)
    stage_ms = take_turns(stages, 4 * rounds, threads)
    pixels = int(((lists.entry_rows & 15) - (lists.entry_rows >> 4) + 1).astype(np.int64).sum()) * 16
    peak_instructions_g = peak_gflops / 2
    shares = {}
    for name, flops, instructions in (
        ("forward", FORWARD_FLOPS, FORWARD_INSTRUCTIONS),
        ("backward", BACKWARD_FLOPS, BACKWARD_INSTRUCTIONS),
    ):
        gpixels_s = pixels / stage_ms[name] / 1e6
        shares[f"{name}_gflops"] = round(gpixels_s * flops, 1)
        shares[f"{name}_flop_share_of_peak"] = round(gpixels_s * flops / peak_gflops, 3)
        shares[f"{name}_instruction_share_of_peak"] = round(gpixels_s * instructions / peak_instructions_g, 3)
    return {
        "kernel_ms": round(users["kernel"], 2),
        "twin_ms": round(users["twin"], 1),
        "twin_over_kernel": round(users["twin"] / users["kernel"], 1),
        "stages_ms": {name: round(value, 3) for name, value in stage_ms.items()},
        "entries": len(lists.entry_splat),
        "pixels_visited": pixels,
        **shares,
    }


def main() -> None:
    """Measure every scene on each number of threads and write the result."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--threads", type=int, nargs="+", default=sorted({1, torch.get_num_threads()}))
    options = parser.parse_args()
    figures: dict[str, Any] = {}
    for threads in options.threads:
        torch.set_num_threads(threads)
        share_threads()
        peak = measure_peak(threads)
        of_threads: dict[str, Any] = {"peak_gflops": round(peak, 1), "load_average": os.getloadavg()[0]}
        for name, size in SCENES.items():
            of_threads[name] = measure_scene(make_scene(*size), options.rounds, threads, peak)
            print(threads, "threads,", name, of_threads[name])
        figures[f"{threads} threads"] = of_threads
        print(threads, "threads, peak", round(peak, 1), "GFLOP/s")
    print(write_result("planar_kernel_speed", {"rounds": options.rounds, "statistic": STATISTIC}, figures))


if __name__ == "__main__":
    main()
