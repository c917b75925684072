# SPDX-License-Identifier: Apache-2.0
"""Makes the pinned streams of the scene codec: a made-up octree enters; .lam files, pictures and manifest.json leave.

    python tests/conformance/scene/make_scenes.py            makes the streams that are missing
    python tests/conformance/scene/make_scenes.py --remake   also those that do not decode to what is pinned
    python tests/conformance/scene/make_scenes.py --check    changes nothing, compares

What a stream decodes to is pinned, not how it was made: another encoder gives other streams, and the old ones stay.
Attributes and networks are random: every input and every network of the probability model is used, whatever it says.
`--remake` is for formats that no release has written yet.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

sys.path.append(str(Path(__file__).parents[2] / "codecs" / "scene"))

from scene_samples import BLIND, CONTRACTION, FULL, PLAIN, part_of, sample

from lamina.anchors.contraction import Contraction
from lamina.atomic import replacing
from lamina.bitstream import read_stream, write_stream
from lamina.cameras.camera import Camera
from lamina.units import Unit
from lamina.codecs.scene import CODEC
from lamina.codecs.scene.coding import decode, encode, integers
from lamina.codecs.scene.model import render
from lamina.codecs.scene.syntax import ContextShape
from lamina.data import read_image, write_image
from lamina.errors import BitstreamError

FOLDER = Path(__file__).parent
MANIFEST = FOLDER / "scenes.json"

PIXEL_TOLERANCE = 1
"""Of 255: pixels come from floats, which devices round differently; integers are compared exactly."""

CASES: dict[str, tuple[ContextShape, int, int, Contraction | None]] = {
    "contracted": (PLAIN, 3, 70, CONTRACTION),
    "everything": (FULL, 3, 90, None),
    "parent_only": (PLAIN, 3, 60, None),
    "one_layer": (BLIND, 1, 40, None),
    "hash_grid": (replace(FULL, uses_parent=False, uses_parent_offsets=False, uses_neighbors=False), 2, 50, None),
    "fixed_steps": (replace(FULL, has_adaptive_steps=False, uses_hash_grid=False, feature_groups=6), 4, 30, None),
}
"""Shape of the probability model, layers, points, contraction."""


def units_of(name: str) -> list[Unit]:
    """All units of a pinned file, in decoding order."""
    with read_stream(FOLDER / f"{name}.lam") as stream:
        return list(stream.units())


def digests_of(units: list[Unit]) -> dict[str, str]:
    """First 128 bits of the SHA-256 of the integers of each unit."""
    return {"{} {} {}".format(*key): hashlib.sha256(values).hexdigest()[:32] for key, values in integers(units)}


def sheet_of(units: list[Unit]) -> np.ndarray:
    """The pictures to pin: every level from one camera, side by side."""
    pose = np.eye(4)
    pose[2, 3] = 4.0
    camera = Camera(pose, 40.0, 40.0, 20.0, 15.0, 40, 30)
    with torch.no_grad():
        pictures = [render(model, camera).clamp(0, 1).numpy() for model in decode(units)]
    return np.rint(255.0 * np.concatenate(pictures, axis=1)).astype(np.uint8)


def make(name: str) -> None:
    """Writes the stream and its picture."""
    shape, layer_count, points, contraction = CASES[name]
    part = part_of(sample(shape, points=points, layer_count=layer_count, contraction=contraction))
    size_bytes = write_stream(FOLDER / f"{name}.lam", CODEC.wire_id, encode([part]))
    write_image(FOLDER / f"{name}.png", sheet_of(units_of(name)))
    print(f"{name}: {size_bytes} bytes")


def problem_of(name: str, manifest: dict[str, dict[str, str]]) -> str:
    """What is wrong with a pinned stream; empty when it decodes to what is pinned."""
    try:
        units = units_of(name)
        if digests_of(units) != manifest.get(name):
            return "decodes to other integers"
        difference = sheet_of(units).astype(int) - read_image(FOLDER / f"{name}.png").pixels
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
