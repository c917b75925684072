# SPDX-License-Identifier: Apache-2.0
"""Integers under tables that are known before each of them, inside a stream of other things (see `binary.Coder`).

The code is that of `rans.encode_indexed`, escape included, with the one state of a walk: slower than the
four states of `rans`, but a unit stays one stream, and what is coded may depend on what was.
"""

from __future__ import annotations

import numpy as np

from lamina.entropy.binary import code_interval, code_raw, fail, is_reading, next_slot, ran_dry
from lamina.entropy.kernel import kernel
from lamina.entropy.rans_kernels import ESCAPE_CLASS_BITS
from lamina.entropy.tables import BUCKET_BITS, MAX_VALUE, PROBABILITY_BITS


@kernel
def code_from_row(coder, tables, row, value):
    """One integer, at most 2**29 in magnitude, under row `row` of `tables` (`rans_kernels.TableArrays`)."""
    base = tables.offsets[row]
    size = tables.offsets[row + 1] - base - 2
    low = np.int64(tables.lows[row])
    entry = np.int64(value) - low
    if is_reading(coder):
        slot = next_slot(coder)
        entry = np.int64(tables.buckets[row, slot >> (PROBABILITY_BITS - BUCKET_BITS)])
        while np.int64(tables.cumulative[base + entry + 1]) <= slot:
            entry += 1
    elif value > MAX_VALUE or value < -MAX_VALUE:
        fail(coder)
        return np.int64(0)
    distance = np.int64(0)
    escaped = entry < 0 or entry >= size
    if escaped and not is_reading(coder):
        distance = -2 * entry if entry < 0 else 2 * (entry - size) + 1
        entry = size
    start = np.int64(tables.cumulative[base + entry])
    code_interval(coder, start, np.int64(tables.cumulative[base + entry + 1]) - start)
    if not escaped:
        return low + entry
    bits = np.int64(0)
    while distance >> (bits + 1) > 0:
        bits += 1
    bits = code_raw(coder, bits, ESCAPE_CLASS_BITS)
    distance = (np.int64(1) << bits) | code_raw(coder, distance & ((np.int64(1) << bits) - 1), bits)
    entry = size + (distance >> 1) if distance & 1 else -(distance >> 1)
    value = low + entry
    if value > MAX_VALUE or value < -MAX_VALUE:
        fail(coder)
        return np.int64(0)
    return value


@kernel
def code_where(coder, tables, rows, active, values):
    """Integers in place, row after row, where `active` is not 0; others are left alone."""
    for i in range(values.shape[0]):
        if ran_dry(coder):
            return
        for j in range(values.shape[1]):
            if active[i, j] != 0:
                values[i, j] = code_from_row(coder, tables, np.int64(rows[i, j]), np.int64(values[i, j]))
