# SPDX-License-Identifier: Apache-2.0
"""The state of a fit: rows of Adam against torch's, surgery, masks."""

import numpy as np
import torch
from tiny_capture import SMALL, tiny_capture

from lamina.anchors.fitting.start import first_state
from lamina.anchors.fitting.state import FIRST_MASK, origins_of, soft_masks, with_layers
from lamina.anchors.octree import parent_rows, with_ancestors
from lamina.fitting.adam import Parameter

CPU = torch.device("cpu")


def test_rows_descend_as_torch_does_and_others_stay():
    random = torch.Generator().manual_seed(1)
    start = torch.randn(9, 4, generator=random)
    parameter, reference = Parameter.of(start.clone()), start.clone().requires_grad_()
    rows = torch.tensor([0, 2, 3, 8])
    groups = [{"params": [reference]}]
    optimizer = torch.optim.Adam(groups, lr=0.01, eps=1e-15)
    for step in range(1, 6):
        gradient = torch.zeros(9, 4)
        gradient[rows] = torch.randn(4, 4, generator=random)
        reference.grad = gradient
        optimizer.step()
        parameter.descend(rows, gradient[rows], torch.full((4,), 0.01), step)
    torch.testing.assert_close(parameter.values[rows], reference.detach()[rows], rtol=1e-5, atol=1e-6)
    others = torch.tensor([1, 4, 5, 6, 7])
    assert torch.equal(parameter.values[others], start[others])


def test_each_column_has_its_rate():
    parameter = Parameter.of(torch.zeros(3, 2))
    parameter.descend(torch.arange(3), torch.ones(3, 2), torch.tensor([0.5, 0.0]), 1)
    torch.testing.assert_close(parameter.values, torch.tensor([[-0.5, 0.0]] * 3))


def test_surgery_keeps_what_stays_and_starts_what_is_new():
    state = first_state(tiny_capture(), SMALL, CPU)
    state.values.first += 1.0
    fewer = tuple(layer[: max(1, len(layer) - 3)] for layer in state.layers)
    extra = np.array([[0, 0, 0]], np.int32) + 2
    layers = with_ancestors([*fewer[:-1], np.concatenate([fewer[-1], extra])])
    source = np.zeros(sum(len(layer) for layer in layers), np.int64)
    other = with_layers(state, layers, source)
    origin = origins_of(layers, state.layers)
    kept = torch.from_numpy(origin >= 0)
    assert 0 < int((~kept).sum()) < 10
    assert torch.equal(other.values.values[kept], state.values.values[origin[origin >= 0]])
    assert (other.values.first[kept] == 1).all()
    assert (other.values.first[~kept] == 0).all()
    assert torch.equal(other.values.values[~kept, :6], state.values.values[:1, :6].expand(int((~kept).sum()), 6))
    assert (other.mask_logits.values[~kept] == FIRST_MASK).all()
    rows = parent_rows(layers[1], layers[0])
    assert np.array_equal(other.parents[other.starts[1] : other.starts[2]], rows + other.starts[0])


def test_masks_are_hard_forward_and_soft_backward():
    logits = torch.tensor([[1.0, -0.5, 0.5]], requires_grad=True)
    masks = soft_masks(logits)
    masks.sum().backward()
    assert masks.tolist() == [[1.0, 0.0, 1.0]]
    soft = torch.sigmoid(logits.detach())
    assert logits.grad is not None
    torch.testing.assert_close(logits.grad, soft * (1 - soft))
