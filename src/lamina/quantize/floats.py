# SPDX-License-Identifier: Apache-2.0
"""Short floats: float32 reals <-> bit patterns of 1 sign, e exponent and m mantissa bits, exactly.

Layouts follow IEEE 754: bias 2^(e - 1) - 1, subnormals, the highest exponent kept for infinities and NaN (never
written; reading one is an error). Rounding is to nearest, ties to even; what is too large saturates to the largest
finite value. `FLOAT16` is therefore IEEE binary16, bit for bit.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Float32, Int32
from torch import Tensor

from lamina.quantize.training import straight_through


@dataclass(frozen=True)
class FloatLayout:
    """1 sign bit, then exponent, then mantissa. Held by float32 without loss: at most 8 exponent and 23 mantissa bits.

    Raises:
        ValueError: exponent bits are not in 2...7 or mantissa bits not in 1...22.
    """

    exponent_bits: int
    mantissa_bits: int

    def __post_init__(self) -> None:
        if not 2 <= self.exponent_bits <= 7 or not 1 <= self.mantissa_bits <= 22:
            raise ValueError(
                f"a short float has 2...7 exponent and 1...22 mantissa bits, "
                f"got {self.exponent_bits} and {self.mantissa_bits}"
            )

    @property
    def bits(self) -> int:
        """Of a whole pattern."""
        return 1 + self.exponent_bits + self.mantissa_bits

    @property
    def bias(self) -> int:
        """Exponent field minus this is the exponent."""
        return (1 << (self.exponent_bits - 1)) - 1

    @property
    def largest(self) -> float:
        """Largest finite value."""
        return (2.0 - 2.0**-self.mantissa_bits) * 2.0**self.bias

    @property
    def smallest_exponent(self) -> int:
        """Of normal values; subnormals share its quantum."""
        return 1 - self.bias


FLOAT16 = FloatLayout(5, 10)
"""IEEE binary16."""


def float12(exponent_bits: int = 5) -> FloatLayout:
    """The 12-bit float: 1-5-6 has the range of fp16, 1-4-7 a finer mantissa.

    Raises:
        ValueError: exponent bits are not in 2...7.
    """
    return FloatLayout(exponent_bits, 11 - exponent_bits)


def round_to_float(values: Float32[Tensor, "*shape"], layout: FloatLayout) -> Float32[Tensor, "*shape"]:
    """The nearest representable values, as float32. NaN becomes zero."""
    values = torch.nan_to_num(values.to(torch.float32), nan=0.0, posinf=layout.largest, neginf=-layout.largest)
    if layout == FLOAT16:
        # The same rounding in hardware, forty times as fast.
        return values.clamp(-layout.largest, layout.largest).to(torch.float16).to(torch.float32)
    _, exponent = torch.frexp(values)
    quantum_exponent = (exponent - 1).clamp_min(layout.smallest_exponent) - layout.mantissa_bits
    rounded = torch.ldexp(torch.round(torch.ldexp(values, -quantum_exponent)), quantum_exponent)
    return rounded.clamp(-layout.largest, layout.largest)


def float_to_bits(values: Float32[Tensor, "*shape"], layout: FloatLayout) -> Int32[Tensor, "*shape"]:
    """Bit patterns of the nearest representable values: sign, exponent, mantissa from the highest bit down."""
    rounded = round_to_float(values, layout)
    magnitude = rounded.abs()
    _, exponent = torch.frexp(magnitude)
    exponent = torch.where(magnitude > 0, exponent - 1, layout.smallest_exponent - 1)
    is_normal = exponent >= layout.smallest_exponent
    quantum_exponent = exponent.clamp_min(layout.smallest_exponent) - layout.mantissa_bits
    significand = torch.ldexp(magnitude, -quantum_exponent).to(torch.int32)
    field = torch.where(is_normal, exponent + layout.bias, 0).to(torch.int32)
    mantissa = significand - (is_normal.to(torch.int32) << layout.mantissa_bits)
    sign = torch.signbit(rounded).to(torch.int32)
    return (sign << (layout.bits - 1)) | (field << layout.mantissa_bits) | mantissa


def bits_to_float(bits: Int32[Tensor, "*shape"], layout: FloatLayout) -> Float32[Tensor, "*shape"]:
    """What the patterns mean.

    Raises:
        ValueError: a pattern is out of range, or an infinity or NaN; `is_finite_pattern` tells which.
    """
    if not bool(is_finite_pattern(bits, layout).all()):
        raise ValueError(f"a pattern is no finite {layout.bits}-bit float of {layout.exponent_bits} exponent bits")
    field = (bits >> layout.mantissa_bits) & ((1 << layout.exponent_bits) - 1)
    mantissa = bits & ((1 << layout.mantissa_bits) - 1)
    significand = mantissa + ((field > 0).to(torch.int32) << layout.mantissa_bits)
    exponent = field.clamp_min(1) - layout.bias - layout.mantissa_bits
    magnitude = torch.ldexp(significand.to(torch.float32), exponent)
    return torch.where((bits >> (layout.bits - 1)) > 0, -magnitude, magnitude)


def is_finite_pattern(bits: Int32[Tensor, "*shape"], layout: FloatLayout) -> Bool[Tensor, "*shape"]:
    """Which patterns are in range and mean a finite value."""
    highest = (1 << layout.exponent_bits) - 1
    in_range = (bits >= 0) & (bits < (1 << layout.bits))
    return in_range & (((bits >> layout.mantissa_bits) & highest) != highest)


def float_straight_through(values: Float[Tensor, "*shape"], layout: FloatLayout) -> Float[Tensor, "*shape"]:
    """Rounded to the layout on the way forward, the gradient of the identity on the way back."""
    return straight_through(values, round_to_float(values.detach(), layout))
