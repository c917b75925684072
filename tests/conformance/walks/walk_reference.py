# SPDX-License-Identifier: Apache-2.0
"""A second decoder of pictures and clips: plain Python, written from docs/walks.md, sharing no code with Lamina.

It reads bits through `tests/conformance/entropy/reference_decoder.py`, and tables from docs/tables.json; heads of units
come parsed.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from math import isqrt
from pathlib import Path

from reference_decoder import Decoder

TABLES = json.loads((Path(__file__).parents[3] / "docs" / "tables.json").read_text(encoding="utf-8"))
STEPS = TABLES["lamina.codecs.planar.lattice.steps"]
SPLITS = TABLES["lamina.entropy.split"]["shapes"]["4"]
K, M, RHO, PHI, X, Y, C0 = range(7)


class DamageError(ValueError):
    """The stream says what cannot be."""


def expect(is_so: bool) -> None:
    if not is_so:
        raise DamageError


def fresh(count: int, window: int) -> list[list[int]]:
    return [[16, 16, 32 * window] for _ in range(count)]


def primed(counts: list[list[int]], mass: int, window: int) -> list[list[int]]:
    contexts = []
    for a, b in counts:
        units = 32 * min(a + b + 1, mass, window)
        contexts.append([max(1, (2 * n + 1) * units // (2 * (a + b) + 2)) for n in (a, b)] + [32 * window])
    return contexts


@dataclass
class Layer:
    """What a lattice layer keeps from frame to frame."""

    rows: list[list[int]]
    contexts: list[list[int]]
    updates: list[list[int]] = field(default_factory=lambda: fresh(603, 256))
    flags: list[int] = field(default_factory=list)
    motion: list | None = None
    """Vectors by row and column: (across, down)."""


def unit(k: int) -> int:
    return max(1, min(128, 256 >> k))


def bins_of(k: int, ratio: int) -> int:
    return 1 if ratio == 0 else 4 * max(1, (STEPS["bins"][ratio] + 128 * unit(k)) // (256 * unit(k)))


def grid_of(k: int, size: int, ratio: int) -> int:
    return max(-3, min(1, ((94548 * size >> 8) - 65536 * k - STEPS["grids"][ratio] + 57573) >> 16))


def is_legal(size: int, ratio: int) -> bool:
    return -384 <= size <= 2304 and 0 <= ratio <= 640


def key_layer(data: bytes, size: tuple[int, int], role: int, count: int, priors: list) -> Layer:
    decoder, contexts = Decoder(data), primed(priors[role], 24, 256)
    rows = read_splats(decoder, contexts, size, count)
    expect(decoder.ended())
    return Layer(rows, contexts, flags=[0] * count)


def read_splats(decoder: Decoder, contexts: list, size: tuple[int, int], count: int) -> list[list[int]]:
    cells = read_cells(decoder, 0, 0, -(-size[0] // 2), -(-size[1] // 2), count)
    rows = [read_shape(decoder, contexts) for _ in cells]
    for row, cell in zip(rows, cells, strict=True):
        k = row[K]
        grid = grid_of(k, row[M] * unit(k), row[RHO] * unit(k))
        own = [place << (1 - grid) | decoder.raw(1 - grid) for place in cell]
        row += [(place << (grid + 4)) + (1 << (grid + 3)) for place in own]
    for row in rows:
        row += read_color(decoder, contexts, row[K])
    return rows


def read_cells(decoder: Decoder, x: int, y: int, w: int, h: int, n: int) -> list[tuple[int, int]]:
    if n == 0:
        return []
    if w * h == 1:
        return [(x, y)] * n
    if n == 1 and w * h < 2**20:
        place = decoder.uniform(w * h)
        return [(x + place % w, y + place // w)]
    left = decoder.split(SPLITS, n)
    if w >= h:
        first = read_cells(decoder, x, y, w >> 1, h, left)
        return first + read_cells(decoder, x + (w >> 1), y, w - (w >> 1), h, n - left)
    first = read_cells(decoder, x, y, w, h >> 1, left)
    return first + read_cells(decoder, x, y + (h >> 1), w, h - (h >> 1), n - left)


def read_shape(decoder: Decoder, contexts: list) -> list[int]:
    k = decoder.symbol(contexts, 0, 4)
    expect(k <= 8)
    step, group = unit(k), 0 if k <= 1 else min(k - 1, 4)
    per, offset = max(step, 64) // step, 3 if step == 128 else 6
    low_bits = per.bit_length() - 1
    m = (decoder.symbol(contexts, 15 + 63 * group, 6) - offset) * per
    m += decoder.raw(low_bits)
    wide = max(0, min(3, m * step // 128))
    rho = decoder.symbol(contexts, 330 + 15 * (4 * group + wide), 4) * per
    rho += decoder.raw(low_bits)
    expect(is_legal(m * step, rho * step))
    bins, phi = bins_of(k, rho * step), 0
    if bins > 1:
        turned = decoder.symbol(contexts, 630 + 3 * min(rho * step // 128, 2), 2) * (bins // 4)
        turned += decoder.uniform(bins // 4)
        phi = (turned + bins - bins // 8) % bins
    return [k, m, rho, phi]


def read_color(decoder: Decoder, contexts: list, k: int) -> list[int]:
    def amplitude(base: int, sign: int) -> int:
        size = decoder.unsigned(contexts, base, 8) << max(k - 2, 0)
        size |= decoder.raw(max(k - 2, 0))
        expect(size < 2**24)
        return -size if size and decoder.bit(contexts[sign]) else size

    def room(spent: int) -> int:
        left = 2 * 4**k - spent
        return 0 if left <= 0 else min(isqrt(left) * 4 >> k, 5)

    def side(color: int) -> int:
        return 1 if color > 0 else 2 if color < 0 else 0

    luma = amplitude(639 + 8 * k, 1575)
    first = amplitude(711 + 8 * (6 * k + room(luma**2)), 1576 + side(luma))
    second = amplitude(711 + 8 * (6 * (9 + k) + room(luma**2 + first**2)), 1579 + side(first))
    return [luma, first, second]


def updated_layer(data: bytes, size: tuple[int, int], head: dict, before: Layer, base: Layer | None) -> Layer:
    """`head`: has_motion, has_updates, added; `base`: layer 0 of the same frame, None if this is it."""
    decoder = Decoder(data)
    motion = base.motion if base else None
    if head["has_motion"]:
        expect(base is None)
        motion = read_motion(decoder, before.updates, size, before.motion)
    limits = [16 * 2 * -(-side // 2) for side in size]
    rows = [moved(row, motion, limits) for row in before.rows]
    flags = [0] * len(rows)
    if head["has_updates"]:
        for i, row in enumerate(rows):
            changed = sum(flag != 0 for flag in flags[max(i - 2, 0) : i])
            flags[i] = read_update(decoder, before.updates, row, changed, before.flags[i], limits)
    new = read_splats(decoder, before.contexts, size, head["added"])
    expect(decoder.ended())
    kept = [row for row, flag in zip(rows, flags, strict=True) if flag != 3]
    stay = [flag for flag in flags if flag != 3]
    return Layer(kept + new, before.contexts, before.updates, stay + [2 if rows else 0] * len(new), motion)


def read_motion(decoder: Decoder, contexts: list, size: tuple[int, int], before: list | None) -> list:
    rows, columns = 8 * -(-size[1] // 128) + 1, 8 * -(-size[0] // 128) + 1
    is_change = decoder.raw(1)
    values = [[[0, 0] for _ in range(columns)] for _ in range(rows)]
    for grade, s in enumerate((8, 4, 2, 1)):
        u = 0
        for row in range(0, rows, s):
            for column in range(0, columns, s):
                if grade and row % (2 * s) == 0 and column % (2 * s) == 0:
                    continue
                n, u = 2 * u, 0
                for axis in (0, 1):
                    guess = 0
                    if grade == 0 and (row or column):
                        guess = (values[row][column - 8] if column else values[row - 8][0])[axis]
                    found = decoder.signed(contexts, 14 * (4 * (2 * grade + axis) + n), 12)
                    if found:
                        n, u = n | 1, 1
                    values[row][column][axis] = max(-(2**14), min(2**14, guess + found))
    return field_of(values, before if is_change else None)


def field_of(values: list, before: list | None) -> list:
    rows, columns = len(values), len(values[0])
    made = [[[0, 0] for _ in range(columns)] for _ in range(rows)]
    for s in (8, 4, 2, 1):
        for row in range(0, rows, s):
            for column in range(0, columns, s):
                i, j = s * (row % (2 * s) != 0), s * (column % (2 * s) != 0)
                if s < 8 and not (i or j):
                    continue
                for axis in (0, 1):
                    mean = 0
                    if s < 8:
                        around = ((-i, -j), (i, j), (-i, j), (i, -j))
                        mean = sum(made[row + di][column + dj][axis] for di, dj in around) >> 2
                    made[row][column][axis] = mean + 4 * values[row][column][axis]
    for row in range(rows):
        for column in range(columns):
            for axis in (0, 1):
                value = made[row][column][axis] + (before[row][column][axis] if before else 0)
                made[row][column][axis] = max(-(2**14), min(2**14, value))
    return made


def moved(row: list[int], motion: list | None, limits: list[int]) -> list[int]:
    if motion is None:
        return list(row)
    x, y = row[X], row[Y]
    i, j = min(y // 256, len(motion) - 2), min(x // 256, len(motion[0]) - 2)
    d, a, found = y - 256 * i, x - 256 * j, list(row)
    for axis in (0, 1):
        upper, lower = ((256 - a) * motion[r][j][axis] + a * motion[r][j + 1][axis] for r in (i, i + 1))
        shift = ((256 - d) * upper + d * lower + 32768) // 65536
        found[X + axis] = max(0, min(limits[axis] - 1, row[X + axis] + shift))
    return found


def read_update(decoder: Decoder, contexts: list, row: list[int], a: int, f: int, limits: list[int]) -> int:
    if not decoder.bit(contexts[448 + 3 * a + f]):
        return 0
    flag = 1 if decoder.bit(contexts[457 + 2 * f]) else 3 if decoder.bit(contexts[458 + 2 * f]) else 2
    if flag == 2:
        k = row[K]
        old = bins_of(k, row[RHO] * unit(k))
        row[M] += decoder.signed(contexts, 553, 8)
        row[RHO] += decoder.signed(contexts, 563, 8)
        expect(is_legal(row[M] * unit(k), row[RHO] * unit(k)))
        n = bins_of(k, row[RHO] * unit(k))
        guess, turn = ((2 * row[PHI] * n + old) // (2 * old)) % n, decoder.signed(contexts, 573, 8)
        expect(abs(turn) <= n // 2)
        row[PHI] = (guess + turn + n) % n
        grid = grid_of(k, row[M] * unit(k), row[RHO] * unit(k))
        for axis in (0, 1):
            row[X + axis] += decoder.signed(contexts, 583 + 10 * axis, 8) << (grid + 4)
            expect(0 <= row[X + axis] < limits[axis])
    if flag != 3:
        for channel in range(3):
            base = 463 + 10 * (3 * channel + min(row[K] >> 1, 2))
            row[C0 + channel] += decoder.signed(contexts, base, 8)
            expect(abs(row[C0 + channel]) < 2**24)
    return flag
