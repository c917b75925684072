# SPDX-License-Identifier: Apache-2.0
"""Bits under several contexts at once: what each context says is mixed by weights that learn from what was coded.

A walk names one slot (a row of `Mixer.slots`) for each of its models, and a set of weights; the probability of a 1 is

    squash(sum over models of weight * stretch(probability of the slot)),    stretch(p) = ln(p / (1 - p))

in integers of 32 bits throughout, so that every machine has the same, browsers too. Source: Mahoney, Adaptive Weighing
of Context Models for Lossless Data Compression (2005); the constants are of this file. Use it where contexts are many
and streams short: it needs no trained counts, and costs about ten times what `binary.code_bit` does.
"""

from __future__ import annotations

import functools
from decimal import Decimal, localcontext
from typing import NamedTuple

import numpy as np
from jaxtyping import Int32

from lamina.entropy.binary import code_binary
from lamina.entropy.kernel import kernel

STRETCH_UNIT = 256
"""Logits are integers in units of 1/256."""
STRETCH_LIMIT = 2047
"""Largest magnitude of a logit: probabilities are at least exp(-8)."""
KNOT_BITS = 5
KNOT_STEP = 1 << KNOT_BITS
"""Logits between two knots of the squashing table; between them it is linear."""
KNOTS = 2 * 2048 // KNOT_STEP + 1
WEIGHT_ONE = 1 << 16
WEIGHT_SUM = (1 << 31) - 1 - (1 << 16)
"""Bound of a weighted sum of logits: each weight saturates at its share of it, 5 for three models, 2.7 for six."""
MAX_MODELS = 16
HEAVIEST = np.array([WEIGHT_SUM // (STRETCH_LIMIT * max(models, 1)) for models in range(MAX_MODELS + 1)])
"""Largest magnitude of a weight, by the number of models: a division a bit took a quarter of its time."""
RATE_BITS = 15
"""Of the rates of slots: an error of 16 bits times a rate stays within 31."""
LEARNING_SHIFT = 17
"""A weight moves by logit * error / 2**17: 16...19 are within 1 % on octrees of 10,000 to 80,000 nodes."""
MIN_PROBABILITY = 24
"""Of 65536: below what the limit of logits gives, so that a sure thing costs 0.0005 bits."""
SLOT_LIMIT = 255
"""Bits that a slot remembers: its probability moves by 1 / (bits + 1.5) of the error."""

PROBABILITY, COUNT = 0, 1
"""Columns of `Mixer.slots`: probability of a 1 in 1/65536, bits seen."""


class Mixer(NamedTuple):
    """State of one mixed stream; made by `fresh_mixer`. Kernels change its arrays in place."""

    slots: Int32[np.ndarray, "slots 2"]
    weights: Int32[np.ndarray, "sets models"]
    chosen: Int32[np.ndarray, " models"]
    """Slot of each model for the next bit: a walk fills it."""
    logits: Int32[np.ndarray, " models"]
    """Scratch."""
    squash: Int32[np.ndarray, " knots"]
    stretch: Int32[np.ndarray, " 4096"]
    rates: Int32[np.ndarray, " limit"]
    """2**15 / (bits seen + 1.5)."""


def fresh_mixer(slot_count: int, set_count: int, model_count: int) -> Mixer:
    """A mixer that knows nothing: slots at 1/2, equal weights that sum to a little over one."""
    squash, stretch, rates = stored_tables()
    return Mixer(
        np.tile(np.array([[32768, 0]], np.int32), (slot_count, 1)),
        np.full((set_count, model_count), 5 * WEIGHT_ONE // (4 * model_count), np.int32),
        np.zeros(model_count, np.int32),
        np.zeros(model_count, np.int32),
        squash,
        stretch,
        rates,
    )


@functools.cache
def stored_tables() -> tuple[Int32[np.ndarray, " knots"], Int32[np.ndarray, " 4096"], Int32[np.ndarray, " limit"]]:
    """Knots of squash, the inverse over probabilities in 1/4096, and the rates of slots.

    Decimal arithmetic is specified to the last digit, and the rest is integers: the same everywhere, pinned by a test.
    """
    with localcontext() as context:
        context.prec = 40
        logits = [Decimal(KNOT_STEP * knot - 2048) / STRETCH_UNIT for knot in range(KNOTS)]
        knots = [int((65536 / (1 + (-logit).exp())).to_integral_value()) for logit in logits]
    squash = np.array(knots, np.int32)
    x = np.arange(-STRETCH_LIMIT, STRETCH_LIMIT + 1, dtype=np.int64)
    place = x + 2048
    low, part = place // KNOT_STEP, place % KNOT_STEP
    squashed = (
        squash[low].astype(np.int64) * (KNOT_STEP - part) + squash[low + 1].astype(np.int64) * part
    ) // KNOT_STEP
    nearest = np.searchsorted(squashed, 16 * np.arange(4096, dtype=np.int64) + 8)
    stretch = np.clip(nearest - STRETCH_LIMIT, -STRETCH_LIMIT, STRETCH_LIMIT).astype(np.int32)
    rates = np.array([(2 << RATE_BITS) // (2 * count + 3) for count in range(SLOT_LIMIT + 1)], np.int32)
    return squash, stretch, rates


@kernel
def code_mixed_bit(coder, mixer, weight_set, bit):
    """One bit, 0 or 1, under the slots that `mixer.chosen` names and the weights of `weight_set`; all of them learn."""
    slots, weights, chosen, logits = mixer.slots, mixer.weights, mixer.chosen, mixer.logits
    models = chosen.size
    total = np.int64(0)
    for i in range(models):
        logit = mixer.stretch[slots[chosen[i], PROBABILITY] >> 4]
        logits[i] = logit
        total += np.int64(weights[weight_set, i]) * logit
    logit = min(max(total >> 16, -STRETCH_LIMIT), STRETCH_LIMIT)
    place = logit + 2048
    low, part = place >> KNOT_BITS, place & (KNOT_STEP - 1)
    one = (np.int64(mixer.squash[low]) * (KNOT_STEP - part) + np.int64(mixer.squash[low + 1]) * part) >> KNOT_BITS
    one = min(max(one, np.int64(MIN_PROBABILITY)), np.int64(65536 - MIN_PROBABILITY))
    bit = code_binary(coder, 65536 - one, bit)
    wanted = bit << 16
    error, heaviest = wanted - one, HEAVIEST[models]
    for i in range(models):
        weight = weights[weight_set, i] + ((logits[i] * error) >> LEARNING_SHIFT)
        weights[weight_set, i] = np.int32(min(max(weight, -heaviest), heaviest))
        row = chosen[i]
        count = slots[row, COUNT]
        before = np.int64(slots[row, PROBABILITY])
        moved = before + (((wanted - before) * mixer.rates[count]) >> RATE_BITS)
        slots[row, PROBABILITY] = np.int32(min(max(moved, np.int64(16)), np.int64(65535 - 16)))
        if count < SLOT_LIMIT:
            slots[row, COUNT] = count + 1
    return bit
