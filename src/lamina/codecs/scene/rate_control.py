# SPDX-License-Identifier: Apache-2.0
"""From a size in bytes to anchors, lambda and steps.

The number of anchors is planned before the fit; lambda is steered while the rate term is on, by what the probability
model says of the bits; what is still missed, the quantiser's steps correct.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

from lamina.codecs.scene.config import SceneConfig
from lamina.codecs.scene.state import FitState

PLANNED_BYTES = 22
"""Of a file for each anchor that growing may reach: what fits at usual lambdas come to."""

FIRST_SHARE = 0.5
"""Of the anchors at the end, how many a fit for a size starts with."""

STRUCTURE_BITS = 6.0
"""Of an anchor, beside its attributes: tree and masks."""

HEADER_BYTES = 16_000
"""Networks and cameras, about."""

STEERING = 0.004
"""Change of ln(lambda) at a step, for a size that is off by a factor e: some hundred steps correct it."""

LAMBDAS = (1e-5, 0.1)
"""Between which lambda is steered."""

OCTAVES = 3.0
"""Steps are corrected by at most so much."""

BYTES_PER_OCTAVE = 0.8
"""ln(bytes) that an octave of the steps takes away, about: where the secant begins."""


def plan_for_bytes(config: SceneConfig) -> SceneConfig:
    """Fewer anchors for small sizes; unchanged without a size."""
    size_bytes = config.target.size_bytes
    if size_bytes is None:
        return config
    limit = max(64, min(config.anchors.limit, (size_bytes - min(HEADER_BYTES, size_bytes // 2)) // PLANNED_BYTES))
    first = min(config.anchors.first, round(FIRST_SHARE * limit))
    return replace(config, anchors=replace(config.anchors, limit=limit, first=first))


def expected_bytes(state: FitState) -> float:
    """Of the file, from the running mean of bits."""
    return HEADER_BYTES + state.count * (state.bits_per_anchor + STRUCTURE_BITS) / 8


def steered_rate_weight(state: FitState, config: SceneConfig) -> float:
    """Lambda, a little nearer to what the size asks for."""
    assert config.target.size_bytes is not None
    off = math.log(expected_bytes(state) / config.target.size_bytes)
    low, high = LAMBDAS
    return min(high, max(low, state.rate_weight * math.exp(STEERING * max(-1.0, min(1.0, off)))))


def corrected_octaves(tried: Sequence[tuple[float, int]], size_bytes: int) -> float:
    """Octaves to make steps coarser by, from tries (octaves, bytes): secant of the last two in the logarithm."""
    octaves, found = tried[-1]
    slope = -BYTES_PER_OCTAVE
    if len(tried) > 1:
        before, other = tried[-2]
        if octaves != before and found != other:
            slope = min(-0.1, math.log(found / other) / (octaves - before))
    return max(-OCTAVES, min(OCTAVES, octaves + math.log(size_bytes / found) / slope))
