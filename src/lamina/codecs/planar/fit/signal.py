# SPDX-License-Identifier: Apache-2.0
"""What planar methods fit: frames of one size, timed or not. Pictures and clips become this."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from fractions import Fraction

import numpy as np
from jaxtyping import Float32, UInt8

from lamina.codecs.planar.config import PlanarConfig, RateTarget
from lamina.codecs.planar.syntax import MAX_PIXELS, MAX_SIDE_PX, LevelSize, ScalabilityId
from lamina.data import Clip, Picture, downsample_area
from lamina.errors import SignalError, TargetError


@dataclass(frozen=True)
class PlanarSignal:
    """Frames to fit."""

    width: int
    height: int
    frames_per_second: Fraction | None
    """None for a still."""
    frame_count: int | None
    """None when it is not known before the end."""
    frames: Callable[[int], Iterator[UInt8[np.ndarray, "h w 3"]]]
    """frames(start): from frame `start` on, sRGB."""


def as_planar_signal(signal: Picture | Clip | PlanarSignal) -> PlanarSignal:
    """Pictures are clips of one frame without a rate.

    Raises:
        SignalError: larger than the format's limits.
    """
    if isinstance(signal, PlanarSignal):
        return signal
    if isinstance(signal, Picture):
        pixels = signal.pixels
        height, width, _ = pixels.shape
        made = PlanarSignal(width, height, None, 1, lambda start: iter([pixels][start:]))
    else:
        clip = signal
        rate = Fraction(clip.frames_per_second)
        made = PlanarSignal(clip.width, clip.height, rate, clip.frame_count, lambda start: clip.frames(start, None))
    if max(made.width, made.height) > MAX_SIDE_PX or made.width * made.height > MAX_PIXELS:
        raise SignalError(
            f"{made.width}x{made.height} pixels are more than a planar stream holds: sides up to {MAX_SIDE_PX}, "
            f"{MAX_PIXELS} pixels in all. Scale the material down first"
        )
    return made


def level_sizes(config: PlanarConfig, width: int, height: int) -> tuple[tuple[int, int], ...]:
    """(width, height) of every level: sqrt(share of splats) of the full size for resolution (paper, 4.1)."""
    if config.scalability == "quality":
        return ((width, height),) * config.layer_count
    total = sum(config.layer_shares)
    sizes = []
    for level in range(config.layer_count - 1):
        ratio = math.sqrt(sum(config.layer_shares[: level + 1]) / total)
        sizes.append((max(1, round(width * ratio)), max(1, round(height * ratio))))
    return (*sizes, (width, height))


def header_sizes(config: PlanarConfig, width: int, height: int) -> tuple[LevelSize, ...]:
    """The same as the header holds them."""
    if config.scalability == "quality":
        return ()
    return tuple(LevelSize(w, h) for w, h in level_sizes(config, width, height)[:-1])


def scalability_id(config: PlanarConfig) -> ScalabilityId:
    """As the header holds it."""
    return ScalabilityId.QUALITY if config.scalability == "quality" else ScalabilityId.RESOLUTION


def at_size(pixels: Float32[np.ndarray, "h w 3"], size: tuple[int, int]) -> Float32[np.ndarray, "h2 w2 3"]:
    """Area-downsampled to (width, height); the same array when that is its size."""
    width, height = size
    return pixels if pixels.shape[:2] == (height, width) else downsample_area(pixels, height, width)


def paced(config: PlanarConfig, signal: PlanarSignal) -> PlanarConfig:
    """The configuration with a bit rate as bits per pixel and frame, which are the same where frames are evenly spaced.

    Raises:
        TargetError: a still has no bit rate.
    """
    rate = config.target.bits_per_second
    if rate is None:
        return config
    if signal.frames_per_second is None:
        raise TargetError("a still lasts no time, so it has no bit rate: ask for bytes or bits per pixel")
    bits = rate / float(signal.frames_per_second) / (signal.width * signal.height)
    return replace(config, target=RateTarget(bits_per_pixel=bits))
