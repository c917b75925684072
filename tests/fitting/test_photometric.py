# SPDX-License-Identifier: Apache-2.0
"""Losses of the scene fit: the fast kernel against its twin, values and gradients; volume; InfoNCE."""

import pytest
import torch

from lamina.anchors.fitting.losses import info_nce, volume
from lamina.fitting.photometric import photometric, photometric_reference


@pytest.mark.parametrize(("height", "width"), [(37, 52), (5, 8), (64, 16)])
@pytest.mark.parametrize("weight", [0.0, 0.2, 1.0])
def test_kernel_equals_its_twin(height: int, width: int, weight: float):
    random = torch.Generator().manual_seed(3)
    smooth = torch.nn.functional.interpolate(torch.rand(1, 3, 6, 6, generator=random), (height, width), mode="bicubic")
    target = smooth[0].permute(1, 2, 0).contiguous()
    rendered = target + 0.1 * torch.randn(target.shape, generator=random)
    fast, slow = rendered.clone().requires_grad_(), rendered.double().requires_grad_()
    value, expected = photometric(fast, target, weight), photometric_reference(slow, target.double(), weight)
    (3 * value).backward()
    (3 * expected).backward()
    assert value.item() == pytest.approx(expected.item(), rel=1e-5)
    assert fast.grad is not None
    assert slow.grad is not None
    torch.testing.assert_close(fast.grad.double(), slow.grad, rtol=2e-3, atol=2e-4 * float(slow.grad.abs().max()))


def test_twin_has_the_gradient_of_its_value():
    random = torch.Generator().manual_seed(4)
    target = torch.rand(9, 11, 3, generator=random, dtype=torch.float64)
    rendered = torch.rand(9, 11, 3, generator=random, dtype=torch.float64).requires_grad_()
    assert torch.autograd.gradcheck(lambda x: photometric_reference(x, target, 0.2), rendered)


def test_equal_pictures_cost_nothing():
    picture = torch.rand(20, 30, 3)
    assert float(photometric(picture, picture, 0.2)) == pytest.approx(0.0, abs=1e-6)


def test_volume_is_a_mean_of_products_and_of_nothing_zero():
    scales = torch.tensor([[1.0, 2.0, 3.0], [2.0, 2.0, 2.0]])
    assert float(volume(scales, 2.0)) == pytest.approx(7.0 / 8)
    assert float(volume(scales[:0], 2.0)) == 0.0


def test_info_nce_is_low_where_parents_are_alike_and_never_overflows():
    random = torch.Generator().manual_seed(5)
    parents = 1000 * torch.randn(50, 8, generator=random)
    rows = torch.arange(50)
    negatives = torch.randint(0, 50, (10,), generator=random)
    alike = torch.cat([parents, parents * 1.01]).requires_grad_()
    other = torch.cat([parents, torch.randn(50, 8, generator=random)])
    low, high = (info_nce(values, rows + 50, rows, negatives, 0.03) for values in (alike, other))
    low.backward()
    assert 0 <= low.item() < 0.5 < high.item() < 100
    assert alike.grad is not None
    assert torch.isfinite(alike.grad).all()
