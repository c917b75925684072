# SPDX-License-Identifier: Apache-2.0
"""What a fit leaves: quantised anchors and tuned generators enter, the part that is coded leaves, with its quality."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import torch

from lamina.anchors.fitting.quantizing import Quantized, quantize_heads
from lamina.anchors.fitting.training import FitInput
from lamina.anchors.neural import Heads
from lamina.anchors.picturing import eight_bits, shown
from lamina.bitstream import file_size_bytes
from lamina.codecs.scene.coding import encode, model_of, stream_facts
from lamina.codecs.scene.model import SceneModel, ScenePart
from lamina.codecs.scene.syntax import VERSION, SceneFacts
from lamina.data.captures import Capture
from lamina.metrics.psnr import finite_db, psnr

UNTESTED_VIEWS = 40
"""Cameras that the stream keeps where no view is held out, about."""

MEASURED_VIEWS = 40
"""Views that a level's quality is measured on, at most."""


def shown_views(capture: Capture) -> Sequence[int]:
    """Views whose cameras go into the stream, for viewers: those held out, which also say where one may look from."""
    return capture.test or capture.train[:: max(1, len(capture.train) // UNTESTED_VIEWS)]


def facts_of(scene: FitInput, quantized: Quantized) -> SceneFacts:
    """The beginning of the header."""
    capture = scene.capture
    camera = capture.views[capture.train[0]].camera
    return SceneFacts(VERSION, False, capture.background, camera.width, camera.height, quantized.facts)


def assemble(scene: FitInput, quantized: Quantized, heads: Heads, *, measured: bool = True) -> ScenePart:
    """The part; with each level's quality, unless it need not be measured."""
    integers = quantize_heads(scene, quantized, heads)
    unmeasured: tuple[float | None, ...] = (None,) * len(quantized.layers)
    cameras = tuple(scene.camera(view) for view in shown_views(scene.capture))
    part = ScenePart(facts_of(scene, quantized), integers, quantized.context, quantized.layers, unmeasured, cameras)
    if not measured:
        return part
    model = model_of(part)
    return replace(part, quality_db=tuple(quality_of(scene, model, level) for level in range(len(part.layers))))


@torch.no_grad()
def quality_of(scene: FitInput, model: SceneModel, level: int) -> float:
    """Mean PSNR over held-out views (training views where none is), 8-bit pixels."""
    views = scene.capture.test or scene.capture.train
    views = views[:: -(-len(views) // MEASURED_VIEWS)]
    anchors, heads = model.anchors(level), model.heads
    qualities = []
    for view in views:
        pixels = shown(anchors, heads, scene.camera(view), model.background)
        qualities.append(finite_db(psnr(scene.capture.pixels(view), eight_bits(pixels))))
    return float(np.mean(qualities))


def size_bytes_of(part: ScenePart) -> int:
    """What the file will take, to the byte."""
    return file_size_bytes(stream_facts(part.facts), encode([part]))
