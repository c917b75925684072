# SPDX-License-Identifier: Apache-2.0
"""Contexts of an octree's children: kernels on bits of a cube against loops over cells, as the format says it."""

import itertools

import numpy as np
import pytest

from lamina.anchors.coding.tree import (
    ABOVE,
    AROUND,
    CROWD,
    DETAIL,
    EMPTY,
    FACES,
    MAYBE,
    OCCUPIED,
    PATTERN,
    choose_for_child,
    fresh_tree_mixer,
    look_around_node,
    set_bits,
)
from lamina.anchors.neighbors import ITSELF, NEIGHBORS

NODES = 12


def state_of(near: np.ndarray, goes_on: np.ndarray, occupancy: np.ndarray, i: int, found: int, cell: tuple) -> int:
    """What is known of a cell beside children of node i, in cells from the node's first child."""
    x, y, z = cell
    place = (x >> 1) + 1 + 3 * ((y >> 1) + 1) + 9 * ((z >> 1) + 1)
    child = (x & 1) + 2 * (y & 1) + 4 * (z & 1)
    if place == ITSELF:
        return OCCUPIED * (found >> child & 1)
    row = int(near[place])
    if row < 0 or not goes_on[row]:
        return EMPTY
    return MAYBE if row >= i else OCCUPIED * (int(occupancy[row]) >> child & 1)


def slots_of(
    near: np.ndarray, above: int, goes_on: np.ndarray, occupancy: np.ndarray, i: int, octant: int, found: int
) -> list[int]:
    """The slots of a child, cell by cell."""
    counts, maybe, face_code = {1: 0, 2: 0, 3: 0}, 0, 0
    for dz, dy, dx in itertools.product((-1, 0, 1), repeat=3):
        apart = abs(dx) + abs(dy) + abs(dz)
        if not apart:
            continue
        cell = (octant & 1) + dx, (octant >> 1 & 1) + dy, (octant >> 2) + dz
        state = state_of(near, goes_on, occupancy, i, found, cell)
        maybe += (4 - apart) * (state == MAYBE)
        counts[apart] += state == OCCUPIED
        face_code = 3 * face_code + state if apart == 1 else face_code
    there, so_far = sum(row >= 0 and bool(goes_on[row]) for row in near), found.bit_count()
    nearness = min(3 * counts[1] + 2 * counts[2] + counts[3], 31)
    detail = (counts[1] * 8 + min(counts[2], 7)) * 4 + min(counts[3], 3)
    return [
        PATTERN + (1 << octant) - 1 + (found & ((1 << octant) - 1)),
        FACES + face_code * 8 + octant,
        AROUND + nearness * 64 + min(maybe, 7) * 8 + so_far,
        CROWD + there * 64 + octant * 8 + so_far,
        ABOVE + above * 8 + octant,
        DETAIL + detail * 32 + min(so_far, 3) * 8 + octant,
    ]


@pytest.mark.parametrize("seed", range(40))
def test_slots_are_those_that_cells_say(seed: int) -> None:
    random = np.random.default_rng(seed)
    i = int(random.integers(NODES))
    near = random.integers(-1, NODES, (NODES, NEIGHBORS)).astype(np.int32)
    near[near == i] = -1
    near[i, ITSELF] = i
    goes_on = (random.random(NODES) < 0.8).astype(np.uint8)
    occupancy = random.integers(0, 256, NODES).astype(np.uint8)
    mixer = fresh_tree_mixer()
    for octant in range(8):
        found = int(random.integers(0, 1 << octant))
        choose_for_child(mixer, look_around_node(near, goes_on, occupancy, i), 77, octant, found)
        assert mixer.chosen.tolist() == slots_of(near[i], 77, goes_on, occupancy, i, octant, found)


def test_bits_are_counted() -> None:
    for bits in (0, 1, 0x80000001, 0xFFFFFFFF, 0x12345678):
        assert set_bits(bits) == bits.bit_count()
