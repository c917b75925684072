# SPDX-License-Identifier: Apache-2.0
"""The octree as occupied children: nodes of one depth enter, with their neighbours; which children exist is coded.

Which nodes of a layer go on, that is, have children, is said in the layer's own unit, so that a level knows what it is
without; nodes above layer 0 all do. Which children those are is said in the next layer's unit. Nodes go in Morton
order, the children of a node in the order of their octants, so that what was coded stands before in both directions,
and rows of the next depth come out sorted. The contexts of a child are its 26 neighbours: cells of coded nodes are
known, cells of nodes to come may be occupied, cells in no node, or in one that does not go on, are empty.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Int64, UInt8

from lamina.anchors.neighbors import ITSELF, NEIGHBORS, neighbor_rows
from lamina.anchors.octree import Indices, indices_of, morton_keys, rows_of
from lamina.anchors.syntax import MAX_ANCHORS
from lamina.entropy.binary import ran_dry
from lamina.entropy.kernel import kernel
from lamina.entropy.mixing import Mixer, code_mixed_bit, fresh_mixer
from lamina.entropy.walk import Coder
from lamina.errors import BitstreamError

EMPTY, MAYBE, OCCUPIED = 0, 1, 2
"""What is known of a neighbour of a child when it is coded."""

# Slots of the mixer, by first row of each model: those of children, then those of whether a node goes on.
MODELS = 6
PATTERN = 0
FACES = PATTERN + 256
AROUND = FACES + 729 * 8
CROWD = AROUND + 32 * 64
ABOVE = CROWD + 28 * 64
DETAIL = ABOVE + 256 * 8
FLAG_CROWD = DETAIL + 7 * 8 * 4 * 32
FLAG_PARENTS = FLAG_CROWD + 16 * 7
FLAG_FACES = FLAG_PARENTS + 27 * 27
FLAG_LAST = FLAG_FACES + 7 * 7 * 16
FLAG_ABOVE = FLAG_LAST + 4 * 64
FLAG_DETAIL = FLAG_ABOVE + 256 * 8
SLOTS = FLAG_DETAIL + 27 * 64
FLAG_SET = 8
"""Weights: one set for each octant, then one for whether a node goes on."""


def _cube_bit(x: int, y: int, z: int) -> tuple[int, int]:
    """Half and bit of a cell of the 4x4x4 around a node's children, -1...2 an axis, the node's own at 0 and 1.

    32 bits a half, the lower z first; outside of the cube there is no bit.
    """
    inside = -1 <= x <= 2 and -1 <= y <= 2 and -1 <= z <= 2
    return (z + 1) // 2 if inside else 0, 1 << (x + 1 + 4 * (y + 1) + 16 * ((z + 1) % 2)) if inside else 0


def _child_masks() -> Int64[np.ndarray, "2 27 256"]:
    """Bits of the cube that children of a node at each place have, for each occupancy of theirs."""
    masks = np.zeros((2, NEIGHBORS, 256), np.int64)
    for place in range(NEIGHBORS):
        x, y, z = place % 3 - 1, place // 3 % 3 - 1, place // 9 - 1
        for octant in range(8):
            half, bit = _cube_bit(2 * x + (octant & 1), 2 * y + (octant >> 1 & 1), 2 * z + (octant >> 2))
            masks[half, place, np.arange(256) >> octant & 1 == 1] |= bit
    return masks


def _around_masks() -> Int64[np.ndarray, "2 8 3"]:
    """Of each octant, bits of the 6 cells across its faces, the 12 across edges, the 8 across corners."""
    masks = np.zeros((2, 8, 3), np.int64)
    for octant in range(8):
        for place in range(NEIGHBORS):
            steps = (place % 3 - 1, place // 3 % 3 - 1, place // 9 - 1)
            apart = sum(map(abs, steps))
            if apart:
                x, y, z = (step + (octant >> axis & 1) for axis, step in enumerate(steps))
                half, bit = _cube_bit(x, y, z)
                masks[half, octant, apart - 1] |= bit
    return masks


def _face_bits() -> Int64[np.ndarray, "8 6 2"]:
    """Of each octant, half and place of the cells across its faces: below in z, y, x, then above in x, y, z."""
    masks = _around_masks()[:, :, 0].tolist()
    return np.array([[(h, b) for h in range(2) for b in range(32) if masks[h][o] >> b & 1] for o in range(8)], np.int64)


CHILD_MASKS, AROUND_MASKS, FACE_BITS = _child_masks(), _around_masks(), _face_bits()


@kernel
def code_flags(coder, mixer, neighbors, above, has_children):
    """Which nodes have children, into or from `has_children`; arguments as of `code_children`."""
    for i in range(has_children.size):
        if ran_dry(coder):
            return
        choose_for_flag(mixer, neighbors, above, has_children, i)
        has_children[i] = code_mixed_bit(coder, mixer, FLAG_SET, np.int64(has_children[i]))


@kernel
def code_children(coder, mixer, neighbors, above, has_children, occupancy):
    """Occupancy of the children of all nodes that go on, one bit an octant, into or from `occupancy`.

    Args:
        neighbors: (n, 27) int32 rows of the cells around each node; -1 where there is none.
        above: (n,) occupancy of the parent of each node, itself included; 0 where it is not known.
        has_children: (n,) 1 where a node has children.
    """
    for i in range(occupancy.size):
        if ran_dry(coder):
            return
        if has_children[i] == 0:
            continue
        bits = np.int64(occupancy[i])
        found = np.int64(0)
        node = look_around_node(neighbors, has_children, occupancy, i)
        for octant in range(8):
            if octant == 7 and found == 0:
                found = np.int64(128)
                break
            choose_for_child(mixer, node, np.int64(above[i]), octant, found)
            found |= code_mixed_bit(coder, mixer, octant, (bits >> octant) & 1) << octant
        occupancy[i] = found


@kernel
def bit_count(value):
    """Ones among the low eight bits."""
    value = value - ((value >> 1) & 0x55)
    value = (value & 0x33) + ((value >> 2) & 0x33)
    return (value + (value >> 4)) & 0x0F


@kernel
def choose_for_flag(mixer, neighbors, above, has_children, i):
    """Slots for the question whether node i has children."""
    there, coded, parents, faces, face_parents = 0, 0, 0, 0, 0
    for place in range(NEIGHBORS):
        row = neighbors[i, place]
        if row < 0 or place == ITSELF:
            continue
        there += 1
        is_face = np.int64(place == 4 or place == 10 or place == 12 or place == 14 or place == 16 or place == 22)
        faces += is_face
        if row < i:
            coded += 1
            parents += np.int64(has_children[row])
            face_parents += is_face * np.int64(has_children[row])
    last = np.int64(has_children[i - 1]) if i > 0 else np.int64(0)
    before = np.int64(has_children[i - 2]) if i > 1 else np.int64(0)
    third = np.int64(has_children[i - 3]) if i > 2 else np.int64(0)
    mixer.chosen[0] = FLAG_CROWD + min(there, 15) * 7 + faces
    mixer.chosen[1] = FLAG_PARENTS + coded * 27 + parents
    mixer.chosen[2] = FLAG_FACES + (faces * 7 + face_parents) * 16 + min(there, 15)
    mixer.chosen[3] = FLAG_LAST + (last * 2 + before) * 64 + min(coded, 7) * 8 + min(parents, 7)
    mixer.chosen[4] = FLAG_ABOVE + np.int64(above[i]) * 8 + last * 4 + before * 2 + third
    mixer.chosen[5] = FLAG_DETAIL + there * 64 + min(parents, 15) * 4 + last * 2 + before


@kernel
def set_bits(bits):
    """Ones among 32."""
    bits = bits - ((bits >> 1) & 0x55555555)
    bits = (bits & 0x33333333) + ((bits >> 2) & 0x33333333)
    bits = (bits + (bits >> 4)) & 0x0F0F0F0F
    bits = bits + (bits >> 8)
    return (bits + (bits >> 16)) & 0x3F


@kernel
def look_around_node(neighbors, has_children, occupancy, i):
    """Cells around the children of node i, in halves: those occupied, those that may be; and how many nodes go on."""
    lower, upper, maybe_lower, maybe_upper, there = np.int64(0), np.int64(0), np.int64(0), np.int64(0), np.int64(0)
    for place in range(NEIGHBORS):
        row = neighbors[i, place]
        if row < 0 or has_children[row] == 0:
            continue
        there += 1
        if row > i:
            maybe_lower |= CHILD_MASKS[0, place, 255]
            maybe_upper |= CHILD_MASKS[1, place, 255]
        elif row < i:
            lower |= CHILD_MASKS[0, place, occupancy[row]]
            upper |= CHILD_MASKS[1, place, occupancy[row]]
    return lower, upper, maybe_lower, maybe_upper, there


@kernel
def count_around(lower, upper, octant, apart):
    """Cells of two halves that are across the faces (0), edges (1) or corners (2) of an octant."""
    return set_bits(lower & AROUND_MASKS[0, octant, apart]) + set_bits(upper & AROUND_MASKS[1, octant, apart])


@kernel
def choose_for_child(mixer, node, above, octant, found):
    """Slots for the child in `octant`, the ones before it being `found`; `node` is of `look_around_node`."""
    lower, upper, maybe_lower, maybe_upper, there = node
    lower |= CHILD_MASKS[0, ITSELF, found]
    upper |= CHILD_MASKS[1, ITSELF, found]
    faces, edges = count_around(lower, upper, octant, 0), count_around(lower, upper, octant, 1)
    corners = count_around(lower, upper, octant, 2)
    maybe = 3 * count_around(maybe_lower, maybe_upper, octant, 0) + 2 * count_around(
        maybe_lower, maybe_upper, octant, 1
    )
    maybe += count_around(maybe_lower, maybe_upper, octant, 2)
    face_code = np.int64(0)
    for face in range(6):
        half, place = FACE_BITS[octant, face, 0], FACE_BITS[octant, face, 1]
        is_there = ((upper if half == 1 else lower) >> place) & 1
        may_be = ((maybe_upper if half == 1 else maybe_lower) >> place) & 1
        face_code = face_code * 3 + OCCUPIED * is_there + MAYBE * may_be
    so_far = bit_count(found)
    near = min(3 * faces + 2 * edges + corners, 31)
    mixer.chosen[0] = PATTERN + (1 << octant) - 1 + (found & ((1 << octant) - 1))
    mixer.chosen[1] = FACES + face_code * 8 + octant
    mixer.chosen[2] = AROUND + near * 64 + min(maybe, 7) * 8 + so_far
    mixer.chosen[3] = CROWD + there * 64 + octant * 8 + so_far
    mixer.chosen[4] = ABOVE + above * 8 + octant
    mixer.chosen[5] = DETAIL + ((faces * 8 + min(edges, 7)) * 4 + min(corners, 3)) * 32 + min(so_far, 3) * 8 + octant


def fresh_tree_mixer() -> Mixer:
    """Contexts at the begin of a unit."""
    return fresh_mixer(SLOTS, FLAG_SET + 1, MODELS)


def occupancy_of(above: Indices, below: Indices) -> UInt8[np.ndarray, " n"]:
    """Which children each node above has among those below, one bit an octant."""
    rows = rows_of(morton_keys(below) >> np.uint64(3), morton_keys(above))
    octants = (below & 1) @ np.array([1, 2, 4], np.int32)
    occupancy = np.zeros(len(above), np.int64)
    np.add.at(occupancy, rows, 1 << octants)
    return occupancy.astype(np.uint8)


def children_of(above: Indices, occupancy: UInt8[np.ndarray, " n"]) -> Indices:
    """Cells of the children, in Morton order."""
    is_there = (occupancy[:, None] >> np.arange(8, dtype=np.uint8)) & 1
    rows, octants = np.nonzero(is_there)
    steps = np.stack([octants & 1, octants >> 1 & 1, octants >> 2], axis=1)
    return (2 * above[rows] + steps).astype(np.int32)


def family_of(indices: Indices) -> UInt8[np.ndarray, " n"]:
    """For each cell, which children its parent has, itself included."""
    keys = morton_keys(indices)
    starts = np.append(True, keys[1:] >> np.uint64(3) != keys[:-1] >> np.uint64(3))[: len(keys)]
    parents = np.cumsum(starts) - 1
    occupancy = np.zeros(int(starts.sum()), np.int64)
    np.add.at(occupancy, parents, 1 << (keys & np.uint64(7)).astype(np.int64))
    return occupancy[parents].astype(np.uint8)


def code_continued(coder: Coder, mixer: Mixer, cells: Indices, has_children: UInt8[np.ndarray, " n"]) -> None:
    """Which cells of a layer have children, into or from `has_children`."""
    code_flags(coder, mixer, neighbor_rows(cells), family_of(cells), has_children)


def code_depth(
    coder: Coder,
    mixer: Mixer,
    above: Indices,
    has_children: UInt8[np.ndarray, " a"],
    below: Indices | None,
    most: int = MAX_ANCHORS,
) -> Indices:
    """Nodes one depth further down, in either direction; `below` is None when reading.

    Raises:
        BitstreamError: the stream ends too early, or gives more nodes than `most`.
    """
    occupancy = np.zeros(len(above), np.uint8) if below is None else occupancy_of(above, below)
    code_children(coder, mixer, neighbor_rows(above), family_of(above), has_children, occupancy)
    if below is not None:
        return below
    if ran_dry(coder):
        raise BitstreamError("the stream of the tree ends too early", "scene layer", "tree")
    count = int(np.unpackbits(occupancy).sum(dtype=np.int64))
    if count > most:
        raise BitstreamError(f"{count} nodes of one depth, expected at most {most}", "scene layer", "tree")
    return children_of(above, occupancy)


def code_base(coder: Coder, mixer: Mixer, depth: int, layer: Indices | None, most: int = MAX_ANCHORS) -> Indices:
    """Layer 0, from the root down; `layer` is None when reading.

    Nodes above layer 0 all have children, so no depth has more of them than layer 0 has anchors.

    Raises:
        BitstreamError: as `code_depth`.
    """
    nodes = np.zeros((1, 3), np.int32)
    for current in range(1, depth + 1):
        below = None
        if layer is not None:
            below = indices_of(np.unique(morton_keys(layer) >> np.uint64(3 * (depth - current))))
        nodes = code_depth(coder, mixer, nodes, np.ones(len(nodes), np.uint8), below, most)
    return nodes
