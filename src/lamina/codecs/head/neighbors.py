# SPDX-License-Identifier: Apache-2.0
"""Integer places in the order of coding enter; of each, which of those before it are nearest, leaves."""

from __future__ import annotations

import numpy as np
from jaxtyping import Int32, Int64

from lamina.compiled import compiled

NEAREST = 4
FOREIGN = 1 << 40
"""Added to the squared distance of places of another region (4 cm): teeth are near lips, and look like none."""


def nearest_before(
    places: Int64[np.ndarray, "n 3"], regions: Int64[np.ndarray, " n"], start: int
) -> Int32[np.ndarray, "m 4"]:
    """Of places start...n-1, the nearest ones before each, nearest first; -1 where there are fewer.

    Coordinates are within 2**23, so that squared distances are exact in doubles. Of equal distances the earlier one is
    nearer.
    """
    found = np.full((len(places) - start, NEAREST), -1, np.int32)
    _search(np.ascontiguousarray(places), np.ascontiguousarray(regions), start, found)
    return found


@compiled()
def _search(places, regions, start, found):
    for row in range(found.shape[0]):
        number = start + row
        distances = np.full(NEAREST, np.int64(1) << np.int64(60))
        for other in range(number):
            x = places[number, 0] - places[other, 0]
            y = places[number, 1] - places[other, 1]
            z = places[number, 2] - places[other, 2]
            distance = x * x + y * y + z * z
            if regions[number] != regions[other]:
                distance += np.int64(FOREIGN)
            if distance >= distances[3]:
                continue
            place = 3
            while place > 0 and distance < distances[place - 1]:
                distances[place] = distances[place - 1]
                found[row, place] = found[row, place - 1]
                place -= 1
            distances[place] = distance
            found[row, place] = other
