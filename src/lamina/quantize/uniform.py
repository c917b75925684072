# SPDX-License-Identifier: Apache-2.0
"""Asymmetric uniform quantisation with a learned step and offset (LSQ+): channels of reals <-> bounded integers.

    integer = clamp(round((value - offset) / scale), minimum, maximum)        value ~ integer * scale + offset

Rows are channels: values (c, n), scale and offset (c).

Source: Bhalgat et al., LSQ+: Improving low-bit quantization through learnable offsets (2020), Eq. 3-6.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Float, Int32
from torch import Tensor

from lamina.quantize.training import round_straight_through, scale_gradient

MAX_BITS = 16
"""More is a float's job; bounds what a grid can be asked to allocate."""

SEARCH_SHRINKS = 48
"""Candidate ranges of the least-squares start: from the full range down in equal steps."""

SMALLEST_SHRINK = 0.15
"""The narrowest candidate, as a share of the full range: at 4 and more bits the optimum of real data is wider."""

SMALLEST_SCALE = 1e-8
"""Of a constant channel, whose range is zero."""


@dataclass(frozen=True)
class IntegerRange:
    """The integers of a grid."""

    minimum: int
    maximum: int

    @property
    def levels(self) -> int:
        """How many integers there are."""
        return self.maximum - self.minimum + 1


@dataclass(frozen=True)
class UniformGrid:
    """Where the integers of each channel lie: value = integer * scale + offset."""

    scale: Float[Tensor, " c"]
    """Step, positive."""
    offset: Float[Tensor, " c"]
    """Value of integer 0."""
    integers: IntegerRange


def unsigned_range(bits: int) -> IntegerRange:
    """0 ... 2^bits - 1.

    Raises:
        ValueError: bits are not in 1...16.
    """
    _check_bits(bits)
    return IntegerRange(0, (1 << bits) - 1)


def signed_range(bits: int) -> IntegerRange:
    """-2^(bits - 1) ... 2^(bits - 1) - 1.

    Raises:
        ValueError: bits are not in 1...16.
    """
    _check_bits(bits)
    return IntegerRange(-(1 << (bits - 1)), (1 << (bits - 1)) - 1)


def grid_from_extremes(values: Float[Tensor, "c n"], integers: IntegerRange) -> UniformGrid:
    """The grid that spans each channel from its least to its greatest value; constant or empty channels are exact."""
    if values.shape[1] == 0:
        zeros = values.new_zeros(values.shape[0])
        return UniformGrid(torch.ones_like(zeros), zeros, integers)
    low, high = values.amin(dim=1), values.amax(dim=1)
    return _spanning(low, high, integers)


def grid_from_least_squares(values: Float[Tensor, "c n"], integers: IntegerRange) -> UniformGrid:
    """The grid with the least mean squared error of each channel, among ranges shrunk about the channel's median.

    A few outliers then cost themselves and not the precision of everything else.
    """
    full = grid_from_extremes(values, integers)
    if values.shape[1] == 0:
        return full
    low, high, center = values.amin(dim=1), values.amax(dim=1), values.median(dim=1).values
    best_scale, best_offset = full.scale.clone(), full.offset.clone()
    best_error = (dequantize_uniform(quantize_uniform(values, full), full) - values).square().sum(dim=1)
    for shrink in torch.linspace(1.0, SMALLEST_SHRINK, SEARCH_SHRINKS)[1:].tolist():
        grid = _spanning(center + (low - center) * shrink, center + (high - center) * shrink, integers)
        error = (dequantize_uniform(quantize_uniform(values, grid), grid) - values).square().sum(dim=1)
        is_better = error < best_error
        best_error = torch.where(is_better, error, best_error)
        best_scale = torch.where(is_better, grid.scale, best_scale)
        best_offset = torch.where(is_better, grid.offset, best_offset)
    return UniformGrid(best_scale, best_offset, integers)


def quantize_uniform(values: Float[Tensor, "c n"], grid: UniformGrid) -> Int32[Tensor, "c n"]:
    """Nearest integers of the grid; values beyond its ends take the end."""
    steps = (values - grid.offset[:, None]) / grid.scale[:, None]
    return torch.round(steps).clamp(grid.integers.minimum, grid.integers.maximum).to(torch.int32)


def dequantize_uniform(integers: Int32[Tensor, "c n"], grid: UniformGrid) -> Float[Tensor, "c n"]:
    """What the integers mean."""
    return integers.to(grid.scale.dtype) * grid.scale[:, None] + grid.offset[:, None]


def uniform_straight_through(values: Float[Tensor, "c n"], grid: UniformGrid) -> Float[Tensor, "c n"]:
    """Quantised and back, differentiable in the values and in the grid's scale and offset.

    A value inside the range gets the gradient of the identity, one beyond it none (it moves the offset instead). The
    gradients of scale and offset are multiplied by 1 / sqrt(n * maximum magnitude), so that they are of the size of
    the values' own whatever the number of values and bits.

    Source: LSQ+, Eq. 4-6; gradient scale: Esser et al., Learned step size quantization (ICLR 2020), sec. 2.2.
    """
    largest = max(abs(grid.integers.minimum), abs(grid.integers.maximum), 1)
    factor = (max(values.shape[1], 1) * largest) ** -0.5
    scale = scale_gradient(grid.scale, factor)[:, None]
    offset = scale_gradient(grid.offset, factor)[:, None]
    steps = ((values - offset) / scale).clamp(grid.integers.minimum, grid.integers.maximum)
    return round_straight_through(steps) * scale + offset


def _spanning(low: Tensor, high: Tensor, integers: IntegerRange) -> UniformGrid:
    scale = ((high - low) / max(integers.levels - 1, 1)).clamp_min(SMALLEST_SCALE)
    return UniformGrid(scale, low - integers.minimum * scale, integers)


def _check_bits(bits: int) -> None:
    if not 1 <= bits <= MAX_BITS:
        raise ValueError(f"a uniform quantiser has 1...{MAX_BITS} bits, got {bits}")
