# SPDX-License-Identifier: Apache-2.0
"""What render_spatial promises its users, on the CPU kernel and on the reference alike."""

import math
import sys
from dataclasses import replace

import numpy as np
import pytest
import torch

from lamina.cameras.camera import Camera
from lamina.errors import BackendUnavailable
from lamina.render.gaussians3d import Gaussians3D, concatenate_gaussians3d
from lamina.render.spatial import render_spatial

BACKENDS = ["cpu", "reference"]
NAN, INF = float("nan"), float("inf")
FIELDS = ("means", "rotations", "scales", "opacities", "colors")


def camera_of(width: int = 40, height: int = 30, focal: float = 30.0) -> Camera:
    """At the origin, looking along z."""
    return Camera(np.eye(4), focal, focal, 0.5 * width, 0.5 * height, width, height)


def balls(places, *, sigma: float = 0.2, opacity: float = 0.5, color=(1.0, 0.5, 0.25)) -> Gaussians3D:
    """Round Gaussians, leaves of autograd."""
    count = len(places)
    fields = (
        torch.tensor(places, dtype=torch.float32).reshape(count, 3),
        torch.tensor([[1.0, 0.0, 0.0, 0.0]]).repeat(count, 1),
        torch.full((count, 3), sigma),
        torch.full((count,), opacity),
        torch.tensor([color]).repeat(count, 1),
    )
    return Gaussians3D(*(field.requires_grad_() for field in fields))


def random_gaussians(count: int, *, seed: int = 1) -> Gaussians3D:
    generator = torch.Generator().manual_seed(seed)
    means = torch.randn(count, 3, generator=generator) + torch.tensor([0.0, 0.0, 5.0])
    scales = 0.05 + 0.2 * torch.rand(count, 3, generator=generator)
    rotations = torch.randn(count, 4, generator=generator)
    return Gaussians3D(
        means, rotations, scales, torch.rand(count, generator=generator), torch.rand(count, 3, generator=generator)
    )


def detached(gaussians: Gaussians3D, rows) -> Gaussians3D:
    return Gaussians3D(*(tensor.detach()[rows] for tensor in gaussians.tensors()))


@pytest.mark.parametrize("backend", BACKENDS)
def test_one_gaussian_is_its_formula(backend):
    """At the middle pixel's centre: sigma on the picture is focal * 0.2 / 2 = 3 px, and 0.3 square pixels more."""
    camera = Camera(np.eye(4), 30.0, 30.0, 20.5, 15.5, 40, 30)
    image = render_spatial(balls([(0.0, 0.0, 2.0)]), camera, background=(0.0, 0.0, 1.0), backend=backend)
    assert image.pixels.shape == (30, 40, 3)
    assert image.alpha[15, 20].item() == pytest.approx(0.5, abs=1e-5)
    assert image.pixels[15, 20].tolist() == pytest.approx([0.5, 0.25, 0.125 + 0.5], abs=1e-5)
    assert image.alpha[17, 21].item() == pytest.approx(0.5 * math.exp(-0.5 * 5.0 / 9.3), abs=1e-5)
    assert image.radii_px.tolist() == [math.ceil(math.sqrt(2 * math.log(127.5) * 9.3))]
    assert image.radii_px.dtype == torch.int32


@pytest.mark.parametrize("backend", BACKENDS)
def test_nearer_gaussians_hide_farther_ones_whatever_their_order(backend):
    camera = Camera(np.eye(4), 30.0, 30.0, 20.5, 15.5, 40, 30)
    colors = torch.tensor([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]])
    both = balls([(0.0, 0.0, 3.0), (0.0, 0.0, 2.0)], opacity=0.8)
    for rows in ([0, 1], [1, 0]):
        one = detached(both, rows)
        gaussians = Gaussians3D(one.means, one.rotations, one.scales, one.opacities, colors[rows])
        image = render_spatial(gaussians, camera, backend=backend)
        assert image.pixels[15, 20].tolist() == pytest.approx([0.2 * 0.8, 0.8, 0.0], abs=1e-4)


@pytest.mark.parametrize("backend", BACKENDS)
def test_gaussians_of_equal_depth_are_blended_in_order(backend):
    same = balls([(0.0, 0.0, 2.0)] * 3, opacity=0.9)
    colors = torch.eye(3)
    image = render_spatial(
        Gaussians3D(same.means, same.rotations, same.scales, same.opacities, colors), camera_of(), backend=backend
    )
    red, green, blue = image.pixels[15, 20].tolist()
    assert red > 5 * green > 25 * blue > 0


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("size", [(1, 1), (17, 5), (16, 16), (15, 33), (1, 40)])
def test_every_size_has_its_shape_and_the_crop_of_a_larger_one(backend, size):
    """Near the axis: further out, the limits of the linear map follow the size of the picture."""
    wide = random_gaussians(60)
    means = wide.means * torch.tensor([0.02, 0.02, 1.0])
    gaussians = Gaussians3D(means, wide.rotations, wide.scales, wide.opacities, wide.colors)
    small, large = camera_of(*size), camera_of(size[0] + 38, size[1] + 14)
    large = replace(large, center_x_px=small.center_x_px, center_y_px=small.center_y_px)
    image = render_spatial(gaussians, small, backend=backend)
    larger = render_spatial(gaussians, large, backend=backend)
    assert image.pixels.shape == (size[1], size[0], 3)
    assert image.alpha.shape == (size[1], size[0])
    assert image.alpha.max() > 0.5
    assert torch.allclose(image.pixels, larger.pixels[: size[1], : size[0]], atol=1e-5)
    assert torch.allclose(image.alpha, larger.alpha[: size[1], : size[0]], atol=1e-5)


@pytest.mark.parametrize("backend", BACKENDS)
def test_no_gaussians_give_the_background(backend):
    nothing = Gaussians3D(*(torch.zeros(shape, requires_grad=True) for shape in ((0, 3), (0, 4), (0, 3), (0,), (0, 3))))
    offsets = torch.zeros(0, 2, requires_grad=True)
    image = render_spatial(
        nothing, camera_of(20, 10), background=(0.1, 0.2, 0.3), screen_offsets_px=offsets, backend=backend
    )
    image.pixels.sum().backward()
    assert torch.equal(image.pixels, torch.tensor([0.1, 0.2, 0.3]).expand(10, 20, 3))
    assert torch.equal(image.alpha, torch.zeros(10, 20))
    assert image.radii_px.shape == (0,)
    assert nothing.means.grad is not None
    assert nothing.means.grad.shape == (0, 3)


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize(
    ("field", "value"),
    [
        *((field, value) for field in FIELDS for value in (NAN, INF, -INF)),
        ("scales", 0.0), ("scales", -1.0), ("scales", 1e30), ("opacities", 0.0), ("opacities", 0.0039),
        ("opacities", -1.0), ("rotations", 0.0), ("means", -3.0), ("means", 1e30), ("means", -1e30),
    ],
)  # fmt: skip
def test_what_cannot_be_drawn_adds_nothing_and_gets_no_gradient(backend, field, value):
    """Beside one Gaussian that is seen, so that the kernels have something to do. All values of the field are set."""
    broken = balls([(0.0, 0.0, 2.0), (0.1, 0.1, 1.5)])
    with torch.no_grad():
        getattr(broken, field)[1] = value
    offsets = torch.zeros(2, 2, requires_grad=True)
    image = render_spatial(broken, camera_of(), screen_offsets_px=offsets, backend=backend)
    (image.pixels.square().sum() + image.alpha.sum()).backward()
    alone = render_spatial(detached(broken, [0]), camera_of(), backend=backend)
    assert torch.equal(image.pixels, alone.pixels)
    assert image.radii_px[1] == 0
    for leaf in (*broken.tensors(), offsets):
        assert leaf.grad is not None
        assert torch.equal(leaf.grad[1], torch.zeros_like(leaf.grad[1]))
        assert torch.isfinite(leaf.grad).all()
        assert leaf.grad.shape == leaf.shape


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("place", [(0.0, 0.0, -2.0), (0.0, 0.0, 0.005), (50.0, 0.0, 2.0), (0.0, -50.0, 2.0)])
def test_gaussians_out_of_sight_are_not_seen(backend, place):
    image = render_spatial(balls([place]), camera_of(), backend=backend)
    assert image.radii_px.tolist() == [0]
    assert torch.equal(image.pixels, torch.zeros(30, 40, 3))


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize(
    ("sigma", "place"),
    [(1e-9, (0.0, 0.0, 2.0)), (1e3, (0.0, 0.0, 2.0)), (1e5, (3.0, -2.0, 1.0)), (0.2, (0.0, 0.0, 0.0101))],
)
def test_extreme_gaussians_stay_finite(backend, sigma, place):
    gaussians = balls([place], sigma=sigma, opacity=1.0)
    image = render_spatial(gaussians, camera_of(), backend=backend)
    image.pixels.square().sum().backward()
    assert torch.isfinite(image.pixels).all()
    assert image.alpha.max() <= 0.9991
    assert image.alpha.max() > 0.4
    for leaf in gaussians.tensors():
        assert leaf.grad is not None
        assert torch.isfinite(leaf.grad).all()


@pytest.mark.parametrize("backend", BACKENDS)
def test_pixels_stop_before_the_splat_that_would_leave_too_little(backend):
    """0.02 * 0.02 is left by two of opacity 0.98; a third would leave 8e-6, under 1e-4."""
    image = render_spatial(balls([(0.0, 0.0, 2.0 + 0.01 * i) for i in range(5)], sigma=9.0, opacity=0.98), camera_of())
    assert image.alpha[15, 20].item() == pytest.approx(1 - 0.02**2, abs=1e-5)


@pytest.mark.parametrize("backend", BACKENDS)
def test_thousands_of_gaussians_in_a_tile_all_count(backend):
    count = 800
    crowd = balls([(0.0, 0.0, 2.0)] * count, sigma=90.0, opacity=0.004)
    image = render_spatial(crowd, camera_of(16, 16), backend=backend)
    assert image.alpha[8, 8].item() == pytest.approx(1 - 0.996**count, abs=1e-4)


@pytest.mark.parametrize("backend", BACKENDS)
def test_offsets_move_splats_on_the_picture(backend):
    gaussians, camera = random_gaussians(50), camera_of()
    moved = Camera(np.eye(4), 30.0, 30.0, camera.center_x_px + 3.0, camera.center_y_px - 2.0, 40, 30)
    inside = detached(gaussians, (gaussians.means[:, :2].abs() < 1.0).all(dim=1))
    offsets = torch.tensor([[3.0, -2.0]]).expand(len(inside), 2)
    one = render_spatial(inside, camera, screen_offsets_px=offsets, backend=backend)
    other = render_spatial(inside, moved, backend=backend)
    assert torch.allclose(one.pixels, other.pixels, atol=1e-4)


@pytest.mark.parametrize("backend", BACKENDS)
def test_length_of_a_quaternion_does_not_matter(backend):
    gaussians = random_gaussians(50)
    longer = Gaussians3D(
        gaussians.means, 7.0 * gaussians.rotations, gaussians.scales, gaussians.opacities, gaussians.colors
    )
    one, other = (render_spatial(each, camera_of(), backend=backend) for each in (gaussians, longer))
    assert torch.allclose(one.pixels, other.pixels, atol=1e-5)


def test_float64_is_rounded_in_and_widened_out_in_space():
    gaussians = random_gaussians(30)
    doubles = gaussians.to(torch.float64)
    doubles.means.requires_grad_()
    image = render_spatial(doubles, camera_of(), backend="cpu")
    image.pixels.sum().backward()
    assert image.pixels.dtype == image.alpha.dtype == torch.float64
    assert doubles.means.grad is not None
    assert doubles.means.grad.dtype == torch.float64
    assert torch.equal(image.pixels.float(), render_spatial(gaussians, camera_of(), backend="cpu").pixels)


def test_a_picture_changed_in_place_is_not_taken_for_what_was_rendered():
    gaussians = balls([(0.0, 0.0, 2.0)])
    image = render_spatial(gaussians, camera_of(), backend="cpu")
    total = image.pixels.sum()
    with torch.no_grad():
        image.pixels.zero_()
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        total.backward()


def test_strided_tensors_are_read_right_in_space():
    gaussians = random_gaussians(30)
    wide = torch.cat([tensor.reshape(30, -1) for tensor in gaussians.tensors()], dim=1)
    strided = Gaussians3D(wide[:, :3], wide[:, 3:7], wide[:, 7:10], wide[:, 10], wide[:, 11:])
    one, other = (render_spatial(each, camera_of()).pixels for each in (gaussians, strided))
    assert torch.equal(one, other)


def test_concatenate_keeps_order_and_rejects_nothing():
    first, second = random_gaussians(3), random_gaussians(4, seed=2)
    assert torch.equal(concatenate_gaussians3d([first, second]).scales, torch.cat([first.scales, second.scales]))
    with pytest.raises(ValueError, match="at least one part"):
        concatenate_gaussians3d([])
    with pytest.raises(ValueError, match="agree in dtype"):
        concatenate_gaussians3d([first, second.to(torch.float64)])


@pytest.mark.parametrize("field", FIELDS)
def test_gaussians_reject_fields_that_do_not_fit(field):
    gaussians = random_gaussians(5)
    fields = {name: getattr(gaussians, name) for name in FIELDS}
    with pytest.raises(ValueError, match="must have shape"):
        Gaussians3D(**{**fields, field: fields[field][..., None]})
    with pytest.raises(ValueError, match="must be float32 or float64"):
        Gaussians3D(**{**fields, field: fields[field].half()})


def test_render_spatial_rejects_offsets_that_do_not_fit():
    with pytest.raises(ValueError, match=r"\(5, 2\)"):
        render_spatial(random_gaussians(5), camera_of(), screen_offsets_px=torch.zeros(4, 2))


def test_render_spatial_rejects_unknown_backends():
    with pytest.raises(ValueError, match="auto, reference, cpu, cuda"):
        render_spatial(random_gaussians(5), camera_of(), backend="opengl")  # type: ignore[arg-type]


def test_spatial_cuda_rejects_machines_without_it(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(BackendUnavailable, match="CUDA device"):
        render_spatial(random_gaussians(5), camera_of(), backend="cuda")


def test_spatial_cuda_rejects_missing_gsplat_with_the_command(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setitem(sys.modules, "gsplat", None)
    with pytest.raises(BackendUnavailable, match=r"pip install 'lamina\[cuda\]'"):
        render_spatial(random_gaussians(5), camera_of(), backend="cuda")
