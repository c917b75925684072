# SPDX-License-Identifier: Apache-2.0
"""Octrees and masks of anchors, from docs/walks.md: plain Python, sharing no code with Lamina."""

from __future__ import annotations

from reference_decoder import Decoder, Mixer
from walk_reference import expect

Cell = tuple[int, int, int]


class Nodes:
    """Cells of one depth, in Morton order, and what stands beside them."""

    def __init__(self, cells: list[Cell]) -> None:
        self.cells = cells
        self.rows = {cell: row for row, cell in enumerate(cells)}
        self.kin: dict[Cell, int] = {}
        for x, y, z in cells:
            above = (x >> 1, y >> 1, z >> 1)
            self.kin[above] = self.kin.get(above, 0) | 1 << ((x & 1) + 2 * (y & 1) + 4 * (z & 1))

    def kin_of(self, cell: Cell) -> int:
        x, y, z = cell
        return self.kin[x >> 1, y >> 1, z >> 1]

    def beside(self, cell: Cell) -> list[tuple[int, Cell]]:
        """Row and step of the nodes in the 27 cells around."""
        found = []
        for dz in (-1, 0, 1):
            for dy in (-1, 0, 1):
                for dx in (-1, 0, 1):
                    row = self.rows.get((cell[0] + dx, cell[1] + dy, cell[2] + dz))
                    if row is not None:
                        found.append((row, (dx, dy, dz)))
        return found


def read_children(decoder: Decoder, mixer: Mixer, nodes: Nodes, goes_on: list[int]) -> list[Cell]:
    """Cells of the next depth."""
    occupied: list[int] = [0] * len(nodes.cells)
    found: list[Cell] = []
    for i, (x, y, z) in enumerate(nodes.cells):
        if not goes_on[i]:
            continue
        there = sum(goes_on[row] for row, _ in nodes.beside((x, y, z)))
        for octant in range(8):
            if octant == 7 and occupied[i] == 0:
                occupied[i] = 128
                break
            slots = child_slots(nodes, goes_on, occupied, i, octant, there)
            occupied[i] |= decoder.mixed_bit(mixer, slots, octant) << octant
        for octant in range(8):
            if occupied[i] >> octant & 1:
                found.append((2 * x + (octant & 1), 2 * y + (octant >> 1 & 1), 2 * z + (octant >> 2)))
    return found


def child_slots(nodes: Nodes, goes_on: list[int], occupied: list[int], i: int, octant: int, there: int) -> list[int]:
    cell = nodes.cells[i]
    child = [2 * cell[axis] + (octant >> axis & 1) for axis in range(3)]
    states = {}
    for dz in (-1, 0, 1):
        for dy in (-1, 0, 1):
            for dx in (-1, 0, 1):
                at = (child[0] + dx, child[1] + dy, child[2] + dz)
                row = nodes.rows.get((at[0] >> 1, at[1] >> 1, at[2] >> 1))
                bit = (at[0] & 1) + 2 * (at[1] & 1) + 4 * (at[2] & 1)
                if row is None or not goes_on[row]:
                    state = 0
                elif row > i:
                    state = 1
                else:
                    state = 2 * (occupied[row] >> bit & 1)
                states[dx, dy, dz] = state
    counts = [0, 0, 0, 0]
    maybe = 0
    for step, state in states.items():
        apart = sum(map(abs, step))
        counts[apart] += state == 2
        maybe += (4 - apart) * (state == 1) * (apart > 0)
    _, faces, edges, corners = counts
    code = 0
    for step in ((0, 0, -1), (0, -1, 0), (-1, 0, 0), (1, 0, 0), (0, 1, 0), (0, 0, 1)):
        code = 3 * code + states[step]
    so = bin(occupied[i]).count("1")
    return [
        2**octant - 1 + occupied[i],
        256 + 8 * code + octant,
        6088 + 64 * min(3 * faces + 2 * edges + corners, 31) + 8 * min(maybe, 7) + so,
        8136 + 64 * there + 8 * octant + so,
        9928 + 8 * nodes.kin_of(cell) + octant,
        11976 + 32 * (4 * (8 * faces + min(edges, 7)) + min(corners, 3)) + 8 * min(so, 3) + octant,
    ]


def read_flags(decoder: Decoder, mixer: Mixer, nodes: Nodes) -> list[int]:
    """Which cells go on."""
    goes_on: list[int] = []
    for i, cell in enumerate(nodes.cells):
        beside = [(row, sum(map(abs, step)) == 1) for row, step in nodes.beside(cell) if row != i]
        there, faces = len(beside), sum(is_face for _, is_face in beside)
        coded = sum(row < i for row, _ in beside)
        parents = sum(goes_on[row] for row, _ in beside if row < i)
        face_parents = sum(goes_on[row] for row, is_face in beside if row < i and is_face)
        l1, l2, l3 = (goes_on[i - n] if i >= n else 0 for n in (1, 2, 3))
        slots = [
            19144 + 7 * min(there, 15) + faces,
            19256 + 27 * coded + parents,
            19985 + 16 * (7 * faces + face_parents) + min(there, 15),
            20769 + 64 * (2 * l1 + l2) + 8 * min(coded, 7) + min(parents, 7),
            21025 + 8 * nodes.kin_of(cell) + 4 * l1 + 2 * l2 + l3,
            23073 + 64 * there + 4 * min(parents, 15) + 2 * l1 + l2,
        ]
        goes_on.append(decoder.mixed_bit(mixer, slots, 8))
    return goes_on


def read_tree(
    decoder: Decoder, base_depth: int, above: Nodes | None, above_goes_on: list[int], is_last: bool, count: int
) -> tuple[Nodes, list[int]]:
    """Cells of a layer, and which go on; `above` is None for layer 0."""
    if count == 0:
        return Nodes([]), []
    mixer = Mixer(24801, 9, 6)
    if above is None:
        nodes = Nodes([(0, 0, 0)])
        for _ in range(base_depth):
            nodes = Nodes(read_children(decoder, mixer, nodes, [1] * len(nodes.cells)))
    else:
        nodes = Nodes(read_children(decoder, mixer, above, above_goes_on))
    expect(len(nodes.cells) == count)
    return nodes, [0] * count if is_last else read_flags(decoder, mixer, nodes)


def read_masks(
    decoder: Decoder, nodes: Nodes, goes_on: list[int], above: Nodes | None, above_masks: list, k: int
) -> list[list[int]]:
    mixer, masks = Mixer(3840, 32, 5), []
    nothing = [0] * k
    for i, (x, y, z) in enumerate(nodes.cells):
        parent = above_masks[above.rows[x >> 1, y >> 1, z >> 1]] if above else nothing
        rows = [masks[i - n] if i >= n else nothing for n in (1, 2, 3)]
        used, before, mask, recent = min(sum(parent), 7), min(sum(rows[0]), 7), [], 0
        for j in range(k):
            own, state = min(sum(mask), 7), parent[j] if above else 2
            near = rows[0][j] + 2 * rows[1][j] + 4 * rows[2][j]
            slots = [
                2 * (8 * j + own) + goes_on[i],
                512 + 2 * (8 * (3 * j + state) + used) + goes_on[i],
                2048 + 8 * j + near,
                2304 + 2 * (8 * (8 * used + before) + own) + (j == 0),
                3328 + 16 * j + recent,
            ]
            mask.append(decoder.mixed_bit(mixer, slots, j))
            recent = (2 * recent + mask[-1]) & 15
        masks.append(mask)
    return masks
