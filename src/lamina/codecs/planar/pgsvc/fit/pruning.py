# SPDX-License-Identifier: Apache-2.0
"""How many splats each layer has, and which go: layer counts and |w| enter, keep masks leave.

Source: P-GSVC, sec. 3.5 (line 16 of algorithm 1) and 4.1; LonganWANG-cs/GSVC, train_video_Represent.py.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float32
from torch import Tensor


def layer_counts(total: int, shares: tuple[float, ...]) -> tuple[int, ...]:
    """Splats of each layer, at least one, that sum to `total`: largest remainders, ties to the lower layer.

    Raises:
        ValueError: there are fewer splats than layers.
    """
    if total < len(shares):
        raise ValueError(f"{total} splats cannot fill {len(shares)} layers: ask for at least one splat a layer")
    exact = [1 + (total - len(shares)) * share / sum(shares) for share in shares]
    counts = [int(value) for value in exact]
    by_remainder = sorted(range(len(shares)), key=lambda layer: (-(exact[layer] - counts[layer]), layer))
    for layer in by_remainder[: total - sum(counts)]:
        counts[layer] += 1
    return tuple(counts)


def extra_counts(counts: tuple[int, ...], shares: tuple[float, ...]) -> tuple[int, ...]:
    """Splats that each layer starts with beyond its count, and loses again (N_aug = N_prune)."""
    return tuple(round(count * share) for count, share in zip(counts, shares, strict=True))


@dataclass(frozen=True)
class Pruning:
    """When splats go: every `interval` steps until step `until`, an equal part of `removals` each time."""

    removals: tuple[int, ...]
    """Splats of each layer, over all times."""
    until: int
    interval: int

    @property
    def times(self) -> int:
        """How often splats are removed."""
        return max(1, self.until // max(self.interval, 1))

    def is_due(self, step: int) -> bool:
        """Whether splats go after step `step` (0-based)."""
        done, rest = divmod(step + 1, max(self.interval, 1))
        return rest == 0 and done <= self.times and any(self.removals)

    def removed_by(self, step: int) -> tuple[int, ...]:
        """Splats of each layer that have gone after step `step`; all of them after the last time."""
        done = min((step + 1) // max(self.interval, 1), self.times)
        return tuple(removal * done // self.times for removal in self.removals)


def keep_heaviest(
    weights: Float32[Tensor, " n"], counts: tuple[int, ...], wanted: tuple[int, ...]
) -> Bool[Tensor, " n"]:
    """Mask that keeps the `wanted` splats of greatest |w| in each layer; the order of the kept ones stays."""
    kept = torch.zeros(weights.shape[0], dtype=torch.bool)
    start = 0
    for count, number in zip(counts, wanted, strict=True):
        order = torch.argsort(weights[start : start + count].abs(), descending=True, stable=True)
        kept[start + order[:number]] = True
        start += count
    return kept
