# SPDX-License-Identifier: Apache-2.0
"""Residual vector quantisation: vectors <-> one codebook index a stage; each stage quantises what the ones before left.

    value ~ codebooks[0][index_0] + codebooks[1][index_1] + ...

`encode_residual` and `decode_residual` are the two directions. `ResidualTrainer` learns the codebooks while the vectors
themselves are being trained: k-means start, exponential moving averages, revival of entries that nothing uses.

Source: Zeghidour et al., SoundStream (2021), sec. III.C; van den Oord et al., Neural discrete representation learning
(2017), appendix A.1 (moving averages) and Eq. 3 (commitment).
"""

from __future__ import annotations

import torch
from jaxtyping import Float, Int64
from torch import Tensor

from lamina.quantize.training import straight_through

KMEANS_ITERATIONS = 5
"""Of the start; the moving averages go on from there (Xinjie-Q/GaussianImage, quantize.py)."""

DECAY = 0.8
"""Of the moving averages a step (GaussianImage, quantize.py)."""

DEAD_BELOW = 0.05
"""An entry whose average use falls under so many vectors is moved onto a vector that is badly served."""

SMOOTHING = 1e-5
"""Added to uses, so that an unused entry divides by more than zero."""


def nearest_entries(values: Float[Tensor, "n d"], codebook: Float[Tensor, "k d"]) -> Int64[Tensor, " n"]:
    """Index of the nearest codebook entry; the lowest among equals."""
    # |v - c|^2 without |v|^2, which is the same for all entries; `min` takes half the time of `argmin` here.
    return torch.addmm(codebook.square().sum(dim=1), values, codebook.T, alpha=-2.0).min(dim=1).indices


def encode_residual(values: Float[Tensor, "n d"], codebooks: Float[Tensor, "m k d"]) -> Int64[Tensor, "n m"]:
    """Greedy: the nearest entry of the first stage, then of the second for what is left, and so on."""
    left = values
    indices = []
    for codebook in codebooks:
        index = nearest_entries(left, codebook)
        left = left - codebook[index]
        indices.append(index)
    return torch.stack(indices, dim=1)


def decode_residual(indices: Int64[Tensor, "n m"], codebooks: Float[Tensor, "m k d"]) -> Float[Tensor, "n d"]:
    """Sum of the chosen entries, first stage first."""
    total = codebooks[0][indices[:, 0]]
    for stage in range(1, codebooks.shape[0]):
        total = total + codebooks[stage][indices[:, stage]]
    return total


def kmeans(
    values: Float[Tensor, "n d"], entries: int, generator: torch.Generator, iterations: int = KMEANS_ITERATIONS
) -> Float[Tensor, "k d"]:
    """Lloyd's algorithm from `entries` vectors drawn at random; of fewer vectors than entries some are drawn twice."""
    if values.shape[0] == 0:
        return values.new_zeros(entries, values.shape[1])
    order = torch.randperm(values.shape[0], generator=generator)
    centers = values[order[torch.arange(entries) % values.shape[0]]].clone()
    for _ in range(iterations):
        counts, sums = _sums_by_entry(values, nearest_entries(values, centers), entries)
        used = counts > 0
        centers[used] = sums[used] / counts[used, None]
    return centers


class ResidualTrainer:
    """Codebooks of all stages and their moving averages: state that lives as long as a training run.

    Raises:
        ValueError: there is no stage or no entry.
    """

    codebooks: Float[Tensor, "m k d"]
    """Now; change with every `step`."""

    def __init__(self, values: Float[Tensor, "n d"], stages: int, entries: int, seed: int) -> None:
        if stages < 1 or entries < 1:
            raise ValueError(f"a residual quantiser needs stages and entries, got {stages} and {entries}")
        self._generator = torch.Generator().manual_seed(seed)
        left = values.detach()
        codebooks = []
        for _ in range(stages):
            codebook = kmeans(left, entries, self._generator)
            left = left - codebook[nearest_entries(left, codebook)]
            codebooks.append(codebook)
        self.codebooks = torch.stack(codebooks)
        self._uses = torch.ones(stages, entries)
        self._sums = self.codebooks.clone()
        self._choices: list[tuple[Tensor, Tensor]] = []

    def quantized(self, values: Float[Tensor, "n d"]) -> tuple[Float[Tensor, "n d"], Float[Tensor, ""]]:
        """Quantised vectors (straight-through) and the commitment loss: mean squared distance, summed over stages."""
        left = values
        commitment = values.new_zeros(())
        self._choices = []
        for codebook in self.codebooks:
            index = nearest_entries(left.detach(), codebook)
            self._choices.append((left.detach(), index))
            left = left - codebook[index]
            if values.shape[0]:
                commitment = commitment + left.square().mean()
        return straight_through(values, (values - left).detach()), commitment

    def step(self) -> None:
        """Move the codebooks towards the vectors that chose them in the last call of `quantized`."""
        for stage, (vectors, index) in enumerate(self._choices):
            if len(index) == 0:
                return
            errors = vectors - self.codebooks[stage][index]
            counts, sums = _sums_by_entry(vectors, index, self.codebooks.shape[1])
            self._uses[stage].lerp_(counts, 1.0 - DECAY)
            self._sums[stage].lerp_(sums, 1.0 - DECAY)
            self.codebooks[stage] = self._sums[stage] / (self._uses[stage, :, None] + SMOOTHING)
            self._revive(stage, vectors, errors)

    def state(self) -> dict[str, Tensor]:
        """What a checkpoint needs; `restore` takes it."""
        tables = {"codebooks": self.codebooks, "uses": self._uses, "sums": self._sums}
        return tables | {"generator": self._generator.get_state()}

    def restore(self, state: dict[str, Tensor]) -> None:
        """Go on from a `state`.

        Raises:
            ValueError: it is of other stages, entries or dimensions.
        """
        for name, held in self.state().items():
            if state[name].shape != held.shape:
                raise ValueError(f"{name} of shape {tuple(state[name].shape)}, expected {tuple(held.shape)}")
        self.codebooks, self._uses, self._sums = (state[name].clone() for name in ("codebooks", "uses", "sums"))
        self._generator.set_state(state["generator"])

    def _revive(self, stage: int, values: Tensor, errors: Tensor) -> None:
        dead = torch.nonzero(self._uses[stage] < DEAD_BELOW).flatten()
        if len(dead) == 0:
            return
        weight = errors.square().sum(dim=1) + 1e-12
        drawn = torch.multinomial(weight, len(dead), replacement=True, generator=self._generator)
        self.codebooks[stage, dead] = values[drawn]
        self._sums[stage, dead] = values[drawn]
        self._uses[stage, dead] = 1.0


def _sums_by_entry(values: Tensor, index: Tensor, entries: int) -> tuple[Tensor, Tensor]:
    """Number and sum of the vectors that chose each entry."""
    counts = torch.bincount(index, minlength=entries).to(values.dtype)
    sums = values.new_zeros(entries, values.shape[1]).index_add_(0, index, values)
    return counts, sums
