# SPDX-License-Identifier: Apache-2.0
"""Perceptrons on steps: exact reals of integers, errors within half a step, and rounding that keeps outputs."""

from itertools import pairwise

import numpy as np
import pytest
import torch

from lamina.networks.fixed_point import WEIGHT_LIMIT, FixedMlp
from lamina.networks.mlp import Mlp, init_mlp
from lamina.networks.quantized import STEP_CODES, QuantizedMlp, fix_mlp, quantize_mlp, step_code, step_of


def correlated_inputs(count: int, width: int, seed: int) -> torch.Tensor:
    """What networks meet: columns of different size that depend on each other, the same dependence for all seeds."""
    mixing = torch.randn((width, width), generator=torch.Generator().manual_seed(0)) / width**0.5
    sizes = torch.logspace(-1, 1, width)
    return torch.randn((count, width), generator=torch.Generator().manual_seed(seed)) * sizes @ mixing


def error(found: torch.Tensor, wanted: torch.Tensor) -> float:
    return float((found - wanted).square().mean())


def test_steps_rise_by_a_quarter_octave_and_are_exact() -> None:
    steps = [step_of(code) for code in range(STEP_CODES)]
    assert all(1.14 < b / a < 1.26 for a, b in pairwise(steps))
    assert all(float(np.float32(step)) == step for step in steps)
    assert all(float(np.float32(step) * np.float32(WEIGHT_LIMIT)) == step * WEIGHT_LIMIT for step in steps)
    assert [step_code(step) for step in steps] == list(range(STEP_CODES))
    assert step_of(step_code(0.011)) >= 0.011 > step_of(step_code(0.011) - 1)
    assert step_code(0.0) == 0
    with pytest.raises(ValueError, match="at most"):
        step_code(15.0)


@pytest.mark.parametrize("bits", [2, 6, 9, 15])
def test_integers_have_their_bits_and_reals_are_within_half_a_step(bits) -> None:
    mlp = init_mlp((12, 20, 5), torch.Generator().manual_seed(1))
    quantized, decoded = quantize_mlp(mlp, bits)
    assert quantized.sizes == mlp.sizes
    for real, integers, code, found in zip(
        mlp.weights, quantized.weights, quantized.weight_steps, decoded.weights, strict=True
    ):
        assert np.abs(integers).max() <= 2 ** (bits - 1) - 1
        assert float((real - found).detach().abs().max()) <= step_of(code) / 2 * 1.0001
        assert torch.equal(found.double(), torch.from_numpy(integers) * step_of(code))


def test_rounding_for_inputs_keeps_outputs_of_other_inputs() -> None:
    mlp = init_mlp((36, 32, 30), torch.Generator().manual_seed(2)).detached()
    known, others = correlated_inputs(1500, 36, 3), correlated_inputs(1500, 36, 4)
    _, nearest = quantize_mlp(mlp, 6)
    _, kept = quantize_mlp(mlp, 6, known)
    assert error(kept(others), mlp(others)) < 0.5 * error(nearest(others), mlp(others))
    fixed_nearest, fixed_kept = fix_mlp(mlp, 6).to_mlp(), fix_mlp(mlp, 6, known).to_mlp()
    assert error(fixed_kept(others), mlp(others)) < 0.5 * error(fixed_nearest(others), mlp(others))


def test_inputs_that_never_vary_are_no_trouble() -> None:
    mlp = init_mlp((4, 6, 2), torch.Generator().manual_seed(5)).detached()
    for inputs in (torch.zeros(10, 4), torch.ones(3, 4), torch.zeros(0, 4)):
        _, decoded = quantize_mlp(mlp, 10, inputs)
        assert float((decoded(torch.ones(1, 4)) - mlp(torch.ones(1, 4))).abs().max()) < 0.02


def test_fixed_without_inputs_is_the_nearest_and_biases_may_be_coarser() -> None:
    mlp = init_mlp((4, 6, 2), torch.Generator().manual_seed(6)).detached()
    ours, nearest = fix_mlp(mlp, (9, 7)), FixedMlp.from_mlp(mlp, (9, 7))
    assert all(np.array_equal(a, b) for a, b in zip(ours.weights, nearest.weights, strict=True))
    assert all(np.array_equal(a, b) for a, b in zip(ours.biases, nearest.biases, strict=True))
    assert all((bias % 32 == 0).all() for bias in fix_mlp(mlp, 9, bias_bits=5).biases)


def test_what_cannot_be_is_refused() -> None:
    mlp = init_mlp((3, 2), torch.Generator().manual_seed(7))
    for bits in (1, 16, [9, 9]):
        with pytest.raises(ValueError, match="expected 2"):
            quantize_mlp(mlp, bits)
    with pytest.raises(ValueError, match="biases"):
        fix_mlp(mlp, 8, bias_bits=11)
    with pytest.raises(ValueError, match="not finite"):
        fix_mlp(Mlp((torch.full((1, 1), torch.inf),), (torch.zeros(1),)), 8)
    weight, bias = np.zeros((2, 3), np.int32), np.zeros(2, np.int32)
    with pytest.raises(ValueError, match="step codes"):
        QuantizedMlp((weight,), (bias,), (128,), (0,))
    with pytest.raises(ValueError, match="step codes"):
        QuantizedMlp((weight,), (bias,), (1,), ())
    with pytest.raises(ValueError, match="int32"):
        QuantizedMlp((weight + WEIGHT_LIMIT + 1,), (bias,), (1,), (1,))
