# SPDX-License-Identifier: Apache-2.0
"""What each mechanism of the scene codec is worth: bonsai enters; benchmarks/results/scene_ablation.json leaves.

    python benchmarks/scene_ablation.py                     # all of `CHANGES`, what is known is not run again
    python benchmarks/scene_ablation.py --changes "no spare layers" --again

Quarter size (200 x 133), 3,000 steps, one seed: enough to order mechanisms, not to quote qualities. Figures are of
what a decoder has, over all views held out; `fitted_psnr` is of the same anchors before they were quantised.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from types import MappingProxyType
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import numpy as np
import torch
from benchmarks.result_files import add_figures, data_folder, read_figures
from benchmarks.scenes import CAPTURES, one_level
from benchmarks.unquantized import fitted, quality

from lamina.anchors.fitting.training import FitInput
from lamina.codecs.scene.coding import encode
from lamina.codecs.scene.config import PRESETS, SceneConfig
from lamina.codecs.scene.fit.fit import finish
from lamina.data.captures import read_capture

RESULT_NAME = "scene_ablation"
SCALE, STEPS, LAMBDA, FIRST, LIMIT = Fraction(1, 4), 3_000, 0.004, 6_000, 14_000


def changed(**parts: Mapping[str, Any]) -> Callable[[SceneConfig], SceneConfig]:
    """A configuration with other knobs in some of its parts."""

    def change(config: SceneConfig) -> SceneConfig:
        return replace(config, **{name: replace(getattr(config, name), **knobs) for name, knobs in parts.items()})

    return change


def as_the_paper(config: SceneConfig) -> SceneConfig:
    """Preset `paper` with as many steps and anchors, and the same lambda."""
    paper = PRESETS["paper"]
    return replace(
        paper,
        target=config.target,
        anchors=replace(paper.anchors, first=config.anchors.first, limit=config.anchors.limit),
        schedule=replace(paper.schedule, steps=config.schedule.steps),
    )


CHANGES: Mapping[str, Callable[[SceneConfig], SceneConfig]] = MappingProxyType(
    {
        "as it is": lambda config: config,
        "lambda 0.0045": lambda config: replace(config, rate_weight=0.0045),
        "space not contracted": changed(anchors={"contracted": False}),
        "levels not told": changed(anchors={"level_input": False}),
        "no spare layers": changed(anchors={"spare_layers": 0}),
        "one spare layer": changed(anchors={"spare_layers": 1}),
        "faint Gaussians are lost": changed(anchors={"least_opacity": 0.0}),
        "24 features": changed(anchors={"feature_channels": 24}),
        "masks not in the rate": changed(context={"masks": False}),
        "rate of noisy values": changed(context={"true_rounding": False}),
        "no parent in the context": changed(context={"parent": False}),
        "no chain of features": changed(context={"feature_groups": 1, "chained": False}),
        "no settling": changed(context={"settle_steps": 0}),
        "no tuning": changed(schedule={"tune_steps": 0}),
        "whole size from the start": changed(schedule={"half_size_until": 0.0}),
        "lower levels at half size": changed(loss={"half_size_levels": 4}),
        "lower levels weigh half": changed(loss={"lower_weight": 0.2}),
        "lower levels weigh twice": changed(loss={"lower_weight": 0.8}),
        "all levels at every step": changed(loss={"coarse_to_fine": "all", "lower_weight": 0.1}),
        "lower levels free": changed(loss={"coarse_to_fine": "off"}),
        "InfoNCE": changed(loss={"info_nce": 0.005}),
        "one level, hash grid (HAC)": one_level,
        "preset paper": as_the_paper,
    }
)


def fit(scene: FitInput) -> dict[str, Any]:
    """Fit, quantise, code; what came out."""
    started_s = time.process_time()
    state, watch = fitted(scene)
    unquantized = quality(scene, state)["psnr"]
    part = finish(scene, state, watch)
    sizes = np.cumsum([len(unit.payload) for unit in encode([part])])
    return {
        "bytes": [int(size) for size in sizes[1:]],
        "psnr": [round(level, 3) for level in part.quality_db if level is not None],
        "fitted_psnr": unquantized,
        "anchors": sum(layer.count for layer in part.layers),
        "gaussians": sum(int(layer.masks.sum()) for layer in part.layers),
        "fit_cpu_s": round(time.process_time() - started_s, 1),
    }


def main() -> None:
    """Run what is missing; print a line each."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--changes", nargs="+", default=list(CHANGES), choices=list(CHANGES))
    parser.add_argument("--again", action="store_true", help="measure anew what is known already")
    options = parser.parse_args()
    folder, _ = CAPTURES["bonsai"]
    capture = read_capture(data_folder() / folder, scale=SCALE)
    fast = PRESETS["fast"]
    base = replace(
        fast,
        rate_weight=LAMBDA,
        anchors=replace(fast.anchors, first=FIRST, limit=LIMIT),
        schedule=replace(fast.schedule, steps=STEPS),
    )
    settings = {"preset": "fast", "scale": str(SCALE), "steps": STEPS, "lambda": LAMBDA, "first": FIRST, "limit": LIMIT}
    for name in options.changes:
        if name in read_figures(RESULT_NAME).get("bonsai", {}) and not options.again:
            continue
        figures = fit(FitInput(capture, CHANGES[name](base), torch.device("cpu")))
        add_figures(RESULT_NAME, settings, "bonsai", {name: figures})
        print(f"{name:28} {figures['psnr'][-1]:6.2f} dB {figures['bytes'][-1] / 1000:7.1f} kB", figures, flush=True)


if __name__ == "__main__":
    main()
