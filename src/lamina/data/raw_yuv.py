# SPDX-License-Identifier: Apache-2.0
"""Headerless .yuv and .rgb files enter, with size and pixel format told by the caller; clips leave."""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
from jaxtyping import UInt8

from lamina.data.clip import DEFAULT_FRAMES_PER_SECOND, Clip, counted_frames
from lamina.data.color import RGB_COLOR, default_color
from lamina.data.planar import MAX_SIDE_PX, PIXEL_FORMATS, FrameLayout, decode_frame, parse_pixel_format
from lamina.errors import SignalError

SUFFIXES: dict[str, str] = {".yuv": "yuv420p", ".rgb": "rgb24", ".bgr": "bgr24", ".gray": "gray"}
"""Suffix to the pixel format that it means when none is given."""


def open_raw(
    path: Path,
    size: tuple[int, int] | None = None,
    pixel_format: str | None = None,
    frames_per_second: Fraction = DEFAULT_FRAMES_PER_SECOND,
) -> Clip:
    """A clip from a headerless file; `size` is (width, height) in pixels.

    Without `size`, a ``352x288`` in the file's name is taken. Color is `color.default_color` of the height.

    Raises:
        SignalError: the size is not known, the pixel format is unknown, or the file holds no whole frame.
    """
    notes: list[str] = []
    if size is None and (match := re.search(r"(?<!\d)(\d{1,5})x(\d{1,5})(?!\d)", path.stem)):
        size = int(match[1]), int(match[2])
        notes.append(f"size {size[0]}x{size[1]} taken from the file's name")
    if size is None:
        raise SignalError(f"{path}: raw samples carry no size; give it: --size WIDTHxHEIGHT (352x288)")
    if not all(1 <= side <= MAX_SIDE_PX for side in size):
        raise SignalError(f"{path}: size {size[0]}x{size[1]}; expected 1...{MAX_SIDE_PX} pixels a side")
    layout = _layout(path, size, pixel_format or SUFFIXES.get(path.suffix.lower(), "yuv420p"), notes)
    try:
        count, rest = divmod(path.stat().st_size, layout.size_bytes)
    except OSError as error:
        raise SignalError(f"{path}: cannot be read: {error.strerror}") from error
    if count == 0:
        raise SignalError(f"{path}: {rest} bytes, but one frame of {size[0]}x{size[1]} takes {layout.size_bytes}")
    if rest:
        warnings.warn(
            f"{path}: {counted_frames(count)} of {size[0]}x{size[1]} and {rest} bytes more, unused; is the size right?",
            RuntimeWarning,
            stacklevel=3,
        )

    def decode(start: int, stop: int | None) -> Iterator[UInt8[np.ndarray, "h w 3"]]:
        with path.open("rb") as file:
            for number in range(start, count if stop is None else min(stop, count)):
                file.seek(number * layout.size_bytes)
                data = file.read(layout.size_bytes)
                if len(data) < layout.size_bytes:
                    raise SignalError(f"{path}: became shorter while it was read")
                yield decode_frame(data, layout)

    return Clip(size[0], size[1], frames_per_second, count, layout.color, decode, path, tuple(notes))


def _layout(path: Path, size: tuple[int, int], pixel_format: str, notes: list[str]) -> FrameLayout:
    parsed = parse_pixel_format(pixel_format)
    if parsed is None:
        raise SignalError(f"{path}: pixel format {pixel_format!r}; expected one of {PIXEL_FORMATS}")
    subsampling, bits, is_rgb, reversed_rgb = parsed
    if is_rgb:
        return FrameLayout(size[0], size[1], RGB_COLOR, 8, reversed_rgb)
    color = replace(default_color(size[1]), subsampling=subsampling)
    notes.append(f"no color tags: taken as {color.matrix}, limited range")
    if bits > 8:
        notes.append(f"{bits} bits rounded to 8")
    return FrameLayout(size[0], size[1], color, bits)
