# SPDX-License-Identifier: Apache-2.0
"""Balls with masks that move between cameras, for the contract's tests."""

import sys
from pathlib import Path

from samples import Sample

sys.path.append(str(Path(__file__).parent))
from masked_play import SMALL, masked_play

from lamina.codecs.volume import CODEC

SAMPLES = (Sample("volume", CODEC, masked_play, SMALL, stops=(0.1, 0.6)),)
