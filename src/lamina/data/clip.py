# SPDX-License-Identifier: Apache-2.0
"""A moving picture as the codecs see it: facts, and 8-bit RGB frames decoded when they are asked for.

Readers of files make `Clip`s (`opening.open_clip`); arrays in memory become one here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction
from itertools import islice
from pathlib import Path

import numpy as np
from jaxtyping import UInt8

from lamina.codec import Look, Medium, Size
from lamina.data.color import RGB_COLOR, ColorInfo
from lamina.data.fingerprint import fingerprint_of
from lamina.errors import SignalError

Frame = UInt8[np.ndarray, "h w 3"]

DEFAULT_FRAMES_PER_SECOND = Fraction(25)
"""For sources that carry no rate: folders of pictures, raw files, streams without timestamps."""


@dataclass(frozen=True)
class Clip:
    """A moving picture that can be read any number of times; memory does not grow with its length."""

    width: int
    """Pixels, as shown (rotation applied)."""
    height: int
    """Pixels, as shown (rotation applied)."""
    frames_per_second: Fraction
    """Constant; frames of a variable-rate source are shown at its mean rate."""
    frame_count: int | None
    """None: unknown until read (or what a container claims is missing)."""
    color: ColorInfo
    """How the source stores color; frames are RGB whatever it says."""
    decode: Callable[[int, int | None], Iterator[Frame]] = field(repr=False)
    """Start and stop (None: the end) -> frames of exactly height x width."""
    path: Path | None = None
    """Where it came from; None when it was made in memory."""
    notes: tuple[str, ...] = ()
    """What was assumed or changed, for people: missing tags, 10 bits rounded to 8, rotation."""

    def frames(self, start: int = 0, stop: int | None = None) -> Iterator[Frame]:
        """Decode frames start...stop-1 (to the end if None); fewer, if the clip ends before.

        Raises:
            SignalError: the file changed, frames change size, or nothing can be decoded.
            ValueError: start or stop is negative.
        """
        if start < 0 or (stop is not None and stop < 0):
            raise ValueError(f"expected frame numbers from 0, got {start}:{stop}")
        return self.decode(start, stop)

    def __iter__(self) -> Iterator[Frame]:
        return self.frames()

    @property
    def medium(self) -> Medium:
        """Frames in time."""
        return "clip"

    def fingerprint(self) -> str:
        """SHA-256 of its facts and its first frame."""
        return fingerprint_of((self.frames_per_second, self.frame_count), next(self.frames(0, 1), None))

    def looks(self) -> Iterator[Look]:
        """Every frame."""
        return (Look(number, Size(), pixels) for number, pixels in enumerate(self.frames()))

    def cut(self, start: int, stop: int | None = None) -> Clip:
        """The clip of frames start...stop-1 alone, renumbered from 0.

        Raises:
            SignalError: the range is empty or starts after the end.
        """
        if start < 0 or (stop is not None and stop <= start) or (self.frame_count or start + 1) <= start:
            length = "unknown length" if self.frame_count is None else counted_frames(self.frame_count)
            raise SignalError(f"{self.path or 'clip'}: no frames in {start}:{stop}; the clip has {length}")
        count = stop - start if stop is not None else None
        if self.frame_count is not None:
            count = min(self.frame_count, stop if stop is not None else self.frame_count) - start
        source = self.decode

        def decode(first: int, last: int | None) -> Iterator[Frame]:
            bounds = [start + last] if last is not None else []
            bounds += [stop] if stop is not None else []
            return source(start + first, min(bounds, default=None))

        known = count if self.frame_count is not None else None
        return replace(self, frame_count=known, decode=decode)


def clip_from_frames(
    frames: Sequence[Frame] | UInt8[np.ndarray, "t h w 3"],
    frames_per_second: Fraction | float = DEFAULT_FRAMES_PER_SECOND,
) -> Clip:
    """A clip of frames that are already in memory (a list, or an array (t, h, w, 3); uint8 RGB).

    Raises:
        SignalError: there are no frames, or one has another type, shape or size than the first.
    """
    if len(frames) == 0:
        raise SignalError("clip: no frames; expected at least one uint8 array (h, w, 3)")
    for number, frame in enumerate(frames):
        check_frame(frame, np.asarray(frames[0]).shape, f"clip: frame {number}")
    height, width = frames[0].shape[:2]

    def decode(start: int, stop: int | None) -> Iterator[Frame]:
        return islice(iter(frames), start, stop)

    return Clip(width, height, as_rate(frames_per_second), len(frames), RGB_COLOR, decode)


def counted_frames(count: int) -> str:
    """`1 frame`, `3 frames`."""
    return f"{count} frame" if count == 1 else f"{count} frames"


def check_frame(frame: np.ndarray, shape: tuple[int, ...], place: str) -> None:
    """Raise `SignalError` unless `frame` is uint8 of `shape` (h, w, 3), at least 1x1; `place` begins the message."""
    if frame.dtype != np.uint8 or frame.ndim != 3 or frame.shape[2] != 3 or 0 in frame.shape:
        raise SignalError(f"{place}: expected uint8 pixels (h, w, 3), got {frame.dtype} {frame.shape}")
    if frame.shape != shape:
        raise SignalError(
            f"{place}: {frame.shape[1]}x{frame.shape[0]} pixels, but the clip began with {shape[1]}x{shape[0]}; "
            f"all frames must have one size: scale them, or cut the clip there"
        )


def as_rate(frames_per_second: Fraction | float) -> Fraction:
    """A frame rate as a fraction; 29.97 and the like become n/1001.

    Raises:
        SignalError: the rate is not a positive number.
    """
    value = float(frames_per_second)
    if not 0 < value < 1e6:
        raise SignalError(f"frame rate {frames_per_second}: expected a positive number of frames per second")
    if isinstance(frames_per_second, Fraction):
        return frames_per_second
    ntsc = Fraction(round(value) * 1000, 1001)
    if value != round(value) and ntsc and abs(float(ntsc) - value) < 0.005:
        return ntsc
    return Fraction(value).limit_denominator(1001)
