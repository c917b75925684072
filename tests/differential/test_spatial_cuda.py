# SPDX-License-Identifier: Apache-2.0
"""gsplat on a GPU against float64 autograd of the readable twin, and against the CPU kernel."""

import pytest
import torch
from spatial_scenes import camera_of, gradients, random_gaussians, relative_error, renderer

from lamina.render.spatial import render_spatial

GRADIENT_BOUND = 5e-3
"""gsplat's exp is the fast one of CUDA; its cut-off falls elsewhere for a few pixels."""

NOT_DRAWN = [3, 5, 7, 9, 11, 13]


@pytest.mark.cuda("gsplat")
@pytest.mark.parametrize("size", [(17, 5), (61, 97), (160, 120)])
def test_gsplat_is_the_twin(size):
    camera, gaussians = camera_of(*size), random_gaussians(500, seed=3, size=0.1)
    pictures, grads = gradients(renderer("cuda"), gaussians.to("cuda"), camera, torch.float32)
    expected_pictures, expected_grads = gradients(renderer("reference"), gaussians, camera, torch.float64)
    for found, expected in zip(pictures, expected_pictures, strict=True):
        assert ((found.cpu() - expected).abs() > 1e-3).double().mean().item() < 2e-3
    for found, expected in zip(grads, expected_grads, strict=True):
        assert relative_error(found.cpu(), expected) < GRADIENT_BOUND


@pytest.mark.cuda("gsplat")
def test_gsplat_leaves_out_what_cannot_be_drawn():
    camera, gaussians = camera_of(64, 48), random_gaussians(20, seed=4, size=0.2).to(torch.float32)
    gaussians.means[3] = float("nan")
    gaussians.scales[5] = float("inf")
    gaussians.opacities[7] = 0.001
    gaussians.scales[9] = 1e12
    gaussians.means[11] = 1e30
    gaussians.rotations[13] = 0.0
    leaves = gaussians.to("cuda")
    for tensor in leaves.tensors():
        tensor.requires_grad_()
    image = render_spatial(leaves, camera, backend="cuda")
    image.pixels.sum().backward()
    assert torch.isfinite(image.pixels).all()
    assert image.radii_px[NOT_DRAWN].tolist() == [0] * len(NOT_DRAWN)
    for tensor in leaves.tensors():
        assert tensor.grad is not None
        assert torch.isfinite(tensor.grad).all()
        assert not tensor.grad[NOT_DRAWN].any()
