# SPDX-License-Identifier: Apache-2.0
"""The process that `triangulation` starts: a folder with request.json and images enters, points.npz in it leaves.

python -m lamina.data.captures.triangulation_process WORK
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pycolmap

from lamina.data.captures.structure_from_motion import RESULT, STAGE
from lamina.data.captures.triangulation import FOUND_NAME

IMAGE_SIZE_PX = 1600
"""Larger pictures are reduced to find features."""

FEATURES = 4096
"""A picture, at most: matching time grows with the square."""

ERROR_LIMIT_PX = 2.0
"""Points that miss their features by more on average are dropped."""

LEAST_VIEWS = 3
"""Two views agree by chance along a line."""

BLOCK_PAIRS = 50
"""Matched at once: after each pycolmap says how far it is."""


def main(work: Path) -> None:
    """Features, matches, points under the given poses."""
    request = json.loads((work / "request.json").read_text(encoding="utf-8"))
    views, seed, database = request["views"], request["seed"], work / "database.db"
    _say(STAGE, "features")
    _extract(database, work / "images", [view["name"] for view in views])
    model = _posed(database, views)
    _say(STAGE, "matches")
    lines = (f"{views[one]['name']} {views[other]['name']}\n" for one, other in request["pairs"])
    (work / "pairs.txt").write_text("".join(lines), encoding="utf-8")
    _match(database, work / "pairs.txt", seed)
    _say(STAGE, "cameras")
    options = pycolmap.IncrementalPipelineOptions()
    options.random_seed = seed
    options.num_threads = 1
    options.triangulation.random_seed = seed
    (work / "model").mkdir()
    model = pycolmap.triangulate_points(model, database, work / "images", work / "model", options=options)
    points = [
        point
        for point in model.points3D.values()
        if point.error <= ERROR_LIMIT_PX and point.track.length() >= LEAST_VIEWS
    ]
    positions = np.array([point.xyz for point in points], np.float64).reshape(-1, 3)
    colors = np.array([point.color for point in points], np.uint8).reshape(-1, 3)
    np.savez(work / FOUND_NAME, positions=positions, colors=colors)
    _say(RESULT, json.dumps({"points": len(points)}))


def _extract(database: Path, images: Path, names: list[str]) -> None:
    """Features of each picture, into the database."""
    reader = pycolmap.ImageReaderOptions()
    reader.camera_model = "PINHOLE"
    extraction = pycolmap.FeatureExtractionOptions()
    extraction.max_image_size = IMAGE_SIZE_PX
    extraction.sift.max_num_features = FEATURES
    # One thread, here and below: with more, the order in which pictures and pairs are done decides what is found.
    extraction.num_threads = 1
    pycolmap.extract_features(
        database,
        images,
        image_names=names,
        camera_mode=pycolmap.CameraMode.PER_IMAGE,
        reader_options=reader,
        extraction_options=extraction,
        device=pycolmap.Device.cpu,
    )


def _match(database: Path, pairs: Path, seed: int) -> None:
    """Matches of the pairs that the file lists, kept where two views agree on a geometry."""
    pairing = pycolmap.ImportedPairingOptions()
    pairing.match_list_path = pairs
    pairing.block_size = BLOCK_PAIRS
    verification = pycolmap.TwoViewGeometryOptions()
    verification.ransac.random_seed = seed
    matching = pycolmap.FeatureMatchingOptions()
    matching.num_threads = 1
    pycolmap.match_image_pairs(
        database,
        matching_options=matching,
        pairing_options=pairing,
        verification_options=verification,
        device=pycolmap.Device.cpu,
    )


def _posed(database: Path, views: list[dict[str, Any]]) -> Any:
    """A model without points whose cameras are the given ones; the database is told their lenses too."""
    given = {view["name"]: view for view in views}
    model = pycolmap.Reconstruction()
    with pycolmap.Database.open(database) as found:
        for image in found.read_all_images():
            view = given[image.name]
            camera = found.read_camera(image.camera_id)
            camera.width, camera.height = view["size_px"]
            camera.params = view["pinhole_px"]
            camera.has_prior_focal_length = True
            found.update_camera(camera)
            model.add_camera_with_trivial_rig(camera)
            pose = pycolmap.Rigid3d(np.array(view["camera_from_world"]))
            fresh = pycolmap.Image(name=image.name, camera_id=image.camera_id, image_id=image.image_id)
            model.add_image_with_trivial_frame(fresh, pose)
    return model


def _say(kind: str, text: str) -> None:
    print(f"{kind}{text}", flush=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
