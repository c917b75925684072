# SPDX-License-Identifier: Apache-2.0
"""Perceptrons of reals: what torch's own layers give, shapes checked, and a start that can be repeated."""

import pytest
import torch

from lamina.networks.mlp import Mlp, init_mlp


def test_values_and_gradients_are_those_of_torchs_layers() -> None:
    mlp = init_mlp((5, 7, 6, 3), torch.Generator().manual_seed(1))
    layers = []
    for weight, bias in zip(mlp.weights, mlp.biases, strict=True):
        linear = torch.nn.Linear(weight.shape[1], weight.shape[0])
        linear.load_state_dict({"weight": weight.detach(), "bias": bias.detach()})
        layers += [linear, torch.nn.ReLU()]
    module = torch.nn.Sequential(*layers[:-1])
    inputs = torch.randn(2, 4, 5)
    torch.testing.assert_close(mlp(inputs), module(inputs))
    mlp(inputs).square().sum().backward()
    module(inputs).square().sum().backward()
    for ours, theirs in zip(mlp.parameters(), module.parameters(), strict=True):
        torch.testing.assert_close(ours.grad, theirs.grad)


def test_init_repeats_and_last_gain_zero_starts_as_zero() -> None:
    first, second = (init_mlp((8, 16, 4), torch.Generator().manual_seed(7), last_gain=0.0) for _ in range(2))
    assert first.sizes == (8, 16, 4)
    assert all(torch.equal(a, b) for a, b in zip(first.parameters(), second.parameters(), strict=True))
    assert all(tensor.requires_grad for tensor in first.parameters())
    assert not first(torch.randn(3, 8)).any()
    assert float(first.weights[0].detach().abs().max()) <= 8**-0.5
    assert not any(tensor.requires_grad for tensor in first.detached().to("cpu").parameters())


@pytest.mark.parametrize(
    ("weights", "biases"),
    [
        ([], []),
        ([(4, 3)], []),
        ([(4, 3), (2, 5)], [(4,), (2,)]),
        ([(4, 3)], [(3,)]),
        ([(4,)], [(4,)]),
        ([(0, 3)], [(0,)]),
    ],
)
def test_shapes_that_are_no_chain_of_layers_are_refused(weights, biases) -> None:
    with pytest.raises(ValueError, match="expected"):
        Mlp(tuple(torch.zeros(shape) for shape in weights), tuple(torch.zeros(shape) for shape in biases))


def test_sizes_that_are_no_network_are_refused() -> None:
    for sizes in ((3,), (3, 0)):
        with pytest.raises(ValueError, match="at least 1"):
            init_mlp(sizes)
