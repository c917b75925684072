# SPDX-License-Identifier: Apache-2.0
"""Heads of the paper's method, from docs/walks.md: plain Python, sharing no code with Lamina. Heads come parsed."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Sequence

from walk_reference import expect

LIMIT = 2**18


class Bits:
    """Highest bit of a byte first."""

    def __init__(self, data: bytes) -> None:
        self.text = "".join(f"{byte:08b}" for byte in data)
        self.place = 0

    def number(self, bits: int) -> int:
        expect(self.place + bits <= len(self.text))
        self.place += bits
        return int(self.text[self.place - bits : self.place] or "0", 2)

    def golomb(self, order: int) -> int:
        zeros = 0
        while self.number(1) == 0:
            zeros += 1
            expect(zeros + order <= 24)
        quotient = (1 << zeros) + self.number(zeros)
        return ((quotient - 1) << order) + self.number(order)

    def signed(self, order: int) -> int:
        code = self.golomb(order)
        return (code + 1) // 2 if code % 2 else -(code // 2)

    def rest(self) -> int:
        """Bytes that were begun; what fills the last one is 0."""
        end = -(-self.place // 8) * 8
        expect("1" not in self.text[self.place : end])
        return end // 8


def read_run(data: bytes, frames: int, bits: int, zeros: Sequence[int]) -> list[list[int]]:
    """Columns of a run."""
    stream, rows = Bits(data), []
    for _ in range(frames):
        row = [stream.signed(0) + before for before in rows[-1]] if rows else [stream.number(bits) for _ in zeros]
        expect(all(0 <= index < 1 << bits for index in row))
        rows.append(row)
    expect(stream.rest() == len(data))
    return [[index - zero for index, zero in zip(row, zeros, strict=True)] for row in rows]


def section(data: bytes, is_deflated: bool) -> bytes:
    return zlib.decompress(data) if is_deflated else data


def floats(data: bytes, is_half: bool) -> list[float]:
    return list(struct.unpack(f"<{len(data) // (2 if is_half else 4)}{'e' if is_half else 'f'}", data))


def read_attributes(data: bytes, ranks: Sequence[int], is_quantized: bool, has_latents: bool) -> tuple:
    """Six precise columns of each Gaussian; then latents and numbers of their decoders, or fifty columns and none."""
    count, width = len(ranks), 2 if is_quantized else 4
    if is_quantized:
        stream, order = Bits(data), sorted(range(count), key=lambda number: ranks[number])
        precise = [[0] * 6 for _ in range(count)]
        for column in range(6):
            rank, last = stream.number(5), 0
            for number in order:
                last += stream.signed(rank)
                expect(abs(last) <= LIMIT)
                precise[number][column] = last
        data = data[stream.rest() :]
    else:
        columns = floats(data[: 24 * count], is_half=False)
        precise = [columns[number::count] for number in range(count)]
        data = data[24 * count :]
    if has_latents:
        numbers = 45 * 2 + 4 * 5 + 2
        expect(len(data) == 6 * count + width * numbers)
        signed = [byte - 256 if byte > 127 else byte for byte in data[: 6 * count]]
        return precise, [signed[number::count] for number in range(count)], floats(data[6 * count :], is_quantized)
    expect(len(data) == 200 * count)
    loose = floats(data, is_half=False)
    return precise, [loose[number::count] for number in range(count)], []
