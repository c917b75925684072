# SPDX-License-Identifier: Apache-2.0
"""Small pictures and short schedules for the tests of the paper's method."""

from dataclasses import replace

import numpy as np

from lamina.codecs.planar.config import PRESETS, PgsvcConfig, PlanarConfig, RateTarget

SHORT = PgsvcConfig(
    steps=60,
    predicted_steps=40,
    quantization_steps=30,
    learning_rate=5e-2,
    halving_steps=200,
    key_prune_until=20,
    predicted_prune_until=40,
    prune_interval=20,
    convergence_from=200,
    key_frame_splats=40,
    key_frame_steps=(40, 15),
)


def picture(width: int = 48, height: int = 40, shift: int = 0) -> np.ndarray:
    """A smooth colourful picture with an edge, moved right by `shift` pixels."""
    y, x = np.mgrid[0:height, 0:width].astype(np.float64)
    x = (x - shift) / 48.0
    y = y / 40.0
    planes = [np.sin(5 * x + 2 * y), np.cos(3 * x * y + y), np.where(x + y > 0.9, 0.6, -0.5)]
    return np.clip(127.5 + 110.0 * np.stack(planes, axis=2), 0, 255).astype(np.uint8)


def config(splats: int = 60, **changes: object) -> PlanarConfig:
    """Preset `paper`, short."""
    settings = {"pgsvc": SHORT, "target": RateTarget(splats=splats)} | changes
    return replace(PRESETS["paper"], **settings)  # pyright: ignore[reportArgumentType]
