# SPDX-License-Identifier: Apache-2.0
"""Captures whose points are taken away: what a fit reaches from the starts that Lamina finds, beside that from its own.

Captures of the development data enter; benchmarks/results/captures_without_points.json and a line a fit leave.

    python -m benchmarks.captures_without_points [--captures bonsai lego fern] [--starts own triangulated swept random]

`triangulated` is what `with_points` gives where pycolmap is installed, `swept` what it gives where it is not, `random`
points anywhere in the cube of the octree, as fits started before. Short fits of preset `fast`, one thread, each in a
process of its own; quality is the mean over held-out views, from the file. Runs can be stopped and go on.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import sys
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
import torch
from benchmarks.result_files import add_figures, data_folder, read_figures
from benchmarks.run_log import commit

import lamina
from lamina.anchors.fitting.first_octree import cube_of, random_points
from lamina.anchors.octree import Lattice
from lamina.codec import Progress
from lamina.codecs.scene.config import PRESETS
from lamina.data.captures import Capture, read_capture, with_points
from lamina.media.comparison import compare

NAME = "captures_without_points"
STARTS = ("own", "triangulated", "swept", "random")
RATE_WEIGHT = 0.004
TUNE_STEPS = 50
SEED = 0
GREY = 128


@dataclass(frozen=True)
class Subject:
    """A capture of the development data."""

    folder: str
    scale: Fraction


SUBJECTS: Mapping[str, Subject] = MappingProxyType(
    {
        "bonsai": Subject("static/mipnerf360_bonsai_800", Fraction(1, 2)),
        "lego": Subject("static/nerf_synthetic_lego_400", Fraction(1, 2)),
        "fern": Subject("static/llff_fern", Fraction(1, 2)),
    }
)
"""A room all around, a thing before one color (which has no points), and views in a plane."""


def started(capture: Capture, start: str) -> Capture | None:
    """The capture with points of that start; None where it has none of its own."""
    if start == "own":
        return capture if len(capture.points) else None
    bare = replace(capture, points=np.empty((0, 3)), point_colors=np.empty((0, 3), np.uint8))
    if start == "random":
        lattice = Lattice(*cube_of(bare, None), 0, PRESETS["fast"].level_count, None)
        points = random_points(lattice, SEED)
        return replace(bare, points=points, point_colors=np.full(points.shape, GREY, np.uint8))
    if start == "swept":
        # A module that is None cannot be imported, nor found.
        sys.modules["pycolmap"] = None  # pyright: ignore[reportArgumentType]
    return with_points(bare, _quiet, SEED)


def measure(name: str, start: str, steps: int) -> dict[str, Any] | None:
    """In a process of its own: points, a fit, a file, its quality; None where there is no such start."""
    torch.set_num_threads(1)
    subject = SUBJECTS[name]
    whole = read_capture(data_folder() / subject.folder, scale=subject.scale)
    before_s = time.perf_counter()
    capture = started(whole, start)
    found_s = time.perf_counter() - before_s
    if capture is None:
        return None
    schedule = replace(PRESETS["fast"].schedule, steps=steps, tune_steps=TUNE_STEPS)
    config = replace(PRESETS["fast"], rate_weight=RATE_WEIGHT, schedule=schedule, device="cpu", seed=SEED)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "scene.lam"
        before_cpu_s = time.process_time()
        with lamina.encode(capture, path, config=config) as media:
            encode_cpu_s = time.process_time() - before_cpu_s
            top = list(compare(media, whole))[-1].as_json()
        size_bytes = path.stat().st_size
    camera = whole.views[0].camera
    return {
        "commit": commit(),
        "views_px": [camera.width, camera.height],
        "train": len(whole.train),
        "steps": steps,
        "points": len(capture.points),
        "found": list(capture.notes[len(whole.notes) :]),
        "points_found_in_s": round(found_s, 1),
        "encode_cpu_s": round(encode_cpu_s, 1),
        "size_bytes": size_bytes,
        "psnr_db": round(top["psnr"], 3),
        "ssim": round(top["ssim"], 4),
        "anchors": top["counts"]["anchors"],
    }


def _quiet(_: Progress) -> None:
    return None


def main() -> None:
    """Measure what is missing; print a line a fit."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--captures", nargs="+", default=list(SUBJECTS), choices=sorted(SUBJECTS))
    parser.add_argument("--starts", nargs="+", default=list(STARTS), choices=STARTS)
    parser.add_argument("--steps", type=int, default=1000)
    parser.add_argument("--again", action="store_true", help="measure anew what is known already")
    options = parser.parse_args()
    settings = {"preset": "fast", "lambda": RATE_WEIGHT, "tune_steps": TUNE_STEPS, "seed": SEED, "threads": 1}
    for name in options.captures:
        for start in options.starts:
            if start in read_figures(NAME).get(name, {}) and not options.again:
                continue
            with multiprocessing.get_context("spawn").Pool(1) as process:
                found = process.apply(measure, (name, start, options.steps))
            if found is not None:
                add_figures(NAME, settings, name, {start: found})
                print(name, start, json.dumps(found), flush=True)


if __name__ == "__main__":
    main()
