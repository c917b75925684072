# SPDX-License-Identifier: Apache-2.0
"""The symbols of one vertex: 0 or not, sign, magnitude, channel by channel, in either direction.

Contexts are the same channel at neighbours that come before, at parents and in the frame before; the channels before
it; what is expected of the vertex's density; and where the vertex lies between those of the level above.
"""

from __future__ import annotations

import numpy as np

from lamina.codecs.volume.syntax import SYMBOL_LIMIT
from lamina.entropy.binary import fail
from lamina.entropy.kernel import kernel
from lamina.entropy.mixing import code_mixed_bit

CHANNELS = 16
DENSITY_CLASSES = 16
DENSITY_SHIFT = 12
"""A class of expected density is 1 wide."""

MAX_CLASS = 15
"""Magnitudes less 1 are coded as their bit length and the bits below."""

VALUE_MODELS = 5

ZERO_NEAR = 0
ZERO_PARITY = ZERO_NEAR + CHANNELS * 8 * 8 * 4
ZERO_OTHERS = ZERO_PARITY + CHANNELS * 8 * 8 * 4
ZERO_LAST = ZERO_OTHERS + CHANNELS * 8 * 4 * 8
ZERO_DENSITY = ZERO_LAST + CHANNELS * 3 * 3 * 8
SIGN_FACES = ZERO_DENSITY + CHANNELS * DENSITY_CLASSES * 8
SIGN_PARENT = SIGN_FACES + CHANNELS * 27
SIGN_PARITY = SIGN_PARENT + CHANNELS * 3 * 9
SIGN_OTHERS = SIGN_PARITY + CHANNELS * 8 * 3
SIGN_DENSITY = SIGN_OTHERS + CHANNELS * 27
CLASS_NEAR = SIGN_DENSITY + CHANNELS * DENSITY_CLASSES
CLASS_PARENT = CLASS_NEAR + CHANNELS * 16 * 8
CLASS_OTHERS = CLASS_PARENT + CHANNELS * 16 * 8
CLASS_PARITY = CLASS_OTHERS + CHANNELS * 16 * 8
CLASS_DENSITY = CLASS_PARITY + CHANNELS * 16 * 8
BITS_PLAIN = CLASS_DENSITY + CHANNELS * 16 * DENSITY_CLASSES
VALUE_ROWS = BITS_PLAIN + CHANNELS * 16 * 16

SET_ZERO, SET_SIGN, SET_CLASS, SET_BITS = 0, CHANNELS, 2 * CHANNELS, 3 * CHANNELS
VALUE_SETS = 4 * CHANNELS


@kernel
def size_class(value):
    """Of a sum of magnitudes: 0...7."""
    if value < 4:
        return value
    if value < 6:
        return np.int64(4)
    if value < 10:
        return np.int64(5)
    return np.int64(6) if value < 18 else np.int64(7)


@kernel
def density_class(value):
    """Of an expected density: 0...15, a unit each around what is neither empty nor solid."""
    return min(max((np.int64(value) >> DENSITY_SHIFT) + 8, 0), DENSITY_CLASSES - 1)


@kernel
def sign_of(value):
    """0, 1 for above, 2 for below."""
    return 1 if value > 0 else (2 if value < 0 else 0)


@kernel
def bit_length(value):
    """0 for 0."""
    found = np.int64(0)
    while value > 0:
        value >>= 1
        found += 1
    return found


@kernel
def code_value(coder, mixer, c, value, must, told):
    """One symbol of an active row; `must` says that it is not 0. `told`: see `code_channels`."""
    near, parent, parity, others, size_others, last, second, faces, upper, was, signs, solid = told
    is_other = np.int64(1)
    if not must:
        mixer.chosen[0] = ZERO_NEAR + ((c * 8 + near) * 8 + parent) * 4 + min(others, 3)
        mixer.chosen[1] = ZERO_PARITY + ((c * 8 + parity) * 8 + near) * 4 + min(was, 3)
        mixer.chosen[2] = ZERO_OTHERS + ((c * 8 + size_others) * 4 + min(others, 3)) * 8 + parity
        mixer.chosen[3] = ZERO_LAST + ((c * 3 + last) * 3 + second) * 8 + near
        mixer.chosen[4] = ZERO_DENSITY + (c * DENSITY_CLASSES + solid) * 8 + size_others
        is_other = code_mixed_bit(coder, mixer, SET_ZERO + c, np.int64(value != 0))
    if is_other == 0:
        return np.int64(0)
    mixer.chosen[0] = SIGN_FACES + c * 27 + faces
    mixer.chosen[1] = SIGN_PARENT + (c * 3 + upper) * 9 + signs % 9
    mixer.chosen[2] = SIGN_PARITY + (c * 8 + parity) * 3 + upper
    mixer.chosen[3] = SIGN_OTHERS + c * 27 + signs
    mixer.chosen[4] = SIGN_DENSITY + c * DENSITY_CLASSES + solid
    is_below = code_mixed_bit(coder, mixer, SET_SIGN + c, np.int64(value < 0))
    wanted = abs(value) - 1
    wanted_class = bit_length(wanted)
    found = np.int64(0)
    while found < MAX_CLASS:
        mixer.chosen[0] = CLASS_NEAR + (c * 16 + found) * 8 + near
        mixer.chosen[1] = CLASS_PARENT + (c * 16 + found) * 8 + parent
        mixer.chosen[2] = CLASS_OTHERS + (c * 16 + found) * 8 + size_others
        mixer.chosen[3] = CLASS_PARITY + (c * 16 + found) * 8 + parity
        mixer.chosen[4] = CLASS_DENSITY + (c * 16 + found) * DENSITY_CLASSES + solid
        if code_mixed_bit(coder, mixer, SET_CLASS + c, np.int64(wanted_class > found)) == 0:
            break
        found += 1
    magnitude = np.int64(found > 0)
    for place in range(found - 2, -1, -1):
        for model in range(VALUE_MODELS):
            mixer.chosen[model] = BITS_PLAIN + (c * 16 + found) * 16 + place
        magnitude = (magnitude << 1) | code_mixed_bit(coder, mixer, SET_BITS + c, (wanted >> place) & 1)
    magnitude += 1
    return -magnitude if is_below == 1 else magnitude


@kernel
def code_channels(coder, mixer, around, symbols, vertices, near, i, last, second):
    """The symbols of an active row; `last` and `second` are active rows before it, -1: none."""
    parents, above, past, before, density = around
    channels = symbols.shape[1]
    parity = (vertices[i, 0] & 1) | ((vertices[i, 1] & 1) << 1) | ((vertices[i, 2] & 1) << 2)
    solid = density_class(density[i])
    others, size_others, signs = np.int64(0), np.int64(0), np.int64(0)
    for c in range(channels):
        total, faces = np.int64(0), np.int64(0)
        for k in range(6):
            value = np.int64(0)
            if near[k] >= 0:
                value = np.int64(symbols[near[k], c])
                total += abs(value) * (2 if k < 3 else 1)
            if k < 3:
                faces = faces * 3 + sign_of(value)
        parent, upper = np.int64(0), np.int64(0)
        if parents.shape[0] > 0:
            for k in range(8):
                parent += abs(np.int64(above[parents[i, k], c]))
                upper += np.int64(above[parents[i, k], c])
        was = np.int64(0)
        if past[i] >= 0:
            was = 1 + min(abs(np.int64(before[past[i], c])), 2)
        told = (
            size_class(total), size_class(parent >> 1), parity, others, size_class(size_others),
            min(abs(np.int64(symbols[last, c])), 2) if last >= 0 else np.int64(0),
            min(abs(np.int64(symbols[second, c])), 2) if second >= 0 else np.int64(0),
            faces, np.int64(sign_of(upper)), was, signs, solid,
        )  # fmt: skip
        must = c == channels - 1 and others == 0
        value = code_value(coder, mixer, c, np.int64(symbols[i, c]), must, told)
        if abs(value) > SYMBOL_LIMIT:
            fail(coder)
            value = np.int64(0)
        symbols[i, c] = value
        others += np.int64(value != 0)
        size_others += min(abs(value), 8)
        signs = (signs * 3 + sign_of(value)) % 27
