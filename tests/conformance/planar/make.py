# SPDX-License-Identifier: Apache-2.0
"""Makes the pinned streams of the planar codec: real samples enter; .lam files, pictures and manifest.json leave.

python tests/conformance/planar/make.py            makes the streams that are missing
python tests/conformance/planar/make.py --remake   also those that do not decode to what is pinned
python tests/conformance/planar/make.py --check    changes nothing, compares
"""

from __future__ import annotations

import sys
from collections.abc import Iterable
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np

sys.path.append(str(Path(__file__).parents[1]))
from pinned_streams import PinnedStreams

from lamina.codec import Session
from lamina.codecs.planar import CODEC
from lamina.codecs.planar.config import PRESETS, LatticeConfig, PgsvcConfig, PlanarConfig, RateTarget, with_layers
from lamina.codecs.planar.fit.signal import PlanarSignal
from lamina.data import Picture, open_clip, read_image
from lamina.units import Unit

SAMPLES = Path(__file__).parents[2] / "samples"

LATTICE = LatticeConfig(steps=250, predicted_steps=20, freeze_rounds=2, freeze_steps=10, refine_sweeps=24)
DEFAULT = PlanarConfig(target=RateTarget(splats=120), lattice=LATTICE)
SHORT_PGSVC = PgsvcConfig(
    steps=150, predicted_steps=60, quantization_steps=50, learning_rate=5e-2, key_prune_until=40,
    predicted_prune_until=60, prune_interval=20, convergence_from=1000, key_frame_splats=40, key_frame_steps=(40, 15),
)  # fmt: skip
PAPER = replace(PRESETS["paper"], pgsvc=SHORT_PGSVC, target=RateTarget(splats=60))


def photograph(name: str, width: int = 96, height: int = 64) -> np.ndarray:
    """A corner of a sample."""
    return np.ascontiguousarray(read_image(SAMPLES / f"{name}_96x64.png").pixels[:height, :width])


def still(pixels: np.ndarray) -> Picture:
    """A picture to fit."""
    return Picture(pixels)


def panned(count: int, width: int = 64, height: int = 48) -> list[np.ndarray]:
    """A photograph that a camera pans over."""
    wide = photograph("kodim15")
    return [np.ascontiguousarray(wide[:height, 2 * k : 2 * k + width]) for k in range(count)]


def timed(pictures: list[np.ndarray]) -> PlanarSignal:
    """A clip to fit."""
    height, width, _ = pictures[0].shape
    return PlanarSignal(width, height, Fraction(25), len(pictures), lambda start: iter(pictures[start:]))


def dark(count: int, width: int = 64, height: int = 48) -> list[np.ndarray]:
    """The first frames of a real clip."""
    clip = open_clip(SAMPLES / "park_joy_96x64_6f.y4m")
    return [np.ascontiguousarray(frame[:height, :width]) for frame in clip.frames(0, count)]


def coded(signal: Picture | PlanarSignal, config: PlanarConfig) -> Iterable[Unit]:
    """Fitted and encoded."""
    return CODEC.encode(CODEC.fit(signal, config, Session()))


STREAMS = PinnedStreams(
    CODEC,
    Path(__file__).with_name("manifest.json"),
    {
        "still_quality": lambda: coded(still(photograph("kodim08")), DEFAULT),
        "still_resolution": lambda: coded(still(photograph("kodim15")), replace(DEFAULT, scalability="resolution")),
        "still_one_layer": lambda: coded(still(photograph("kodim08", 64, 48)), with_layers(DEFAULT, 1)),
        "still_odd_size": lambda: coded(
            still(photograph("kodim15", 53, 31)), replace(DEFAULT, target=RateTarget(splats=60))
        ),
        "clip": lambda: coded(timed([*panned(3), *dark(3)]), replace(DEFAULT, target=RateTarget(splats=80))),
        "paper_still": lambda: coded(still(photograph("kodim08", 48, 40)), PAPER),
        "paper_clip": lambda: coded(timed(panned(3, 48, 40)), PAPER),
    },
)

if __name__ == "__main__":
    sys.exit(STREAMS.main(__doc__))
