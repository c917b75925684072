# SPDX-License-Identifier: Apache-2.0
"""Small pictures and clips for the contract's tests: both methods, both kinds of scalability."""

from pathlib import Path

from lamina.codecs.planar import CODEC
from lamina.codecs.planar.config import PgsvcConfig, RateTarget
from lamina.data import Picture, open_clip, read_image
from samples import Sample

FOLDER = Path(__file__).parents[2] / "samples"

SHORT = {
    "target": RateTarget(splats=30),
    "lattice.steps": 40,
    "lattice.predicted_steps": 4,
    "lattice.freeze_rounds": 1,
    "lattice.freeze_steps": 2,
    "lattice.refine_sweeps": 4,
}
SHORT_PAPER = {
    "target": RateTarget(splats=30),
    "pgsvc": PgsvcConfig(
        steps=40, predicted_steps=30, quantization_steps=20, learning_rate=5e-2, halving_steps=200, key_prune_until=20,
        predicted_prune_until=30, prune_interval=10, convergence_from=200, key_frame_splats=20, key_frame_steps=(20, 8),
    ),
}  # fmt: skip


def still() -> Picture:
    return Picture(read_image(FOLDER / "kodim08_96x64.png").pixels[:40, :48].copy())


def clip(count: int):
    return open_clip(FOLDER / "park_joy_96x64_6f.y4m", frame_range=(0, count))


SAMPLES = (
    Sample("planar still", CODEC, still, SHORT),
    Sample("planar clip", CODEC, lambda: clip(5), {**SHORT, "group_frames": 2}),
    Sample("planar resolution", CODEC, still, {**SHORT, "scalability": "resolution"}),
    Sample("paper's clip", CODEC, lambda: clip(3), {**SHORT_PAPER, "group_frames": 2}, "paper"),
)
