# SPDX-License-Identifier: Apache-2.0
"""Scenes and measures of the spatial twins' comparisons."""

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from lamina.cameras.camera import Camera, look_at
from lamina.render.spatial import Backend, Gaussians3D, render_spatial

BACKGROUND = (0.2, 0.5, 0.9)
Pictures = tuple[Tensor, Tensor]
Renderer = Callable[[Gaussians3D, Camera, Tensor], Pictures]


def camera_of(width: int, height: int, *, position: tuple[float, float, float] = (1.0, -4.0, 2.0)) -> Camera:
    """Looks at the origin; focal lengths differ and the principal point is off the middle."""
    pose = look_at(np.array(position), np.zeros(3), np.array([0.1, 0.0, 1.0]))
    scale = max(width, height)
    return Camera(np.linalg.inv(pose), 1.1 * scale, 0.9 * scale, 0.55 * width, 0.4 * height, width, height)


def random_gaussians(count: int, *, seed: int, size: float = 0.05, spread: float = 1.5) -> Gaussians3D:
    """Float64 Gaussians around the origin, some behind the camera and beside the picture; values exact in float32."""
    generator = torch.Generator().manual_seed(seed)
    means = spread * torch.randn(count, 3, generator=generator)
    rotations = 2.0 * torch.randn(count, 4, generator=generator)
    scales = size * torch.exp(0.7 * torch.randn(count, 3, generator=generator))
    opacities = torch.rand(count, generator=generator)
    colors = torch.rand(count, 3, generator=generator)
    return Gaussians3D(means, rotations, scales, opacities, colors).to(torch.float64)


def renderer(backend: Backend) -> Renderer:
    """Pixels and alpha by one backend."""

    def render(gaussians: Gaussians3D, camera: Camera, offsets: Tensor) -> Pictures:
        image = render_spatial(gaussians, camera, background=BACKGROUND, screen_offsets_px=offsets, backend=backend)
        return image.pixels, image.alpha

    return render


def gradients(
    render: Renderer, gaussians: Gaussians3D, camera: Camera, dtype: torch.dtype
) -> tuple[list[Tensor], list[Tensor]]:
    """Pictures and gradients (five fields, then offsets) of a loss over both, in float64 for any renderer."""
    offsets = torch.zeros_like(gaussians.means[:, :2])
    leaves = [tensor.detach().to(dtype).requires_grad_() for tensor in (*gaussians.tensors(), offsets)]
    pixels, alpha = render(Gaussians3D(*leaves[:5]), camera, leaves[5])
    generator = torch.Generator().manual_seed(1)
    weights = torch.randn(camera.height, camera.width, 4, generator=generator, dtype=torch.float64).to(pixels)
    loss = (weights[..., :3] * pixels).sum() + (weights[..., 3] * alpha).sum() + (pixels * pixels).sum()
    found = torch.autograd.grad(loss, leaves)
    return [pixels.detach().double(), alpha.detach().double()], [gradient.double() for gradient in found]


def relative_error(found: Tensor, expected: Tensor) -> float:
    """|found - expected| / |expected| in the Euclidean norm; 0 where both vanish."""
    norm = expected.norm().item()
    return (found - expected).norm().item() / norm if norm else found.norm().item()
