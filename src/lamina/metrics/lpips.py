# SPDX-License-Identifier: Apache-2.0
"""Two pictures enter, their learned perceptual distance leaves: LPIPS 0.1, with weights that the user has.

    pixels - z-score - convolutions, five taps - channels to length 1 - squared difference - weighted sum, mean, summed

Weights are large and not ours to ship, so both files are given: a backbone as torchvision saves it (VGG16 or AlexNet,
told apart by what is in it), and the `lpips` package's weights of its channels (weights/v0.1/vgg.pth or alex.pth). They
are read as tensors only; nothing in them is run.

Source: Zhang et al., The Unreasonable Effectiveness of Deep Features as a Perceptual Metric (CVPR 2018), sec. 3, and
richzhang/PerceptualSimilarity, lpips/lpips.py and pretrained_networks.py.
"""

from __future__ import annotations

import pickle
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

import numpy as np
import torch
from jaxtyping import Float, UInt8
from torch import Tensor
from torch.nn import functional

from lamina.errors import SignalError
from lamina.metrics.psnr import check_pair

SHIFT, SCALE = (-0.030, -0.088, -0.188), (0.458, 0.448, 0.450)
"""Of red, green and blue in -1...1 before the first convolution."""

TINY = 1e-10
"""Added to lengths that channels are divided by."""

LEAST_PX = 32
"""Sides under this leave nothing for the deepest convolutions to see."""


@dataclass(frozen=True)
class Block:
    """Convolutions between two taps, each followed by a ReLU; the last one's output is tapped."""

    layers: tuple[int, ...]
    """Numbers of the convolutions among the backbone's `features`."""
    pool_px: int
    """Width of the maximum pooling before them, at steps of 2; 0: none."""


@dataclass(frozen=True)
class Backbone:
    """Shape of a classifier's convolutions."""

    blocks: tuple[Block, ...]
    channels: tuple[int, ...]
    """Of each tap."""
    first_stride: int
    first_padding: int
    """Of the first convolution; all others keep the size."""


BACKBONES: Mapping[str, Backbone] = MappingProxyType(
    {
        "vgg16": Backbone(
            (
                Block((0, 2), 0),
                Block((5, 7), 2),
                Block((10, 12, 14), 2),
                Block((17, 19, 21), 2),
                Block((24, 26, 28), 2),
            ),
            (64, 128, 256, 512, 512),
            first_stride=1,
            first_padding=1,
        ),
        "alexnet": Backbone(
            (Block((0,), 0), Block((3,), 3), Block((6,), 3), Block((8,), 0), Block((10,), 0)),
            (64, 192, 384, 256, 256),
            first_stride=4,
            first_padding=2,
        ),
    }
)


@dataclass(frozen=True, eq=False)
class Lpips:
    """The distance, ready to be asked for."""

    backbone: str
    """`vgg16` (what papers on splats report) or `alexnet`."""
    convolutions: Mapping[int, tuple[Float[Tensor, "o i h w"], Float[Tensor, " o"]]]
    channel_weights: tuple[Float[Tensor, " c"], ...]
    """Of each tap."""

    @torch.no_grad()
    def distance(
        self,
        reference: UInt8[np.ndarray, "h w 3"],
        decoded: UInt8[np.ndarray, "h w 3"],
        *,
        is_centered: bool = True,
    ) -> float:
        """0: alike; about 1: nothing in common.

        Args:
            reference: 8-bit RGB.
            decoded: the same.
            is_centered: pixels are -1...1, as the metric means it; off: 0...1, as 3DGS's evaluation and those after it
                pass them, which their tables hold.

        Raises:
            ValueError: the pictures are not uint8 of one size.
            SignalError: they are under 32 pixels wide or high.
        """
        check_pair(reference, decoded)
        height, width = reference.shape[:2]
        if min(height, width) < LEAST_PX:
            raise SignalError(f"LPIPS needs pictures of at least {LEAST_PX}x{LEAST_PX} pixels, got {width}x{height}")
        first, second = (self.taps(_normalized(picture, is_centered)) for picture in (reference, decoded))
        total = 0.0
        for one, other, weights in zip(first, second, self.channel_weights, strict=True):
            squared = (_of_length_one(one) - _of_length_one(other)).square()
            total += float((squared * weights[:, None, None]).sum(dim=1).mean())
        return total

    def taps(self, values: Float[Tensor, "1 3 h w"]) -> list[Float[Tensor, "1 c y x"]]:
        """What the backbone has after each block."""
        shape, found = BACKBONES[self.backbone], []
        for block in shape.blocks:
            if block.pool_px:
                values = functional.max_pool2d(values, block.pool_px, stride=2)
            for number in block.layers:
                weights, bias = self.convolutions[number]
                is_first = number == 0
                padding = shape.first_padding if is_first else weights.shape[-1] // 2
                stride = shape.first_stride if is_first else 1
                values = functional.relu(functional.conv2d(values, weights, bias, stride, padding))
            found.append(values)
        return found


def read_lpips(backbone_path: str | Path, channel_path: str | Path) -> Lpips:
    """LPIPS from files of weights.

    Args:
        backbone_path: VGG16's or AlexNet's as torchvision saves them (vgg16-397923af.pth, alexnet-owt-7be5be79.pth).
        channel_path: the `lpips` package's weights/v0.1/vgg.pth or alex.pth, for the same backbone.

    Raises:
        SignalError: a file is missing, holds something else, or the two are for different backbones.
    """
    state, lines = _tensors(Path(backbone_path)), _tensors(Path(channel_path))
    name = next((name for name, shape in BACKBONES.items() if _is_of(state, shape)), None)
    if name is None:
        raise SignalError(
            f"{backbone_path}: expected torchvision's weights of VGG16 or AlexNet (features.0.weight, ...)"
        )
    numbers = [number for block in BACKBONES[name].blocks for number in block.layers]
    found = [lines.get(f"lin{tap}.model.1.weight") for tap in range(len(BACKBONES[name].channels))]
    channels = tuple(line.reshape(-1).float() for line in found if line is not None)
    if tuple(len(line) for line in channels) != BACKBONES[name].channels:
        raise SignalError(
            f"{channel_path}: expected LPIPS weights for {name}, five taps of {BACKBONES[name].channels} channels "
            f"(lin0.model.1.weight, ...); got {tuple(len(line) for line in channels)}"
        )
    convolutions = {
        number: (state[f"features.{number}.weight"].float(), state[f"features.{number}.bias"].float())
        for number in numbers
    }
    return Lpips(name, MappingProxyType(convolutions), channels)


def _is_of(state: Mapping[str, Tensor], shape: Backbone) -> bool:
    """Whether these are all weights of a backbone: the last convolution of each block has its tap's channels."""
    numbers = [number for block in shape.blocks for number in block.layers]
    if any(f"features.{number}.{what}" not in state for number in numbers for what in ("weight", "bias")):
        return False
    width = 3
    for block, channels in zip(shape.blocks, shape.channels, strict=True):
        for number in block.layers:
            if tuple(state[f"features.{number}.weight"].shape[:2]) != (channels, width):
                return False
            width = channels
    return True


def _tensors(path: Path) -> Mapping[str, Tensor]:
    """The tensors of a file of weights, by name."""
    try:
        found = torch.load(path, map_location="cpu", weights_only=True)
    except OSError as error:
        raise SignalError(f"{path}: cannot be read: {error.strerror or error}") from error
    except (pickle.UnpicklingError, RuntimeError, EOFError, ValueError, KeyError) as error:
        raise SignalError(f"{path}: expected a file of weights that PyTorch saved (.pth)") from error
    if not isinstance(found, dict) or not all(isinstance(value, Tensor) for value in found.values()):
        raise SignalError(f"{path}: expected tensors by name, as torchvision and lpips save them")
    return found


def _normalized(picture: UInt8[np.ndarray, "h w 3"], is_centered: bool) -> Float[Tensor, "1 3 h w"]:
    values = torch.from_numpy(picture.astype(np.float32) / 255.0).permute(2, 0, 1)[None]
    values = 2 * values - 1 if is_centered else values
    shift, scale = (values.new_tensor(numbers)[None, :, None, None] for numbers in (SHIFT, SCALE))
    return (values - shift) / scale


def _of_length_one(features: Float[Tensor, "1 c y x"]) -> Float[Tensor, "1 c y x"]:
    return features / (features.square().sum(dim=1, keepdim=True).sqrt() + TINY)
