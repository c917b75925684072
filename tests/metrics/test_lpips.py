# SPDX-License-Identifier: Apache-2.0
"""LPIPS beside the same networks built of PyTorch modules, with made-up weights; and files that are something else."""

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from lamina.errors import SignalError
from lamina.metrics.lpips import BACKBONES, SCALE, SHIFT, Lpips, read_lpips

TAPS = {"vgg16": (3, 8, 15, 22, 29), "alexnet": (1, 4, 7, 9, 11)}
"""Places of the tapped ReLUs in torchvision's `features`."""


def classifier(name: str) -> nn.Sequential:
    """`features` of torchvision's models, module by module, without the last pooling, which no tap sees."""
    torch.manual_seed(1)
    if name == "alexnet":
        parts = [nn.Conv2d(3, 64, 11, 4, 2), nn.ReLU(), nn.MaxPool2d(3, 2), nn.Conv2d(64, 192, 5, padding=2), nn.ReLU()]
        parts += [nn.MaxPool2d(3, 2), nn.Conv2d(192, 384, 3, padding=1), nn.ReLU()]
        parts += [nn.Conv2d(384, 256, 3, padding=1), nn.ReLU(), nn.Conv2d(256, 256, 3, padding=1), nn.ReLU()]
        return nn.Sequential(*parts)
    parts, width = [], 3
    for channels, count in ((64, 2), (128, 2), (256, 3), (512, 3), (512, 3)):
        for _ in range(count):
            parts += [nn.Conv2d(width, channels, 3, padding=1), nn.ReLU()]
            width = channels
        parts.append(nn.MaxPool2d(2, 2))
    return nn.Sequential(*parts[:-1])


def files_of(name: str, folder: Path) -> tuple[Path, Path]:
    state = {f"features.{key}": value for key, value in classifier(name).state_dict().items()}
    state["classifier.6.bias"] = torch.zeros(4)
    random = torch.Generator().manual_seed(2)
    lines = {
        f"lin{tap}.model.1.weight": torch.rand(1, channels, 1, 1, generator=random)
        for tap, channels in enumerate(BACKBONES[name].channels)
    }
    backbone, channel = folder / f"{name}.pth", folder / f"{name}_lines.pth"
    torch.save(state, backbone)
    torch.save(lines, channel)
    return backbone, channel


@pytest.fixture(scope="module", params=["vgg16", "alexnet"])
def network(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Lpips:
    return read_lpips(*files_of(request.param, tmp_path_factory.mktemp("weights")))


def pictures() -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(3)
    first = random.integers(0, 256, (48, 70, 3), dtype=np.uint8)
    return first, np.clip(first + random.normal(0, 30, first.shape), 0, 255).astype(np.uint8)


@torch.no_grad()
def by_modules(name: str, weights: tuple[torch.Tensor, ...], pair: tuple[np.ndarray, np.ndarray], low: float) -> float:
    """The formula once more, on modules."""
    columns = []
    for picture in pair:
        values = low + (1.0 - low) * torch.from_numpy(picture).float().permute(2, 0, 1)[None] / 255.0
        values = (values - torch.tensor(SHIFT).view(1, 3, 1, 1)) / torch.tensor(SCALE).view(1, 3, 1, 1)
        found = []
        for place, module in enumerate(classifier(name)):
            values = module(values)
            if place in TAPS[name]:
                found.append(nn.functional.normalize(values, dim=1, eps=1e-10))
        columns.append(found)
    apart = [(one - other) ** 2 for one, other in zip(*columns, strict=True)]
    return sum(float(nn.functional.conv2d(d, w.view(1, -1, 1, 1)).mean()) for d, w in zip(apart, weights, strict=True))


@pytest.mark.parametrize(("is_centered", "low"), [(True, -1.0), (False, 0.0)])
def test_it_is_what_the_modules_say(network: Lpips, is_centered: bool, low: float) -> None:
    pair = pictures()
    expected = by_modules(network.backbone, network.channel_weights, pair, low)
    assert expected > 1e-3
    assert network.distance(*pair, is_centered=is_centered) == pytest.approx(expected, rel=1e-4)


def test_pictures_that_are_alike_are_nowhere_apart(network: Lpips) -> None:
    first, second = pictures()
    assert network.distance(first, first) == 0.0
    assert network.distance(first, second) == pytest.approx(network.distance(second, first), rel=1e-5)


def test_small_or_unlike_pictures_are_refused(network: Lpips) -> None:
    first, _ = pictures()
    with pytest.raises(SignalError, match="at least 32x32"):
        network.distance(first[:20], first[:20])
    with pytest.raises(ValueError, match="of one size"):
        network.distance(first, first[:40])


def test_files_that_are_something_else_are_named(tmp_path: Path) -> None:
    backbone, lines = files_of("alexnet", tmp_path)
    with pytest.raises(SignalError, match=r"none\.pth: cannot be read"):
        read_lpips(tmp_path / "none.pth", lines)
    text = tmp_path / "text.pth"
    text.write_text("not weights")
    with pytest.raises(SignalError, match=r"text\.pth: expected a file of weights"):
        read_lpips(text, lines)
    with pytest.raises(SignalError, match="VGG16 or AlexNet"):
        read_lpips(lines, lines)
    with pytest.raises(SignalError, match="expected LPIPS weights for alexnet"):
        read_lpips(backbone, backbone)
    torch.save([1, 2], text)
    with pytest.raises(SignalError, match="tensors by name"):
        read_lpips(backbone, text)
