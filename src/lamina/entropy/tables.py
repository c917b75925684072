# SPDX-License-Identifier: Apache-2.0
"""Integer probability tables: counts enter, cumulative frequencies that sum to 2**16 leave. No float, no Numba.

Row t of a `FrequencyTables` codes the integers `lows[t] ... lows[t] + n - 1` and, as its last entry, the escape: any
other integer follows it as raw bits. Rows have different lengths and lie one after the other in one array.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from jaxtyping import Int, Int32, Int64, UInt16, UInt32

from lamina.entropy.stream_format import PROBABILITY_BITS, PROBABILITY_TOTAL

MAX_TABLES = 1024
MAX_TABLE_VALUES = 4096
"""Values of one table without its escape: 12 bits, so that rare ones at frequency 1 take at most 1/16 of a table."""
MAX_ENTRIES = 1 << 18
"""Over all rows; bounds the memory of tables that come from a stream to a few megabytes."""
MAX_LOW = 1 << 20
"""Largest magnitude of a row's smallest value."""
MAX_VALUE = 1 << 29
"""Largest magnitude that can be coded, by escape: its distance to any table then fits in 31 bits."""
BUCKET_BITS = 8
"""The decoder's search starts from the top bits of the slot; 8 measured best of 7...10 on 64 tables of 65 entries."""


@dataclass(frozen=True, eq=False)
class FrequencyTables:
    """Rows of cumulative frequencies; checks itself. Build it with `tables_from_counts`.

    Raises:
        ValueError: rows do not rise strictly from 0 to 2**16, or lengths and offsets disagree or exceed the limits.
    """

    cumulative: UInt32[np.ndarray, " entries"]
    """Row t, `offsets[t] ... offsets[t + 1] - 1`: n values + escape + end, from 0 to 2**16."""
    offsets: Int64[np.ndarray, " rows_and_end"]
    lows: Int32[np.ndarray, " rows"]
    """Smallest value of each row."""

    def __post_init__(self) -> None:
        count = len(self.lows)
        if not 1 <= count <= MAX_TABLES or len(self.offsets) != count + 1 or self.offsets[0] != 0:
            raise ValueError(f"{count} lows and {len(self.offsets)} offsets; expected 1...{MAX_TABLES} and one more")
        sizes = np.diff(self.offsets)
        if sizes.min() < 3 or sizes.max() > MAX_TABLE_VALUES + 2 or self.offsets[-1] != len(self.cumulative):
            raise ValueError(f"rows of {sizes.min()}...{sizes.max()} entries; expected 3...{MAX_TABLE_VALUES + 2}")
        if len(self.cumulative) > MAX_ENTRIES or np.abs(self.lows).max() > MAX_LOW:
            raise ValueError(f"over {MAX_ENTRIES} entries, or a smallest value beyond {MAX_LOW} in magnitude")
        first, last = self.cumulative[self.offsets[:-1]], self.cumulative[self.offsets[1:] - 1]
        inside = np.ones(len(self.cumulative) - 1, bool)
        inside[self.offsets[1:-1] - 1] = False
        rising = np.diff(self.cumulative.astype(np.int64))[inside] > 0
        if first.any() or (last != PROBABILITY_TOTAL).any() or not rising.all():
            raise ValueError(f"cumulative frequencies must rise strictly from 0 to {PROBABILITY_TOTAL} in every row")

    @property
    def table_count(self) -> int:
        """Number of rows."""
        return len(self.lows)

    @cached_property
    def bucket_entries(self) -> UInt16[np.ndarray, "rows buckets"]:
        """Entry that holds the first slot of each bucket: where the decoder's search starts."""
        slots = np.arange(1 << BUCKET_BITS, dtype=np.int64) << (PROBABILITY_BITS - BUCKET_BITS)
        rows = np.split(self.cumulative, self.offsets[1:-1])
        return np.stack([np.searchsorted(row, slots, side="right") - 1 for row in rows]).astype(np.uint16)


def apportion(counts: Sequence[int], total: int = PROBABILITY_TOTAL) -> list[int]:
    """Frequencies proportional to `counts` that sum to `total`, each at least 1.

    Largest remainder on exact integers; ties go to the earlier entry. Entries whose share is below 1 get 1 and the rest
    is shared among the others. All counts zero: all equal.

    Raises:
        ValueError: no counts, more than `total`, or a negative one.
    """
    if not 1 <= len(counts) <= total or min(counts) < 0:
        raise ValueError(
            f"{len(counts)} counts, smallest {min(counts, default=0)}; expected 1...{total}, none negative"
        )
    frequencies = [1] * len(counts)
    large = [i for i, count in enumerate(counts) if count > 0] or list(range(len(counts)))
    weights = counts if any(counts) else [1] * len(counts)
    while True:
        mass = total - (len(counts) - len(large))
        weight = sum(weights[i] for i in large)
        kept = [i for i in large if weights[i] * mass >= weight]
        if len(kept) == len(large):
            break
        large = kept
    for i in large:
        frequencies[i] = weights[i] * mass // weight
    by_remainder = sorted(large, key=lambda i: -(weights[i] * mass % weight))
    for i in by_remainder[: total - sum(frequencies)]:
        frequencies[i] += 1
    return frequencies


def tables_from_counts(rows: Sequence[Sequence[int]], lows: Sequence[int]) -> FrequencyTables:
    """Tables from one row of counts each: a count for every value from `lows[t]` on, then one for the escape.

    Raises:
        ValueError: rows and lows disagree in number, or exceed the limits of this module.
    """
    if len(rows) != len(lows):
        raise ValueError(f"{len(rows)} rows of counts but {len(lows)} smallest values")
    cumulative, offsets = [], [0]
    for row in rows:
        cumulative.append(np.concatenate([[0], np.cumsum(apportion([int(count) for count in row]))]))
        offsets.append(offsets[-1] + len(row) + 1)
    if not cumulative:
        raise ValueError("no rows; expected at least one table")
    flat = np.concatenate(cumulative).astype(np.uint32)
    return FrequencyTables(flat, np.array(offsets, np.int64), np.array(lows, np.int32))


def count_values(
    values: Int[np.ndarray, " n"], table_indices: Int[np.ndarray, " n"], table_count: int, *, max_values: int = 256
) -> tuple[list[list[int]], list[int]]:
    """Histogram rows (escape count last) and smallest values, ready for `tables_from_counts` or `pack_tables`.

    Where a table's values span more than `max_values`, the window of that width with the most of them is kept and the
    rest are escapes. A table without values gets the single value 0.

    Raises:
        ValueError: lengths disagree, or an index is outside `0 ... table_count - 1`.
    """
    if len(values) != len(table_indices) or not 1 <= max_values <= MAX_TABLE_VALUES:
        raise ValueError(f"{len(values)} values, {len(table_indices)} indices, window of {max_values} values")
    if len(values) and not 0 <= int(table_indices.min()) <= int(table_indices.max()) < table_count:
        raise ValueError(f"table indices {table_indices.min()}...{table_indices.max()}; expected 0...{table_count - 1}")
    rows, lows = [], []
    for table in range(table_count):
        found, counts = np.unique(values[table_indices == table], return_counts=True)
        allowed = np.abs(found.astype(np.int64)) <= MAX_LOW
        found, total, counts = found[allowed].astype(np.int64), int(counts.sum()), counts[allowed]
        keep = _best_window(found, counts, max_values)
        low = int(found[keep.start]) if len(found) else 0
        size = int(found[keep.stop - 1]) - low + 1 if len(found) else 1
        row = np.zeros(size + 1, np.int64)
        row[found[keep] - low] = counts[keep]
        row[size] = total - int(counts[keep].sum())
        rows.append(row.tolist())
        lows.append(low)
    return rows, lows


def _best_window(found: Int64[np.ndarray, " n"], counts: Int[np.ndarray, " n"], width: int) -> slice:
    """Slice of the sorted values that fits in `width` consecutive integers and has the largest count."""
    if not len(found):
        return slice(0, 0)
    sums = np.concatenate([[0], np.cumsum(counts)])
    stops = np.searchsorted(found, found + width, side="left")
    start = int(np.argmax(sums[stops] - sums[:-1]))
    return slice(start, int(stops[start]))
