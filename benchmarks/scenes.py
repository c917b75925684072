# SPDX-License-Identifier: Apache-2.0
"""Scenes: captures enter; benchmarks/results/scenes_<preset>[_<variant>].json and a table of every level leave.

    python benchmarks/scenes.py --captures bonsai --preset fast                        # lambdas of `LAMBDAS`
    python benchmarks/scenes.py --captures bonsai --lambdas 0.002 --variant one_level  # HAC: one level, no parent
    python benchmarks/scenes.py --captures bonsai --lambdas 0.002 --variant lower_levels_free
    python benchmarks/scenes.py --captures bonsai_800 --lambdas 0.002 --device cuda    # scenes_<preset>_cuda.json

Each encode runs in a process of its own, whose peak memory is kept. Levels are measured over held-out views, from the
file cut there; views a second are of rendering alone, with the Gaussians of a level generated for each view. Runs can
be stopped and go on where they were. Protocol: DESIGN.md, 5.10.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import resource
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from types import MappingProxyType
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import torch
from benchmarks.measure_lamina import level_files
from benchmarks.result_files import add_figures, data_folder, read_figures
from benchmarks.run_log import commit

import lamina
from lamina.anchors.config import Device
from lamina.codecs.scene.config import PRESETS, SceneConfig
from lamina.data.captures import Capture, read_capture
from lamina.media.comparison import compare
from lamina.media.summary import summarize

CAPTURES: Mapping[str, tuple[str, Fraction]] = MappingProxyType(
    {
        "bonsai": ("static/mipnerf360_bonsai_800", Fraction(1, 2)),
        "lego": ("static/nerf_synthetic_lego_400", Fraction(1)),
        "fern": ("static/llff_fern", Fraction(1)),
        "n3dv": ("static/n3dv_flame_steak_frame0", Fraction(1)),
        "bonsai_800": ("static/mipnerf360_bonsai_800", Fraction(1)),
    }
)
"""Folder of the development data, and scale."""

USUAL = ("bonsai", "lego", "fern", "n3dv")
"""Those that a CPU has done in minutes."""

LAMBDAS = (0.002, 0.004, 0.008)
LEVEL_VIEWS = 8
"""Views whose rendering is timed, at every level."""


def one_level(config: SceneConfig) -> SceneConfig:
    """HAC: all anchors in one level, predicted from the hash grid alone."""
    context = replace(config.context, parent=False, parent_offsets=False, neighbors=False, hash_grid=True)
    return replace(config, level_count=1, context=context)


def lower_levels_free(config: SceneConfig) -> SceneConfig:
    """No level but the top one is asked to look like anything: no coarse-to-fine loss, no InfoNCE."""
    return replace(config, loss=replace(config.loss, coarse_to_fine="off", info_nce=0.0))


VARIANTS: Mapping[str, Callable[[SceneConfig], SceneConfig]] = MappingProxyType(
    {"": lambda config: config, "one_level": one_level, "lower_levels_free": lower_levels_free}
)


def encode(
    name: str, preset: str, variant: str, device: Device, rate_weight: float, path: str, steps: int | None
) -> dict[str, float]:
    """In a process of its own: write a file; seconds on the clock and of all cores, and peak memory."""
    folder, scale = CAPTURES[name]
    capture = read_capture(data_folder() / folder, scale=scale)
    config = replace(PRESETS[preset], rate_weight=rate_weight, device=device)
    config = VARIANTS[variant](config)
    config = config if steps is None else replace(config, schedule=replace(config.schedule, steps=steps))
    started_s, started_cpu_s = time.perf_counter(), time.process_time()
    lamina.encode(capture, path, config=config).close()
    peak_kb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return {
        "steps": config.schedule.steps,
        "threads": torch.get_num_threads(),
        "encode_s": round(time.perf_counter() - started_s, 1),
        "encode_cpu_s": round(time.process_time() - started_cpu_s, 1),
        "encode_peak_mb": round(peak_kb * 1024 / 1e6),
    }


def decode(path: str) -> dict[str, float]:
    """In a process of its own: all levels decoded, kernels loaded before; seconds and peak memory."""
    with lamina.open(path) as media:
        media.model(level=0)
        started_s = time.perf_counter()
        media.model()
        elapsed_s = time.perf_counter() - started_s
    peak_kb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return {"decode_s": round(elapsed_s, 3), "decode_peak_mb": round(peak_kb * 1024 / 1e6)}


def first_level(name: str, path: str) -> dict[str, float]:
    """In a process of its own: a file opened, level 0 seen; milliseconds, the best of five after a first."""
    folder, scale = CAPTURES[name]
    capture = read_capture(data_folder() / folder, scale=scale)
    camera = capture.views[capture.test[0]].camera
    elapsed_s = []
    for _ in range(6):
        started_s = time.perf_counter()
        with lamina.open(path) as media:
            media.render(camera, level=0)
        elapsed_s.append(time.perf_counter() - started_s)
    return {"first_level_ms": round(1000 * min(elapsed_s[1:]), 1)}


def levels_of(path: Path, capture: Capture) -> list[dict[str, Any]]:
    """Every level: bytes, anchors, Gaussians, quality, views a second."""
    with lamina.open(path) as media:
        levels = [level.as_json() for level in compare(media, capture)]
    cameras = [capture.views[number].camera for number in capture.test[:LEVEL_VIEWS]]
    for level, (_, cut) in zip(levels, level_files(path), strict=True):
        with lamina.open(cut) as media:
            model = media.model()
            started_s = time.perf_counter()
            for camera in cameras:
                media.render(camera, model=model)
            level["views_per_s"] = round(len(cameras) / (time.perf_counter() - started_s), 1)
        counts = level.pop("counts")
        level |= {"anchors": counts["anchors"], "gaussians": counts["Gaussians"], "views": level.pop("looks")}
        level["psnr"], level["ssim"] = round(level["psnr"], 3), round(level["ssim"], 4)
    return levels


def measure(
    name: str, preset: str, variant: str, device: Device, rate_weight: float, path: Path, steps: int | None
) -> dict[str, Any]:
    """Encode and measure one file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with multiprocessing.get_context("spawn").Pool(1) as process:
        encoded = process.apply(encode, (name, preset, variant, device, rate_weight, str(path), steps))
    with multiprocessing.get_context("spawn").Pool(1) as process:
        decoded = process.apply(decode, (str(path),))
    with multiprocessing.get_context("spawn").Pool(1) as process:
        decoded |= process.apply(first_level, (name, str(path)))
    folder, scale = CAPTURES[name]
    levels = levels_of(path, read_capture(data_folder() / folder, scale=scale))
    with lamina.open(path) as media:
        parts = summarize(media.stream).parts
    tree_bits = 8 * parts.get("tree", 0) / max(levels[-1]["anchors"], 1)
    return {
        "commit": commit(),
        **encoded,
        **decoded,
        "tree_bits_per_anchor": round(tree_bits, 2),
        "parts": parts,
        "levels": levels,
    }


def main() -> None:
    """Measure what is missing; print a line a level."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--captures", nargs="+", default=list(USUAL), choices=sorted(CAPTURES))
    parser.add_argument("--lambdas", nargs="+", type=float, default=list(LAMBDAS))
    parser.add_argument("--preset", default="fast", choices=sorted(PRESETS))
    parser.add_argument("--variant", default="", choices=sorted(VARIANTS))
    parser.add_argument("--device", default="cpu", choices=("cpu", "cuda"))
    parser.add_argument("--steps", type=int, help="of a fit; the preset's when left out")
    parser.add_argument("--work", default=str(Path(tempfile.gettempdir()) / "lamina_scenes"))
    parser.add_argument("--again", action="store_true", help="measure anew what is known already")
    options = parser.parse_args()
    parts = [options.preset, options.variant, options.device if options.device != "cpu" else ""]
    name = "_".join(["scenes", *filter(None, parts)])
    for capture in options.captures:
        for rate_weight in options.lambdas:
            setting = f"lambda={rate_weight:g}"
            if setting in read_figures(name).get(capture, {}) and not options.again:
                continue
            path = Path(options.work) / name / f"{capture}_{setting}.lam"
            found = measure(capture, options.preset, options.variant, options.device, rate_weight, path, options.steps)
            add_figures(name, {"preset": options.preset, "variant": options.variant}, capture, {setting: found})
            for level in found.pop("levels"):
                print(capture, setting, json.dumps(level), flush=True)
            print(capture, setting, json.dumps(found), flush=True)


if __name__ == "__main__":
    main()
