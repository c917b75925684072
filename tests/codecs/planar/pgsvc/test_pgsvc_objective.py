# SPDX-License-Identifier: Apache-2.0
import numpy as np
import pytest
import torch
from paper_samples import picture

from lamina.codecs.planar.pgsvc.fit.objective import (
    joint_errors,
    level_psnr_db,
    make_targets,
    render_level,
    residual_target,
)
from lamina.codecs.planar.pgsvc.splats import (
    CHOLESKY_BOUND_PX,
    fold_weights,
    random_splats,
    to_gaussians,
    weighted,
)

SIZES = {"quality": ((48, 40),) * 3, "resolution": ((28, 23), (39, 33), (48, 40))}
COUNTS = (10, 12, 18)


def raw_splats(seed: int = 1) -> torch.Tensor:
    raw = fold_weights(random_splats(sum(COUNTS), torch.Generator().manual_seed(seed)))
    raw[2:5] = raw[2:5] * 3.0 + torch.tensor([[0.5], [-1.0], [0.5]])
    raw[5:8] *= 40.0
    return raw


def reference_loss(raw: torch.Tensor, targets, lower: int) -> torch.Tensor:
    def error(splats, target):
        return (render_level(splats, target) - torch.from_numpy(target.pixels)).square().mean()

    loss = error(raw, targets[-1])
    return loss if lower < 0 else loss + error(raw[:, : sum(COUNTS[: lower + 1])], targets[lower])


@pytest.mark.parametrize("scalability", ["quality", "resolution"])
@pytest.mark.parametrize("lower", [-1, 0, 1])
def test_fused_loss_and_gradients_equal_the_renderers(scalability: str, lower: int) -> None:
    targets = make_targets(picture(), SIZES[scalability])
    fused, plain = raw_splats().requires_grad_(), raw_splats().requires_grad_()
    errors = joint_errors(fused, targets, COUNTS, lower)
    expected = reference_loss(plain, targets, lower)
    (errors.loss * 3.0).backward()
    (expected * 3.0).backward()
    assert fused.grad is not None
    assert plain.grad is not None
    assert errors.loss.item() == pytest.approx(expected.item(), rel=1e-5)
    assert errors.top + errors.lower == pytest.approx(expected.item(), rel=1e-5)
    for row in range(8):
        assert float((fused.grad[row] - plain.grad[row]).norm()) < 1e-3 * float(plain.grad[row].norm()) + 1e-9


def test_singular_splats_contribute_nothing_and_get_no_gradient() -> None:
    targets = make_targets(picture(), SIZES["quality"])
    raw = raw_splats()
    raw[2, 3] = -CHOLESKY_BOUND_PX
    raw.requires_grad_()
    errors = joint_errors(raw, targets, COUNTS, 1)
    errors.loss.backward()
    assert raw.grad is not None
    assert bool(torch.isfinite(raw.grad).all())
    assert raw.grad[:, 3].tolist() == [0.0] * 8


def test_targets_are_area_averages_and_shared_between_levels_of_one_size() -> None:
    targets = make_targets(picture(), ((24, 20), (48, 40), (48, 40)))
    assert targets[1] is targets[2]
    boxes = picture().reshape(20, 2, 24, 2, 3).mean(axis=(1, 3)) / 255.0
    np.testing.assert_allclose(targets[0].pixels, boxes, atol=1e-5)


def test_residual_target_is_what_frozen_layers_leave() -> None:
    (target,) = make_targets(picture(), ((48, 40),))
    raw = raw_splats()
    left = residual_target(target, raw[:, :20])
    whole = joint_errors(raw, (target,), (40,), -1).top
    assert joint_errors(raw[:, 20:].contiguous(), (left,), (20,), -1).top == pytest.approx(whole, rel=1e-4)


def test_to_gaussians_puts_the_middle_of_tanh_in_the_middle_of_the_picture() -> None:
    raw = torch.zeros(8, 1)
    raw[2:5, 0] = torch.tensor([1.5, 0.5, 0.5])
    gaussians = to_gaussians(raw, 100, 50)
    assert gaussians.positions.tolist() == [[50.0, 25.0]]
    assert gaussians.covariances.tolist() == [[4.0, 1.0, 1.25]]


def test_folding_weights_multiplies_colors_only() -> None:
    table = random_splats(5, torch.Generator().manual_seed(2))
    assert torch.allclose(fold_weights(table)[5:8], 0.01 * table[5:8])
    raw = raw_splats()
    assert torch.equal(fold_weights(weighted(raw)), raw)


def test_psnr_is_capped_where_pictures_are_identical() -> None:
    (target,) = make_targets(np.zeros((8, 8, 3), np.uint8), ((8, 8),))
    assert level_psnr_db(torch.zeros(8, 0), target) == 100.0
