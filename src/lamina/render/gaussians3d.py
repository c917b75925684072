# SPDX-License-Identifier: Apache-2.0
"""The spatial renderer's noun: Gaussians in the world, as tensors. In: tensors of a model; out: Gaussians3D."""

from __future__ import annotations

from dataclasses import dataclass, fields

import torch
from jaxtyping import Bool, Float, Int64
from torch import Tensor

WIDTHS = {"means": 3, "rotations": 4, "scales": 3, "opacities": 0, "colors": 3}
"""Values of one Gaussian in each field; 0 for a plain number."""


@dataclass(frozen=True, repr=False)
class Gaussians3D:
    """Coloured Gaussians in the world, each with an opacity at its centre.

    Shapes, dtypes and devices are checked; values are not (that would wait for the device on every step).
    """

    means: Float[Tensor, "n 3"]
    """World units."""
    rotations: Float[Tensor, "n 4"]
    """Quaternions w, x, y, z of any length but zero: the world from the Gaussian's own axes."""
    scales: Float[Tensor, "n 3"]
    """Standard deviations along the own axes, above 0, world units."""
    opacities: Float[Tensor, " n"]
    """0...1."""
    colors: Float[Tensor, "n 3"]
    """As seen from the camera; usually 0...1, any range."""

    def __post_init__(self) -> None:
        count = self.means.shape[0] if self.means.ndim else 0
        for name, width in WIDTHS.items():
            tensor = getattr(self, name)
            shape = (count, width) if width else (count,)
            if tuple(tensor.shape) != shape:
                raise ValueError(f"{name} must have shape {shape}, got {tuple(tensor.shape)}")
            if tensor.dtype not in (torch.float32, torch.float64) or tensor.dtype != self.means.dtype:
                raise ValueError(
                    f"{name} must be float32 or float64 like means ({self.means.dtype}), got {tensor.dtype}"
                )
            if tensor.device != self.means.device:
                raise ValueError(f"{name} is on {tensor.device}, means are on {self.means.device}: move one of them")

    def __len__(self) -> int:
        return self.means.shape[0]

    def __repr__(self) -> str:
        return f"Gaussians3D(n={len(self)}, {self.means.dtype}, {self.means.device})"

    def tensors(self) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
        """Means, rotations, scales, opacities, colors."""
        return self.means, self.rotations, self.scales, self.opacities, self.colors

    def select(self, which: Bool[Tensor, " n"] | Int64[Tensor, " m"]) -> Gaussians3D:
        """Those of a mask, or of row numbers."""
        return Gaussians3D(*(tensor[which] for tensor in self.tensors()))

    def to(self, target: torch.device | torch.dtype | str) -> Gaussians3D:
        """The same Gaussians on another device or in another float type."""
        return Gaussians3D(*(tensor.to(target) for tensor in self.tensors()))


def concatenate_gaussians3d(parts: list[Gaussians3D]) -> Gaussians3D:
    """All Gaussians of all parts, in order.

    Raises:
        ValueError: no parts, or parts of different dtypes or devices.
    """
    if not parts:
        raise ValueError("concatenating needs at least one part: an empty list says no dtype and no device")
    kinds = {(part.means.dtype, part.means.device) for part in parts}
    if len(kinds) > 1:
        raise ValueError(f"parts must agree in dtype and device, got {sorted(map(str, kinds))}")
    return Gaussians3D(*(torch.cat([getattr(part, field.name) for part in parts]) for field in fields(Gaussians3D)))
