# SPDX-License-Identifier: Apache-2.0
"""A drawn face that talks, for the contract's tests."""

import sys
from importlib.util import find_spec
from pathlib import Path

from samples import Sample

sys.path.append(str(Path(__file__).parent))
from drawn_face import drawn_clip

from lamina.codecs.head import CODEC

SMALL = {
    "group_frames": 3,
    "shape.mesh_gaussians": 500,
    "shape.free_gaussians": 200,
    "shape.background_bytes": 1_000,
    "learning.steps": 40,
    "learning.side_px": 96,
    "motion.dimensions": 6,
    "motion.torso_components": 2,
    "motion.steps": 2,
    "motion.scale": 0.25,
    "motion.side_px": 64,
}

HAS_LITERT = find_spec("ai_edge_litert") is not None
"""Finding faces needs it: pip install 'lamina[head]'."""

SAMPLES = (Sample("head", CODEC, drawn_clip, SMALL, stops=(0.4, 0.58, 0.85)),) if HAS_LITERT else ()
