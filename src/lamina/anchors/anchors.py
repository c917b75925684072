# SPDX-License-Identifier: Apache-2.0
"""What anchors hold, side by side: fits put parameters here, decoders what was decoded."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

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

    def __len__(self) -> int:
        return len(self.positions)

    def select(self, rows: Int64[Tensor, " m"] | slice) -> Anchors:
        """Some of the anchors."""
        tensors = (self.positions, self.features, self.scalings, self.offsets, self.masks)
        if isinstance(rows, slice):
            return Anchors(*(tensor[rows] for tensor in tensors))
        return Anchors(*(tensor.index_select(0, rows) for tensor in tensors))

    def to(self, device: torch.device | str) -> Anchors:
        """The same anchors elsewhere."""
        tensors = (self.positions, self.features, self.scalings, self.offsets, self.masks)
        return Anchors(*(tensor.to(device) for tensor in tensors))


def concatenate(parts: Sequence[Anchors]) -> Anchors:
    """The anchors of several layers as one."""
    fields = ("positions", "features", "scalings", "offsets", "masks")
    return Anchors(*(torch.cat([getattr(part, name) for part in parts]) for name in fields))
