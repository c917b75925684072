# SPDX-License-Identifier: Apache-2.0
"""How many of `total` items lie in the first half of a cell: a count and a shape enter a `Coder`, or leave it.

A tree of such counts codes the positions of unordered points. The shape says how evenly they lie: the share of the
first half is Beta(a, a) distributed, so the count is beta-binomial, with the exact integer weights
C(n, k) * prod_{j<k} (a + j) * prod_{j<n-k} (a + j), apportioned to 2**16.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from jaxtyping import UInt32

from lamina.entropy.binary import MAX_UNIFORM_SIZE, code_uniform, fail, is_reading
from lamina.entropy.kernel import kernel
from lamina.entropy.symbols import code_from_table
from lamina.entropy.tables import apportion

SPLIT_SHAPES = (0, 64, 32, 16, 8, 4, 2, 1)
"""Twice `a` of each shape: from points spread by chance (0 stands for infinity, the binomial) to clusters (a = 1/2)."""
EXACT_TOTAL = 128
"""Totals up to this have a row of their own; 34 kB a shape."""
MAX_TOTAL = MAX_UNIFORM_SIZE - 1
BUCKETS = 64
"""Larger totals: the count's bucket of n + 1 over 64, by the shape, then its place in the bucket, equally likely."""
REFERENCE_TOTAL = 1023
"""Bucket weights are sums of 16 weights of this total."""
WIDEST_BUCKET_SHAPE = 64
"""Stands for the binomial in buckets: its true width depends on the total, but few cells of a tree are so large."""


@kernel
def code_split(coder, table, left, total):
    """`left` of 0...total; `table` is `split_table(shape)`. Total 0...2**20 - 1, others are damage."""
    if total < 0 or total > MAX_TOTAL or (not is_reading(coder) and (left < 0 or left > total)):
        fail(coder)
        return np.int64(0)
    total = np.int64(total)
    if total == 0:
        return np.int64(0)
    if total <= EXACT_TOTAL:
        return code_from_table(coder, table, (total - 1) * (total + 4) // 2, total + 1, left)
    bucket = code_from_table(coder, table, table.size - BUCKETS - 1, BUCKETS, left * BUCKETS // (total + 1))
    first = (bucket * (total + 1) + BUCKETS - 1) // BUCKETS
    end = ((bucket + 1) * (total + 1) + BUCKETS - 1) // BUCKETS
    return first + code_uniform(coder, left - first, end - first)


@lru_cache(maxsize=len(SPLIT_SHAPES))
def split_table(shape: int) -> UInt32[np.ndarray, " entries"]:
    """Cumulative frequencies of shape `SPLIT_SHAPES[shape]`: rows for totals 1...128, then the row of the buckets.

    Raises:
        ValueError: there is no such shape.
    """
    if not 0 <= shape < len(SPLIT_SHAPES):
        raise ValueError(f"split shape {shape}; expected 0...{len(SPLIT_SHAPES) - 1}")
    twice_a = SPLIT_SHAPES[shape]
    rows = [apportion(_split_weights(total, twice_a)) for total in range(1, EXACT_TOTAL + 1)]
    reference = _split_weights(REFERENCE_TOTAL, twice_a or WIDEST_BUCKET_SHAPE)
    width = (REFERENCE_TOTAL + 1) // BUCKETS
    rows.append(apportion([sum(reference[i : i + width]) for i in range(0, len(reference), width)]))
    table = np.concatenate([np.concatenate([[0], np.cumsum(row)]) for row in rows]).astype(np.uint32)
    table.flags.writeable = False
    return table


def _split_weights(total: int, twice_a: int) -> list[int]:
    """Exact weights of 0...total, times 2**total; by the ratio of neighbors, which always divides."""
    weight = 1
    for j in range(total):
        weight *= twice_a + 2 * j if twice_a else 1
    weights = [weight]
    for k in range(total):
        up = (total - k) * (twice_a + 2 * k if twice_a else 1)
        weight = weight * up // ((k + 1) * (twice_a + 2 * (total - k - 1) if twice_a else 1))
        weights.append(weight)
    return weights
