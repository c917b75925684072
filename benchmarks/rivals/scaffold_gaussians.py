# SPDX-License-Identifier: Apache-2.0
"""Anchors without a rate, our renderer and steps: a capture enters, PSNR and SSIM of unquantised anchors leave.

    python benchmarks/rivals/scaffold_gaussians.py --captures bonsai --kinds scaffold no_rate

What a coded scene is measured against: `scaffold` is Scaffold-GS as its authors set it (Lu et al., CVPR 2024: 32
features, 10 offsets, offsets from 0, no rate, no lower levels); `no_rate` is the preset itself with a lambda so small
that nothing is given up for it. Both have the preset's steps, and as many anchors at most.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import torch
from benchmarks.result_files import add_figures, data_folder, read_figures
from benchmarks.scenes import CAPTURES
from benchmarks.unquantized import fitted, quality

from lamina.anchors.fitting.training import FitInput
from lamina.codecs.scene.config import PRESETS, SceneConfig
from lamina.data.captures import read_capture

RESULT_NAME = "scaffold_gaussians"

NEVER = 2.0
"""As a share of the steps."""

TINY_LAMBDA = 1e-9


def no_rate(config: SceneConfig) -> SceneConfig:
    """Quantiser steps shrink to nothing, and offsets are dropped only where no view shows them."""
    context = replace(config.context, masks=False)
    return replace(config, rate_weight=TINY_LAMBDA, context=context)


def scaffold(config: SceneConfig) -> SceneConfig:
    """Scaffold-GS: what it has in place of what this codec does."""
    anchors = replace(
        config.anchors, feature_channels=32, offsets=10, least_opacity=0.0, random_offsets=0.0, warm_colors=False
    )
    loss = replace(config.loss, coarse_to_fine="off", info_nce=0.0)
    schedule = replace(config.schedule, noise_from=NEVER, rate_from=NEVER)
    return replace(config, anchors=anchors, loss=loss, schedule=schedule)


KINDS: Mapping[str, Callable[[SceneConfig], SceneConfig]] = MappingProxyType({"scaffold": scaffold, "no_rate": no_rate})


def main() -> None:
    """Run what is missing; print a line each."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--captures", nargs="+", default=list(CAPTURES), choices=sorted(CAPTURES))
    parser.add_argument("--preset", default="fast", choices=sorted(PRESETS))
    parser.add_argument("--kinds", nargs="+", default=list(KINDS), choices=list(KINDS))
    parser.add_argument("--steps", type=int, help="of a fit; the preset's when left out")
    parser.add_argument("--again", action="store_true", help="measure anew what is known already")
    options = parser.parse_args()
    for name in options.captures:
        folder, scale = CAPTURES[name]
        capture = read_capture(data_folder() / folder, scale=scale)
        for kind in options.kinds:
            config = PRESETS[options.preset]
            if options.steps is not None:
                config = replace(config, schedule=replace(config.schedule, steps=options.steps))
            setting = f"{kind},preset={options.preset},steps={config.schedule.steps}"
            if setting in read_figures(RESULT_NAME).get(name, {}) and not options.again:
                continue
            started_s = time.process_time()
            scene = FitInput(capture, KINDS[kind](config), torch.device("cpu"))
            state, _ = fitted(scene)
            figures = {
                **quality(scene, state),
                "anchors": state.count,
                "offsets": int(state.used().sum()),
                "steps": config.schedule.steps,
                "fit_cpu_s": round(time.process_time() - started_s, 1),
            }
            add_figures(RESULT_NAME, {"rate": "none"}, name, {setting: figures})
            print(name, setting, figures, flush=True)


if __name__ == "__main__":
    main()
