# SPDX-License-Identifier: Apache-2.0
"""What render_planar promises its users, on the CPU kernel and on the reference alike."""

import sys

import pytest
import torch

from lamina.errors import BackendUnavailable
from lamina.render.planar import Gaussians2D, cholesky_to_covariance, render_planar, render_planar_levels

BACKENDS = ["cpu", "reference"]
NAN, INF = float("nan"), float("inf")


def random_splats(count: int, width: int, height: int, *, seed: int = 1) -> Gaussians2D:
    generator = torch.Generator().manual_seed(seed)
    positions = torch.rand(count, 2, generator=generator) * torch.tensor([float(width), float(height)])
    l11, l22 = 1.0 + 2.0 * torch.rand(2, count, generator=generator)
    l21 = torch.randn(count, generator=generator)
    return Gaussians2D(positions, cholesky_to_covariance(l11, l21, l22), torch.randn(count, 3, generator=generator))


@pytest.mark.parametrize("backend", BACKENDS)
def test_one_splat_is_its_formula(backend):
    splat = Gaussians2D(torch.tensor([[3.5, 2.5]]), torch.tensor([[4.0, 1.0, 2.0]]), torch.tensor([[1.0, -2.0, 0.5]]))
    picture = render_planar(splat, 8, 6, backend=backend)
    assert picture.shape == (6, 8, 3)
    assert torch.allclose(picture[2, 3], torch.tensor([1.0, -2.0, 0.5]), atol=2e-6)
    # One pixel right, one down: d = (1, 1), inverse of [[4, 1], [1, 2]] is [[2, -1], [-1, 4]] / 7, so d A d = 4 / 7.
    assert torch.allclose(picture[3, 4], torch.exp(torch.tensor(-2.0 / 7.0)) * splat.colors[0], atol=4e-6)


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("size", [(1, 1), (17, 5), (16, 16), (15, 33), (1, 40)])
def test_every_size_has_its_shape_and_the_crop_of_a_larger_one(backend, size):
    width, height = size
    splats = random_splats(40, width, height, seed=3)
    picture = render_planar(splats, width, height, backend=backend)
    larger = render_planar(splats, width + 19, height + 7, backend=backend)
    assert picture.shape == (height, width, 3)
    assert torch.allclose(picture, larger[:height, :width], atol=1e-6)


@pytest.mark.parametrize("backend", BACKENDS)
def test_no_splats_give_zeros(backend):
    nothing = Gaussians2D(*(torch.zeros(0, size, requires_grad=True) for size in (2, 3, 3)))
    picture = render_planar(nothing, 20, 10, backend=backend)
    picture.sum().backward()
    assert torch.equal(picture, torch.zeros(10, 20, 3))
    assert nothing.positions.grad is not None
    assert nothing.positions.grad.shape == (0, 2)


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize(
    "shape",
    [
        (0.0, 0.0, 0.0), (1.0, 1.0, 1.0), (1.0, 2.0, 1.0), (-1.0, 0.0, -1.0), (NAN, 0.0, 1.0), (INF, 0.0, 1.0),
        (1.0, NAN, 1.0), (1e-13, 0.0, 1e-13), (1e-30, 0.0, 1.0), (1e38, 0.0, 1e38), (1e17, 0.0, 1.0),
    ],
)  # fmt: skip
def test_undrawable_shapes_add_nothing_and_get_no_gradient(backend, shape):
    assert_invisible(backend, (8.5, 8.5), shape)


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("place", [(NAN, 1.0), (1.0, NAN), (INF, 1.0), (1e10, 3.0), (3.0, -1e10), (-2000.0, 8.0)])
def test_splats_far_away_add_nothing_and_get_no_gradient(backend, place):
    assert_invisible(backend, place, (4.0, 1.0, 4.0))


def assert_invisible(backend, place, shape):
    """Beside one splat that is seen, so that the kernels have something to do."""
    leaves = [
        torch.tensor([[8.5, 8.5], place], requires_grad=True),
        torch.tensor([[4.0, 0.0, 4.0], shape], requires_grad=True),
        torch.ones(2, 3, requires_grad=True),
    ]
    splats = Gaussians2D(*leaves)
    picture = render_planar(splats, 24, 24, backend=backend)
    picture.square().sum().backward()
    assert torch.equal(picture, render_planar(splats.prefix(1), 24, 24, backend=backend))
    for leaf in leaves:
        assert leaf.grad is not None
        assert torch.equal(leaf.grad[1], torch.zeros_like(leaf.grad[1]))
        assert torch.isfinite(leaf.grad).all()


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize(
    "shape", [(1e8, 0.0, 1e8), (1e6, 9.9e5, 1e6), (1e-8, 0.0, 1e-8), (1e4, 0.0, 1e-6), (400.0, -399.9, 400.0)]
)
def test_extreme_splats_stay_finite(backend, shape):
    splats = Gaussians2D(
        torch.tensor([[10.5, 10.5], [10.3, 10.2], [-300.0, 900.0]], requires_grad=True),
        torch.tensor([shape] * 3, requires_grad=True),
        torch.ones(3, 3, requires_grad=True),
    )
    picture = render_planar(splats, 40, 40, backend=backend)
    picture.square().sum().backward()
    assert torch.isfinite(picture).all()
    assert picture.max() <= 3.0001
    assert picture[10, 10, 0] > 0.9
    for tensor in (splats.positions, splats.covariances, splats.colors):
        assert tensor.grad is not None
        assert torch.isfinite(tensor.grad).all()


@pytest.mark.parametrize("backend", ["cpu", "reference"])
def test_needles_never_outshine_their_color(backend):
    """The terms of their conics cancel: rounding must not turn a distance of 0 into a growing exponential."""
    generator = torch.Generator().manual_seed(3)
    count, width, height = 400, 128, 96
    long, short, angle = (torch.rand(count, generator=generator, dtype=torch.float64) for _ in range(3))
    long, short, angle = 10 ** (1 + 2.5 * long), 10 ** (-2.9 + 2.9 * short), torch.pi * angle
    cos, sin = torch.cos(angle), torch.sin(angle)
    xy = cos * sin * (long**2 - short**2)
    shapes = torch.stack([(cos * long) ** 2 + (sin * short) ** 2, xy, (sin * long) ** 2 + (cos * short) ** 2], dim=1)
    places = torch.rand(count, 2, generator=generator) * torch.tensor([width, height])
    for place, shape in zip(places.split(40), shapes.float().split(40), strict=True):
        place = place.clone().requires_grad_()
        splats = Gaussians2D(place, shape, torch.ones(len(place), 3))
        pixels = render_planar(splats, width, height, backend=backend)
        assert 0.0 <= pixels.min().item() <= pixels.max().item() <= len(place)
        pixels.sum().backward()
        assert place.grad is not None
        assert torch.isfinite(place.grad).all()


@pytest.mark.parametrize("backend", BACKENDS)
def test_more_than_256_splats_in_a_tile_all_count(backend):
    count = 3000
    splats = Gaussians2D(
        torch.full((count, 2), 8.5), torch.tensor([[9.0, 0.0, 9.0]]).repeat(count, 1), torch.full((count, 3), 1e-3)
    )
    assert torch.allclose(render_planar(splats, 16, 16, backend=backend)[8, 8], torch.full((3,), 3.0), rtol=1e-4)


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("split", [0, 1, 30, 60])
def test_levels_are_the_prefix_and_the_whole(backend, split):
    splats = random_splats(60, 40, 30, seed=5)
    lower, top = render_planar_levels(splats, split, 40, 30, backend=backend)
    assert torch.allclose(lower, render_planar(splats.prefix(split), 40, 30, backend=backend), atol=1e-6)
    assert torch.allclose(top, render_planar(splats, 40, 30, backend=backend), atol=1e-6)


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_whole_translation_moves_the_picture(backend):
    splats = random_splats(50, 40, 30, seed=6)
    moved = Gaussians2D(splats.positions + torch.tensor([16.0, 32.0]), splats.covariances, splats.colors)
    picture = render_planar(splats, 40, 30, backend=backend)
    assert torch.allclose(render_planar(moved, 56, 62, backend=backend)[32:, 16:], picture, atol=2e-5)


@pytest.mark.parametrize("backend", BACKENDS)
def test_scaling_is_equivariant(backend):
    """Pixel centres of a picture three times as large meet those of the small one in every third pixel."""
    splats = random_splats(50, 40, 30, seed=7)
    small = render_planar(splats, 40, 30, backend=backend)
    large = render_planar(splats.scaled(3.0, 3.0), 120, 90, backend=backend)
    close = torch.isclose(large[1::3, 1::3], small, atol=2e-5)
    # A pixel on a cut-off ellipse may fall on either side of it after rounding.
    assert close.float().mean() > 0.999


def test_float64_is_rounded_in_and_widened_out():
    splats = random_splats(30, 20, 20, seed=8)
    doubles = Gaussians2D(*(t.double().requires_grad_() for t in (splats.positions, splats.covariances, splats.colors)))
    picture = render_planar(doubles, 20, 20, backend="cpu")
    picture.sum().backward()
    assert picture.dtype == torch.float64
    assert doubles.covariances.grad is not None
    assert doubles.covariances.grad.dtype == torch.float64
    assert torch.equal(picture.float(), render_planar(splats, 20, 20, backend="cpu"))


def test_strided_tensors_are_read_right():
    splats = random_splats(30, 20, 20, seed=9)
    wide = torch.cat([splats.positions, splats.covariances, splats.colors], dim=1)
    strided = Gaussians2D(wide[:, :2], wide[:, 2:5], wide[:, 5:])
    assert torch.equal(render_planar(strided, 20, 20), render_planar(splats, 20, 20))


@pytest.mark.parametrize("size", [(0, 4), (4, 0), (-3, 4)])
def test_render_planar_rejects_empty_pictures(size):
    with pytest.raises(ValueError, match="at least 1 x 1"):
        render_planar(random_splats(2, 8, 8), *size)


@pytest.mark.parametrize("split", [-1, 3])
def test_render_planar_levels_rejects_splits_outside(split):
    with pytest.raises(ValueError, match=r"0\.\.\.2 splats"):
        render_planar_levels(random_splats(2, 8, 8), split, 8, 8)


def test_render_planar_rejects_unknown_backends():
    with pytest.raises(ValueError, match="auto, reference, cpu, cuda"):
        render_planar(random_splats(2, 8, 8), 8, 8, backend="opengl")  # type: ignore[arg-type]


def test_cuda_backend_rejects_machines_without_it(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(BackendUnavailable):
        render_planar(random_splats(2, 8, 8), 8, 8, backend="cuda")


def test_cuda_backend_rejects_missing_triton_with_the_command(monkeypatch):
    monkeypatch.setitem(sys.modules, "triton", None)
    with pytest.raises(BackendUnavailable, match=r"pip install 'lamina\[cuda\]'"):
        render_planar(random_splats(2, 8, 8), 8, 8, backend="cuda")
