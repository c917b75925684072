# SPDX-License-Identifier: Apache-2.0
"""Many integers <-> bits by exponential Golomb codes; positions are in bits from the front, first bit highest.

Source: Teuhola, "A compression method for clustered bit-vectors", Information Processing Letters 7(6), 1978.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Int64, UInt8

from lamina.compiled import compiled

LARGEST = (1 << 24) - 1
"""Of what is coded."""


def folded(values: Int64[np.ndarray, "*s"]) -> Int64[np.ndarray, "*s"]:
    """0, 1, -1, 2, -2, ... as 0, 1, 2, 3, 4, ..."""
    return np.where(values > 0, 2 * values - 1, -2 * values)


def unfolded(codes: Int64[np.ndarray, "*s"]) -> Int64[np.ndarray, "*s"]:
    """The other way."""
    return np.where(codes % 2 == 1, (codes + 1) // 2, -(codes // 2))


def code_bits(codes: Int64[np.ndarray, "*s"], order: int) -> int:
    """Bits of all codes together."""
    lengths = np.floor(np.log2((codes >> order) + 1)).astype(np.int64)
    return int((2 * lengths + 1 + order).sum())


@compiled()
def write_bits(data: UInt8[np.ndarray, " b"], position: int, value: int, bits: int) -> int:
    """An integer of so many bits; where the next begins."""
    for place in range(bits - 1, -1, -1):
        if (value >> place) & 1:
            data[position >> 3] |= np.uint8(128 >> (position & 7))
        position += 1
    return position


@compiled()
def read_bits(data: UInt8[np.ndarray, " b"], position: int, bits: int) -> int:
    """An integer of so many bits, which are there."""
    value = 0
    for _ in range(bits):
        value = 2 * value + ((data[position >> 3] >> (7 - (position & 7))) & 1)
        position += 1
    return value


@compiled()
def write_codes(data: UInt8[np.ndarray, " b"], position: int, codes: Int64[np.ndarray, " n"], order: int) -> int:
    """Codes one after another; where the next begins."""
    for number in range(codes.shape[0]):
        quotient = (codes[number] >> order) + 1
        length = 0
        while (quotient >> (length + 1)) > 0:
            length += 1
        position = write_bits(data, position, quotient, 2 * length + 1)
        position = write_bits(data, position, codes[number], order)
    return position


@compiled()
def read_codes(data: UInt8[np.ndarray, " b"], position: int, codes: Int64[np.ndarray, " n"], order: int) -> int:
    """Fills `codes`; where the next begins, or -1: the data ends before, or a code is over `LARGEST`."""
    end = 8 * data.shape[0]
    for number in range(codes.shape[0]):
        length = 0
        while position < end and read_bits(data, position, 1) == 0:
            length += 1
            position += 1
            if length + order > 24:
                return -1
        if position + length + 1 + order > end:
            return -1
        quotient = read_bits(data, position, length + 1)
        position += length + 1
        codes[number] = ((quotient - 1) << order) | read_bits(data, position, order)
        position += order
        if codes[number] > LARGEST:
            return -1
    return position


def ends_well(data: bytes, position: int) -> bool:
    """Nothing follows but the zero bits that fill the last byte."""
    if position < 0 or (position + 7) // 8 != len(data):
        return False
    return position % 8 == 0 or data[-1] & ((1 << (8 - position % 8)) - 1) == 0
