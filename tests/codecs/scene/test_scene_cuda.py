# SPDX-License-Identifier: Apache-2.0
"""The fit on a GPU against the fit on the CPU: losses, steps, whole files that decode anywhere."""

from dataclasses import replace

import pytest
import torch
from tiny_capture import SMALL, changed, tiny_capture

from lamina.anchors.fitting.descent import device_of
from lamina.anchors.fitting.start import first_state
from lamina.anchors.fitting.training import FitInput, take_step
from lamina.codec import Session
from lamina.codecs.scene import CODEC
from lamina.codecs.scene.config import SceneConfig
from lamina.codecs.scene.model import ScenePart
from lamina.fitting.photometric import photometric

ALL_PARTS = changed(
    changed(SMALL, "loss", coarse_to_fine="all", info_nce=0.005),
    "context", hash_grid=True, true_rounding=False, parent_offsets=True,
)  # fmt: skip
"""What `SMALL` leaves out."""


@pytest.mark.cuda("gsplat")
def test_photometric_loss_is_the_kernel_of_the_cpu():
    random = torch.Generator().manual_seed(3)
    target = torch.rand(120, 163, 3, generator=random)
    rendered = target + 0.05 * torch.randn(target.shape, generator=random)
    found = []
    for device in ("cpu", "cuda"):
        leaf = rendered.to(device).requires_grad_()
        value = photometric(leaf, target.to(device), 0.2)
        (gradient,) = torch.autograd.grad(value, leaf)
        found.append((value.item(), gradient.cpu()))
    (value, gradient), (other_value, other_gradient) = found
    assert other_value == pytest.approx(value, rel=1e-5)
    torch.testing.assert_close(other_gradient, gradient, rtol=2e-3, atol=2e-4 * float(gradient.abs().max()))


@pytest.mark.cuda("gsplat")
def test_steps_are_those_of_the_cpu():
    errors = []
    for device in ("cpu", "cuda"):
        config, capture = replace(SMALL, device=device), tiny_capture()
        scene = FitInput(capture, config, device_of(config))
        state = first_state(capture, config, scene.device)
        errors.append([take_step(scene, state) for _ in range(12)])
    assert errors[1] == pytest.approx(errors[0], rel=0.02)


@pytest.mark.cuda("gsplat")
@pytest.mark.parametrize("config", [SMALL, ALL_PARTS], ids=["small", "all_parts"])
def test_files_are_as_good_as_those_of_the_cpu(config: SceneConfig):
    on_cpu, on_cuda = (fitted(replace(config, device=device)) for device in ("cpu", "cuda"))
    assert on_cuda.quality_db[-1] == pytest.approx(on_cpu.quality_db[-1], abs=0.8)
    *_, model = CODEC.decode(CODEC.encode([on_cuda]))
    assert model.level == config.level_count - 1


def fitted(config: SceneConfig) -> ScenePart:
    (part,) = CODEC.fit(tiny_capture(), config, Session())
    return part
