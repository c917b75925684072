# SPDX-License-Identifier: Apache-2.0
"""What integers of one level cost, as preset `paper` has it: a distribution that is learned beside them (HPC, Eq. 9).

In: additions in steps, as they are now. Out: bits of each integer, for prices; in the end, counts for tables. The
distribution is fitted to a fine histogram of all additions rather than to a sample: the same expectation, and what is
rare in a dense grid is not missed.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float32, Float64, Int32

from lamina.codecs.volume.fit.rate import REACH, level_bits
from lamina.codecs.volume.table_coding import Counts, counts_of
from lamina.compiled import compiled
from lamina.fitting.factorized_prior import LEAST_PROBABILITY, FactorizedPrior

FINE = 4
"""Places of the histogram in a step."""

LEARNED_STEPS = 20
"""Of the prior, each time that prices are counted."""

FIRST_STEPS = 150
"""The first time: it knows nothing then."""

RATE = 0.02
"""Of Adam."""


@dataclass(eq=False)
class LevelPrior:
    """Of one level; one distribution for all channels, or one for each."""

    prior: FactorizedPrior | None
    """None: what is counted."""
    optimizer: torch.optim.Optimizer | None
    is_by_channel: bool
    has_learned: bool = False

    @classmethod
    def fresh(cls, channels: int, generator: torch.Generator, *, is_learned: bool, is_by_channel: bool) -> LevelPrior:
        """Before any step."""
        if not is_learned:
            return cls(None, None, is_by_channel)
        prior = FactorizedPrior.fresh(channels if is_by_channel else 1, generator)
        return cls(prior, torch.optim.Adam(prior.parameters(), lr=RATE), is_by_channel)

    def bits(
        self, additions: Float32[np.ndarray, "r c"], steps: Float32[np.ndarray, " c"], generator: torch.Generator
    ) -> Float32[np.ndarray, "c s"]:
        """Bits of -REACH...REACH, by channel, after the prior has learned of these additions."""
        if self.prior is None:
            return self._counted(additions, steps)
        counts = np.zeros((additions.shape[1], 2 * FINE * REACH + 1))
        count_places(additions, steps, counts)
        if not self.is_by_channel:
            counts = counts.sum(axis=0, keepdims=True)
        self._learn(counts, generator)
        values = torch.arange(-REACH, REACH + 1, dtype=torch.float32)[:, None].expand(-1, len(counts))
        with torch.no_grad():
            found = -torch.log2(self.prior.probabilities(values).clamp_min(LEAST_PROBABILITY)).t().numpy()
        return np.ascontiguousarray(np.broadcast_to(found, (additions.shape[1], found.shape[1])), np.float32)

    def counts(self, symbols: Int32[np.ndarray, "r c"]) -> Counts:
        """For the tables of a unit."""
        if self.prior is None:
            return counts_of(symbols, is_by_channel=self.is_by_channel)
        return Counts(*self.prior.counts([symbols if self.is_by_channel else symbols.reshape(-1, 1)]))

    def _counted(self, additions: np.ndarray, steps: np.ndarray) -> Float32[np.ndarray, "c s"]:
        symbols = np.floor(additions / steps + np.float32(0.5)).astype(np.int32)
        if self.is_by_channel:
            return level_bits(symbols)
        return np.repeat(level_bits(symbols.reshape(-1, 1)), symbols.shape[1], axis=0)

    def _learn(self, counts: Float64[np.ndarray, "t p"], generator: torch.Generator) -> None:
        """Steps on the bits of noisy additions, mean over all of them."""
        assert self.prior is not None
        assert self.optimizer is not None
        weights = torch.from_numpy((counts / counts.sum(axis=1, keepdims=True)).astype(np.float32)).t()
        places = (torch.arange(counts.shape[1], dtype=torch.float32) / FINE - REACH)[:, None]
        for _ in range(LEARNED_STEPS if self.has_learned else FIRST_STEPS):
            noisy = places + torch.rand(weights.shape, generator=generator) - 0.5
            bits = -torch.log2(self.prior.probabilities(noisy).clamp_min(LEAST_PROBABILITY))
            self.optimizer.zero_grad()
            (weights * bits).sum().backward()
            self.optimizer.step()
        self.has_learned = True


@compiled()
def count_places(additions, steps, counts):
    """Adds up additions in `counts` (c, 2 fine reach + 1), a place a `FINE`th of a step."""
    most = counts.shape[1] - 1
    for r in range(additions.shape[0]):
        for c in range(additions.shape[1]):
            place = np.int64(np.floor(additions[r, c] / steps[c] * FINE + np.float32(0.5))) + most // 2
            counts[c, min(max(place, 0), most)] += 1
