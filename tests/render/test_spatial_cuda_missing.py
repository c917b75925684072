# SPDX-License-Identifier: Apache-2.0
"""What is said where CUDA, gsplat or its kernels are missing, and what is done instead."""

import sys
from pathlib import Path

import pytest
import torch

from lamina.anchors.fitting.descent import device_of
from lamina.codecs.scene.config import SceneConfig
from lamina.errors import BackendUnavailable
from lamina.render.spatial_cuda import find_missing


@pytest.fixture
def cuda(monkeypatch: pytest.MonkeyPatch) -> None:
    """A device is said to be there."""
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)


def install_gsplat(monkeypatch: pytest.MonkeyPatch, folder: Path, kernels: str) -> None:
    """A package of that name, whose compiled part is as given."""
    (folder / "gsplat" / "cuda").mkdir(parents=True)
    (folder / "gsplat" / "__init__.py").touch()
    (folder / "gsplat" / "cuda" / "__init__.py").touch()
    (folder / "gsplat" / "cuda" / "_backend.py").write_text(f"_C = {kernels}\n")
    for name in [name for name in sys.modules if name.split(".")[0] == "gsplat"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.syspath_prepend(folder)


def test_without_a_device_scenes_are_fitted_on_the_cpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert device_of(SceneConfig()).type == "cpu"
    with pytest.raises(BackendUnavailable, match="needs a CUDA device"):
        device_of(SceneConfig(device="cuda"))


@pytest.mark.usefixtures("cuda")
def test_kernels_that_could_not_be_compiled_are_missing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    install_gsplat(monkeypatch, tmp_path, "None")
    assert "nvcc" in str(find_missing())
    assert device_of(SceneConfig()).type == "cpu"
    with pytest.raises(BackendUnavailable, match="nvcc compiles gsplat"):
        device_of(SceneConfig(device="cuda"))


@pytest.mark.usefixtures("cuda")
def test_a_device_with_kernels_is_taken_unless_the_cpu_is_asked_for(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    install_gsplat(monkeypatch, tmp_path, "object()")
    assert find_missing() is None
    assert device_of(SceneConfig()).type == "cuda"
    assert device_of(SceneConfig(device="cpu")).type == "cpu"
