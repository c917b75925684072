# SPDX-License-Identifier: Apache-2.0
"""Balls that move between cameras, for the contract's tests."""

import sys
from pathlib import Path

from samples import Sample

sys.path.append(str(Path(__file__).parent))
from tiny_play import SMALL, tiny_play

from lamina.codecs.freeview import CODEC

SAMPLES = (
    Sample("freeview", CODEC, tiny_play, {"level_count": 2, **SMALL, "births.enabled": False}, stops=(0.1, 0.7)),
)
