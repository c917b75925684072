# SPDX-License-Identifier: Apache-2.0
"""A second implementation of the entropy decoder: plain Python, written from docs/entropy.md, sharing no code.

Slow and short; what a port to another language may follow line by line.
"""

from __future__ import annotations

import math
from functools import cache


class Decoder:
    """Streams of one state (`count_of_states` 1) or four."""

    def __init__(self, data: bytes, count_of_states: int = 1) -> None:
        self.data, self.position, self.turn = data, 4 * count_of_states, 0
        self.states = [int.from_bytes(data[4 * i : 4 * i + 4], "little") for i in range(count_of_states)]
        if count_of_states == 1:
            self.states[0] += 1 << 16

    @property
    def slot(self) -> int:
        return self.states[self.turn] & 0xFFFF

    def advance(self, start: int, frequency: int) -> None:
        x = self.states[self.turn]
        x = frequency * (x >> 16) + (x & 0xFFFF) - start
        for _ in range(2):
            if x < 1 << 24 and self.position < len(self.data):
                x = x << 8 | self.data[self.position]
                self.position += 1
        self.states[self.turn] = x

    def ended(self) -> bool:
        first = 1 << 16 if len(self.states) == 1 else 1 << 24
        return all(x == first for x in self.states) and self.position >= len(self.data)

    def from_table(self, cumulative: list[int]) -> int:
        symbol = next(i for i in range(len(cumulative) - 1) if cumulative[i + 1] > self.slot)
        self.advance(cumulative[symbol], cumulative[symbol + 1] - cumulative[symbol])
        return symbol

    def equal(self, bits: int) -> int:
        value = self.slot >> (16 - bits)
        self.advance(value << (16 - bits), 1 << (16 - bits))
        return value

    def raw(self, bits: int) -> int:
        high = self.equal(bits - 16) if bits > 16 else 0
        return high << 16 | self.equal(min(bits, 16))

    def table_value(self, cumulative: list[int], low: int) -> int:
        size = len(cumulative) - 2
        symbol = self.from_table(cumulative)
        if symbol == size:
            bits = self.equal(5)
            distance = (1 << bits) + self.raw(bits)
            symbol = size + distance // 2 if distance % 2 else -(distance // 2)
        self.turn = (self.turn + 1) % len(self.states)
        return low + symbol

    def bit(self, context: list[int]) -> int:
        zeros, ones, limit = context
        probability = min(max((zeros << 16) // (zeros + ones), 1), 65535)
        bit = int(self.slot >= probability)
        self.advance(probability if bit else 0, 65536 - probability if bit else probability)
        context[bit] += 32
        if context[0] + context[1] > limit:
            context[0], context[1] = (context[0] + 1) // 2, (context[1] + 1) // 2
        return bit

    def uniform(self, size: int) -> int:
        base = 0
        while size > 1:
            shift = max((size - 1).bit_length() - 8, 0)
            last = (size - 1) >> shift
            edges = [((block << shift) << 16) // size for block in range(last + 1)] + [65536]
            block = self.from_table(edges)
            base += block << shift
            if block < last:
                return base + self.raw(shift)
            size -= block << shift
        return base

    def exp_golomb(self, order: int) -> int:
        length = order
        while self.raw(1):
            length += 1
        return (1 << length) - (1 << order) + self.raw(length)

    def symbol(self, contexts: list[list[int]], base: int, bits: int) -> int:
        node = 1
        for _ in range(bits):
            node = 2 * node + self.bit(contexts[base + node - 1])
        return node - (1 << bits)

    def unsigned(self, contexts: list[list[int]], base: int, cap: int) -> int:
        for value in range(cap):
            if not self.bit(contexts[base + value]):
                return value
        return cap + self.exp_golomb(0)

    def signed(self, contexts: list[list[int]], base: int, cap: int) -> int:
        if not self.bit(contexts[base]):
            return 0
        negative = self.bit(contexts[base + 1])
        magnitude = 1 + self.unsigned(contexts, base + 2, cap)
        return -magnitude if negative else magnitude

    def magnitude(self, contexts: list[list[int]], base: int, classes: int) -> int:
        length = 0
        while length < classes - 1 and self.bit(contexts[base + length]):
            length += 1
        if length == 0:
            return 0
        top = self.bit(contexts[base + classes + length])
        return ((2 + top) << (length - 1)) + self.raw(length - 1) - 1

    def packed_tables(self) -> list[tuple[int, list[int]]]:
        """Smallest value and cumulative frequencies of each table."""
        contexts = [[16, 16, 32 * 256] for _ in range(42)]
        tables = []
        for _ in range(self.exp_golomb(4) + 1):
            low = self.exp_golomb(4)
            low = -low if self.raw(1) else low
            weights, code, step = [], 32, 0
            for _ in range(self.exp_golomb(5) + 2):
                step = self.signed(contexts, 14 if step > 0 else 28 if step < 0 else 0, 12)
                code += step
                weights.append((4 + (code - 1) % 4) << (code - 1) // 4 if code else 0)
            tables.append((low, cumulate(apportion(weights))))
        return tables

    def mixed_bit(self, mixer: Mixer, chosen: list[int], weight_set: int) -> int:
        logits = [mixer.stretch[mixer.slots[row][0] >> 4] for row in chosen]
        weights = mixer.weights[weight_set]
        logit = sum(w * x for w, x in zip(weights, logits, strict=True)) >> 16
        one = min(max(squashed(min(max(logit, -2047), 2047)), 24), 65512)
        bit = int(self.slot >= 65536 - one)
        self.advance(65536 - one if bit else 0, one if bit else 65536 - one)
        error = (bit << 16) - one
        for model, row in enumerate(chosen):
            most = (2**31 - 1 - 65536) // (2047 * len(chosen))
            weights[model] = min(max(weights[model] + (logits[model] * error >> 17), -most), most)
            probability, seen = mixer.slots[row]
            probability += ((bit << 16) - probability) * (65536 // (2 * seen + 3)) >> 15
            mixer.slots[row] = [min(max(probability, 16), 65519), min(seen + 1, 255)]
        return bit

    def split(self, table: list[int], total: int) -> int:
        if total == 0:
            return 0
        if total <= 128:
            row = (total - 1) * (total + 4) // 2
            return self.from_table(table[row : row + total + 2])
        bucket = self.from_table(table[-65:])
        first, end = (-(-(bucket + i) * (total + 1) // 64) for i in (0, 1))
        return first + self.uniform(end - first)


class Mixer:
    """Fresh slots and weights of mixed bits."""

    def __init__(self, slot_count: int, set_count: int, model_count: int) -> None:
        self.slots = [[32768, 0] for _ in range(slot_count)]
        self.weights = [[5 * 65536 // (4 * model_count)] * model_count for _ in range(set_count)]
        self.stretch = stretched()


@cache
def stretched() -> list[int]:
    """Logit of each probability, in 1/4096."""
    inside = [squashed(x) for x in range(-2047, 2048)]
    found = [next((x for x in range(len(inside)) if inside[x] >= 16 * p + 8), 4094) for p in range(4096)]
    return [x - 2047 for x in found]


def squashed(logit: int) -> int:
    low, part = divmod(logit + 2048, 32)
    first, second = (round(65536 / (1 + math.exp(-(32 * knot - 2048) / 256))) for knot in (low, low + 1))
    return (first * (32 - part) + second * part) // 32


def apportion(counts: list[int]) -> list[int]:
    """Frequencies that sum to 65536."""
    counts = counts if any(counts) else [1] * len(counts)
    stay = [i for i, count in enumerate(counts) if count]
    while True:
        mass, total = 65536 - len(counts) + len(stay), sum(counts[i] for i in stay)
        below = [i for i in stay if counts[i] * mass < total]
        if not below:
            break
        stay = [i for i in stay if i not in below]
    frequencies = [counts[i] * mass // total if i in stay else 1 for i in range(len(counts))]
    for _, i in sorted((-(counts[i] * mass % total), i) for i in stay)[: 65536 - sum(frequencies)]:
        frequencies[i] += 1
    return frequencies


def cumulate(frequencies: list[int]) -> list[int]:
    """0, then the sum of the first, of the first two, ..."""
    return [sum(frequencies[:i]) for i in range(len(frequencies) + 1)]


def split_table(shape: int) -> list[int]:
    """All rows of a split shape, one after the other."""
    a = (0, 64, 32, 16, 8, 4, 2, 1)[shape]
    rows = [split_weights(total, a) for total in range(1, 129)]
    large = split_weights(1023, a or 64)
    rows.append([sum(large[16 * i : 16 * i + 16]) for i in range(64)])
    return [number for row in rows for number in cumulate(apportion(row))]


def split_weights(total: int, a: int) -> list[int]:
    rising = [math.prod((a + 2 * j) if a else 1 for j in range(k)) for k in range(total + 1)]
    return [math.comb(total, k) * rising[k] * rising[total - k] for k in range(total + 1)]
