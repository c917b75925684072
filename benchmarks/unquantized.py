# SPDX-License-Identifier: Apache-2.0
"""Scenes before anything is quantised: a configuration enters; the fitted state, and what it shows, leave."""

from __future__ import annotations

import numpy as np
import torch

from lamina.anchors.fitting.descent import Watch, train
from lamina.anchors.fitting.start import first_state
from lamina.anchors.fitting.state import FitState
from lamina.anchors.fitting.training import FitInput
from lamina.anchors.picturing import shown
from lamina.codec import Session
from lamina.metrics.psnr import finite_db, psnr
from lamina.metrics.ssim import ssim


def fitted(scene: FitInput) -> tuple[FitState, Watch]:
    """The state after all steps of the schedule."""
    watch = Watch(Session(), scene.config)
    state = first_state(scene.capture, scene.config, scene.device)
    for trained in train(scene, state, watch):
        state = trained
    return state, watch


@torch.no_grad()
def quality(scene: FitInput, state: FitState) -> dict[str, float]:
    """Mean PSNR and SSIM of all anchors over the views held out, 8-bit pixels."""
    anchors = state.anchors(torch.arange(state.count), state.values.values, state.used().float())
    heads = state.networks.heads
    found = []
    for view in scene.capture.test:
        pixels = shown(anchors, heads, scene.camera(view), scene.background)
        rounded, original = (pixels.clamp(0, 1) * 255).round().byte().numpy(), np.array(scene.capture.pixels(view))
        found.append((finite_db(psnr(original, rounded)), ssim(original, rounded)))
    psnrs, ssims = zip(*found, strict=True)
    return {"psnr": round(float(np.mean(psnrs)), 3), "ssim": round(float(np.mean(ssims)), 4)}
