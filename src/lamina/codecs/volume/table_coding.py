# SPDX-License-Identifier: Apache-2.0
"""Symbols one by one under static tables, as HPC codes them: no contexts, nothing learned from frame to frame.

A unit brings its tables: one of all channels of its level (HPC, sec. 3.1: an entropy model a level), or one a channel.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Int32

from lamina.codecs.volume.syntax import SYMBOL_LIMIT
from lamina.entropy.binary import fail, ran_dry
from lamina.entropy.indexed import code_from_row
from lamina.entropy.kernel import kernel
from lamina.entropy.rans_kernels import TableArrays
from lamina.entropy.table_syntax import pack_tables, unpack_tables
from lamina.entropy.tables import count_values
from lamina.entropy.walk import Coder
from lamina.errors import BitstreamError


class Counts(NamedTuple):
    """What tables are made of."""

    rows: Sequence[Sequence[int]]
    """Of each table, how often each value is expected, from its smallest on; the last of a row is for all else."""
    lows: Sequence[int]
    """Smallest value of each."""

    def pack(self) -> bytes:
        """As a unit holds them."""
        return pack_tables(self.rows, self.lows)


def counts_of(symbols: Int32[np.ndarray, "r c"], *, is_by_channel: bool) -> Counts:
    """Counts of what is there."""
    tables = np.arange(symbols.shape[1]) if is_by_channel else np.zeros(symbols.shape[1], np.int64)
    chosen = np.broadcast_to(tables, symbols.shape).reshape(-1)
    return Counts(*count_values(symbols.reshape(-1), chosen, int(tables[-1]) + 1))


def read_tables(data: bytes, channel_count: int, unit: str) -> TableArrays:
    """Tables of a unit, a row for all channels or one for each.

    Raises:
        BitstreamError: they are damaged, or too many or too few.
    """
    tables = unpack_tables(data, unit=unit)
    if tables.table_count not in (1, channel_count):
        raise BitstreamError(f"{tables.table_count} tables for {channel_count} channels", unit, "tables")
    return TableArrays(tables.cumulative, tables.offsets, tables.lows, tables.bucket_entries)


@kernel
def walk_under_tables(coder, tables, symbols):
    """All symbols, into or from `symbols` (r, c)."""
    last = tables.lows.size - 1
    for r in range(symbols.shape[0]):
        if ran_dry(coder):
            return
        for c in range(symbols.shape[1]):
            value = code_from_row(coder, tables, np.int64(min(c, last)), np.int64(symbols[r, c]))
            if abs(value) > SYMBOL_LIMIT:
                fail(coder)
                value = np.int64(0)
            symbols[r, c] = value


def code_under_tables(coder: Coder, tables: TableArrays, symbols: Int32[np.ndarray, "r c"]) -> None:
    """Symbols of a level, into or from `symbols`."""
    walk_under_tables(coder, tables, symbols)
