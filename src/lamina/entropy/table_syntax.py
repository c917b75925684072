# SPDX-License-Identifier: Apache-2.0
"""Probability tables as side information: rows of counts enter, a few bytes leave; the bytes give `FrequencyTables`.

Counts are sent on a logarithmic scale with four steps an octave (a loss of about 0.004 bit a symbol), each as the
difference from its neighbor, and become frequencies after that. So an encoder uses what the decoder will have::

    data = pack_tables(rows, lows)
    tables = unpack_tables(data)
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from lamina.entropy.binary import Coder, code_raw, fresh_contexts
from lamina.entropy.kernel import kernel
from lamina.entropy.symbols import code_exp_golomb, code_signed
from lamina.entropy.tables import (
    MAX_ENTRIES,
    MAX_LOW,
    MAX_TABLE_VALUES,
    MAX_TABLES,
    FrequencyTables,
    tables_from_counts,
)
from lamina.entropy.walk import expect_end, open_reader, write_stream
from lamina.errors import BitstreamError

SCALE = 1 << 18
"""A row's counts are scaled to this sum, so that the smallest weight, 4, is the smallest frequency, 2**-16."""
MAX_CODE = 65
"""Code 0 is weight 0; code c > 0 is (4 + (c - 1) % 4) << (c - 1) // 4: 4, 5, 6, 7, 8, 10, ... 2**18."""
MAGNITUDE_CAP = 12
CONTEXTS_PER_CLASS = MAGNITUDE_CAP + 2
CLASSES = 3
"""A step up, down or none before: rising and falling sides of a peak."""


def pack_tables(rows: Sequence[Sequence[int]], lows: Sequence[int]) -> bytes:
    """Rows of counts (escape last) and smallest values, as for `tables_from_counts`, in few bytes.

    Raises:
        ValueError: rows and lows disagree, or exceed the limits of `tables`.
    """
    codes = [np.array(_codes_of([int(count) for count in row]), np.int64) for row in rows]
    tables_from_counts([[1] * len(row) for row in codes], lows)  # checks the limits

    def walk(coder: Coder) -> None:
        contexts = fresh_contexts(CLASSES * CONTEXTS_PER_CLASS)
        code_exp_golomb(coder, len(codes) - 1, 4)
        for row, low in zip(codes, lows, strict=True):
            code_exp_golomb(coder, abs(int(low)), 4)
            code_raw(coder, int(low < 0), 1)
            code_exp_golomb(coder, len(row) - 2, 5)
            _walk_row(coder, contexts, row)

    return write_stream(walk, 4096)


def unpack_tables(data: bytes, *, unit: str = "probability tables") -> FrequencyTables:
    """Tables from the whole of `data`.

    Raises:
        BitstreamError: the bytes are damaged, or the tables exceed the limits of `tables`.
    """
    coder = open_reader(data, unit=unit)
    contexts = fresh_contexts(CLASSES * CONTEXTS_PER_CLASS)
    count = _bounded(int(code_exp_golomb(coder, 0, 4)) + 1, MAX_TABLES, "tables", unit)
    rows, lows, entries = [], [], 0
    for _ in range(count):
        low = _bounded(int(code_exp_golomb(coder, 0, 4)), MAX_LOW, "smallest value", unit)
        lows.append(-low if code_raw(coder, 0, 1) else low)
        size = _bounded(int(code_exp_golomb(coder, 0, 5)) + 1, MAX_TABLE_VALUES, "values", unit)
        entries = _bounded(entries + size + 2, MAX_ENTRIES, "entries", unit)
        row = np.zeros(size + 1, np.int64)
        if not _walk_row(coder, contexts, row):
            raise BitstreamError(f"a weight code outside 0...{MAX_CODE}", unit, f"table {len(rows)}")
        rows.append([_weight_of(int(code)) for code in row])
    expect_end(coder, unit=unit)
    return tables_from_counts(rows, lows)


@kernel
def _walk_row(coder, contexts, codes):
    """Code the weight codes of a row in place; whether all are in range."""
    previous, step = np.int64(MAX_CODE // 2), np.int64(0)
    for i in range(codes.size):
        base = CONTEXTS_PER_CLASS * (np.int64(step > 0) + 2 * np.int64(step < 0))
        step = code_signed(coder, contexts, base, MAGNITUDE_CAP, codes[i] - previous)
        previous += step
        if previous < 0 or previous > MAX_CODE:
            return False
        codes[i] = previous
    return True


def _weight_of(code: int) -> int:
    return (4 + (code - 1) % 4) << (code - 1) // 4 if code else 0


def _codes_of(row: list[int]) -> list[int]:
    total = sum(row)
    return [_code_of(count, total) for count in row]


def _code_of(count: int, total: int) -> int:
    """Code of the weight nearest to `count * SCALE / total`; at least 1 where the count is positive."""
    if count <= 0:
        return 0
    weight = max(count * SCALE // total, 4)
    octave = weight.bit_length() - 3
    code = 1 + 4 * octave + (weight >> octave) - 4
    below, above = _weight_of(code), _weight_of(code + 1)
    return min(code + int(2 * weight >= below + above), MAX_CODE)


def _bounded(value: int, maximum: int, field: str, unit: str) -> int:
    if value > maximum:
        raise BitstreamError(f"{value}; expected at most {maximum}", unit, field)
    return value
