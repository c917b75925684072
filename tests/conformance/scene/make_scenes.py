# SPDX-License-Identifier: Apache-2.0
"""Makes the pinned streams of the scene codec: a made-up octree enters; .lam files, pictures and scenes.json leave.

    python tests/conformance/scene/make_scenes.py            makes the streams that are missing
    python tests/conformance/scene/make_scenes.py --remake   also those that do not decode to what is pinned
    python tests/conformance/scene/make_scenes.py --check    changes nothing, compares

Attributes and networks are random: every input and every network of the probability model is used, whatever it says.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import numpy as np

sys.path.append(str(Path(__file__).parents[1]))
sys.path.append(str(Path(__file__).parents[2] / "codecs" / "scene"))

from pinned_streams import PinnedStreams
from scene_samples import BLIND, CONTRACTION, FULL, PLAIN, part_of, sample

from lamina.anchors.contraction import Contraction
from lamina.anchors.syntax import ContextShape
from lamina.cameras.camera import Camera
from lamina.codecs.scene import CODEC
from lamina.units import Unit

POSE = np.eye(4)
POSE[2, 3] = 4.0
CAMERA = Camera(POSE, 40.0, 40.0, 20.0, 15.0, 40, 30)


def coded(
    shape: ContextShape, layer_count: int, points: int, contraction: Contraction | None = None, cameras: int = 0
) -> Iterable[Unit]:
    """A made-up scene, encoded; with so many cameras for viewers."""
    part = part_of(sample(shape, points=points, layer_count=layer_count, contraction=contraction))
    return CODEC.encode([replace(part, cameras=(CAMERA,) * cameras)])


STREAMS = PinnedStreams(
    CODEC,
    Path(__file__).with_name("scenes.json"),
    {
        "contracted": lambda: coded(PLAIN, 3, 70, CONTRACTION),
        "everything": lambda: coded(FULL, 3, 90),
        "cameras": lambda: coded(PLAIN, 2, 40, None, 3),
        "parent_only": lambda: coded(PLAIN, 3, 60),
        "one_layer": lambda: coded(BLIND, 1, 40),
        "hash_grid": lambda: coded(
            replace(FULL, uses_parent=False, uses_parent_offsets=False, uses_neighbors=False), 2, 50
        ),
        "fixed_steps": lambda: coded(
            replace(FULL, has_adaptive_steps=False, uses_hash_grid=False, feature_groups=6), 4, 30
        ),
    },
    CAMERA,
)

if __name__ == "__main__":
    sys.exit(STREAMS.main(__doc__))
