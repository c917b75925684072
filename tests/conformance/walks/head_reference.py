# SPDX-License-Identifier: Apache-2.0
"""Heads and their runs, from docs/walks.md: plain Python, sharing no code with Lamina. Heads of units come parsed."""

from __future__ import annotations

from collections.abc import Sequence

from reference_decoder import Decoder, Mixer
from walk_reference import expect

LIMIT = 2**18
Place = Sequence[int]


def size(value: int) -> int:
    magnitude, found = abs(value), 3
    if magnitude < 3:
        return magnitude
    while magnitude > 4 and found < 7:
        magnitude, found = (magnitude + 1) // 2, found + 1
    return found


def sign(value: int) -> int:
    return 1 if value > 0 else 2 if value < 0 else 0


def both(value: int) -> int:
    return 3 * size(value) + sign(value)


def contexts(columns: int, activity: Sequence[int] | None = None) -> Mixer:
    """Of so many columns."""
    mixer = Mixer(3028 * columns, 4 * columns, 4)
    for column, level in enumerate(activity or ()):
        mean = ((256, 304, 362, 431)[level % 4] << level // 4) // 16
        parts = [(65536 * 3 * mean) // (3 * mean + 512), None]
        parts += [65536 * mean // (mean + (256 << step)) for step in range(21)]
        for kind, probability in enumerate(parts):
            if probability is not None:
                for model in range(4):
                    first = 3028 * column + 736 * model + 32 * kind
                    mixer.slots[first : first + 32] = [[min(max(probability, 1024), 64512), 4] for _ in range(32)]
    return mixer


def residual(decoder: Decoder, mixer: Mixer, column: int, told: tuple[int, int, int]) -> int:
    def bit(kind: int, which: int) -> int:
        first = 3028 * column + 32 * kind
        slots = [first, *(first + 736 * (model + 1) + value for model, value in enumerate(told))]
        return decoder.mixed_bit(mixer, slots, 4 * column + which)

    if not bit(0, 0):
        return 0
    is_below, length = bit(1, 1), 0
    while length < 20 and bit(2 + length, 2):
        length += 1
    magnitude = 1 if length else 0
    for place in range(length - 2, -1, -1):
        slot = 3028 * column + 2944 + 4 * length + 2 * (place == length - 2) + (place == 0)
        magnitude = 2 * magnitude + decoder.mixed_bit(mixer, [slot] * 4, 4 * column + 3)
    return -(magnitude + 1) if is_below else magnitude + 1


def nearest(places: Sequence[Place], regions: Sequence[int], number: int) -> list[int]:
    """Up to four of those before."""
    away = [
        (sum((a - b) ** 2 for a, b in zip(places[number], places[other], strict=True))
         + (2**40 if regions[number] != regions[other] else 0), other)
        for other in range(number)
    ]  # fmt: skip
    return [other for _, other in sorted(away)[:4]]


def read_columns(
    decoder: Decoder, mixer: Mixer, rows: list[list[int]], beside: list[int], columns: range, last: list[int]
) -> None:
    """Appends columns to the newest row; `last` has what was coded of the row before, then of this one."""
    row, green = rows[-1], 0
    for column in columns:
        known = [rows[other][column] for other in beside]
        mean = (2 * sum(known) + len(known)) // (2 * len(known)) if known else 0
        spread = size(sum(abs(value - mean) for value in known[:2]))
        left = last[column - 1] if column else 0
        told = (4 * spread + min(size(last[column]), 3), both(left), both(last[column]))
        found = residual(decoder, mixer, column, told)
        row.append(mean + (green if column in (8, 9) else 0) + found)
        expect(abs(row[column]) <= LIMIT)
        last[column] = found
        green = found if column == 7 else green


def read_layer(
    data: bytes, below: tuple[list[list[int]], list[list[int]]], places: Sequence[Place], regions: Sequence[int],
    ranks: Sequence[int], free: int,
) -> tuple[list[list[int]], list[list[int]]]:  # fmt: skip
    """Gaussians of a layer, on the head in the template's order, and beside it."""
    decoder, known = Decoder(data), len(below[0])
    order = [*range(known), *sorted(range(known, len(places)), key=lambda number: ranks[number])]
    rows, mixer, last = list(below[0]), contexts(10), [0] * 12
    around, kinds = [places[number] for number in order], [regions[number] for number in order]
    for number in range(known, len(order)):
        rows.append([])
        read_columns(decoder, mixer, rows, nearest(around, kinds, number), range(10), last)
    mesh = [row for _, row in sorted(zip(order[known:], rows[known:], strict=True), key=lambda one: one[0])]
    rows, mixer, last = list(below[1]), contexts(11), [0] * 12
    before = [0, 0, 0]
    for _ in range(free):
        row: list[int] = []
        for column in range(3):
            told = (min(size(last[column]), 7), both(last[column - 1]) if column else 0, size(last[0]) if column else 0)
            last[column] = residual(decoder, mixer, column, told)
            row.append(before[column] + last[column])
            expect(abs(row[column]) <= LIMIT)
        rows.append(row)
        beside = nearest([one[:3] for one in rows], [0] * len(rows), len(rows) - 1)
        read_columns(decoder, mixer, rows, beside, range(3, 11), last)
        before = row[:3]
    expect(decoder.ended())
    return mesh, rows[len(below[1]) :]


def read_run(data: bytes, frames: int, activity: Sequence[int], groups: Sequence[int]) -> list[list[int]]:
    """Some columns of a run; `groups` says of each which of them move together."""
    decoder, count = Decoder(data), len(activity)
    mixer, first = contexts(count, activity), contexts(count)
    rows: list[list[int]] = []
    before, older = [0] * count, [0] * count
    for frame in range(frames):
        busy, now = 0, [0] * count
        row = list(rows[-1]) if rows else [0] * count
        for column in range(count):
            if frame == 0:
                row[column] += residual(decoder, first, column, (0, 0, 0))
            else:
                left = now[column - 1] if column and groups[column] == groups[column - 1] else 0
                second = 8 * min(busy, 3) + size(left)
                third = 5 * min(size(older[column]), 4) + min(size(before[column]), 4)
                now[column] = residual(decoder, mixer, column, (both(before[column]), second, third))
                busy = (3 * busy + 4 * min(abs(now[column]), 3)) >> 2
                row[column] += now[column]
            expect(abs(row[column]) <= LIMIT)
        rows.append(row)
        older, before = before, now
    expect(decoder.ended())
    return rows
