# SPDX-License-Identifier: Apache-2.0
"""Assembly of Gaussians: the kernels against their readable twin, values and gradients, for any number of threads."""

import pytest
import torch

from lamina.anchors.anchors import Anchors
from lamina.anchors.assembly import assemble, assemble_reference

COUNT, OFFSETS = 1500, 4


def numbers(seed: int = 1) -> tuple[Anchors, list[torch.Tensor]]:
    """Anchors, a third of whose offsets are masked, and what generators say of them."""
    random = torch.Generator().manual_seed(seed)
    normal = lambda *shape: torch.randn(shape, generator=random)  # noqa: E731
    masks = (torch.rand(COUNT, OFFSETS, generator=random) > 0.3).float()
    anchors = Anchors(normal(COUNT, 3), normal(COUNT, 5), normal(COUNT, 6).exp(), normal(COUNT, OFFSETS, 3), masks)
    said = [normal(COUNT, width * OFFSETS) for width in (1, 7, 3)]
    return anchors, said


def run(function, anchors: Anchors, said: list[torch.Tensor], least_opacity: float):
    """Gaussians, sources and the gradients of everything that goes in."""
    fields = [anchors.positions, anchors.scalings, anchors.offsets, anchors.masks]
    leaves = [tensor.clone().requires_grad_() for tensor in (*fields, *said)]
    positions, scalings, offsets, masks, *outputs = leaves
    built = Anchors(positions, anchors.features, scalings, offsets, masks)
    gaussians, sources = function(built, *outputs, least_opacity)
    random = torch.Generator().manual_seed(9)
    total = sum((tensor * torch.randn(tensor.shape, generator=random)).sum() for tensor in gaussians.tensors())
    total.backward()
    return [tensor.detach() for tensor in gaussians.tensors()], sources, [leaf.grad for leaf in leaves]


@pytest.mark.parametrize("least_opacity", [0.0, 0.006, 0.5])
def test_kernels_agree_with_their_twin(least_opacity: float):
    anchors, said = numbers()
    fast, fast_sources, fast_gradients = run(assemble, anchors, said, least_opacity)
    slow, slow_sources, slow_gradients = run(assemble_reference, anchors, said, least_opacity)
    assert torch.equal(fast_sources, slow_sources)
    assert 0 < len(fast_sources) < COUNT * OFFSETS
    for ours, theirs in zip(fast, slow, strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-6, atol=1e-7)
    for ours, theirs in zip(fast_gradients, slow_gradients, strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-5, atol=1e-6)


def test_faint_gaussians_are_drawn_with_the_gradient_of_what_was_said():
    anchors, said = numbers()
    _, drawn, gradients = run(assemble, anchors, said, 0.1)
    _, _, without = run(assemble, anchors, said, 0.0)
    assert len(drawn) == int(anchors.masks.sum())
    below = (torch.tanh(said[0]) < 0) & (anchors.masks > 0)
    assert (gradients[4][below] != 0).all()
    assert (without[4][below] == 0).all()


def test_any_number_of_threads_gives_the_same_bits():
    anchors, said = numbers()
    before, results = torch.get_num_threads(), []
    try:
        for threads in (1, 2):
            torch.set_num_threads(threads)
            results.append(run(assemble, anchors, said, 0.006))
    finally:
        torch.set_num_threads(before)
    for one, two in zip(results[0][0] + results[0][2], results[1][0] + results[1][2], strict=True):
        assert torch.equal(one, two)


def test_masks_that_leave_nothing_give_zeros():
    anchors, said = numbers()
    anchors.masks.zero_()
    gaussians, sources, gradients = run(assemble, anchors, said, 0.006)
    assert len(sources) == len(gaussians[0]) == 0
    assert all((gradient == 0).all() for gradient in gradients)
