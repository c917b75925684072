# SPDX-License-Identifier: Apache-2.0
"""The loops of table coding: values and table indices enter, rANS states and bytes leave; and back.

The encoder walks backwards, so that the decoder reads forwards. Four states live in registers that trade places after
each symbol, which is faster than indexing an array of states. Bytes leave without branches: which symbol fills a state
is as good as random, and a mispredicted branch costs more than two stores.
An escape is followed by its distance d >= 0 from the table: k, the bit length of d + 1 less one, as 5 raw bits, then
the k low bits of d + 1, upper part first where k > 16. Raw bits are symbols of a table with 2**bits equal entries.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from jaxtyping import Int32, Int64, UInt16, UInt32

from lamina.entropy.kernel import kernel
from lamina.entropy.stream_format import PROBABILITY_BITS, STATE_LOWER_BOUND
from lamina.entropy.tables import BUCKET_BITS, MAX_VALUE

ESCAPE_CLASS_BITS = 5
"""A distance has at most 31 bits (`tables.MAX_VALUE`), so its length less one fits in 5."""
MAX_BYTES_PER_SYMBOL = 8
"""The escape, its class and two parts of its distance, at most two bytes each."""

_SHIFT = np.uint64(PROBABILITY_BITS)
_SLOT_MASK = np.uint64((1 << PROBABILITY_BITS) - 1)
_BUCKET_SHIFT = np.uint64(PROBABILITY_BITS - BUCKET_BITS)
_LOWER_BOUND = np.uint64(STATE_LOWER_BOUND)
_BYTE = np.uint64(8)
_ONE = np.uint64(1)


class TableArrays(NamedTuple):
    """What the kernels need of `FrequencyTables`."""

    cumulative: UInt32[np.ndarray, " entries"]
    offsets: Int64[np.ndarray, " rows_and_end"]
    lows: Int32[np.ndarray, " rows"]
    buckets: UInt16[np.ndarray, "rows buckets"]


@kernel
def put(x, start, frequency, stream, position):
    """One symbol onto state `x`; up to two bytes go below `position` where the state would overflow. Returns both.

    Two bytes below `position` must exist: they are written to even when they do not count.
    """
    limit = frequency << _SHIFT
    stream[np.uint64(position - 1)] = np.uint8(x)
    full = x >= limit
    position -= np.int64(full)
    x = x >> _BYTE if full else x
    stream[np.uint64(position - 1)] = np.uint8(x)
    full = x >= limit
    position -= np.int64(full)
    x = x >> _BYTE if full else x
    quotient = x // frequency
    return (quotient << _SHIFT) + (x - quotient * frequency) + start, position


@kernel
def take(x, start, frequency, stream, position):
    """Undoes `put`; `stream` has one spare byte at its end. Returns the state and the next position."""
    end = np.uint64(stream.size - 1)
    x = frequency * (x >> _SHIFT) + (x & _SLOT_MASK) - start
    need = (x < _LOWER_BOUND) and (position < end)
    refilled = (x << _BYTE) | np.uint64(stream[position])
    x = refilled if need else x
    position += np.uint64(need)
    need = (x < _LOWER_BOUND) and (position < end)
    refilled = (x << _BYTE) | np.uint64(stream[position])
    return (refilled if need else x), position + np.uint64(need)


@kernel
def _put_raw(x, value, bits, stream, position):
    shift = np.uint64(PROBABILITY_BITS - bits)
    return put(x, np.uint64(value) << shift, _ONE << shift, stream, position)


@kernel
def _take_raw(x, bits, stream, position):
    shift = np.uint64(PROBABILITY_BITS - bits)
    value = (x & _SLOT_MASK) >> shift
    x, position = take(x, value << shift, _ONE << shift, stream, position)
    return np.int64(value), x, position


@kernel
def _put_distance(x, symbol, size, stream, position):
    """Raw part of an escape: even distances lie above the table, odd ones below."""
    distance = 2 * (symbol - size) + 1 if symbol >= size else -2 * symbol  # already + 1
    bits = np.int64(0)
    while distance >> (bits + 1) > 0:
        bits += 1
    rest = distance - (np.int64(1) << bits)
    x, position = _put_raw(x, rest & 0xFFFF, min(bits, 16), stream, position)
    if bits > 16:
        x, position = _put_raw(x, rest >> 16, bits - 16, stream, position)
    return _put_raw(x, bits, ESCAPE_CLASS_BITS, stream, position)


@kernel
def _take_distance(x, size, stream, position):
    bits, x, position = _take_raw(x, ESCAPE_CLASS_BITS, stream, position)
    rest = np.int64(0)
    if bits > 16:
        rest, x, position = _take_raw(x, bits - 16, stream, position)
    low, x, position = _take_raw(x, min(bits, 16), stream, position)
    distance = (np.int64(1) << bits) + (rest << 16) + low
    symbol = size + (distance >> 1) if distance & 1 else -(distance >> 1)
    return symbol, x, position


@kernel
def _put_value(x, value, row, tables, stream, position):
    base = tables.offsets[row]
    size = tables.offsets[row + _ONE] - base - 2
    symbol = np.int64(value) - tables.lows[row]
    entry = symbol
    if symbol < 0 or symbol >= size:
        entry = size
        x, position = _put_distance(x, symbol, size, stream, position)
    start = np.uint64(tables.cumulative[np.uint64(base + entry)])
    frequency = np.uint64(tables.cumulative[np.uint64(base + entry + 1)]) - start
    return put(x, start, frequency, stream, position)


@kernel
def _take_value(x, row, tables, stream, position):
    """Value, state, position. A value beyond `MAX_VALUE`, which no encoder writes, comes out as one beyond it."""
    base = np.uint64(tables.offsets[row])
    end = np.uint64(tables.offsets[row + _ONE])
    slot = x & _SLOT_MASK
    entry = base + np.uint64(tables.buckets[row, slot >> _BUCKET_SHIFT])
    while np.uint64(tables.cumulative[entry + _ONE]) <= slot:
        entry += _ONE
    start = np.uint64(tables.cumulative[entry])
    frequency = np.uint64(tables.cumulative[entry + _ONE]) - start
    x, position = take(x, start, frequency, stream, position)
    symbol = np.int64(entry - base)
    if entry + np.uint64(2) == end:
        symbol, x, position = _take_distance(x, symbol, stream, position)
        return min(max(symbol + tables.lows[row], -MAX_VALUE - 1), MAX_VALUE + 1), x, position
    return symbol + tables.lows[row], x, position


@kernel
def encode_symbols(values, rows, tables, states, stream):
    """Fill `stream` from its end, change `states` (one or four) in place; returns where the bytes start.

    `stream` holds `MAX_BYTES_PER_SYMBOL` a symbol and two more; `rows` (unsigned) are known to be in range.
    """
    position = np.int64(stream.size)
    if states.size == 1:
        x = states[0]
        for i in range(values.size - 1, -1, -1):
            x, position = _put_value(x, values[i], np.uint64(rows[i]), tables, stream, position)
        states[0] = x
        return position
    padding = -values.size & 3
    a, b, c, d = states[0], states[1], states[2], states[3]
    for _ in range(padding):
        a, b, c, d = d, a, b, c
    for i in range(values.size - 1, -1, -1):
        x, position = _put_value(d, values[i], np.uint64(rows[i]), tables, stream, position)
        a, b, c, d = x, a, b, c
    states[0], states[1], states[2], states[3] = a, b, c, d
    return position


@kernel
def decode_symbols(rows, tables, states, stream, values):
    """Fill `values`; change `states` in place; returns the number of bytes taken. `stream` has one spare at its end."""
    position = np.uint64(0)
    if states.size == 1:
        x = states[0]
        for i in range(rows.size):
            values[i], x, position = _take_value(x, np.uint64(rows[i]), tables, stream, position)
        states[0] = x
        return position
    a, b, c, d = states[0], states[1], states[2], states[3]
    for i in range(rows.size):
        values[i], x, position = _take_value(a, np.uint64(rows[i]), tables, stream, position)
        a, b, c, d = b, c, d, x
    states[0], states[1], states[2], states[3] = a, b, c, d
    return position
