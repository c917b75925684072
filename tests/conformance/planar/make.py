# SPDX-License-Identifier: Apache-2.0
"""Makes the pinned streams of the planar codec: real samples enter; .lam files, pictures and manifest.json leave.

    python tests/conformance/planar/make.py            makes the streams that are missing
    python tests/conformance/planar/make.py --remake   also those that do not decode to what is pinned
    python tests/conformance/planar/make.py --check    changes nothing, compares

What a stream decodes to is pinned, not how it was made: another encoder gives other streams, and the old ones stay.
`--remake` is for formats that no release has written yet.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import sys
from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np

from lamina.atomic import replacing
from lamina.bitstream import read_stream, write_stream
from lamina.codec import SilentMonitor
from lamina.units import Unit
from lamina.codecs.planar import CODEC
from lamina.codecs.planar.config import PRESETS, LatticeConfig, PgsvcConfig, PlanarConfig, RateTarget, with_layers
from lamina.codecs.planar.fit.signal import PlanarSignal
from lamina.data import Picture, open_clip, read_image, write_image
from lamina.errors import BitstreamError

FOLDER = Path(__file__).parent
SAMPLES = FOLDER.parents[1] / "samples"
MANIFEST = FOLDER / "manifest.json"

PIXEL_TOLERANCE = 1
"""Of 255: pixels come from floats, which devices round differently; integers are compared exactly."""

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


Case = tuple[Callable[[], Picture | PlanarSignal], PlanarConfig]

CASES: dict[str, Case] = {
    "still_quality": (lambda: still(photograph("kodim08")), DEFAULT),
    "still_resolution": (lambda: still(photograph("kodim15")), replace(DEFAULT, scalability="resolution")),
    "still_one_layer": (lambda: still(photograph("kodim08", 64, 48)), with_layers(DEFAULT, 1)),
    "still_odd_size": (lambda: still(photograph("kodim15", 53, 31)), replace(DEFAULT, target=RateTarget(splats=60))),
    "clip": (lambda: timed([*panned(3), *dark(3)]), replace(DEFAULT, target=RateTarget(splats=80))),
    "paper_still": (lambda: still(photograph("kodim08", 48, 40)), PAPER),
    "paper_clip": (lambda: timed(panned(3, 48, 40)), PAPER),
}


def units_of(name: str) -> list[Unit]:
    """All units of a pinned file, in decoding order."""
    with read_stream(FOLDER / f"{name}.lam") as stream:
        return list(stream.units())


def digests_of(units: list[Unit]) -> dict[str, str]:
    """First 128 bits of the SHA-256 of the integers of each unit."""
    found = CODEC.integers(units)
    return {"{} {} {}".format(*key): hashlib.sha256(values).hexdigest()[:32] for key, values in found}


def pictures_of(units: list[Unit]) -> dict[tuple[int, int], np.ndarray]:
    """8-bit pixels by frame and level."""
    pictures = {}
    for model in CODEC.decode(units):
        values = CODEC.render(model).numpy()
        pictures[model.frame, model.level] = np.rint(255.0 * np.clip(values, 0.0, 1.0)).astype(np.uint8)
    return pictures


def sheet_of(pictures: dict[tuple[int, int], np.ndarray]) -> np.ndarray:
    """The pictures to pin: every level of the last frame side by side, lower ones padded with black below."""
    last = max(frame for frame, _ in pictures)
    levels = [pictures[last, level] for level in range(1 + max(level for _, level in pictures))]
    height = max(len(picture) for picture in levels)
    return np.concatenate([np.pad(p, ((0, height - len(p)), (0, 0), (0, 0))) for p in levels], axis=1)


def make(name: str) -> None:
    """Fits, writes the stream and its picture."""
    signal, config = CASES[name]
    size_bytes = write_stream(
        FOLDER / f"{name}.lam", CODEC.wire_id, CODEC.encode(CODEC.fit(signal(), config, SilentMonitor()))
    )
    write_image(FOLDER / f"{name}.png", sheet_of(pictures_of(units_of(name))))
    print(f"{name}: {size_bytes} bytes")


def problem_of(name: str, manifest: dict[str, dict[str, str]]) -> str:
    """What is wrong with a pinned stream; empty when it decodes to what is pinned."""
    try:
        units = units_of(name)
        if digests_of(units) != manifest.get(name):
            return "decodes to other integers"
        difference = sheet_of(pictures_of(units)).astype(int) - read_image(FOLDER / f"{name}.png").pixels
    except (OSError, BitstreamError) as error:
        return str(error)
    worst = int(np.abs(difference).max())
    return f"pixels differ by {worst}" if worst > PIXEL_TOLERANCE else ""


def main() -> int:
    """Makes or checks; the exit status is 1 if a stream is not as pinned in the end."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="change nothing")
    parser.add_argument("--remake", action="store_true", help="also make what does not decode to what is pinned")
    options = parser.parse_args()
    manifest = json.loads(MANIFEST.read_text("utf-8")) if MANIFEST.exists() else {}
    unmade = 0
    for name in CASES:
        problem = problem_of(name, manifest)
        if not problem:
            continue
        print(f"{name}: {problem}")
        if options.check or (name in manifest and not options.remake):
            unmade += 1
            continue
        make(name)
        manifest[name] = digests_of(units_of(name))
        with replacing(MANIFEST) as file:
            file.write((json.dumps(manifest, indent=1, sort_keys=True) + "\n").encode())
    return int(unmade > 0)


if __name__ == "__main__":
    sys.exit(main())
