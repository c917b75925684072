# SPDX-License-Identifier: Apache-2.0
"""The Triton kernels against float64 autograd of the readable twin: on a GPU, and anywhere in Triton's interpreter.

The interpreter is chosen when Triton is imported, so it runs in a process of its own: this file, as a script.
"""

import json
import os
import subprocess
import sys
from importlib.metadata import version
from importlib.util import find_spec

import pytest
import torch
from planar_scenes import gradients, random_splats, relative_error

from lamina.render.gaussians2d import Gaussians2D
from lamina.render.planar import render_planar_levels
from lamina.render.planar_cuda import render_cuda

BOUND = 1e-3
SCENES = [(0, 1, 1, 0), (40, 1, 1, 10), (30, 17, 5, 0), (40, 33, 18, 15), (20, 20, 33, 20)]
"""Splats, width, height, split."""


def on_triton(splats: Gaussians2D, split: int, width: int, height: int):
    lower, top = render_cuda(splats, split, width, height)
    return (lower if split > 0 else top.new_zeros(top.shape)), top


def on_reference(splats: Gaussians2D, split: int, width: int, height: int):
    return render_planar_levels(splats, split, width, height, backend="reference")


def release(package: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version(package).split(".")[:2])


def errors_of(count: int, width: int, height: int, split: int, device: str) -> list[float]:
    """Relative errors of both pictures and of the three gradients."""
    splats = random_splats(count, width, height, seed=count + width)
    found = gradients(on_triton, splats.to(device), split, width, height, torch.float32)
    expected = gradients(on_reference, splats, split, width, height, torch.float64)
    pairs = zip(found[0] + found[1], expected[0] + expected[1], strict=True)
    return [relative_error(one.cpu(), other) for one, other in pairs]


def test_interpreted_kernels_are_the_twin():
    if find_spec("triton") is None:
        pytest.skip("Triton is not installed: pip install 'lamina[cuda]'")
    if release("triton") < (3, 7) and release("numpy") >= (2, 4):
        pytest.skip("the interpreter of Triton before 3.7 does not run with NumPy 2.4 and later")
    run = subprocess.run(
        [sys.executable, __file__],
        env={**os.environ, "TRITON_INTERPRET": "1", "CUDA_VISIBLE_DEVICES": ""},
        capture_output=True,
        text=True,
        timeout=200,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    errors = json.loads(run.stdout)
    assert len(errors) == len(SCENES)
    for scene, of_scene in zip(SCENES, errors, strict=True):
        assert max(of_scene) < BOUND, scene


@pytest.mark.cuda("triton")
@pytest.mark.parametrize("scene", [*SCENES, (3000, 320, 200, 1000), (1000, 16, 16, 0)])
def test_cuda_kernels_are_the_twin(scene):
    assert max(errors_of(*scene, device="cuda")) < BOUND


@pytest.mark.cuda("triton")
def test_cuda_gradients_repeat_bit_for_bit():
    splats = random_splats(2000, 320, 200, seed=3).to("cuda")
    first, second = (gradients(on_triton, splats, 700, 320, 200, torch.float32) for _ in range(2))
    for one, other in zip(first[0] + first[1], second[0] + second[1], strict=True):
        assert torch.equal(one, other)


@pytest.mark.cuda("triton")
def test_auto_backend_takes_the_kernel_on_cuda():
    splats = random_splats(200, 64, 48, seed=4).to("cuda")
    automatic, named = (render_planar_levels(splats, 50, 64, 48, backend=name) for name in ("auto", "cuda"))
    assert torch.equal(automatic[1], named[1])


if __name__ == "__main__":
    print(json.dumps([errors_of(*scene, device="cpu") for scene in SCENES]))
