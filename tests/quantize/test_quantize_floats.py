# SPDX-License-Identifier: Apache-2.0
import math

import pytest
import torch

from lamina.quantize.floats import (
    FLOAT16,
    FloatLayout,
    bits_to_float,
    float12,
    float_straight_through,
    float_to_bits,
    is_finite_pattern,
    round_to_float,
)

LAYOUTS = [FLOAT16, float12(5), float12(4), FloatLayout(3, 4), FloatLayout(6, 9)]


def all_patterns(layout: FloatLayout) -> torch.Tensor:
    return torch.arange(1 << layout.bits, dtype=torch.int32)


@pytest.mark.parametrize("layout", LAYOUTS, ids=str)
def test_every_finite_pattern_round_trips(layout: FloatLayout) -> None:
    patterns = all_patterns(layout)
    finite = patterns[is_finite_pattern(patterns, layout)]
    assert len(finite) == len(patterns) - (2 << layout.mantissa_bits)
    values = bits_to_float(finite, layout)
    assert torch.equal(float_to_bits(values, layout), finite)
    assert torch.equal(round_to_float(values, layout), values)


def test_float16_is_ieee_binary16_bit_for_bit() -> None:
    values = torch.cat(
        [torch.randn(4000) * 10.0 ** torch.linspace(-9, 5, 4000), torch.tensor([0.0, -0.0, 65519.0, 2e-8])]
    )
    half = values.clamp(-65504.0, 65504.0).to(torch.float16)
    assert torch.equal(round_to_float(values, FLOAT16), half.to(torch.float32))
    assert torch.equal(float_to_bits(values, FLOAT16), half.view(torch.int16).to(torch.int32) & 0xFFFF)
    assert torch.equal(bits_to_float(float_to_bits(values, FLOAT16), FLOAT16), half.to(torch.float32))


@pytest.mark.parametrize("layout", LAYOUTS, ids=str)
def test_rounding_is_to_nearest_even(layout: FloatLayout) -> None:
    patterns = torch.arange((((1 << layout.exponent_bits) - 1) << layout.mantissa_bits) - 1, dtype=torch.int32)
    low, high = bits_to_float(patterns, layout), bits_to_float(patterns + 1, layout)
    middle = 0.5 * (low + high)
    even = torch.where(patterns % 2 == 0, low, high)
    assert torch.equal(round_to_float(middle, layout), even)
    assert torch.equal(round_to_float(-middle, layout), -even)
    nearer = low + 0.75 * (high - low)
    assert torch.equal(round_to_float(nearer, layout), high)


@pytest.mark.parametrize("layout", LAYOUTS, ids=str)
def test_large_values_saturate_and_nan_becomes_zero(layout: FloatLayout) -> None:
    values = torch.tensor([math.inf, -math.inf, 1e30, -1e30, math.nan])
    largest = layout.largest
    assert round_to_float(values, layout).tolist() == [largest, -largest, largest, -largest, 0.0]
    assert bool(is_finite_pattern(float_to_bits(values, layout), layout).all())


def test_float12_has_the_range_of_fp16_and_subnormals() -> None:
    layout = float12(5)
    assert layout.bits == 12
    assert layout.largest == 65024.0
    smallest = 2.0**-20
    assert round_to_float(torch.tensor([smallest, 0.4 * smallest]), layout).tolist() == [smallest, 0.0]
    assert float12(4).mantissa_bits == 7


def test_straight_through_has_rounded_values_and_identity_gradient() -> None:
    values = torch.tensor([0.1234567, -3.3333], requires_grad=True)
    rounded = float_straight_through(values, float12(5))
    rounded.sum().backward()
    assert torch.equal(rounded.detach(), round_to_float(values.detach(), float12(5)))
    assert values.grad is not None
    assert values.grad.tolist() == [1.0, 1.0]


def test_bits_to_float_rejects_infinities_and_patterns_out_of_range() -> None:
    for pattern in (0x7C00, 0xFC01, 1 << 16, -1):
        with pytest.raises(ValueError, match="finite"):
            bits_to_float(torch.tensor([pattern], dtype=torch.int32), FLOAT16)


@pytest.mark.parametrize("widths", [(1, 5), (8, 3), (5, 0), (5, 23)])
def test_layout_rejects_widths_that_float32_cannot_hold(widths: tuple[int, int]) -> None:
    with pytest.raises(ValueError, match="short float"):
        FloatLayout(*widths)
