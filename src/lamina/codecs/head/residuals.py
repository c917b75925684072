# SPDX-License-Identifier: Apache-2.0
"""One small integer under several contexts at once: whether it is 0, its sign, its magnitude. One walk, both ways.

A caller names three contexts of the integer besides its column: each is a small number that says how large or in which
direction its neighbours were. What each says is mixed (`lamina.entropy.mixing`).
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Int64

from lamina.entropy.binary import fail
from lamina.entropy.kernel import kernel
from lamina.entropy.mixing import Mixer, code_mixed_bit, fresh_mixer

MODELS = 4
CONTEXTS = 32
"""Values of each of the contexts that a caller names."""
CLASSES = 21
"""Magnitudes less 1 have up to 20 bits: their length is coded, then the bits."""
ROWS_A_COLUMN = MODELS * CONTEXTS * (2 + CLASSES) + CLASSES * 4
"""Slots: for zero, sign and each step of the length under each model; then the bits under the first."""
SETS_A_COLUMN = 4
ACTIVITIES = 32
"""Classes of how large a column's integers are, which contexts begin with."""
PRIOR_COUNT = 4
"""Bits that a prior counts for."""


def fresh_residuals(columns: int, activity: Int64[np.ndarray, " c"] | None = None) -> Mixer:
    """Contexts of so many columns; `activity` says how large their integers are, in quarters of an octave from 1/16."""
    mixer = fresh_mixer(columns * ROWS_A_COLUMN, columns * SETS_A_COLUMN, MODELS)
    if activity is not None:
        for column, level in enumerate(activity):
            _prime(mixer, column, int(level))
    return mixer


def activity_class(mean_magnitude: float) -> int:
    """Which class of activity a column has whose integers have this mean magnitude."""
    return int(np.clip(round(4 * np.log2(max(mean_magnitude, 1e-9) * 16)), 0, ACTIVITIES - 1))


def _prime(mixer: Mixer, column: int, level: int) -> None:
    """Zero and length as of two-sided geometric integers: integers only, so that every machine begins alike."""
    # 2 ** (level / 4) in 1/256, exact: quarters of octaves by integers.
    mean = ((256, 304, 362, 431)[level % 4] << (level // 4)) // 16
    other = 65536 * 3 * mean // (3 * mean + 2 * 256)
    start = column * ROWS_A_COLUMN
    for model in range(MODELS):
        base = start + model * CONTEXTS * (2 + CLASSES)
        mixer.slots[base : base + CONTEXTS] = (min(max(other, 1024), 64512), PRIOR_COUNT)
        for place in range(CLASSES):
            # The chance that a magnitude less 1 goes on to the next length.
            reach = (1 << place) * 256
            more = 65536 * mean // (mean + reach)
            rows = base + CONTEXTS * (2 + place)
            mixer.slots[rows : rows + CONTEXTS] = (min(max(more, 1024), 64512), PRIOR_COUNT)


@kernel
def _choose(mixer, column, kind, first, second, third, step):
    """Slots of a bit: kind 0 zero, 1 sign, 2 + step length."""
    start = column * ROWS_A_COLUMN
    block = CONTEXTS * (2 + CLASSES)
    row = CONTEXTS * (kind + step)
    mixer.chosen[0] = start + row
    mixer.chosen[1] = start + block + row + first
    mixer.chosen[2] = start + 2 * block + row + second
    mixer.chosen[3] = start + 3 * block + row + third


@kernel
def code_residual(coder, mixer, column, first, second, third, value):
    """An integer of a column, |value| at most 2**20, under three contexts of 0...31."""
    sets = column * SETS_A_COLUMN
    _choose(mixer, column, 0, first, second, third, 0)
    if code_mixed_bit(coder, mixer, sets, np.int64(value != 0)) == 0:
        return np.int64(0)
    _choose(mixer, column, 1, first, second, third, 0)
    is_below = code_mixed_bit(coder, mixer, sets + 1, np.int64(value < 0))
    wanted = abs(value) - 1
    length = np.int64(0)
    while (wanted >> length) > 0:
        length += 1
    found = np.int64(0)
    while found < CLASSES - 1:
        _choose(mixer, column, 2, first, second, third, found)
        if code_mixed_bit(coder, mixer, sets + 2, np.int64(length > found)) == 0:
            break
        found += 1
    if length > CLASSES - 1:
        fail(coder)
        return np.int64(0)
    magnitude = np.int64(1) if found > 0 else np.int64(0)
    bits = column * ROWS_A_COLUMN + MODELS * CONTEXTS * (2 + CLASSES)
    for place in range(found - 2, -1, -1):
        is_high = np.int64(place == found - 2)
        for model in range(MODELS):
            mixer.chosen[model] = bits + found * 4 + is_high * 2 + np.int64(place == 0)
        magnitude = (magnitude << 1) | code_mixed_bit(coder, mixer, sets + 3, (wanted >> place) & 1)
    magnitude += 1
    return -magnitude if is_below == 1 else magnitude


@kernel
def size_class(value):
    """0, 1, 2, 3 for 3...4, 4 for 5...8, ... up to 7."""
    magnitude = abs(value)
    if magnitude < 3:
        return np.int64(magnitude)
    found = np.int64(3)
    while magnitude > 4 and found < 7:
        magnitude = (magnitude + 1) >> 1
        found += 1
    return found


@kernel
def sign_class(value):
    """0, 1 for above, 2 for below."""
    return np.int64(1) if value > 0 else (np.int64(2) if value < 0 else np.int64(0))
