# SPDX-License-Identifier: Apache-2.0
"""What a user has (a path, an array, a list of frames, a signal) enters; a signal leaves."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from types import MappingProxyType
from typing import Any, TypeAlias, cast

import numpy as np

from lamina.arriving import is_passing
from lamina.codec import AnyCodec, Medium, Signal
from lamina.data import Clip, Picture, clip_from_frames, open_signal, picture_of_image, scaled
from lamina.data.captures import (
    LAYOUTS,
    TIMED_LAYOUTS,
    TimedCapture,
    is_capture,
    is_timed_capture,
    read_capture,
    read_timed_capture,
)
from lamina.data.clip import DEFAULT_FRAMES_PER_SECOND
from lamina.data.opening import CONTAINER_SUFFIXES
from lamina.data.raw_yuv import SUFFIXES as RAW_SUFFIXES
from lamina.errors import SignalError
from lamina.times import FrameSpan, TimeSpan

Source: TypeAlias = "str | Path | np.ndarray | Sequence[np.ndarray] | Signal"
"""Anything that can be coded: a path, uint8 pixels (h, w), (h, w, 3) or (t, h, w, 3) as an array or a tensor, an image
of Pillow, a list of these, a signal."""


MOVING_SUFFIXES = CONTAINER_SUFFIXES | RAW_SUFFIXES.keys()
"""Of files that hold clips; others are guessed to be pictures."""

LOOKS_LIKE: Mapping[Medium, str] = MappingProxyType(
    {
        "picture": "a file such as photo.png",
        "clip": "a video, .y4m, raw video, or a folder of pictures",
        "capture": LAYOUTS,
        "timed capture": TIMED_LAYOUTS,
    }
)
"""By medium, what a path leads to."""


@dataclass(frozen=True)
class SourceOptions:
    """How to read a source, where it does not say so itself."""

    size: tuple[int, int] | None = None
    """Width and height: those of raw video; all other pictures and clips are scaled down to them."""
    pixel_format: str | None = None
    """Of raw video: yuv420p, yuv444p, rgb24, ..."""
    frames_per_second: Fraction | float | None = None
    """Overrides what the source says."""
    frames: FrameSpan | None = None
    """Start and stop of the frames to code, by their numbers or times; None: all."""
    scale: Fraction | float | None = None
    """1/2 halves width and height; None: as large as they are, captures up to 1,600 pixels."""
    view_size: tuple[int, int] | None = None
    """Width and height that captures are reduced to, instead of a scale: those of a file's views. With it nothing but a
    capture will do."""
    test_every: int = 8
    """Every so many views, by name, are held out and measured on; 0: none."""
    hold_out: tuple[str, ...] = ()
    """Of timed captures: names of the views that are held out and measured on, instead of those that it says."""
    follow: bool = False
    """The folder of a timed capture is still being written: frames are waited for."""


def signal_of(source: Source, options: SourceOptions | None = None) -> Signal:
    """Read a file or folder, or take pixels from memory.

    Raises:
        SignalError: it is missing, malformed, or of a kind that we do not read.
    """
    options = options or SourceOptions()
    if isinstance(source, str | Path):
        if options.follow or is_timed_capture(source):
            return _timed_capture(source, options)
        if is_capture(source) or options.view_size is not None:
            return read_capture(source, scale=options.scale, view_size=options.view_size, test_every=options.test_every)
        return open_signal(
            source, options.size, options.pixel_format, options.frames_per_second, options.frames, options.scale
        )
    signal = cast(Signal, source) if is_signal(source) else _from_memory(source, options.frames_per_second)
    if isinstance(signal, Picture | Clip):
        signal = scaled(signal, size=options.size, scale=options.scale)
    cut = getattr(signal, "cut_span", None)
    return cut(options.frames) if cut is not None and options.frames else signal


def _from_memory(source: Any, frames_per_second: Fraction | float | None) -> Picture | Clip:
    """Pixels, an image, or several of them."""
    if _is_image(source):
        return picture_of_image(source)
    array = _as_array(source)
    if array is not None and array.ndim < 4:
        return Picture(_as_rgb(array))
    if array is None and not isinstance(source, Iterable):
        raise SignalError(
            f"expected a path, uint8 pixels (h, w, 3) or (t, h, w, 3), or images, got {type(source).__name__}"
        )
    members = source if array is None else array
    frames = [picture_of_image(frame).pixels if _is_image(frame) else _as_rgb(frame) for frame in members]
    return clip_from_frames(frames, frames_per_second or DEFAULT_FRAMES_PER_SECOND)


def _is_image(source: object) -> bool:
    """Whether it is an image of Pillow, which is not imported to know."""
    return all(hasattr(source, name) for name in ("getbands", "convert", "mode", "info"))


def _as_array(source: Any) -> np.ndarray | None:
    """An array, or a tensor as one; None: it is neither."""
    if isinstance(source, np.ndarray):
        return source
    is_tensor = all(hasattr(source, name) for name in ("detach", "cpu", "numpy"))
    return source.detach().cpu().numpy() if is_tensor else None


def _timed_capture(path: str | Path, options: SourceOptions) -> TimedCapture:
    capture = read_timed_capture(
        path,
        scale=options.scale,
        view_size=options.view_size,
        test_every=options.test_every,
        frames=None if isinstance(options.frames, TimeSpan) else options.frames,
        frames_per_second=options.frames_per_second,
        follow=options.follow,
    )
    if isinstance(options.frames, TimeSpan):
        capture = capture.cut_span(options.frames)
    return capture.held_out(options.hold_out) if options.hold_out else capture


def is_signal(source: object) -> bool:
    """Whether it signs the protocol of signals."""
    return all(hasattr(source, name) for name in ("medium", "notes", "frame_count", "fingerprint", "looks"))


def medium_of_path(path: str | Path, *, follow: bool = False) -> Medium:
    """Of what kind the thing at a path is, guessed without reading it: of files their suffix says it.

    What is followed while it is written is a timed capture.
    """
    if follow or is_timed_capture(path):
        return "timed capture"
    if is_capture(path):
        return "capture"
    is_moving = Path(path).is_dir() or Path(path).suffix.lower() in MOVING_SUFFIXES
    return "clip" if is_moving else "picture"


def check_takes(codec: AnyCodec, path: str | Path, *, follow: bool = False) -> None:
    """What lies at a path is of a medium that a codec takes.

    Raises:
        SignalError: it is of another, or nothing is there.
    """
    if is_passing(Path(path)):
        return  # What comes is told when it is there.
    if not Path(path).exists():
        raise SignalError(f"{path}: no such file or folder")
    medium = medium_of_path(path, follow=follow)
    if medium not in codec.signals:
        taken = " or ".join(f"a {name} ({LOOKS_LIKE[name]})" for name in codec.signals)
        raise SignalError(
            f"{path}: reads as a {medium}, but {codec.name} takes {taken}; for a {medium} leave --codec out"
        )


def _as_rgb(pixels: Any) -> np.ndarray:
    """Pixels with three channels; grey ones get three equal channels."""
    tensor = _as_array(pixels)
    array = np.asarray(pixels) if tensor is None else tensor
    if array.dtype != np.uint8:
        raise SignalError(
            f"expected uint8 pixels, got {array.dtype}; for floats in 0...1: (pixels * 255).round().astype(np.uint8)"
        )
    if array.ndim == 3 and array.shape[0] in (1, 3, 4) and array.shape[2] not in (1, 3):
        raise SignalError(
            f"expected pixels (h, w, 3), got {array.shape}: channels come last: pixels.transpose(1, 2, 0), of tensors "
            f"permute(1, 2, 0)"
        )
    if array.ndim == 2:
        array = array[:, :, None]
    if array.ndim == 3 and array.shape[2] == 1:
        array = np.repeat(array, 3, axis=2)
    return np.ascontiguousarray(array)
