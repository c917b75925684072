# SPDX-License-Identifier: Apache-2.0
"""Tables of rounded normal values for 64 scales: an integer log2 of a scale enters, the index of its table leaves.

    tables, indices = gaussian_tables(), scale_indices(log2_scales)
    data = encode_indexed(symbols, indices, tables)

Scale i, in quantiser steps, is 2**((182 i - 3274) / 1024): 0.109 to 256, each 13 % above the one before. Only the index
of a table depends on what a network says; the tables are made here, in Python's integers, the same everywhere
(`TABLES_SHA256`). The idea of stored tables with log-spaced scales: Balle et al., Integer networks for data
compression (ICLR 2019); CompressAI's GaussianConditional uses 64 of 0.11...256.
"""

from __future__ import annotations

from functools import cache
from math import isqrt

import numpy as np
from jaxtyping import Float64, Int, UInt16

from lamina.entropy.tables import FrequencyTables, tables_from_counts

SCALE_COUNT = 64
LOG2_SCALE_BITS = 10
"""Fraction bits of log2 scales: what fixed-point networks put out (`networks.fixed_point.ACTIVATION_BITS`)."""
LOWEST_LOG2_SCALE = -3274
"""Of table 0, in 1/1024: scale 0.109, under which a 0 costs less than 0.0001 bit."""
LOG2_SCALE_STEP = 182
"""From table to table, in 1/1024; the last is 8 << 10, scale 256. Costs 0.05 % more than exact scales (tests)."""
TABLES_SHA256 = "e2c471f102a03f9e23644c92d1d68bd91cdc28128152eb941d3cfc4610526aff"
"""Of `cumulative` (32 bits), `offsets` (64) and `lows` (32), little endian, one after the other; a test compares."""

_FRACTION_BITS = 96
"""Of the weights: errors of all products stay below 2**-60 of the largest."""
_REACH_SCALES = 8
"""Weights end there: what lies beyond has a probability below 2**-49."""
_MIN_REACH = 2
"""Values 0, 1, 2 and their negatives are always in the table, so that surprises cost 16 bits and not an escape."""
_SAMPLES_PER_SCALE = 8
"""A bin's mass is a sum over samples at least so dense; as errors of tables cost only squared, below 0.00002 bit."""


@cache
def gaussian_tables() -> FrequencyTables:
    """Table i codes round(x), x normal around 0 with scale i; values too rare for 16 bits by escape."""
    rows, lows = [], []
    for index in range(SCALE_COUNT):
        half = _bin_weights(LOWEST_LOG2_SCALE + LOG2_SCALE_STEP * index)
        total = 2 * sum(half) - half[0]
        reach = max(_MIN_REACH, sum(weight << 16 >= total for weight in half) - 1)
        kept = half[: reach + 1]
        rows.append([*kept[:0:-1], *kept, total - 2 * sum(kept) + kept[0]])
        lows.append(-reach)
    return tables_from_counts(rows, lows)


def scale_indices(log2_scales: Int[np.ndarray, "*shape"]) -> UInt16[np.ndarray, "*shape"]:
    """Index of the table nearest to each log2 of a scale in quantiser steps, given in 1/1024."""
    indices = (log2_scales.astype(np.int64) - (LOWEST_LOG2_SCALE - LOG2_SCALE_STEP // 2)) // LOG2_SCALE_STEP
    return np.clip(indices, 0, SCALE_COUNT - 1).astype(np.uint16)


def gaussian_scales() -> Float64[np.ndarray, "{SCALE_COUNT}"]:
    """The scales in quantiser steps, as reals: for training and for reports; no decoder needs them."""
    return np.exp2((LOWEST_LOG2_SCALE + LOG2_SCALE_STEP * np.arange(SCALE_COUNT)) / (1 << LOG2_SCALE_BITS))


def _bin_weights(log2_scale: int) -> list[int]:
    """Weights of the values 0, 1, 2, ... up to 8 scales, in 2**-96 of the density in the middle.

    A bin's weight is the sum of exp(-(j / S)**2 / (2 scale**2)) over the S samples j / S in it; S is 1, 3, 9, ...: odd,
    so that one lies on each value. Neighbours differ by a factor, and the factors by a constant one: two products each.
    """
    scale = _power_of_two(log2_scale, 20)
    samples = 1
    while samples * scale < _SAMPLES_PER_SCALE << 20:
        samples *= 3
    half = samples // 2  # of a bin's samples lie on either side of the middle one
    reach = max(_REACH_SCALES * scale >> 20, _MIN_REACH)
    factor = _exp_of_minus(_power_of_two(-2 * log2_scale, _FRACTION_BITS) // (2 * samples * samples))
    ratio = factor * factor >> _FRACTION_BITS
    densities = [1 << _FRACTION_BITS]
    for _ in range(reach * samples + half):
        densities.append(densities[-1] * factor >> _FRACTION_BITS)
        factor = factor * ratio >> _FRACTION_BITS
    middle = 2 * sum(densities[: half + 1]) - densities[0]
    starts = range(half + 1, len(densities), samples)
    return [middle, *(sum(densities[start : start + samples]) for start in starts)]


def _power_of_two(log2: int, bits: int) -> int:
    """2**(log2 / 1024) in units of 2**-bits, rounded down to within a few."""
    whole, fraction = divmod(log2, 1 << LOG2_SCALE_BITS)
    mantissa, root = 1 << _FRACTION_BITS, 2 << _FRACTION_BITS
    for place in range(LOG2_SCALE_BITS - 1, -1, -1):
        root = isqrt(root << _FRACTION_BITS)
        if fraction >> place & 1:
            mantissa = mantissa * root >> _FRACTION_BITS
    shift = whole + bits - _FRACTION_BITS
    return mantissa << shift if shift >= 0 else mantissa >> -shift


def _exp_of_minus(exponent: int) -> int:
    """exp(-exponent) by its series; both in units of 2**-96, the exponent from 0 to 1."""
    term = total = 1 << _FRACTION_BITS
    count = 0
    while term:
        count += 1
        term = (term * exponent >> _FRACTION_BITS) // count
        total += -term if count % 2 else term
    return total
