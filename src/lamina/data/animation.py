# SPDX-License-Identifier: Apache-2.0
"""Animated GIF, WebP, PNG and AVIF enter through Pillow as clips; a still picture is a clip of one frame."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import UInt8

from lamina.data.clip import DEFAULT_FRAMES_PER_SECOND, Clip, check_frame
from lamina.data.color import RGB_COLOR
from lamina.data.image import PAGED, WHITE, opened, read_image
from lamina.data.kinds import RawPhotograph
from lamina.data.pixel_formats import to_rgb8
from lamina.errors import SignalError

if TYPE_CHECKING:
    from PIL import Image

MOTION_JPEG = (".mjpeg", ".mjpg")
"""JPEG pictures one behind the other: the first of them reads like a picture."""


ONE_FRAME = "a still picture: one frame"


def count_frames(path: Path) -> int:
    """How many frames a picture file has; 0 if it is no picture that we read. Raises RawPhotograph."""
    if path.suffix.lower() in MOTION_JPEG:
        return 0
    try:
        with opened(path) as image:
            return 1 if image.format in PAGED else getattr(image, "n_frames", 1)
    except RawPhotograph:
        raise
    except SignalError:
        return 0


def open_animation(path: Path) -> Clip:
    """A clip from a picture file; frames last their mean duration, and transparency is laid over white.

    Raises:
        SignalError: not a picture that we read, or damaged.
    """
    count = max(count_frames(path), 1)
    if count == 1:
        picture = read_image(path)
        still = picture.pixels

        def repeat(start: int, stop: int | None) -> Iterator[UInt8[np.ndarray, "h w 3"]]:
            return iter([still][start:stop])

        return Clip(
            picture.width,
            picture.height,
            DEFAULT_FRAMES_PER_SECOND,
            1,
            RGB_COLOR,
            repeat,
            path,
            (*picture.notes, ONE_FRAME),
        )
    notes: list[str] = []
    with opened(path) as image:
        shape = (image.height, image.width, 3)
        rate = _mean_rate(image, count, notes)

    def decode(start: int, stop: int | None) -> Iterator[UInt8[np.ndarray, "h w 3"]]:
        with opened(path) as image:
            for number in range(start, count if stop is None else min(stop, count)):
                image.seek(number)
                pixels, _ = to_rgb8(image, path, WHITE, [])
                check_frame(pixels, shape, f"{path}: frame {number}")
                yield pixels

    return Clip(shape[1], shape[0], rate, count, RGB_COLOR, decode, path, tuple(notes))


def _mean_rate(image: Image.Image, count: int, notes: list[str]) -> Fraction:
    """Frames per second from the mean of all frames' durations; the default where the file gives none."""
    durations_ms: list[int] = []
    for number in range(count):
        image.seek(number)
        # WebP knows a frame's duration only once it is decoded.
        image.load()
        durations_ms.append(round(image.info.get("duration", 0)))
    if not (total_ms := sum(durations_ms)):
        notes.append(f"no frame rate: taken as {DEFAULT_FRAMES_PER_SECOND}")
        return DEFAULT_FRAMES_PER_SECOND
    if max(durations_ms) != min(durations_ms):
        span = f"{min(durations_ms)}...{max(durations_ms)} ms"
        notes.append(f"frames last {span}, and are shown evenly, each for {total_ms / count:.0f} ms")
    return Fraction(1000 * count, total_ms).limit_denominator(1001)
