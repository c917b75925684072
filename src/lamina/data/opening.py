# SPDX-License-Identifier: Apache-2.0
"""A path enters, of a file or folder of any kind that we read; a `Picture` or a `Clip` leaves."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from pathlib import Path

from lamina.arriving import readable_file
from lamina.data.animation import count_frames, open_animation
from lamina.data.clip import DEFAULT_FRAMES_PER_SECOND, Clip, as_rate
from lamina.data.container import open_container, open_still
from lamina.data.folder import open_folder
from lamina.data.image import Picture, read_image
from lamina.data.raw_yuv import SUFFIXES as RAW_SUFFIXES
from lamina.data.raw_yuv import open_raw
from lamina.data.y4m import MAGIC, open_y4m
from lamina.errors import SignalError


def open_clip(
    path: str | Path,
    size: tuple[int, int] | None = None,
    pixel_format: str | None = None,
    frames_per_second: Fraction | float | None = None,
    frame_range: tuple[int, int | None] | None = None,
) -> Clip:
    """Open a moving picture: anything libav reads, .y4m, raw samples, an animated picture, a folder of pictures.

    `size` (width, height) and `pixel_format` are for raw samples. `frames_per_second` overrides what the source says.
    `frame_range` (start, stop) keeps these frames only. A still picture is a clip of one frame.

    Raises:
        SignalError: nothing there, not readable, no frames, or raw samples without a size.
    """
    path = readable_file(path)
    rate = None if frames_per_second is None else as_rate(frames_per_second)
    if not path.exists():
        raise SignalError(f"{path}: no such file or folder; expected a clip")
    if path.is_dir():
        clip = open_folder(path)
    elif size is not None or pixel_format is not None or path.suffix.lower() in RAW_SUFFIXES:
        clip = open_raw(path, size, pixel_format, rate or DEFAULT_FRAMES_PER_SECOND)
    elif _starts_with(path, MAGIC):
        clip = open_y4m(path)
    elif count_frames(path) > 0:
        clip = open_animation(path)
    else:
        clip = open_container(path)
    if rate is not None:
        clip = replace(clip, frames_per_second=rate)
    return clip if frame_range is None else clip.cut(*frame_range)


def open_signal(
    path: str | Path,
    size: tuple[int, int] | None = None,
    pixel_format: str | None = None,
    frames_per_second: Fraction | float | None = None,
    frame_range: tuple[int, int | None] | None = None,
) -> Picture | Clip:
    """A `Picture` if the file is a still, else a `Clip`; what is inside decides, not the suffix.

    The other parameters are those of `open_clip`. A `frame_range` asks for a clip, even of one frame.

    Raises:
        SignalError: as `read_image` and `open_clip`.
    """
    path = readable_file(path)
    asks_for_clip = size is not None or pixel_format is not None or frame_range is not None
    if not asks_for_clip and path.is_file() and path.suffix.lower() not in RAW_SUFFIXES:
        count = count_frames(path)
        if count == 1:
            return read_image(path)
        if count == 0 and _looks_like_picture(path) and not _starts_with(path, MAGIC):
            return read_image(path)
        if count == 0 and not _starts_with(path, MAGIC) and (still := open_still(path)) is not None:
            return still
    return open_clip(path, size, pixel_format, frames_per_second, frame_range)


def _looks_like_picture(path: Path) -> bool:
    """A suffix of pictures on a file that Pillow refuses: its error says more than libav's would."""
    return path.suffix.lower() in {".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff", ".jp2", ".jxl", ".ppm"}


def _starts_with(path: Path, magic: bytes) -> bool:
    try:
        with path.open("rb") as file:
            return file.read(len(magic)) == magic
    except OSError as error:
        raise SignalError(f"{path}: cannot be read: {error.strerror}") from error
