# SPDX-License-Identifier: Apache-2.0
"""Each level of a scene's file beside the views held out."""

import sys
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest
import torch

import lamina
from lamina.media.comparison import compare
from lamina.metrics.lpips import BACKBONES, Lpips

sys.path.append(str(Path(__file__).parents[1] / "codecs" / "scene"))
from tiny_capture import SMALL, changed, tiny_capture

KERNELS = {0: (64, 3, 11), 3: (192, 64, 5), 6: (384, 192, 3), 8: (256, 384, 3), 10: (256, 256, 3)}
"""AlexNet's convolutions: outputs, inputs, width."""


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("scene") / "ball.lam"
    lamina.encode(tiny_capture(), path, config=changed(SMALL, "schedule", steps=60)).close()
    return path


def made_up_lpips() -> Lpips:
    random = torch.Generator().manual_seed(1)
    convolutions = {
        number: (0.05 * torch.randn(outputs, inputs, width, width, generator=random), torch.zeros(outputs))
        for number, (outputs, inputs, width) in KERNELS.items()
    }
    return Lpips("alexnet", convolutions, tuple(torch.ones(count) / count for count in BACKBONES["alexnet"].channels))


def test_levels_are_told_apart_by_every_measure(file: Path) -> None:
    with lamina.open(file) as media:
        plain = list(compare(media, tiny_capture()))
        levels = list(compare(media, tiny_capture(), lpips=made_up_lpips()))
    assert [level.level for level in levels] == [0, 1, 2]
    assert [replace(level, lpips=None) for level in levels] == plain
    assert levels[-1].bytes == file.stat().st_size
    assert all(
        upper.bytes > lower.bytes and upper.counts["anchors"] > lower.counts["anchors"]
        for lower, upper in pairwise(levels)
    )
    assert levels[-1].psnr > levels[0].psnr
    assert all(level.lpips is not None and level.lpips > 0 for level in levels)
    assert set(plain[0].as_json()) >= {"level", "bytes", "psnr", "ssim", "lpips", "counts"}
