# SPDX-License-Identifier: Apache-2.0
"""What is inside: a model is a dataclass of tensors, and rendering it is differentiable."""

from dataclasses import replace
from pathlib import Path

import torch

import lamina
from lamina.data import read_image
from lamina.render.planar import render_planar

photo = Path(__file__).parents[1] / "demo" / "lighthouse.png"
pixels = read_image(photo).pixels[120:216, 330:474]

with lamina.encode(pixels, "part.lam", preset="fast", splats=300) as media:
    model = media.model(level=2)

gaussians = model.gaussians
print({name: tuple(value.shape) for name, value in vars(gaussians).items() if isinstance(value, torch.Tensor)})

colors = gaussians.colors.clone().requires_grad_()
picture = render_planar(replace(gaussians, colors=colors), 144, 96) + model.background
target = torch.from_numpy(pixels).float() / 255
(picture - target).square().mean().backward()
assert colors.grad is not None
print(f"gradient of the error by the colors: {colors.grad.norm():.2e}")
