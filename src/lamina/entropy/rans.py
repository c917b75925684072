# SPDX-License-Identifier: Apache-2.0
"""Table coding: integers and the table of each enter, bytes leave; bytes and the same tables give the integers back.

data = encode_indexed(values, table_indices, tables)
values = decode_indexed(data, table_indices, tables)
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Int, Int32, UInt16, UInt64

from lamina.entropy.rans_kernels import MAX_BYTES_PER_SYMBOL, TableArrays, decode_symbols, encode_symbols
from lamina.entropy.stream_format import (
    INTERLEAVE_FROM,
    INTERLEAVED_STATES,
    SINGLE_STATE_START,
    STATE_LOWER_BOUND,
    pack_stream,
    unpack_stream,
)
from lamina.entropy.tables import MAX_VALUE, FrequencyTables
from lamina.errors import BitstreamError

MAX_SYMBOLS = 1 << 27
"""One call decodes at most this many: likely symbols cost next to nothing, so the bytes alone bound no count."""


def encode_indexed(
    values: Int[np.ndarray, " n"], table_indices: Int[np.ndarray, " n"], tables: FrequencyTables
) -> bytes:
    """Code each value with its own table; values outside their table are escaped. No values: no bytes.

    Raises:
        ValueError: lengths disagree, an index names no table, a value exceeds 2**29, or there are too many values.
    """
    if len(values) != len(table_indices):
        raise ValueError(f"{len(values)} values but {len(table_indices)} table indices")
    if len(values) > MAX_SYMBOLS:
        raise ValueError(f"{len(values)} values; split them into calls of at most {MAX_SYMBOLS}")
    if len(values) and max(int(values.max()), -int(values.min())) > MAX_VALUE:
        raise ValueError(f"values {values.min()}...{values.max()}; expected at most {MAX_VALUE} in magnitude")
    rows = _rows(table_indices, tables)
    states = _initial_states(len(values))
    rest = np.empty(MAX_BYTES_PER_SYMBOL * len(values) + 2, np.uint8)
    start = encode_symbols(np.ascontiguousarray(values, np.int32), rows, _arrays(tables), states, rest)
    return pack_stream(states, rest[start:])


def decode_indexed(
    data: bytes, table_indices: Int[np.ndarray, " n"], tables: FrequencyTables, *, unit: str = "entropy stream"
) -> Int32[np.ndarray, " n"]:
    """Undo `encode_indexed`; `unit` names the stream in errors.

    Raises:
        BitstreamError: the bytes do not decode to exactly this many values of these tables.
        ValueError: an index names no table.
    """
    rows = _rows(table_indices, tables)
    if len(rows) > MAX_SYMBOLS:
        raise BitstreamError(f"{len(rows)} symbols; expected at most {MAX_SYMBOLS}", unit)
    initial = _initial_states(len(rows))
    states, rest = unpack_stream(data, len(initial), unit=unit)
    values = np.empty(len(rows), np.int32)
    taken = int(decode_symbols(rows, _arrays(tables), states, np.append(rest, np.uint8(0)), values))
    if taken != len(rest) or (states != initial).any():
        raise BitstreamError(
            f"damaged: {len(rest) - taken} of {len(rest)} bytes are left after {len(rows)} symbols, "
            f"the state is {[int(state) for state in states]}; expected none left and {int(initial[0])}",
            unit,
            position=len(data) - (len(rest) - taken),
        )
    if len(values) and max(int(values.max()), -int(values.min())) > MAX_VALUE:
        raise BitstreamError(f"values {values.min()}...{values.max()}; expected at most {MAX_VALUE} in magnitude", unit)
    return values


def encode_static(values: Int[np.ndarray, " n"], tables: FrequencyTables, table: int = 0) -> bytes:
    """Code all values with one table.

    Raises:
        ValueError: as `encode_indexed`.
    """
    return encode_indexed(values, np.full(len(values), table, np.uint16), tables)


def decode_static(
    data: bytes, count: int, tables: FrequencyTables, table: int = 0, *, unit: str = "entropy stream"
) -> Int32[np.ndarray, " {count}"]:
    """Undo `encode_static` for `count` values, which is checked before anything is allocated.

    Raises:
        BitstreamError: the count is impossible, or the bytes do not decode to that many values.
    """
    if not 0 <= count <= MAX_SYMBOLS:
        raise BitstreamError(f"{count} symbols; expected 0...{MAX_SYMBOLS}", unit)
    return decode_indexed(data, np.full(count, table, np.uint16), tables, unit=unit)


def ideal_size_bytes(
    values: Int[np.ndarray, " n"], table_indices: Int[np.ndarray, " n"], tables: FrequencyTables
) -> float:
    """Code length of the values under their tables, bytes, without coding them; for decisions of an encoder.

    Raises:
        ValueError: an index names no table.
    """
    rows = _rows(table_indices, tables)
    base = tables.offsets[rows]
    size = tables.offsets[rows + np.int64(1)] - base - 2
    symbol = values.astype(np.int64) - tables.lows[rows]
    escaped = (symbol < 0) | (symbol >= size)
    entry = base + np.where(escaped, size, symbol)
    frequency = tables.cumulative[entry + 1].astype(np.int64) - tables.cumulative[entry]
    distance = np.where(symbol < 0, -2 * symbol, 2 * (symbol - size) + 1)[escaped]
    raw_bits = 5 * len(distance) + float(np.floor(np.log2(np.maximum(distance, 1))).sum())
    return (float(16 * len(symbol) - np.log2(frequency).sum()) + raw_bits) / 8


def _initial_states(count: int) -> UInt64[np.ndarray, " k"]:
    """What the encoder starts with and the decoder ends with, for `count` symbols."""
    if count < INTERLEAVE_FROM:
        return np.full(1, SINGLE_STATE_START, np.uint64)
    return np.full(INTERLEAVED_STATES, STATE_LOWER_BOUND, np.uint64)


def _rows(table_indices: Int[np.ndarray, " n"], tables: FrequencyTables) -> UInt16[np.ndarray, " n"]:
    if len(table_indices):
        low, high = int(table_indices.min()), int(table_indices.max())
        if low < 0 or high >= tables.table_count:
            raise ValueError(f"table indices {low}...{high}; expected 0...{tables.table_count - 1}")
    return np.ascontiguousarray(table_indices, np.uint16)


def _arrays(tables: FrequencyTables) -> TableArrays:
    return TableArrays(tables.cumulative, tables.offsets, tables.lows, tables.bucket_entries)
