# SPDX-License-Identifier: Apache-2.0
"""Packets of heads, from docs/walks.md: plain Python, sharing no code with Lamina. Their heads come parsed."""

from __future__ import annotations

from collections.abc import Sequence
from math import isqrt

from reference_decoder import Decoder
from walk_reference import expect

LAGS = (3, 5, 6, 7)
QUARTERS = (65536, 77936, 92682, 110218)


def rescaled(value: int, by: int) -> int:
    octaves, quarter = divmod(-by, 4)
    shift = 16 - min(octaves, 0)
    return (value * QUARTERS[quarter] * 2 ** max(octaves, 0) + 2 ** (shift - 1)) >> shift


def integer(decoder: Decoder, mean: int) -> int:
    ratio = min(max(((isqrt(65536 + mean * mean) - 256) << 16) // mean, 64), 65000)
    zero = min(max(((65536 - ratio) << 16) // (65536 + ratio), 64), 65472)
    if not decoder.from_table([0, zero, 65536]):
        return 0
    is_below, found = decoder.raw(1), 0
    while found < 32 and decoder.from_table([0, 65536 - ratio, 65536]):
        found += 1
    if found == 32:
        length = decoder.raw(5)
        expect(length <= 20)
        found += decoder.raw(length)
    return -(found + 1) if is_below else found + 1


def read_packet(
    data: bytes, activity: Sequence[int], scale: int, reference: tuple[Sequence[int], int, int] | None
) -> list[int]:
    """Columns of a frame; `reference`: columns, scale and lag of the one that is named."""
    decoder, seen, thought, row = Decoder(data), 32, 32, []
    lag = 0 if reference is None else reference[2]
    for column, level in enumerate(activity):
        octaves, quarter = divmod(level + (LAGS[min(lag, 4) - 1] if lag else 8), 4)
        usual = max(((256, 304, 362, 431)[quarter] << octaves) // 16, 8)
        value = integer(decoder, min(max(usual * seen // thought, 4), 2**20))
        seen, thought = seen + min(abs(value) * 4096 // usual, 128), thought + 16
        row.append(value if reference is None else value + rescaled(reference[0][column], scale - reference[1]))
    expect(decoder.ended())
    return row
