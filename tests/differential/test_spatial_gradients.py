# SPDX-License-Identifier: Apache-2.0
"""The CPU kernel against float64 autograd of the readable twin, and the twin against the formula written out.

Pictures have borders where they jump: a splat ends where it falls under 1/255, a pixel stops at 1/10000. Where float32
and float64 fall on different sides of one, the pixel differs by about 1/255 of a color: such pixels are counted, and
their share is bounded. Gradients are compared as vectors over all Gaussians (Euclidean norm).
"""

import pytest
import torch
from spatial_scenes import BACKGROUND, camera_of, gradients, random_gaussians, relative_error, renderer
from torch import Tensor

from lamina.cameras.camera import Camera
from lamina.render.spatial import Gaussians3D, render_spatial

GRADIENT_BOUND = 1e-3
PIXEL_BOUND = 1e-4
"""A pixel that is further off lies on another side of a border."""
MISMATCH_SHARE = 1e-3
SIZES = [(1, 1), (17, 5), (16, 16), (61, 97), (160, 120)]


def as_written(gaussians: Gaussians3D, camera: Camera, offsets: Tensor):
    """Every Gaussian at every pixel, front to back, one after the other."""
    motion = torch.from_numpy(camera.camera_from_world.copy())
    seen = gaussians.means @ motion[:3, :3].T + motion[:3, 3]
    x = torch.arange(camera.width, dtype=torch.float64) + 0.5
    y = torch.arange(camera.height, dtype=torch.float64) + 0.5
    places = torch.stack(torch.meshgrid(x, y, indexing="xy"), dim=-1)
    pixels = torch.zeros(camera.height, camera.width, 3, dtype=torch.float64)
    left = torch.ones(camera.height, camera.width, dtype=torch.float64)
    open_pixels = torch.ones(camera.height, camera.width, dtype=torch.bool)
    for i in torch.argsort(seen[:, 2]).tolist():
        if seen[i, 2] < 0.01:
            continue
        center, covariance = project_one(gaussians, i, seen[i], motion[:3, :3], camera)
        d = places - center - offsets[i]
        power = 0.5 * torch.einsum("hwi,ij,hwj->hw", d, torch.linalg.inv(covariance), d)
        alpha = gaussians.opacities[i] * torch.exp(-power)
        alpha = torch.where(alpha < 1 / 255, 0.0, torch.clamp(alpha, max=0.999))
        after = left * (1 - alpha)
        open_pixels = open_pixels & (after > 1e-4)
        pixels = pixels + torch.where(open_pixels, alpha * left, 0.0)[..., None] * gaussians.colors[i]
        left = torch.where(open_pixels, after, left)
    return pixels + left[..., None] * torch.tensor(BACKGROUND, dtype=torch.float64), 1 - left


def project_one(gaussians: Gaussians3D, i: int, seen: Tensor, turn: Tensor, camera: Camera) -> tuple[Tensor, Tensor]:
    """Centre and covariance on the picture: quaternion products instead of a matrix, products of 3 x 3 in full."""
    q = gaussians.rotations[i] / gaussians.rotations[i].norm()
    axes = torch.stack([rotate(q, axis) for axis in torch.eye(3, dtype=torch.float64)], dim=1)
    world = axes @ torch.diag(gaussians.scales[i] ** 2) @ axes.T
    x, y, z = seen
    size = torch.tensor([camera.width, camera.height], dtype=torch.float64)
    focal = torch.tensor([camera.focal_x_px, camera.focal_y_px], dtype=torch.float64)
    center = torch.tensor([camera.center_x_px, camera.center_y_px], dtype=torch.float64)
    upper, lower = (size - center + 0.15 * size) / focal, -(center + 0.15 * size) / focal
    slope = torch.minimum(torch.maximum(seen[:2] / z, lower), upper)
    jacobian = torch.cat([torch.diag(focal / z), (-focal * slope / z)[:, None]], dim=1)
    on_picture = jacobian @ turn @ world @ turn.T @ jacobian.T + 0.3 * torch.eye(2, dtype=torch.float64)
    return focal * torch.stack([x, y]) / z + center, on_picture


def rotate(q: Tensor, v: Tensor) -> Tensor:
    """q v q*."""
    across = torch.linalg.cross(q[1:], v)
    return v + 2 * q[0] * across + 2 * torch.linalg.cross(q[1:], across)


def assert_twins(gaussians: Gaussians3D, camera: Camera) -> None:
    pictures, grads = gradients(renderer("cpu"), gaussians, camera, torch.float32)
    expected_pictures, expected_grads = gradients(renderer("reference"), gaussians, camera, torch.float64)
    for found, expected in zip(pictures, expected_pictures, strict=True):
        off = (found - expected).abs()
        assert (off > PIXEL_BOUND).double().mean().item() <= MISMATCH_SHARE
        assert off.max().item() < 0.02
    for found, expected in zip(grads, expected_grads, strict=True):
        assert relative_error(found, expected) < GRADIENT_BOUND


@pytest.mark.parametrize("size", [(1, 1), (17, 5), (33, 28)])
def test_spatial_twin_is_the_formula(size):
    gaussians, camera = random_gaussians(60, seed=2, size=0.2), camera_of(*size)
    pictures, grads = gradients(renderer("reference"), gaussians, camera, torch.float64)
    expected_pictures, expected_grads = gradients(as_written, gaussians, camera, torch.float64)
    for found, expected in zip(pictures + grads, expected_pictures + expected_grads, strict=True):
        assert relative_error(found, expected) < 1e-9


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("scale", [0.02, 0.1, 0.4])
def test_spatial_kernel_is_the_twin(size, scale):
    count = max(50, size[0] * size[1] // 20)
    assert_twins(random_gaussians(count, seed=count, size=scale), camera_of(*size))


@pytest.mark.parametrize("scale", [1e-6, 1e-3, 5.0, 100.0])
def test_spatial_kernel_is_the_twin_for_tiny_and_huge_gaussians(scale):
    assert_twins(random_gaussians(60, seed=5, size=scale), camera_of(40, 32))


@pytest.mark.parametrize("length", [0.3, 1.0])
def test_spatial_kernel_is_the_twin_for_needles(length):
    """Up to hundreds of pixels long and half a pixel thick: the terms of their conics cancel."""
    gaussians = random_gaussians(60, seed=10)
    shape = torch.tensor([length, 1e-4, 1e-4], dtype=torch.float64).expand(60, 3)
    needles = Gaussians3D(gaussians.means, gaussians.rotations, shape, gaussians.opacities, gaussians.colors)
    assert_twins(needles.to(torch.float32).to(torch.float64), camera_of(60, 45))


def test_spatial_kernel_is_the_twin_behind_opaque_walls():
    """Opacity 1: alpha is clamped near centres, pixels stop, tiles are left early."""
    gaussians = random_gaussians(2000, seed=6, size=0.3)
    opaque = Gaussians3D(*gaussians.tensors()[:3], torch.ones_like(gaussians.opacities), gaussians.colors)
    camera = camera_of(50, 40)
    assert renderer("cpu")(opaque, camera, torch.zeros(2000, 2, dtype=torch.float64))[1].mean() > 0.99
    assert_twins(opaque, camera)


def test_spatial_kernel_is_the_twin_inside_the_cloud():
    """Near planes, wide angles, and centres beyond the limit of the linear map."""
    assert_twins(random_gaussians(400, seed=7, size=0.05, spread=0.5), camera_of(64, 48, position=(0.1, 0.0, 0.05)))


def test_spatial_twin_gradients_pass_finite_differences():
    """Broad Gaussians whose ends lie outside the picture: the only smooth scene."""
    camera = camera_of(6, 5)
    generator = torch.Generator().manual_seed(3)
    means = 0.3 * torch.randn(3, 3, generator=generator, dtype=torch.float64)
    fields = (
        means,
        torch.randn(3, 4, generator=generator, dtype=torch.float64),
        3.0 + torch.rand(3, 3, generator=generator, dtype=torch.float64),
        torch.tensor([0.3, 0.6, 0.5], dtype=torch.float64),
        torch.rand(3, 3, generator=generator, dtype=torch.float64),
        torch.zeros(3, 2, dtype=torch.float64),
    )

    def render(*leaves: Tensor):
        return renderer("reference")(Gaussians3D(*leaves[:5]), camera, leaves[5])

    assert torch.autograd.gradcheck(render, [leaf.requires_grad_() for leaf in fields], rtol=1e-4)


def test_spatial_kernel_gradients_pass_finite_differences():
    """Central differences of the float32 kernel itself, along random directions."""
    camera, gaussians = camera_of(16, 16), random_gaussians(4, seed=8, size=3.0, spread=0.3)
    generator = torch.Generator().manual_seed(4)
    weights = torch.randn(16, 16, 3, generator=generator, dtype=torch.float64)

    def loss(fields):
        return (weights * render_spatial(Gaussians3D(*fields), camera, backend="cpu").pixels).sum()

    leaves = [tensor.clone().requires_grad_() for tensor in gaussians.tensors()]
    found = torch.autograd.grad(loss(leaves), leaves)
    for i, gradient in enumerate(found):
        step = torch.randn(gradient.shape, generator=generator, dtype=torch.float64)
        step *= 0.01 * gaussians.tensors()[i].norm() / step.norm()
        ends = [loss([t + sign * step if i == j else t for j, t in enumerate(gaussians.tensors())]) for sign in (1, -1)]
        slope = (gradient * step).sum().item()
        scale = gradient.norm().item() * step.norm().item()
        assert abs((ends[0] - ends[1]).item() / 2 - slope) < 0.01 * scale


def test_spatial_thread_count_changes_no_bit():
    gaussians, camera = random_gaussians(3000, seed=9), camera_of(150, 100)
    threads = torch.get_num_threads()
    results = []
    try:
        for count in (1, 2):
            torch.set_num_threads(count)
            pictures, grads = gradients(renderer("cpu"), gaussians, camera, torch.float32)
            results.append(pictures + grads)
            assert torch.get_num_threads() == count
    finally:
        torch.set_num_threads(threads)
    for one, other in zip(*results, strict=True):
        assert torch.equal(one, other)
