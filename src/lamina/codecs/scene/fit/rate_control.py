# SPDX-License-Identifier: Apache-2.0
"""From a size in bytes to anchors, lambda and steps.

The number of anchors is planned before the fit; lambda is steered while the rate term is on, by what the probability
model says of the bits; what is still missed, the quantiser's steps correct.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise

from lamina.anchors.config import AnchorFitConfig
from lamina.anchors.context.layout import HEAD_WIDTHS, VIEW_INPUTS
from lamina.anchors.fitting.start import layout_of
from lamina.anchors.fitting.state import FitState
from lamina.errors import TargetError

PLANNED_BYTES = 12
"""Of a file for each anchor that growing may reach: what fits at usual lambdas come to, bonsai's 9 to 12."""

FIRST_SHARE = 0.5
"""Of the anchors at the end, how many a fit for a size starts with."""

STRUCTURE_BITS = 6.0
"""Of an anchor, beside its attributes: tree and masks."""

VIEW_BYTES = 20
"""Of a camera in the header."""

CONTEXT_WEIGHT_BITS = 6.0
"""Of a weight of the probability model, coded, about."""

ESTIMATE_SHARE = 0.8
"""Small networks take so much of what is estimated for them, at least: a size that might be met is tried."""

LEAST_ANCHORS = 64
"""A fit for a tiny size has so many all the same."""

STEERING = 0.004
"""Change of ln(lambda) at a step, for a size that is off by a factor e: some hundred steps correct it."""

LAMBDAS = (1e-5, 0.1)
"""Between which lambda is steered."""

OCTAVES = 3.0
"""Steps are corrected by at most so much."""

BYTES_PER_OCTAVE = 0.8
"""ln(bytes) that an octave of the steps takes away, about: where the secant begins."""


def plan_for_bytes(config: AnchorFitConfig, view_count: int) -> AnchorFitConfig:
    """Fewer anchors for small sizes; unchanged without a size.

    Raises:
        TargetError: networks and cameras alone take more.
    """
    size_bytes = config.size_bytes
    if size_bytes is None:
        return config
    header = header_bytes(config, view_count)
    least = round(ESTIMATE_SHARE * (header + LEAST_ANCHORS * STRUCTURE_BITS))
    if size_bytes < least:
        alone = round(ESTIMATE_SHARE * header)
        raise TargetError(
            f"{size_bytes} bytes; networks and {view_count} cameras alone take about {alone}: ask for {least} or more, "
            "or for smaller networks (anchors.hidden, anchors.feature_channels, context.hidden)"
        )
    limit = round((size_bytes - header) / PLANNED_BYTES)
    limit = max(LEAST_ANCHORS, min(config.anchors.limit, limit))
    first = min(config.anchors.first, round(FIRST_SHARE * limit))
    return replace(config, anchors=replace(config.anchors, limit=limit, first=first))


def header_bytes(config: AnchorFitConfig, view_count: int) -> float:
    """Of networks and cameras, about."""
    anchors, layout = config.anchors, layout_of(config)
    told = anchors.level_input and config.level_count > 1
    generators = anchors.hidden * (
        3 * (anchors.feature_channels + VIEW_INPUTS + told) + sum(HEAD_WIDTHS) * anchors.offsets
    )
    probabilities = sum(inputs * outputs for sizes in layout.network_sizes for inputs, outputs in pairwise(sizes))
    signs = layout.hash_spec.sign_count if layout.hash_spec is not None else 0
    bits = generators * config.context.head_bits + probabilities * CONTEXT_WEIGHT_BITS + signs
    return bits / 8 + VIEW_BYTES * view_count


def expected_bytes(state: FitState, config: AnchorFitConfig, view_count: int) -> float:
    """Of the file, from the running mean of bits."""
    return header_bytes(config, view_count) + state.count * (state.bits_per_anchor + STRUCTURE_BITS) / 8


def steered_rate_weight(state: FitState, config: AnchorFitConfig, view_count: int) -> float:
    """Lambda, a little nearer to what the size asks for."""
    assert config.size_bytes is not None
    off = math.log(expected_bytes(state, config, view_count) / config.size_bytes)
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
