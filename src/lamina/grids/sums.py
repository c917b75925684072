# SPDX-License-Identifier: Apache-2.0
"""Values of the level above enter, values at this level's vertices leave: trilinear interpolation, and its transpose.

in integers   (sum over the eight parents + 4) >> 3      exact: what decoders do
in reals      sum over the eight parents / 8             what fits do; gradients return by `restrict`
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float32, Int32

from lamina.compiled import compiled

Parents = Int32[np.ndarray, "r 8"]


def upsampled(parents: Parents, above: Int32[np.ndarray, "a c"]) -> Int32[np.ndarray, "r c"]:
    """Integers at the finer vertices."""
    found = np.empty((len(parents), above.shape[1]), np.int32)
    upsample_integers(parents, above, found)
    return found


def interpolated(parents: Parents, above: Float32[np.ndarray, "a c"]) -> Float32[np.ndarray, "r c"]:
    """Reals at the finer vertices."""
    found = np.empty((len(parents), above.shape[1]), np.float32)
    upsample_reals(parents, above, found)
    return found


@compiled(_nrt=False)
def four_parents(parents, r):
    """Four of a row's eight parents that stand for all, and whether they do: along an even index both sides are one."""
    first = parents[r, 0]
    if first == parents[r, 4]:
        return first, parents[r, 1], parents[r, 2], parents[r, 3], True
    if first == parents[r, 2]:
        return first, parents[r, 1], parents[r, 4], parents[r, 5], True
    return first, parents[r, 2], parents[r, 4], parents[r, 6], first == parents[r, 1]


@compiled(_nrt=False)
def upsample_integers(parents, above, found):
    """See the module; `found` (r, c) int32."""
    for r in range(found.shape[0]):
        a, b, c, d, are_all = four_parents(parents, r)
        if are_all and a == d:
            for j in range(found.shape[1]):
                found[r, j] = above[a, j]
            continue
        if are_all:
            for j in range(found.shape[1]):
                total = (above[a, j] + above[b, j]) + (above[c, j] + above[d, j])
                found[r, j] = (total + 2) >> 2
            continue
        e, f, g, h = parents[r, 1], parents[r, 3], parents[r, 5], parents[r, 7]
        for j in range(found.shape[1]):
            total = (above[a, j] + above[b, j]) + (above[c, j] + above[d, j])
            total += (above[e, j] + above[f, j]) + (above[g, j] + above[h, j])
            found[r, j] = (total + 4) >> 3


@compiled(fastmath=True, _nrt=False)
def upsample_reals(parents, above, found):
    """See the module; `found` (r, c) float32."""
    for r in range(found.shape[0]):
        a, b, c, d, are_all = four_parents(parents, r)
        if are_all and a == d:
            for j in range(found.shape[1]):
                found[r, j] = above[a, j]
            continue
        if are_all:
            for j in range(found.shape[1]):
                found[r, j] = np.float32(0.25) * ((above[a, j] + above[b, j]) + (above[c, j] + above[d, j]))
            continue
        e, f, g, h = parents[r, 1], parents[r, 3], parents[r, 5], parents[r, 7]
        for j in range(found.shape[1]):
            total = (above[a, j] + above[b, j]) + (above[c, j] + above[d, j])
            total += (above[e, j] + above[f, j]) + (above[g, j] + above[h, j])
            found[r, j] = np.float32(0.125) * total


@compiled(fastmath=True, _nrt=False)
def restrict(parents, gradients, above):
    """Adds to `above` (a, c) what gradients at the finer vertices say of the coarser ones."""
    for r in range(gradients.shape[0]):
        a, b, c, d, are_all = four_parents(parents, r)
        for j in range(gradients.shape[1]):
            gradient = gradients[r, j]
            if gradient == 0.0:
                continue
            if are_all and a == d:
                above[a, j] += gradient
                continue
            share = np.float32(0.25) * gradient if are_all else np.float32(0.125) * gradient
            above[a, j] += share
            above[b, j] += share
            above[c, j] += share
            above[d, j] += share
            if not are_all:
                above[parents[r, 1], j] += share
                above[parents[r, 3], j] += share
                above[parents[r, 5], j] += share
                above[parents[r, 7], j] += share
