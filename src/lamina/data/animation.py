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
from lamina.data.pace import Pace, pace_of
from lamina.data.pixel_formats import to_rgb8
from lamina.errors import SignalError
from lamina.times import FrameTimes, seconds_of

if TYPE_CHECKING:
    from PIL import Image

MOTION_JPEG = (".mjpeg", ".mjpg")
"""JPEG pictures one behind the other: the first of them reads like a picture."""


MAX_DELAY_DENOMINATOR = 0xFFFF
"""Of a PNG frame's delay. Source: W3C, PNG, fcTL."""
MILLISECOND = Fraction(1, 1000)
GIF_SHORTEST_S = Fraction(2, 100)
"""Shorter delays of GIF, which are mostly mistakes, are not taken at their word by browsers or libav."""
DEFAULT_DELAY_S = Fraction(1, 10)
"""What browsers and libav take instead. Source: FFmpeg, libavformat/gifdec.c, GIF_DEFAULT_DELAY."""

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
    """A clip from a picture file; each frame lasts as long as it says, and transparency is laid over white.

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
        pace = _pace(image, count, notes)

    def decode(start: int, stop: int | None) -> Iterator[UInt8[np.ndarray, "h w 3"]]:
        with opened(path) as image:
            for number in range(start, count if stop is None else min(stop, count)):
                image.seek(number)
                pixels, _ = to_rgb8(image, path, WHITE, [])
                check_frame(pixels, shape, f"{path}: frame {number}")
                yield pixels

    return Clip(shape[1], shape[0], pace.rate, count, RGB_COLOR, decode, path, tuple(notes), pace.times)


def _pace(image: Image.Image, count: int, notes: list[str]) -> Pace:
    """How long frames are shown, as the file says; the default rate where it does not."""
    durations_s: list[Fraction] = []
    starts_ms: list[int] = []
    for number in range(count):
        image.seek(number)
        # WebP knows a frame's duration only once it is decoded.
        image.load()
        # Of PNG a fraction with 16 bits above and below; of the others whole milliseconds.
        duration_s = Fraction(image.info.get("duration", 0) / 1000).limit_denominator(MAX_DELAY_DENOMINATOR)
        durations_s.append(max(duration_s, Fraction(0)))
        starts_ms.append(round(image.info.get("timestamp", 0)))
    if not sum(durations_s):
        notes.append(f"no frame rate: taken as {DEFAULT_FRAMES_PER_SECOND}")
        return Pace(DEFAULT_FRAMES_PER_SECOND, None)
    if image.format == "AVIF":
        # Each time is rounded for itself, and durations would add up the errors.
        return pace_of(starts_ms, starts_ms[-1] + round(1000 * durations_s[-1]), MILLISECOND, ())
    shortest_s = GIF_SHORTEST_S if image.format == "GIF" else MILLISECOND
    if short := sum(duration_s < shortest_s for duration_s in durations_s):
        those = "1 frame lasts" if short == 1 else f"{short} frames last"
        notes.append(f"{those} no time, or as good as none: shown for {float(DEFAULT_DELAY_S):g} s, as players do")
        durations_s = [DEFAULT_DELAY_S if duration_s < shortest_s else duration_s for duration_s in durations_s]
    if min(durations_s) == max(durations_s):
        return Pace(1 / durations_s[0], None)
    times = FrameTimes.of_seconds(seconds_of(durations_s))
    return Pace(times.mean_rate, times)
