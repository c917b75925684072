# SPDX-License-Identifier: Apache-2.0
"""Sections of the paper's packing, from docs/walks.md: plain Python, sharing no code with Lamina."""

from __future__ import annotations

from collections.abc import Callable

from reference_decoder import Decoder
from walk_reference import expect, fresh

Array = list[list[int]]


def fixed(data: bytes, shapes: tuple[tuple[int, int, int], ...]) -> tuple[Array, ...]:
    """Arrays of (rows, columns, bits) at fixed length."""
    bits = "".join(f"{byte:08b}" for byte in data)
    arrays, position = [], 0
    for rows, columns, width in shapes:
        array: Array = []
        for _ in range(rows):
            row = [int(bits[position + i * width : position + (i + 1) * width], 2) for i in range(columns)]
            array.append(row)
            position += columns * width
        arrays.append(array)
    expect(len(data) == (position + 7) // 8 and "1" not in bits[position:])
    return tuple(arrays)


def positions(new: int, others: int, exponent_bits: int) -> Callable[[Decoder], tuple[Array, ...]]:
    """x and y patterns of new splats, 12-bit differences of the others."""

    def read(decoder: Decoder) -> tuple[Array, ...]:
        e = exponent_bits + 1
        contexts, previous = fresh(2304 + (2 << e), 1024), 0
        found: Array = []
        for _ in range(new):
            previous += decoder.magnitude(contexts, 34 * (previous >> 10), 17)
            expect(previous <= 65535)
            y = decoder.symbol(contexts, 2176, 6) << 10
            found.append([previous, y | decoder.raw(10)])
        deltas: Array = []
        for _ in range(others):
            row = []
            for j in (0, 1):
                high = decoder.symbol(contexts, 2304 + (j << e), e) << (12 - e)
                row.append(high | decoder.raw(12 - e))
            deltas.append(row)
        return found, deltas

    return read


def symbols(shapes: tuple[tuple[int, int, int], ...]) -> Callable[[Decoder], tuple[Array, ...]]:
    """Columns of symbols, a tree each."""

    def read(decoder: Decoder) -> tuple[Array, ...]:
        contexts, base, arrays = fresh(sum(columns << bits for _, columns, bits in shapes), 1024), 0, []
        for rows, columns, bits in shapes:
            arrays.append(
                [[decoder.symbol(contexts, base + (j << bits), bits) for j in range(columns)] for _ in range(rows)]
            )
            base += columns << bits
        return tuple(arrays)

    return read


def flags(count: int) -> Callable[[Decoder], tuple[Array, ...]]:
    """One flag a slot."""

    def read(decoder: Decoder) -> tuple[Array, ...]:
        context = fresh(1, 1024)[0]
        return ([[decoder.bit(context)] for _ in range(count)],)

    return read


def section(
    data: bytes, is_coded: bool, shapes: tuple[tuple[int, int, int], ...], read: Callable[[Decoder], tuple[Array, ...]]
) -> tuple[Array, ...]:
    """Either form."""
    if not is_coded:
        return fixed(data, shapes)
    decoder = Decoder(data)
    arrays = read(decoder)
    expect(decoder.ended())
    return arrays


def patterns(value: int) -> int:
    """Of binary16."""
    return value - 0x8000 if value >= 0x8000 else 0xFFFF - value
