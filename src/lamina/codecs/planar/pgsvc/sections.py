# SPDX-License-Identifier: Apache-2.0
"""Sections of a layer's payload: arrays of integers enter, bytes leave, at fixed length or entropy coded; and back.

A section knows its columns; `pack` keeps the smaller of the two forms and says which it is.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from jaxtyping import Int64, UInt8

from lamina.codecs.planar.pgsvc import walks
from lamina.entropy.binary import Coder, fresh_contexts
from lamina.entropy.walk import expect_end, open_reader, write_stream
from lamina.errors import BitstreamError

COLUMN_WINDOW = 1024
"""Bits of evidence that contexts remember: the columns are stationary, so long."""


@dataclass(frozen=True)
class Column:
    """An array (n, k) of unsigned integers of so many bits."""

    values: Int64[np.ndarray, "n k"]
    bits: int


Walk = Callable[[Coder, tuple[Int64[np.ndarray, "n k"], ...]], object]
"""walk(coder, arrays): codes the arrays, or fills them."""


def pack(columns: tuple[Column, ...], walk: Walk | None) -> tuple[bytes, bool]:
    """The section's bytes, and whether they are entropy coded; `walk` None: fixed length only."""
    fixed = pack_fixed(columns)
    if walk is None or not fixed:
        return fixed, False
    coded = write_stream(lambda coder: walk(coder, tuple(column.values.copy() for column in columns)))
    return (coded, True) if len(coded) < len(fixed) else (fixed, False)


def unpack(
    data: bytes, shapes: tuple[tuple[int, int, int], ...], walk: Walk | None, unit: str
) -> tuple[np.ndarray, ...]:
    """The inverse of `pack` for arrays of (rows, columns, bits); `walk` None: the bytes are of fixed length.

    Raises:
        BitstreamError: the bytes are damaged or of the wrong length.
    """
    if walk is None:
        return unpack_fixed(data, shapes, unit)
    arrays = tuple(np.zeros((rows, columns), np.int64) for rows, columns, _ in shapes)
    reader = open_reader(data, unit=unit)
    walk(reader, arrays)
    expect_end(reader, unit=unit)
    return arrays


def pack_fixed(columns: tuple[Column, ...]) -> bytes:
    """All values one after the other, highest bit first; the last byte filled up with zeros."""
    bits = [_bits_of(column) for column in columns]
    return np.packbits(np.concatenate(bits)).tobytes() if bits else b""


def unpack_fixed(data: bytes, shapes: tuple[tuple[int, int, int], ...], unit: str) -> tuple[np.ndarray, ...]:
    """The inverse of `pack_fixed`.

    Raises:
        BitstreamError: the length is wrong or the padding is not zero.
    """
    total = sum(rows * columns * bits for rows, columns, bits in shapes)
    if len(data) != (total + 7) // 8:
        raise BitstreamError(f"{len(data)} bytes for {total} bits of fixed length; expected {(total + 7) // 8}", unit)
    flat = np.unpackbits(np.frombuffer(data, np.uint8))
    if flat[total:].any():
        raise BitstreamError("padding bits are not zero", unit, position=len(data) - 1)
    arrays, start = [], 0
    for rows, columns, bits in shapes:
        stop = start + rows * columns * bits
        weights = np.int64(1) << np.arange(bits - 1, -1, -1, dtype=np.int64)
        arrays.append((flat[start:stop].reshape(rows * columns, bits) @ weights).reshape(rows, columns))
        start = stop
    return tuple(arrays)


def position_walk(exponent_bits: int) -> Walk:
    """Columns: ordered x and y (k, 2) of new splats, 12-bit differences (n - k, 2) of the others."""

    def walk(coder: Coder, arrays: tuple[np.ndarray, ...]) -> None:
        new, deltas = arrays
        high_bits = exponent_bits + 1
        contexts = fresh_contexts(walks.POSITION_CONTEXTS + (2 << high_bits), COLUMN_WINDOW)
        x, y = new[:, 0].copy(), new[:, 1].copy()
        walks.walk_positions(coder, contexts, x, y)
        new[:, 0], new[:, 1] = x, y
        walks.walk_floats(coder, contexts, walks.POSITION_CONTEXTS, deltas, high_bits, 12 - high_bits)

    return walk


def symbol_walk(bits: tuple[int, int]) -> Walk:
    """Columns: symbols (k, c) of new splats of bits[0], symbols (n - k, c) of the others of bits[1]."""

    def walk(coder: Coder, arrays: tuple[np.ndarray, ...]) -> None:
        base = 0
        width = arrays[0].shape[1]
        contexts = fresh_contexts((width << bits[0]) + (width << bits[1]), COLUMN_WINDOW)
        for array, symbol_bits in zip(arrays, bits, strict=True):
            walks.walk_symbols(coder, contexts, base, array, symbol_bits)
            base += width << symbol_bits

    return walk


def flag_walk(coder: Coder, arrays: tuple[np.ndarray, ...]) -> None:
    """One column of flags."""
    flags = arrays[0][:, 0].copy()
    walks.walk_flags(coder, fresh_contexts(1, COLUMN_WINDOW), flags)
    arrays[0][:, 0] = flags


def _bits_of(column: Column) -> UInt8[np.ndarray, " bits"]:
    shifts = np.arange(column.bits - 1, -1, -1, dtype=np.int64)
    return ((column.values.reshape(-1, 1) >> shifts) & 1).astype(np.uint8).reshape(-1)
