# SPDX-License-Identifier: Apache-2.0
"""What a picture loses with each Gaussian, against pictures rendered without it."""

import numpy as np
import pytest
import torch

from lamina.render.cameras import Camera
from lamina.render.gaussians3d import Gaussians3D
from lamina.render.spatial import render_spatial
from lamina.render.spatial_cpu import removal_costs

BACKGROUND = (0.2, 0.4, 0.1)


def scene(count: int, seed: int = 1) -> tuple[Gaussians3D, Camera, torch.Tensor]:
    """Gaussians before a camera, some of them outside the picture or too faint, and another picture."""
    random = torch.Generator().manual_seed(seed)
    uniform = lambda *shape: torch.rand(shape, generator=random)  # noqa: E731
    means = (uniform(count, 3) - 0.5) * torch.tensor([3.0, 2.5, 2.0]) + torch.tensor([0.0, 0.0, 3.0])
    gaussians = Gaussians3D(
        means,
        torch.randn(count, 4, generator=random),
        0.02 + 0.2 * uniform(count, 3),
        uniform(count),
        uniform(count, 3),
    )
    gaussians.opacities[::9] = 0.001
    camera = Camera(np.eye(4), 50.0, 55.0, 23.0, 17.0, 45, 35)
    return gaussians, camera, uniform(35, 45, 3)


@pytest.mark.parametrize("seed", [1, 2])
def test_costs_are_what_pictures_without_a_gaussian_cost(seed: int):
    gaussians, camera, target = scene(60, seed)
    found = removal_costs(gaussians, camera, target, BACKGROUND)

    def error(rows: torch.Tensor) -> float:
        part = Gaussians3D(*(tensor[rows] for tensor in gaussians.tensors()))
        return float((render_spatial(part, camera, background=BACKGROUND).pixels - target).abs().double().sum())

    rows = torch.arange(60)
    whole = error(rows)
    expected = torch.tensor([error(rows[rows != left]) - whole for left in range(60)])
    torch.testing.assert_close(found, expected, atol=2e-3, rtol=1e-3)
    assert (found > 0).any()
    assert (found < 0).any()
    assert (found[::9] == 0).all()


def test_a_gaussian_that_makes_the_picture_is_worth_it():
    gaussians, camera, _ = scene(1)
    gaussians.means[0], gaussians.opacities[0] = torch.tensor([0.0, 0.0, 3.0]), 0.9
    target = render_spatial(gaussians, camera, background=BACKGROUND).pixels
    empty = torch.tensor(BACKGROUND).expand_as(target)
    cost = removal_costs(gaussians, camera, target, BACKGROUND)
    torch.testing.assert_close(cost[0], (target - empty).abs().sum(), rtol=1e-5, atol=1e-4)


def test_nothing_costs_nothing():
    gaussians, camera, target = scene(0)
    assert removal_costs(gaussians, camera, target).shape == (0,)
