# SPDX-License-Identifier: Apache-2.0
"""The process that `structure_from_motion` starts: a folder with request.json enters, COLMAP's model in it leaves.

    python -m lamina.data.captures.reconstruction_process WORK

What pycolmap says goes to standard output, between lines of ours that say the stage and, last, the result.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pycolmap

from lamina.data.captures.structure_from_motion import LEAST_PHOTOGRAPHS, RESULT, STAGE

IMAGE_SIZE_PX = 1600
"""Larger photographs are reduced to find features: positions stay good to a fraction of a pixel of what is coded."""

SHARED_MODEL, OWN_MODEL = "RADIAL", "SIMPLE_RADIAL"
"""Camera models. On LLFF's fern OPENCV has the same error (0.70 px), and focal lengths that differ by 2 % between axes;
what one photograph alone tells is one number of distortion."""

EXHAUSTIVE_LIMIT = 150
"""Up to so many photographs every pair is matched: 11,000 pairs, some minutes on two cores."""

BLOCK_PHOTOGRAPHS = 10
"""Pairs are matched in squares of so many: after each pycolmap says how far it is."""

NEIGHBOURS = 20
"""Photographs before and after, by name, that one is matched with when there are more; and those 2^n away."""


def main(work: Path) -> None:
    """Features, matches, cameras; the largest model is written to ``model``."""
    request = json.loads((work / "request.json").read_text(encoding="utf-8"))
    photographs, names = request["photographs"], request["names"]
    database = work / "database.db"
    _say(STAGE, "features")
    mode = pycolmap.CameraMode.SINGLE if request["one_camera"] else pycolmap.CameraMode.PER_IMAGE
    reader = pycolmap.ImageReaderOptions()
    reader.camera_model = SHARED_MODEL if request["one_camera"] else OWN_MODEL
    extraction = pycolmap.FeatureExtractionOptions()
    extraction.max_image_size = IMAGE_SIZE_PX
    pycolmap.extract_features(
        database,
        photographs,
        image_names=names,
        camera_mode=mode,
        reader_options=reader,
        extraction_options=extraction,
        device=pycolmap.Device.cpu,
    )
    _say(STAGE, "matches")
    if len(names) <= EXHAUSTIVE_LIMIT:
        blocks = pycolmap.ExhaustivePairingOptions()
        blocks.block_size = BLOCK_PHOTOGRAPHS
        pycolmap.match_exhaustive(database, pairing_options=blocks, device=pycolmap.Device.cpu)
    else:
        pairing = pycolmap.SequentialPairingOptions()
        pairing.overlap = NEIGHBOURS
        pycolmap.match_sequential(database, pairing_options=pairing, device=pycolmap.Device.cpu)
    _say(STAGE, "cameras")
    models = _map(database, photographs, work / "models", len(names), request["seed"])
    if not models:
        return
    best = max(models, key=lambda model: model.num_reg_images())
    (work / "model").mkdir()
    best.write(work / "model")
    found: dict[str, Any] = {"registered": best.num_reg_images(), "models": len(models)}
    found["error_px"] = best.compute_mean_reprojection_error()
    _say(RESULT, json.dumps(found))


def _map(database: Path, photographs: str, folder: Path, count: int, seed: int) -> list[Any]:
    """All models that could be made."""
    options = pycolmap.IncrementalPipelineOptions()
    options.min_model_size = LEAST_PHOTOGRAPHS
    options.random_seed = seed
    registered = 0

    def count_one() -> None:
        nonlocal registered
        registered += 1
        print(f"[{registered}/{count}] photographs registered", flush=True)

    folder.mkdir()
    found = pycolmap.incremental_mapping(database, photographs, folder, options, next_image_callback=count_one)
    return list(found.values())


def _say(kind: str, text: str) -> None:
    print(f"{kind}{text}", flush=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
