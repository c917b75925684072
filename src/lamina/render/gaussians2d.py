# SPDX-License-Identifier: Apache-2.0
"""The planar renderer's noun and its shape parameters. In: tensors of a model; out: Gaussians2D, covariances.

Two parameterisations of a covariance live here, both closed-form and differentiable everywhere: the Cholesky factor of
the published systems, and half the matrix logarithm, whose coordinates are log-scale and two symmetric anisotropies.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

SERIES_BELOW = 0.01
"""Squared anisotropy under which cosh and sinh come from their series: five terms are exact to 1e-15 there, and the
closed form divides by rho, which has no gradient at zero."""

COSH_SERIES = (1.0, 2.0, 2.0 / 3.0, 4.0 / 45.0, 2.0 / 315.0, 4.0 / 14175.0)
"""cosh(2 sqrt q) in powers of q."""

SINH_SERIES = (2.0, 4.0 / 3.0, 4.0 / 15.0, 8.0 / 315.0, 4.0 / 2835.0, 8.0 / 155925.0)
"""sinh(2 sqrt q) / sqrt q in powers of q."""


@dataclass(frozen=True, repr=False)
class Gaussians2D:
    """A sum of coloured 2D Gaussians, unnormalised: each is its colour at its centre.

    Shapes, dtypes and devices are checked; values are not (that would wait for the device on every step).
    """

    positions: Float[Tensor, "n 2"]
    """Pixels, x then y; the centre of the first pixel is (0.5, 0.5)."""
    covariances: Float[Tensor, "n 3"]
    """xx, xy, yy, square pixels."""
    colors: Float[Tensor, "n 3"]
    """Weighted colour, any range, negative too."""

    def __post_init__(self) -> None:
        count = self.positions.shape[0] if self.positions.ndim else 0
        for name, width in (("positions", 2), ("covariances", 3), ("colors", 3)):
            tensor = getattr(self, name)
            if tensor.ndim != 2 or tuple(tensor.shape) != (count, width):
                raise ValueError(f"{name} must have shape ({count}, {width}), got {tuple(tensor.shape)}")
            if tensor.dtype not in (torch.float32, torch.float64) or tensor.dtype != self.positions.dtype:
                raise ValueError(
                    f"{name} must be float32 or float64 like positions ({self.positions.dtype}), got {tensor.dtype}"
                )
            if tensor.device != self.positions.device:
                raise ValueError(
                    f"{name} is on {tensor.device}, positions are on {self.positions.device}: move one of them"
                )

    def __len__(self) -> int:
        return self.positions.shape[0]

    def __repr__(self) -> str:
        return f"Gaussians2D(n={len(self)}, {self.positions.dtype}, {self.positions.device})"

    def to(self, device: torch.device | str) -> Gaussians2D:
        """The same splats on another device."""
        return Gaussians2D(self.positions.to(device), self.covariances.to(device), self.colors.to(device))

    def scaled(self, ratio_x: float, ratio_y: float) -> Gaussians2D:
        """The same picture at another size: positions times the ratios, covariances times their products."""
        if ratio_x == 1.0 and ratio_y == 1.0:
            return self
        position_ratio = self.positions.new_tensor((ratio_x, ratio_y))
        shape_ratio = self.positions.new_tensor((ratio_x * ratio_x, ratio_x * ratio_y, ratio_y * ratio_y))
        return Gaussians2D(self.positions * position_ratio, self.covariances * shape_ratio, self.colors)

    def prefix(self, count: int) -> Gaussians2D:
        """The first `count` splats.

        Raises:
            ValueError: `count` is not in 0...n.
        """
        if not 0 <= count <= len(self):
            raise ValueError(f"a prefix of {count} splats needs 0...{len(self)}")
        return Gaussians2D(self.positions[:count], self.covariances[:count], self.colors[:count])


def concatenate(parts: Sequence[Gaussians2D]) -> Gaussians2D:
    """All splats of all parts, in order.

    Raises:
        ValueError: no parts, or parts of different dtypes or devices.
    """
    if not parts:
        raise ValueError("concatenate needs at least one part: an empty list says no dtype and no device")
    kinds = {(part.positions.dtype, part.positions.device) for part in parts}
    if len(kinds) > 1:
        raise ValueError(f"parts must agree in dtype and device, got {sorted(map(str, kinds))}")
    return Gaussians2D(
        torch.cat([part.positions for part in parts]),
        torch.cat([part.covariances for part in parts]),
        torch.cat([part.colors for part in parts]),
    )


def cholesky_to_covariance(
    l11: Float[Tensor, " n"], l21: Float[Tensor, " n"], l22: Float[Tensor, " n"]
) -> Float[Tensor, "n 3"]:
    """Covariance L L^T of the lower-triangular factor [[l11, 0], [l21, l22]], pixels -> square pixels (xx, xy, yy)."""
    return torch.stack([l11 * l11, l11 * l21, l21 * l21 + l22 * l22], dim=-1)


def log_euclidean_to_covariance(
    m: Float[Tensor, " n"], d: Float[Tensor, " n"], e: Float[Tensor, " n"]
) -> Float[Tensor, "n 3"]:
    """Covariance whose half logarithm is [[m + d, e], [e, m - d]]; square pixels (xx, xy, yy).

    `m` is the log of the geometric-mean scale in pixels, (d, e) the anisotropy: its length is half the log of the axis
    ratio, its angle twice the orientation. Any number of derivatives is finite, at d = e = 0 too.
    """
    squared = d * d + e * e
    is_small = squared < SERIES_BELOW
    series_at = torch.where(is_small, squared, torch.zeros_like(squared))
    rho = torch.sqrt(torch.where(is_small, torch.ones_like(squared), squared))
    major, minor = torch.exp(2.0 * (m + rho)), torch.exp(2.0 * (m - rho))
    isotropic = torch.exp(2.0 * m)
    even = torch.where(is_small, isotropic * _polynomial(series_at, COSH_SERIES), 0.5 * (major + minor))
    odd = torch.where(is_small, isotropic * _polynomial(series_at, SINH_SERIES), 0.5 * (major - minor) / rho)
    return torch.stack([even + odd * d, odd * e, even - odd * d], dim=-1)


def _polynomial(x: Tensor, coefficients: Sequence[float]) -> Tensor:
    """Horner's rule, constant term first."""
    value = torch.full_like(x, coefficients[-1])
    for coefficient in reversed(coefficients[:-1]):
        value = value * x + coefficient
    return value
