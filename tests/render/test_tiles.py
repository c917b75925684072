# SPDX-License-Identifier: Apache-2.0
"""Only some tiles are drawn: what is drawn is as it always is, elsewhere is background, and kernel and twin agree."""

import pytest
import torch
from tests.differential.spatial_scenes import BACKGROUND, camera_of, gradients, random_gaussians, relative_error

from lamina.render.constants import TILE_PX
from lamina.render.spatial import Backend, Gaussians3D, render_spatial, tile_grid


def some_tiles(camera, seed=0):
    """A half of the tiles."""
    return torch.rand(tile_grid(camera), generator=torch.Generator().manual_seed(seed)) < 0.5


def pixels_of(tiles, camera):
    """Where they are."""
    wide = tiles.repeat_interleave(TILE_PX, 0).repeat_interleave(TILE_PX, 1)
    return wide[: camera.height, : camera.width]


@pytest.mark.parametrize("backend", ["cpu", "reference"])
def test_drawn_tiles_are_as_always_and_others_are_background(backend: Backend):
    camera, gaussians = camera_of(121, 77), random_gaussians(200, seed=3).to(torch.float32)
    tiles = some_tiles(camera)
    drawn = pixels_of(tiles, camera)
    whole = render_spatial(gaussians, camera, background=BACKGROUND, backend=backend)
    part = render_spatial(gaussians, camera, background=BACKGROUND, tiles=tiles, backend=backend)
    assert torch.equal(part.pixels[drawn], whole.pixels[drawn])
    assert torch.equal(part.alpha[drawn], whole.alpha[drawn])
    assert torch.equal(part.pixels[~drawn], torch.tensor(BACKGROUND).expand(int((~drawn).sum()), 3))
    assert not part.alpha[~drawn].any()
    assert ((part.radii_px == 0) | (part.radii_px == whole.radii_px)).all()
    assert 0 < int((part.radii_px > 0).sum()) < int((whole.radii_px > 0).sum())


def test_kernel_and_twin_have_the_same_gradients():
    camera, gaussians = camera_of(121, 77), random_gaussians(200, seed=4)
    tiles = some_tiles(camera, 1)

    def renderer(backend: Backend):
        def render(some: Gaussians3D, seen_from, offsets):
            image = render_spatial(
                some, seen_from, background=BACKGROUND, screen_offsets_px=offsets, tiles=tiles, backend=backend
            )
            return image.pixels, image.alpha

        return render

    expected, slopes = gradients(renderer("reference"), gaussians, camera, torch.float64)
    found, own = gradients(renderer("cpu"), gaussians, camera, torch.float32)
    for one, other in zip([*found, *own], [*expected, *slopes], strict=True):
        assert relative_error(one, other) < 2e-4


def test_those_that_touch_no_drawn_tile_may_be_left_out():
    camera, gaussians = camera_of(64, 48), random_gaussians(150, seed=5).to(torch.float32)
    tiles = some_tiles(camera, 2)
    image = render_spatial(gaussians, camera, tiles=tiles)
    touching = image.radii_px > 0
    fewer = gaussians.select(touching)
    assert torch.equal(render_spatial(fewer, camera, tiles=tiles).pixels, image.pixels)


@pytest.mark.parametrize("backend", ["cpu", "reference"])
def test_no_tile_is_drawn(backend: Backend):
    camera, gaussians = camera_of(40, 40), random_gaussians(20, seed=6).to(torch.float32)
    none = torch.zeros(tile_grid(camera), dtype=torch.bool)
    gaussians.colors.requires_grad_()
    image = render_spatial(gaussians, camera, tiles=none, backend=backend)
    (gradient,) = torch.autograd.grad(image.pixels.sum(), gaussians.colors)
    assert not gradient.any()
    assert not image.alpha.any()


def test_tiles_of_another_picture_are_refused():
    with pytest.raises(ValueError, match=r"tiles must have shape \(3, 4\), got \(4, 3\)"):
        render_spatial(random_gaussians(5, seed=7), camera_of(64, 48), tiles=torch.ones(4, 3, dtype=torch.bool))
