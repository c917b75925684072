# SPDX-License-Identifier: Apache-2.0
import pytest
import torch

from lamina.quantize.training import add_uniform_noise, round_straight_through, scale_gradient
from lamina.quantize.uniform import (
    UniformGrid,
    dequantize_uniform,
    grid_from_extremes,
    grid_from_least_squares,
    quantize_uniform,
    signed_range,
    uniform_straight_through,
    unsigned_range,
)


def channels() -> torch.Tensor:
    generator = torch.Generator().manual_seed(3)
    return torch.stack([torch.randn(400, generator=generator), 5.0 + 0.1 * torch.rand(400, generator=generator)])


@pytest.mark.parametrize("integers", [unsigned_range(6), signed_range(6), signed_range(5)])
def test_extremes_are_reached_and_errors_stay_within_half_a_step(integers) -> None:
    values = channels()
    grid = grid_from_extremes(values, integers)
    found = quantize_uniform(values, grid)
    assert found.amin(dim=1).tolist() == [integers.minimum] * 2
    assert found.amax(dim=1).tolist() == [integers.maximum] * 2
    errors = (dequantize_uniform(found, grid) - values).abs()
    assert bool((errors <= 0.5001 * grid.scale[:, None]).all())


def test_least_squares_beats_extremes_where_there_are_outliers() -> None:
    values = channels()
    values[0, 0] = 60.0
    errors = [
        (dequantize_uniform(quantize_uniform(values, grid), grid) - values).square().sum(dim=1)
        for grid in (
            grid_from_extremes(values, unsigned_range(3)),
            grid_from_least_squares(values, unsigned_range(3)),
        )
    ]
    assert bool((errors[1] <= errors[0]).all())
    assert float(errors[1].sum()) < 0.95 * float(errors[0].sum())


def test_constant_and_empty_channels_are_exact() -> None:
    values = torch.full((2, 7), 1.25)
    grid = grid_from_least_squares(values, signed_range(4))
    assert torch.allclose(dequantize_uniform(quantize_uniform(values, grid), grid), values, atol=1e-6)
    empty = grid_from_least_squares(torch.zeros(3, 0), signed_range(4))
    assert quantize_uniform(torch.zeros(3, 0), empty).shape == (3, 0)
    assert bool((empty.scale > 0).all())


def test_straight_through_equals_quantising_and_back() -> None:
    values = channels()
    grid = grid_from_extremes(values * 0.5, signed_range(4))
    expected = dequantize_uniform(quantize_uniform(values, grid), grid)
    assert torch.allclose(uniform_straight_through(values, grid), expected, atol=1e-6)


def test_straight_through_gradients_are_those_of_lsq_plus() -> None:
    values = torch.tensor([[-9.0, 0.3, 1.4, 30.0]], requires_grad=True)
    scale, offset = torch.tensor([1.0], requires_grad=True), torch.tensor([0.0], requires_grad=True)
    uniform_straight_through(values, UniformGrid(scale, offset, signed_range(4))).sum().backward()
    assert values.grad is not None
    assert scale.grad is not None
    assert offset.grad is not None
    assert values.grad.tolist() == [[0.0, 1.0, 1.0, 0.0]]
    factor = (4 * 8) ** -0.5
    by_value = [-8.0, 0.0 - 0.3, 1.0 - 1.4, 7.0]
    assert scale.grad.item() == pytest.approx(factor * sum(by_value), rel=1e-5)
    assert offset.grad.item() == pytest.approx(factor * 2.0, rel=1e-5)


@pytest.mark.parametrize("bits", [0, 17])
def test_ranges_reject_bits(bits: int) -> None:
    for make in (unsigned_range, signed_range):
        with pytest.raises(ValueError, match="bits"):
            make(bits)


def test_rounding_and_noise_have_identity_gradients() -> None:
    values = torch.tensor([0.4, 1.5, 2.5, -0.6], requires_grad=True)
    rounded = round_straight_through(values)
    noisy = add_uniform_noise(values, torch.Generator().manual_seed(1))
    (rounded + noisy).sum().backward()
    assert rounded.tolist() == [0.0, 2.0, 2.0, -1.0]
    assert bool(((noisy - values).abs() <= 0.5).all())
    assert values.grad is not None
    assert values.grad.tolist() == [2.0] * 4


def test_scale_gradient_keeps_values() -> None:
    values = torch.tensor([3.0], requires_grad=True)
    scaled = scale_gradient(values, 0.25)
    scaled.backward()
    assert scaled.item() == 3.0
    assert values.grad is not None
    assert values.grad.item() == 0.25
