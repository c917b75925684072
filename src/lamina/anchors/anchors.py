# SPDX-License-Identifier: Apache-2.0
"""What anchors hold, side by side: fits put parameters here, decoders what was decoded."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import torch
from jaxtyping import Float, Int64
from torch import Tensor


@dataclass(frozen=True, eq=False)
class Anchors:
    """n anchors with k offsets each."""

    positions: Float[Tensor, "n 3"]
    """World units."""
    features: Float[Tensor, "n d"]
    scalings: Float[Tensor, "n 6"]
    """Above 0, world units: reach of the offsets, then size of the Gaussians."""
    offsets: Float[Tensor, "n k 3"]
    """In units of the reach."""
    masks: Float[Tensor, "n k"]
    """1: the offset is used; 0: not."""
    missing: Float[Tensor, "n 1"] | None = None
    """0...1, how much of what stands in its cell is not among these anchors (`missing.py`); None: nothing anywhere."""

    def __len__(self) -> int:
        return len(self.positions)

    def select(self, rows: Int64[Tensor, " m"] | slice) -> Anchors:
        """Some of the anchors."""
        if isinstance(rows, slice):
            return self.each(lambda tensor: tensor[rows])
        return self.each(lambda tensor: tensor.index_select(0, rows))

    def to(self, device: torch.device | str) -> Anchors:
        """The same anchors elsewhere."""
        return self.each(lambda tensor: tensor.to(device))

    def each(self, change: Callable[[Tensor], Tensor]) -> Anchors:
        """All tensors changed in the same way."""
        tensors = (self.positions, self.features, self.scalings, self.offsets, self.masks)
        positions, features, scalings, offsets, masks = (change(tensor) for tensor in tensors)
        missing = None if self.missing is None else change(self.missing)
        return Anchors(positions, features, scalings, offsets, masks, missing)


def concatenate(parts: Sequence[Anchors]) -> Anchors:
    """The anchors of several layers as one, of which nothing is said to be missing."""
    fields = ("positions", "features", "scalings", "offsets", "masks")
    return Anchors(*(torch.cat([getattr(part, name) for part in parts]) for name in fields))


def beside(parts: Sequence[Anchors]) -> Anchors:
    """Anchors of several kinds as one; each part keeps what is missing of it, if all say."""
    missing = [part.missing for part in parts if part.missing is not None]
    together = concatenate(parts)
    return replace(together, missing=torch.cat(missing)) if len(missing) == len(parts) else together
