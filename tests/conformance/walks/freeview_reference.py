# SPDX-License-Identifier: Apache-2.0
"""Frames of free view, from docs/walks.md: plain Python, sharing no code with Lamina. Heads of units come parsed."""

from __future__ import annotations

from copy import deepcopy
from dataclasses import dataclass, field
from itertools import accumulate
from typing import Any

from anchor_reference import Cell, Nodes
from reference_decoder import Decoder, Mixer
from walk_reference import expect

LIMIT = 2**20 - 1


@dataclass
class Scale:
    """Cells that carry differences."""

    parents: list[int]
    neighbors: list[list[int]]
    carries: list[bool]
    """Each cell: whether it has anything to move."""


def morton(cell: Cell) -> int:
    return sum(((cell[axis] >> bit) & 1) << (3 * bit + axis) for bit in range(20) for axis in range(3))


def shifted(cell: Cell, right: int) -> Cell:
    x, y, z = (part >> right if right >= 0 else part << -right for part in cell)
    return x, y, z


def scales_of(
    layers: list[list[Cell]], masks: list[list[list[int]]], base_depth: int, depths: list[int]
) -> list[Scale]:
    """Scales of all layers that have come."""
    found: list[Scale] = []
    above: Nodes | None = None
    for scale in range(min(len(layers), len(depths))):
        depth = depths[scale]
        stand = {shifted(cell, base_depth + n - depth) for n, own in enumerate(layers[: scale + 1]) for cell in own}
        nodes = Nodes(sorted(stand, key=morton))
        parents = [above.rows[shifted(cell, depth - depths[scale - 1])] if above else -1 for cell in nodes.cells]
        found.append(Scale(parents, beside(nodes, 0), [True] * len(parents)))
        above = nodes
    if len(layers) > len(depths):
        parents, neighbors, carries = [], [], []
        for n, own in enumerate(layers):
            first = len(parents)
            right = base_depth + n - depths[-1] if depths else 0
            parents += [above.rows[shifted(cell, right)] if above else -1 for cell in own]
            neighbors += beside(Nodes(own), first)
            carries += [any(mask) for mask in masks[n]]
        found.append(Scale(parents, neighbors, carries))
    return found


def beside(nodes: Nodes, first: int) -> list[list[int]]:
    """Rows of the cells around each, without itself."""
    return [[first + row for row, step in nodes.beside(cell) if any(step)] for cell in nodes.cells]


@dataclass
class Memory:
    """What is remembered of a scale, or of the guests of a layer."""

    count: int
    columns: int
    sums: list[list[int]] = field(default_factory=list)
    past: list[list[int]] = field(default_factory=list)
    history: list[int] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.fresh()
        self.sums = [[0] * self.columns for _ in range(self.count)]

    def fresh(self) -> None:
        self.active, self.values = Mixer(816 + self.count, 4, 7), Mixer(29424, 20, 5)
        self.past = [[0] * self.columns for _ in range(self.count)]
        self.history = [0] * self.count

    def kept(self, rows: list[int]) -> None:
        """Of guests that stay."""
        slots = self.active.slots
        self.active.slots = slots[:816] + [slots[816 + row] for row in rows]
        self.sums, self.past = [self.sums[row] for row in rows], [self.past[row] for row in rows]
        self.history, self.count = [self.history[row] for row in rows], len(rows)

    def grown(self, more: int) -> None:
        """Guests that come."""
        self.active.slots += [[32768, 0] for _ in range(more)]
        self.sums += [[0] * self.columns for _ in range(more)]
        self.past += [[0] * self.columns for _ in range(more)]
        self.history += [0] * more
        self.count += more

    def added(self, differences: list[list[int]]) -> None:
        for row, own in zip(self.sums, differences, strict=True):
            row[:] = [max(-LIMIT, min(LIMIT, a + b)) for a, b in zip(row, own, strict=True)]


@dataclass
class Above:
    """The scale above in this frame."""

    differences: list[list[int]]
    flags: list[int]


def read_frame(
    data: bytes | None, memory: Memory, scale: Scale, groups: list[tuple[int, int, int]], above: Above | None
) -> Above:
    """Differences and flags of all cells; memory goes on. `groups`: number, first column, end of those carried."""
    differences = [[0] * memory.columns for _ in range(memory.count)]
    flags = [0] * memory.count
    if data:
        decoder, last = Decoder(data), -1
        for i in range(memory.count):
            if not scale.carries[i] or not read_active(decoder, memory, scale, i, flags, above):
                continue
            flags[i] = read_groups(decoder, memory, scale, i, last, differences, flags, groups, above)
            last = i
        expect(decoder.ended())
    memory.past = deepcopy(differences)
    memory.history = [(h << 1 | (f != 0)) & 255 for h, f in zip(memory.history, flags, strict=True)]
    memory.added(differences)
    return Above(differences, flags)


def read_active(decoder: Decoder, memory: Memory, scale: Scale, i: int, flags: list[int], above: Above | None) -> int:
    parent, own = scale.parents[i], memory.history[i] & 15
    groups_above = above.flags[parent] if above and parent >= 0 else 0
    has = 0 if parent < 0 else 1 + (groups_above != 0)
    known = [row for row in scale.neighbors[i] if row < i]
    near = sum(flags[row] != 0 for row in known)
    before = sum(memory.history[row] & 1 for row in scale.neighbors[i])
    l1, l2 = (int(i >= n and flags[i - n] != 0) for n in (1, 2))
    slots = [
        4 * own + has,
        64 + 2 * (8 * min(near, 7) + min(len(known), 7)) + (own & 1),
        192 + 4 * before + (own & 3),
        304 + 8 * (4 * (2 * l1 + l2) + has) + (own & 7),
        432 + 4 * (8 * min(near, 7) + min(before, 7)) + has,
        688 + 8 * groups_above + (own & 7),
        816 + i,
    ]
    return decoder.mixed_bit(memory.active, slots, has)


def read_groups(
    decoder: Decoder, memory: Memory, scale: Scale, i: int, last: int, differences: list, flags: list, groups: list,
    above: Above | None,
) -> int:  # fmt: skip
    """Fills a cell's row; a bit a group that has any."""
    parent, found = scale.parents[i], 0
    nothing = [0] * memory.columns
    groups_above, row_above = (
        (above.flags[parent], above.differences[parent]) if above and parent >= 0 else (0, nothing)
    )
    groups_last, row_last = (flags[last], differences[last]) if last >= 0 else (0, nothing)
    for number, (g, first, end) in enumerate(groups):
        own, was = memory.history[i] & 3, int(any(memory.past[i][first:end]))
        slots = [
            4 * (16 * g + found) + 2 * was + (own & 1),
            256 + 16 * (16 * g + groups_above) + found,
            1280 + 16 * (16 * g + groups_last) + found,
            2304 + 16 * g + found,
            2368 + 16 * (8 * g + 2 * own + was) + groups_above,
        ]
        if not (found == 0 and number == len(groups) - 1) and not decoder.mixed_bit(memory.values, slots, g):
            continue
        found |= 1 << g
        n = 0
        for c in range(first, end):
            beside = (memory.past[i][c], row_above[c], row_last[c])
            value = read_value(decoder, memory.values, g, c, n == 0 and c == end - 1, beside, (n, end - first))
            expect(abs(value) <= 2 * LIMIT)
            differences[i][c] = value
            n += value != 0
    return found


def read_value(
    decoder: Decoder, mixer: Mixer, g: int, c: int, must: bool, beside: tuple[int, int, int], place: tuple[int, int]
) -> int:
    n, w = place
    p, a, k = (min(abs(value), 2) for value in beside)
    slots = [
        2880 + 4 * c + min(n, 3),
        3904 + 3 * (27 * g + 9 * p + 3 * a + k) + min(n, 2),
        4228 + 16 * (16 * g + min(n, 15)) + min(w, 15),
        5252 + 9 * c + 3 * a + p,
        7556 + 9 * c + 3 * k + p,
    ]
    if not must and not decoder.mixed_bit(mixer, slots, 4 + g):
        return 0
    p, a, k = (1 if value > 0 else 2 if value < 0 else 0 for value in beside)
    slots = [9860 + c, 10116 + 3 * c + p, 10884 + 3 * c + a, 11652 + 3 * c + k, 12420 + 27 * g + 9 * p + 3 * a + k]
    is_below = decoder.mixed_bit(mixer, slots, 8 + g)
    p, a, k = (min(abs(value).bit_length(), 23) for value in beside)
    f = 0
    while f < 21:
        slots = [12528 + 24 * c + f, *(s + 24 * (24 * g + x) + f for s, x in ((18672, p), (20976, a), (23280, k)))]
        if not decoder.mixed_bit(mixer, [*slots, 25584 + 16 * (24 * g + f) + min(n, 15)], 12 + g):
            break
        f += 1
    m = 1 if f else 0
    for bit in range(f - 2, -1, -1):
        h = min(m, 7) if f - 1 - bit <= 3 else 8 + bit
        m = 2 * m + decoder.mixed_bit(mixer, [27120 + 24 * (24 * g + f) + min(h, 23)] * 5, 16 + g)
    return -(m + 1) if is_below else m + 1


def groups_of(widths: tuple[int, ...], carried: tuple[bool, ...]) -> list[tuple[int, int, int]]:
    ends = [0, *accumulate(widths)]
    return [(g, ends[g], ends[g + 1]) for g in range(4) if carried[g]]


def stays_of(gaps: Any, count: int) -> list[int]:
    """Rows of the guests that stay."""
    place, leaving = -1, set()
    for gap in gaps or ():
        place += gap + 1
        expect(place < count)
        leaving.add(place)
    return [row for row in range(count) if row not in leaving]
