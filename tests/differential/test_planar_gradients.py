# SPDX-License-Identifier: Apache-2.0
"""The CPU kernel against float64 autograd of the readable twin, and the twin against the formula written out.

Norms are Euclidean over all splats and pixels. Every term is cut off at 1/255: a pixel so close to that ellipse that
float32 and float64 disagree about its side changes by 1/255 of one color. Scenes are not kept away from it; the bounds
below leave room for the few pixels that it touches (measured: errors are 1e-6 to 1e-5 where none is touched).
"""

import pytest
import torch
from planar_scenes import gradients, random_splats, relative_error

from lamina.render.constants import CUTOFF_EXPONENT
from lamina.render.gaussians2d import Gaussians2D
from lamina.render.planar import render_planar_levels

VALUE_BOUND = 1e-4
GRADIENT_BOUND = 1e-3


def on_cpu(splats: Gaussians2D, split: int, width: int, height: int):
    return render_planar_levels(splats, split, width, height, backend="cpu")


def on_reference(splats: Gaussians2D, split: int, width: int, height: int):
    return render_planar_levels(splats, split, width, height, backend="reference")


def as_written(splats: Gaussians2D, split: int, width: int, height: int):
    """Every splat at every pixel, no tiles."""
    x = torch.arange(width, dtype=torch.float64) + 0.5
    y = torch.arange(height, dtype=torch.float64) + 0.5
    pixels = torch.stack(torch.meshgrid(x, y, indexing="xy"), dim=-1)
    offsets = pixels[None] - splats.positions[:, None, None]
    matrices = splats.covariances[:, [0, 1, 1, 2]].reshape(-1, 2, 2)
    powers = 0.5 * torch.einsum("nhwi,nij,nhwj->nhw", offsets, torch.linalg.inv(matrices), offsets)
    weights = torch.where(powers < CUTOFF_EXPONENT, torch.exp(-powers), 0.0)
    return tuple(torch.einsum("nhw,nc->hwc", weights[:k], splats.colors[:k]) for k in (split, len(splats)))


@pytest.mark.parametrize("size", [(1, 1), (17, 5), (33, 47), (64, 16)])
@pytest.mark.parametrize("axis_ratio", [1.0, 8.0, 100.0])
def test_twin_is_the_formula(size, axis_ratio):
    splats = random_splats(60, *size, seed=2, axis_ratio=axis_ratio)
    pictures, grads = gradients(on_reference, splats, 25, *size, torch.float64)
    expected_pictures, expected_grads = gradients(as_written, splats, 25, *size, torch.float64)
    for found, expected in zip(pictures + grads, expected_pictures + expected_grads, strict=True):
        assert relative_error(found, expected) < 1e-9


@pytest.mark.parametrize("size", [(1, 1), (17, 5), (16, 16), (97, 61), (160, 120)])
@pytest.mark.parametrize("axis_ratio", [1.0, 8.0, 50.0])
@pytest.mark.parametrize("share", [0.0, 0.3, 1.0])
def test_cpu_kernel_is_the_twin(size, axis_ratio, share):
    count = max(40, size[0] * size[1] // 30)
    splats = random_splats(count, *size, seed=4, axis_ratio=axis_ratio)
    split = int(share * count)
    pictures, grads = gradients(on_cpu, splats, split, *size, torch.float32)
    expected_pictures, expected_grads = gradients(on_reference, splats, split, *size, torch.float64)
    for found, expected in zip(pictures, expected_pictures, strict=True):
        assert relative_error(found, expected) < VALUE_BOUND
    for found, expected in zip(grads, expected_grads, strict=True):
        assert relative_error(found, expected) < GRADIENT_BOUND


@pytest.mark.parametrize("scale_px", [0.02, 0.15, 0.4, 40.0, 500.0])
def test_cpu_kernel_is_the_twin_for_tiny_and_huge_splats(scale_px):
    """Splats narrower than a pixel are placed on pixel centres, where they are seen."""
    generator = torch.Generator().manual_seed(5)
    count = 50
    cells = torch.randint(0, 32, (count, 2), generator=generator)
    positions = cells + 0.5 + 0.3 * min(scale_px, 1.0) * torch.rand(count, 2, generator=generator)
    shape = torch.tensor([[1.0, 0.2, 0.8]]) * scale_px**2
    colors = torch.randn(count, 3, generator=generator)
    splats = Gaussians2D(positions.double(), shape.repeat(count, 1).double(), colors.double())
    found = gradients(on_cpu, splats, 20, 32, 32, torch.float32)
    expected = gradients(on_reference, splats, 20, 32, 32, torch.float64)
    for one, other in zip(found[0] + found[1], expected[0] + expected[1], strict=True):
        assert relative_error(one, other) < GRADIENT_BOUND


def test_cpu_kernel_is_the_twin_with_a_thousand_splats_in_one_tile():
    splats = random_splats(1000, 16, 16, seed=6)
    found = gradients(on_cpu, splats, 400, 16, 16, torch.float32)
    expected = gradients(on_reference, splats, 400, 16, 16, torch.float64)
    for one, other in zip(found[0] + found[1], expected[0] + expected[1], strict=True):
        assert relative_error(one, other) < GRADIENT_BOUND


def test_twin_gradients_pass_finite_differences():
    """Three broad splats whose cut-off ellipses lie outside the picture: the only smooth scene."""
    positions = torch.tensor([[3.2, 2.1], [5.0, 4.4], [1.0, 6.0]], dtype=torch.float64, requires_grad=True)
    covariances = torch.tensor([[40.0, 5.0, 30.0]] * 3, dtype=torch.float64, requires_grad=True)
    colors = torch.tensor([[1.0, -0.5, 0.2]] * 3, dtype=torch.float64, requires_grad=True)

    def render(*leaves):
        return on_reference(Gaussians2D(*leaves), 2, 8, 8)

    assert torch.autograd.gradcheck(render, (positions, covariances, colors), rtol=1e-5)


def test_thread_count_changes_no_bit():
    splats = random_splats(800, 150, 100, seed=7)
    threads = torch.get_num_threads()
    results = []
    try:
        for count in (1, 2):
            torch.set_num_threads(count)
            results.append(gradients(on_cpu, splats, 300, 150, 100, torch.float32))
            assert torch.get_num_threads() == count
    finally:
        torch.set_num_threads(threads)
    for one, other in zip(results[0][0] + results[0][1], results[1][0] + results[1][1], strict=True):
        assert torch.equal(one, other)
