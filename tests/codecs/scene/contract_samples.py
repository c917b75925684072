# SPDX-License-Identifier: Apache-2.0
"""A ring of cameras around colored spots, for the contract's tests."""

import sys
from pathlib import Path

from samples import Sample

sys.path.append(str(Path(__file__).parent))
from tiny_capture import SMALL, tiny_capture

from lamina.codecs.scene import CODEC

FIELDS = {
    "level_count": 3,
    "anchors": SMALL.anchors,
    "growth": SMALL.growth,
    "context": SMALL.context,
    "schedule": SMALL.schedule,
    "schedule.steps": 60,
    "schedule.tune_steps": 3,
}

SAMPLES = (Sample("scene", CODEC, tiny_capture, FIELDS),)
