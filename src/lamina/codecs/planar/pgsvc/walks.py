# SPDX-License-Identifier: Apache-2.0
"""Entropy coding of a layer's sections: walks over adaptive contexts, written once for both directions.

Each walk takes a `Coder` and arrays of integers; writing, it reads the arrays; reading, it fills them. Contexts start
fresh in every section: a layer of a frame can be decoded with its own bytes and the splats of the frame before.
"""

from __future__ import annotations

import numpy as np

from lamina.entropy.binary import code_bit, code_raw, fail
from lamina.entropy.kernel import kernel
from lamina.entropy.symbols import code_magnitude, code_symbol

STEP_CLASSES = 17
"""Bit lengths of a step between neighbouring x patterns, 0...65535."""

STEP_GROUPS = 64
"""Contexts of a step: the sign and exponent of the x pattern before it, as its density follows the exponent."""

FP16_HIGH_BITS = 6
"""Sign and exponent of an fp16 pattern, coded through a tree of contexts; the mantissa is nearly uniform."""

FP16_LOW_BITS = 10

POSITION_CONTEXTS = STEP_GROUPS * 2 * STEP_CLASSES + 2 * (1 << FP16_HIGH_BITS)


@kernel
def walk_positions(coder, contexts, x, y):
    """Positions in ascending order of x: steps of the ordered fp16 patterns of x, then y's.

    Args:
        coder: written, read or measured.
        contexts: `POSITION_CONTEXTS` rows.
        x: (n) int64, 0...65535, ascending.
        y: (n) int64, 0...65535.
    """
    base_y = STEP_GROUPS * 2 * STEP_CLASSES
    previous = np.int64(0)
    for i in range(x.size):
        group = previous >> FP16_LOW_BITS
        step = code_magnitude(coder, contexts, group * 2 * STEP_CLASSES, STEP_CLASSES, x[i] - previous)
        previous += step
        if previous > 0xFFFF:
            fail(coder)
            previous = np.int64(0xFFFF)
        x[i] = previous
        high = code_symbol(coder, contexts, base_y, FP16_HIGH_BITS, y[i] >> FP16_LOW_BITS)
        low = code_raw(coder, y[i] & ((1 << FP16_LOW_BITS) - 1), FP16_LOW_BITS)
        y[i] = (high << FP16_LOW_BITS) | low


@kernel
def walk_floats(coder, contexts, base, patterns, high_bits, low_bits):
    """12-bit floats: sign and exponent through a tree of `2**high_bits - 1` contexts a column, mantissa raw.

    Args:
        coder: written, read or measured.
        contexts: rows from `base` on, `2**high_bits` a column.
        base: first row.
        patterns: (n, 2) int64.
        high_bits: sign and exponent.
        low_bits: mantissa.
    """
    for i in range(patterns.shape[0]):
        for j in range(patterns.shape[1]):
            high = code_symbol(coder, contexts, base + (j << high_bits), high_bits, patterns[i, j] >> low_bits)
            low = code_raw(coder, patterns[i, j] & ((1 << low_bits) - 1), low_bits)
            patterns[i, j] = (high << low_bits) | low


@kernel
def walk_symbols(coder, contexts, base, symbols, bits):
    """Columns of small unsigned symbols, each column with a tree of its own: `2**bits` rows a column from `base` on."""
    for i in range(symbols.shape[0]):
        for j in range(symbols.shape[1]):
            symbols[i, j] = code_symbol(coder, contexts, base + (j << bits), bits, symbols[i, j])


@kernel
def walk_flags(coder, contexts, flags):
    """One flag a slot under one context."""
    for i in range(flags.size):
        flags[i] = code_bit(coder, contexts, 0, flags[i])
