# SPDX-License-Identifier: Apache-2.0
"""Counts of coded bits on training photographs -> src/lamina/codecs/planar/lattice/priors.json.

    python benchmarks/train_lattice_priors.py --work FOLDER PICTURE [PICTURE ...]

Pictures on which figures are reported must not be among them. Fits are kept in FOLDER and used again.
"""

from __future__ import annotations

import argparse
import hashlib
import json
from dataclasses import replace
from pathlib import Path

import numpy as np

import lamina.codecs.planar.lattice.priors as priors
from lamina.bitstream import read_stream, write_stream
from lamina.codec import Session
from lamina.codecs.planar import CODEC
from lamina.codecs.planar.coding import decode_states
from lamina.codecs.planar.config import PRESETS, RateTarget
from lamina.codecs.planar.lattice.coding import splats_of, to_rows, walk_splats
from lamina.codecs.planar.lattice.walk import CONTEXT_COUNT, cells_of
from lamina.data import Picture, read_image
from lamina.entropy.binary import INCREMENT
from lamina.entropy.walk import open_meter

RATES = (0.15, 0.3, 0.6)
LARGEST_SIDE_PX = 512
KEEP_ALL = 1 << 30
"""A limit that is never reached: contexts count every bit."""


def crop(picture: Picture) -> Picture:
    """The middle of a picture, at most LARGEST_SIDE_PX a side."""
    height, width, _ = picture.pixels.shape
    top, left = max(0, (height - LARGEST_SIDE_PX) // 2), max(0, (width - LARGEST_SIDE_PX) // 2)
    return Picture(np.ascontiguousarray(picture.pixels[top : top + LARGEST_SIDE_PX, left : left + LARGEST_SIDE_PX]))


def fitted(path: Path, rate: float, work: Path) -> Path:
    """A stream of the picture at the rate, made unless it is there."""
    name = hashlib.sha256(str(path).encode()).hexdigest()[:8]
    stream = work / f"{path.stem}_{name}_{rate}.lam"
    if not stream.exists():
        config = replace(PRESETS["fast"], target=RateTarget(bits_per_pixel=rate))
        parts = CODEC.fit(crop(read_image(path)), config, Session())
        units = list(CODEC.encode(parts))
        write_stream(stream, CODEC.facts(units[0].payload), units)
    return stream


def count(stream: Path, totals: np.ndarray, bits: np.ndarray) -> None:
    """Adds the coded bits of a stream's layers to `totals`, and the cost of position trees by shape to `bits`."""
    for header, key, states in decode_states(read_stream(stream).units()):
        role = priors.role_of(key.layer, header.levels)
        rows, fine = to_rows(splats_of(states[-1]))
        contexts = np.zeros((CONTEXT_COUNT, 3), np.int32)
        contexts[:, :2], contexts[:, 2] = 1, KEEP_ALL
        cells = cells_of(header.width, header.height)
        for shape in range(bits.shape[1]):
            fresh = contexts.copy()
            positions, _ = walk_splats(open_meter(), shape, fresh, rows.copy(), fine.copy(), cells)
            bits[role, shape] += positions
        totals[role] += (fresh[:, :2] - 1) // INCREMENT


def main() -> None:
    """Fits, counts, writes."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("pictures", nargs="+", type=Path)
    parser.add_argument("--work", type=Path, required=True)
    arguments = parser.parse_args()
    arguments.work.mkdir(parents=True, exist_ok=True)
    totals = np.zeros((len(priors.ROLES), CONTEXT_COUNT, 2), np.int64)
    bits = np.zeros((len(priors.ROLES), 8))
    for path in arguments.pictures:
        for rate in RATES:
            count(fitted(path, rate, arguments.work), totals, bits)
        print(path.name, flush=True)
    print("bits of positions by role and split shape:", np.rint(bits / bits.min(axis=1, keepdims=True) * 1000) / 1000)
    target = Path(priors.__file__).with_name("priors.json")
    rows = ",\n".join(json.dumps(role, separators=(",", ":")) for role in totals.tolist())
    target.write_text(f'{{"pictures": {len(arguments.pictures)}, "counts": [\n{rows}\n]}}\n', encoding="utf-8")


if __name__ == "__main__":
    main()
