# SPDX-License-Identifier: Apache-2.0
"""Nearest points: places, integers, enter; rows of the nearest of them to each leave, exactly.

Places in Morton order are cut into leaves of a few; a binary tree over these keeps the box of what is below. Where a
box is further than what is known, nothing of it is looked at: a million points take seconds, wherever they are.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Int64

from lamina.anchors.octree import morton_keys
from lamina.entropy.kernel import kernel

FAR = 1 << 60
"""Squared distance before any point is known, and that of an empty box."""

LEAF = 8
"""Points of a leaf."""

KEY_SHIFT = 2
"""Places, at most 2**21, are sorted by their upper 20 bits. Any order gives the same points, this one soon."""

STACK = 64
"""Nodes that wait: one a depth, and there are 20."""


def nearest_points(places: Int64[np.ndarray, "n 3"], count: int) -> Int64[np.ndarray, "n k"]:
    """Rows of the `count` nearest of all points to each, by distance, then by row; of too few the last again."""
    found = np.zeros((len(places), count), np.int64)
    if not len(places):
        return found
    order = np.argsort(morton_keys(places >> KEY_SHIFT), kind="stable")
    leaves = 1
    while leaves * LEAF < len(places):
        leaves *= 2
    boxes = np.empty((2 * leaves, 6), np.int64)
    places = np.ascontiguousarray(places)
    enclose(places, order, boxes)
    find_nearest(places, order, boxes, found, np.empty(count, np.int64), np.empty(STACK, np.int64))
    return found


@kernel
def enclose(places, order, boxes):
    """Fills the boxes: least and largest x, y, z; node i has the nodes 2 i and 2 i + 1, leaves come last."""
    leaves = boxes.shape[0] // 2
    for node in range(2 * leaves - 1, 0, -1):
        for axis in range(3):
            low, high = np.int64(FAR), np.int64(-FAR)
            if node >= leaves:
                for place in range(LEAF * (node - leaves), min(LEAF * (node - leaves + 1), order.size)):
                    low, high = min(low, places[order[place], axis]), max(high, places[order[place], axis])
            else:
                low = min(boxes[2 * node, axis], boxes[2 * node + 1, axis])
                high = max(boxes[2 * node, 3 + axis], boxes[2 * node + 1, 3 + axis])
            boxes[node, axis], boxes[node, 3 + axis] = low, high


@kernel
def find_nearest(places, order, boxes, found, best, stack):
    """Fills `found`; `best` is room for the squared distances of one row, `stack` for nodes that wait."""
    points, count = found.shape
    leaves = boxes.shape[0] // 2
    for turn in range(points):
        i = order[turn]
        for place in range(count):
            best[place] = FAR
        stack[0] = 1
        waiting = 1
        while waiting > 0:
            waiting -= 1
            node = stack[waiting]
            if _box_distance(boxes, node, places, i) > best[count - 1]:
                continue
            if node < leaves:
                one, other = 2 * node, 2 * node + 1
                if _box_distance(boxes, one, places, i) < _box_distance(boxes, other, places, i):
                    one, other = other, one
                stack[waiting], stack[waiting + 1] = one, other
                waiting += 2
                continue
            for place in range(LEAF * (node - leaves), min(LEAF * (node - leaves + 1), points)):
                _insert(places, i, order[place], found, best)
        for place in range(min(points, count), count):
            found[i, place] = found[i, place - 1]


@kernel
def _box_distance(boxes, node, places, i):
    """Squared, from a point to the box of a node."""
    if boxes[node, 0] > boxes[node, 3]:
        return np.int64(FAR)
    total = np.int64(0)
    for axis in range(3):
        own = places[i, axis]
        away = max(boxes[node, axis] - own, own - boxes[node, 3 + axis], 0)
        total += away * away
    return total


@kernel
def _insert(places, i, j, found, best):
    """Puts a point among the nearest of another, if it is one of them."""
    x, y, z = places[j, 0] - places[i, 0], places[j, 1] - places[i, 1], places[j, 2] - places[i, 2]
    distance = x * x + y * y + z * z
    place = best.size - 1
    if distance > best[place] or (distance == best[place] and j > found[i, place]):
        return
    while place > 0 and (best[place - 1] > distance or (best[place - 1] == distance and found[i, place - 1] > j)):
        best[place] = best[place - 1]
        found[i, place] = found[i, place - 1]
        place -= 1
    best[place] = distance
    found[i, place] = j
