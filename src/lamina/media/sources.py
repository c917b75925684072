# SPDX-License-Identifier: Apache-2.0
"""What a user has (a path, an array, a list of frames) enters; a signal and the codec for it leave."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np

from lamina.codec import Codec
from lamina.codecs import planar, scene
from lamina.data import Clip, Picture, clip_from_frames, open_signal
from lamina.data.captures import Capture, is_capture, read_capture
from lamina.errors import SignalError

Signal = Picture | Clip | Capture
"""What codecs take."""

Source = str | Path | np.ndarray | Sequence[np.ndarray] | Signal
"""Anything that can be coded: a path, uint8 pixels (h, w), (h, w, 3) or (t, h, w, 3), or a list of frames."""


@dataclass(frozen=True)
class SourceOptions:
    """How to read a source, where it does not say so itself."""

    size: tuple[int, int] | None = None
    """Width and height of raw video."""
    pixel_format: str | None = None
    """Of raw video: yuv420p, yuv444p, rgb24, ..."""
    frames_per_second: Fraction | float | None = None
    """Overrides what the source says."""
    frames: tuple[int, int | None] | None = None
    """Start and stop of the frames to code; None: all."""
    scale: Fraction | float | None = None
    """Of the photographs of a scene: 1/2 halves width and height; None: as large as they are, up to 1,600 pixels."""
    test_every: int = 8
    """Every so many views of a scene, by name, are held out and measured on; 0: none."""


def signal_of(source: Source, options: SourceOptions | None = None) -> Signal:
    """Read a file or folder, or take pixels from memory.

    Raises:
        SignalError: it is missing, malformed, or of a kind that we do not read.
    """
    options = options or SourceOptions()
    if isinstance(source, str | Path):
        if is_capture(source):
            return read_capture(source, scale=options.scale, test_every=options.test_every)
        return open_signal(source, options.size, options.pixel_format, options.frames_per_second, options.frames)
    if isinstance(source, np.ndarray) and source.ndim < 4:
        source = Picture(_as_rgb(source))
    elif not isinstance(source, Picture | Clip | Capture):
        source = clip_from_frames([_as_rgb(frame) for frame in source], options.frames_per_second or Fraction(25))
    return source.cut(*options.frames) if isinstance(source, Clip) and options.frames else source


def codec_of_signal(signal: Signal) -> Codec[Any, Any, Any, Any]:
    """The codec that codes such a signal."""
    return scene.CODEC if isinstance(signal, Capture) else planar.CODEC


def codec_of_path(path: str | Path, is_scene: bool = False) -> Codec[Any, Any, Any, Any]:
    """The codec for what lies there, told without reading it; `is_scene`: a capture will be made of it."""
    return scene.CODEC if is_scene or is_capture(path) else planar.CODEC


def _as_rgb(pixels: Any) -> np.ndarray:
    """Pixels with three channels; grey ones get three equal channels."""
    array = np.asarray(pixels)
    if array.dtype != np.uint8:
        raise SignalError(
            f"expected uint8 pixels, got {array.dtype}; for floats in 0...1: (pixels * 255).round().astype(np.uint8)"
        )
    if array.ndim == 2:
        array = np.repeat(array[:, :, None], 3, axis=2)
    return np.ascontiguousarray(array)
