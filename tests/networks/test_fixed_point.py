# SPDX-License-Identifier: Apache-2.0
"""Perceptrons of integers: equal to their definition, whatever the batch and threads; saturation; near the reals."""

import hashlib
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from lamina.networks.fixed_point import ACTIVATION_LIMIT, BIAS_LIMIT, MAX_WIDTH, WEIGHT_LIMIT, FixedMlp, to_fixed
from lamina.networks.mlp import Mlp, init_mlp


def by_definition(fixed: FixedMlp, inputs: np.ndarray) -> list[list[int]]:
    """The integers that the module's docstring defines, in Python's own integers."""
    rows = []
    for row in inputs.tolist():
        values = [max(-ACTIVATION_LIMIT, min(ACTIVATION_LIMIT, value)) for value in row]
        for layer, (weight, bias, bits) in enumerate(zip(fixed.weights, fixed.biases, fixed.weight_bits, strict=True)):
            low = 0 if layer < len(fixed.weights) - 1 else -ACTIVATION_LIMIT
            sums = [
                sum(w * v for w, v in zip(weights, values, strict=True)) + (offset << bits)
                for weights, offset in zip(weight.tolist(), bias.tolist(), strict=True)
            ]
            values = [max(low, min(ACTIVATION_LIMIT, (total + (1 << bits >> 1)) >> bits)) for total in sums]
        rows.append(values)
    return rows


def random_network(seed: int, sizes: tuple[int, ...], bits: tuple[int, ...], *, largest: int) -> FixedMlp:
    rng = np.random.default_rng(seed)
    weights = [rng.integers(-largest, largest + 1, (o, i)).astype(np.int16) for i, o in zip(sizes, sizes[1:])]  # noqa: B905, RUF007
    biases = [rng.integers(-largest, largest + 1, o).astype(np.int32) for o in sizes[1:]]
    return FixedMlp(tuple(weights), tuple(biases), bits)


@given(
    seed=st.integers(0, 2**32 - 1),
    sizes=st.lists(st.integers(1, 9), min_size=2, max_size=4),
    largest=st.sampled_from([3, 900, WEIGHT_LIMIT]),
    scale=st.sampled_from([4, 2**11, 2**26]),
    data=st.data(),
)
@settings(max_examples=80, deadline=None)
def test_integers_are_those_of_the_definition(seed, sizes, largest, scale, data) -> None:
    bits = tuple(data.draw(st.lists(st.integers(0, 15), min_size=len(sizes) - 1, max_size=len(sizes) - 1)))
    fixed = random_network(seed, tuple(sizes), bits, largest=largest)
    inputs = np.random.default_rng(seed).integers(-scale, scale + 1, (4, sizes[0]))
    assert fixed(inputs).tolist() == by_definition(fixed, inputs)


def test_the_widest_layer_of_the_largest_numbers_is_exact() -> None:
    inputs = np.full((2, MAX_WIDTH), ACTIVATION_LIMIT, np.int64)
    inputs[1, ::3] -= 1  # so that sums are odd in their last bits
    for bits in (0, 15):
        weight = np.full((1, MAX_WIDTH), WEIGHT_LIMIT, np.int16)
        weight[0, 1::2] = -WEIGHT_LIMIT
        weight[0, -1] = 1 - WEIGHT_LIMIT
        fixed = FixedMlp((weight,), (np.array([BIAS_LIMIT], np.int32),), (bits,))
        assert fixed(inputs).tolist() == by_definition(fixed, inputs)


def test_batches_and_memory_layout_change_nothing() -> None:
    fixed = random_network(3, (96, 100, 175), (10, 7), largest=2000)
    inputs = np.random.default_rng(4).integers(-4000, 4000, (9001, 96)).astype(np.int32)
    whole = fixed(inputs)
    pieces = [fixed(inputs[start : start + 77]) for start in range(0, len(inputs), 77)]
    assert np.array_equal(np.concatenate(pieces), whole)
    assert np.array_equal(fixed(np.asfortranarray(inputs)), whole)
    assert np.array_equal(fixed(inputs[::-1])[::-1], whole)
    assert fixed(inputs[:0]).shape == (0, 175)


def digest_of_products() -> str:
    rng = np.random.default_rng(0)
    weights = [rng.integers(-9000, 9000, shape).astype(np.int16) for shape in ((100, 192), (175, 100))]
    biases = [np.arange(len(weight), dtype=np.int32) for weight in weights]
    fixed = FixedMlp(tuple(weights), tuple(biases), (10, 10))
    return hashlib.sha256(fixed(rng.integers(-90000, 90000, (5000, 192)))).hexdigest()


def test_threads_change_nothing() -> None:
    program = f"import sys; sys.path.append({str(Path(__file__).parent)!r}); import test_fixed_point as t"
    result = subprocess.run(
        [sys.executable, "-c", f"{program}; print(t.digest_of_products())"],
        env=os.environ | {"OPENBLAS_NUM_THREADS": "3", "OMP_NUM_THREADS": "3", "MKL_NUM_THREADS": "3"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert result.stdout.strip() == digest_of_products()


def test_outputs_and_hidden_values_saturate() -> None:
    identity = np.array([[1]], np.int16)
    large = np.array([[WEIGHT_LIMIT]], np.int16)
    zero = np.zeros(1, np.int32)
    one_layer = FixedMlp((large,), (zero,), (0,))
    assert one_layer(np.array([[2**30], [-(2**30)], [1]])).ravel().tolist() == [
        ACTIVATION_LIMIT,
        -ACTIVATION_LIMIT,
        WEIGHT_LIMIT,
    ]
    two_layers = FixedMlp((large, identity), (zero, zero), (0, 0))
    assert two_layers(np.array([[2**20], [-(2**20)]])).ravel().tolist() == [ACTIVATION_LIMIT, 0]


def test_fixed_point_stays_near_the_reals_it_came_from() -> None:
    mlp = init_mlp((40, 64, 24), torch.Generator().manual_seed(5)).detached()
    fixed = FixedMlp.from_mlp(mlp)
    integers = np.random.default_rng(6).integers(-3072, 3072, (500, 40))
    reals = torch.from_numpy(integers.astype(np.float32) / 1024)
    found = torch.from_numpy(fixed(integers) / 1024.0).float()
    # Hidden values are off by half a unit, outputs by half a unit and by what the hidden ones sum to.
    exact_weights = fixed.to_mlp()
    bound = (0.5 * exact_weights.weights[1].abs().sum(dim=1).max() + 0.5) / 1024 + 1e-5
    assert float((found - exact_weights(reals)).abs().max()) <= float(bound)
    assert float((found - mlp(reals)).abs().max()) < 0.03
    again = FixedMlp.from_mlp(exact_weights)
    assert all(np.array_equal(a, b) for a, b in zip(again.weights, fixed.weights, strict=True))


def test_reals_beyond_the_limits_saturate_and_those_that_are_none_are_refused() -> None:
    mlp = Mlp((torch.tensor([[100.0, -100.0]]),), (torch.tensor([1e9]),))
    fixed = FixedMlp.from_mlp(mlp)
    assert fixed.weights[0].tolist() == [[WEIGHT_LIMIT, -WEIGHT_LIMIT]]
    assert fixed.biases[0].tolist() == [BIAS_LIMIT]
    assert FixedMlp.from_mlp(mlp, 8).weights[0].tolist() == [[25600, -25600]]
    with pytest.raises(ValueError, match="not finite"):
        FixedMlp.from_mlp(Mlp((torch.tensor([[float("nan")]]),), (torch.zeros(1),)))
    assert to_fixed(np.array([0.5, -0.25, 1e9, -1e9])).tolist() == [512, -256, ACTIVATION_LIMIT, -ACTIVATION_LIMIT]


@pytest.mark.parametrize(
    ("weight", "bias", "bits", "problem"),
    [
        (np.zeros((1, 2), np.int32), np.zeros(1, np.int32), 10, "int16"),
        (np.full((1, 2), -(2**15), np.int16), np.zeros(1, np.int32), 10, "magnitudes"),
        (np.zeros((1, 2), np.int16), np.full(1, 2**24, np.int32), 10, "magnitudes"),
        (np.zeros((1, 2), np.int16), np.zeros(1, np.int32), 16, "0...15"),
        (np.zeros((1, MAX_WIDTH + 1), np.int16), np.zeros(1, np.int32), 10, "at most"),
    ],
)
def test_what_the_arithmetic_does_not_allow_is_refused(weight, bias, bits, problem) -> None:
    with pytest.raises(ValueError, match=problem):
        FixedMlp((weight,), (bias,), (bits,))


def test_inputs_that_are_no_integers_or_of_another_width_are_refused() -> None:
    fixed = random_network(0, (3, 2), (10,), largest=9)
    for inputs in (np.zeros((4, 3)), np.zeros((4, 2), np.int32), np.zeros(3, np.int32)):
        with pytest.raises(ValueError, match="expected integers, 3 a row"):
            fixed(inputs)
