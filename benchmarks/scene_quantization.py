# SPDX-License-Identifier: Apache-2.0
"""What quantising a scene costs: captures enter; benchmarks/results/scene_quantization.json leaves.

    python benchmarks/scene_quantization.py --captures bonsai

The fit of preset `fast`, once with its reals and once as a decoder has it, over all views held out; a mechanism's share
on short fits is in `scene_ablation.py`.
"""

from __future__ import annotations

import argparse
import sys
import time
from dataclasses import replace
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import torch
from benchmarks.result_files import add_figures, data_folder
from benchmarks.scene_ablation import fit
from benchmarks.scenes import CAPTURES, USUAL

from lamina.anchors.fitting.training import FitInput
from lamina.codecs.scene.config import PRESETS
from lamina.data.captures import read_capture

RESULT_NAME = "scene_quantization"


def main() -> None:
    """Measure what was asked for; print a line each."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--captures", nargs="+", default=["bonsai"], choices=USUAL)
    parser.add_argument("--rate-weight", type=float, default=0.002, help="lambda")
    parser.add_argument("--steps", type=int, help="of a fit; the preset's when left out")
    options = parser.parse_args()
    config = replace(PRESETS["fast"], rate_weight=options.rate_weight)
    if options.steps is not None:
        config = replace(config, schedule=replace(config.schedule, steps=options.steps))
    for name in options.captures:
        folder, scale = CAPTURES[name]
        started_s = time.perf_counter()
        figures = fit(FitInput(read_capture(data_folder() / folder, scale=scale), config, torch.device("cpu")))
        figures |= {
            "steps": config.schedule.steps,
            "threads": torch.get_num_threads(),
            "fit_s": round(time.perf_counter() - started_s, 1),
        }
        add_figures(RESULT_NAME, {"preset": "fast"}, name, {f"lambda={options.rate_weight:g}": figures})
        print(
            f"{name:8} {figures['fitted_psnr']:6.2f} dB fitted, {figures['psnr'][-1]:6.2f} decoded", figures, flush=True
        )


if __name__ == "__main__":
    main()
