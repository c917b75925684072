# SPDX-License-Identifier: Apache-2.0
"""What stands still in a view: the picture and its gradients are those of drawing everything."""

from dataclasses import replace

import torch
from tests.differential.spatial_scenes import BACKGROUND, camera_of, random_gaussians

from lamina.codecs.freeview.fit.standing import Standing, standing
from lamina.fitting.photometric import photometric
from lamina.fitting.shots import Shot
from lamina.render.gaussians3d import Gaussians3D, concatenate_gaussians3d
from lamina.render.spatial import render_spatial

CAMERA = camera_of(160, 120)


def scene() -> tuple[Gaussians3D, Gaussians3D, Standing]:
    """Many that stay, some in the middle that may change, and the view of both."""
    still = random_gaussians(400, seed=1, spread=2.0).to(torch.float32)
    changing = random_gaussians(12, seed=2, size=0.03, spread=0.2).to(torch.float32)
    target = torch.rand(120, 160, 3, generator=torch.Generator().manual_seed(3))
    pixels = render_spatial(concatenate_gaussians3d([still, changing]), CAMERA, background=BACKGROUND).pixels
    return still, changing, standing(still, changing, pixels, Shot(CAMERA, target), BACKGROUND)


def test_nothing_changed_is_what_was_shown():
    _, changing, view = scene()
    shown = view.shown(changing)
    # Those that touch no tile are left out: sums over an order of entries stay as they were.
    assert torch.equal(shown, view.pixels)
    assert 0 < int(view.tiles.sum()) < view.tiles.numel()
    assert len(view.still) < 400


def test_gradients_are_those_of_drawing_everything():
    still, changing, view = scene()
    moved = replace(changing, means=changing.means + 0.01)
    found = []
    for show in (
        view.shown,
        lambda some: render_spatial(concatenate_gaussians3d([still, some]), CAMERA, background=BACKGROUND).pixels,
    ):
        leaves = [tensor.clone().requires_grad_() for tensor in moved.tensors()]
        loss = photometric(show(Gaussians3D(*leaves)), view.shot.target, 0.2)
        found.append((loss, torch.autograd.grad(loss, leaves)))
    assert torch.allclose(found[0][0], found[1][0], atol=1e-6)
    for one, other in zip(found[0][1], found[1][1], strict=True):
        assert torch.allclose(one, other, rtol=1e-3, atol=1e-7)


def test_nothing_that_may_change_draws_nothing():
    still, changing, _ = scene()
    pixels = render_spatial(still, CAMERA, background=BACKGROUND).pixels
    nobody = changing.select(torch.zeros(len(changing), dtype=torch.bool))
    view = standing(still, nobody, pixels, Shot(CAMERA, pixels), BACKGROUND)
    assert not view.tiles.any()
    assert len(view.still) == 0
    assert torch.equal(view.shown(nobody), pixels)
