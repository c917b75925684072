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
from lamina.data.resample import downsample_area
from lamina.errors import SignalError
from lamina.times import FrameSpan, FrameTimes, TimeSpan

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
    """Constant; the mean where frames have times of their own."""
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
    frame_times: FrameTimes | None = field(default=None, repr=False)
    """When each frame is shown; None: they are evenly spaced."""

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
        facts: tuple[object, ...] = (self.frames_per_second, self.frame_count)
        if self.frame_times is not None:
            facts += (self.frame_times,)
        return fingerprint_of(facts, next(self.frames(0, 1), None))

    @property
    def duration_s(self) -> Fraction | None:
        """None: unknown until read."""
        if self.frame_times is not None:
            return self.frame_times.duration_s
        return None if self.frame_count is None else self.frame_count / self.frames_per_second

    def paced(self, frames_per_second: Fraction) -> Clip:
        """The clip at a constant rate, whatever times its frames have."""
        return replace(self, frames_per_second=frames_per_second, frame_times=None)

    def looks(self) -> Iterator[Look]:
        """Every frame."""
        return (Look(number, Size(), pixels) for number, pixels in enumerate(self.frames()))

    def reduced(self, width: int, height: int) -> Clip:
        """The clip with fewer pixels, averaged over their areas.

        Raises:
            SignalError: it would be larger on an axis, or another shape by more than a pixel.
        """
        if (width, height) == (self.width, self.height):
            return self
        place, own = self.path or "clip", f"{self.width}x{self.height}"
        if not (1 <= width <= self.width and 1 <= height <= self.height):
            raise SignalError(f"{place}: {own} pixels cannot be reduced to {width}x{height}; expected at most {own}")
        if abs(width * self.height / self.width - height) > 1:
            fitting = f"{width}x{max(1, round(width * self.height / self.width))}"
            raise SignalError(f"{place}: {own} pixels do not have the shape of {width}x{height}; {fitting} has")
        source = self.decode

        def decode(first: int, last: int | None) -> Iterator[Frame]:
            for frame in source(first, last):
                averages = downsample_area(frame.astype(np.float32), height, width)
                yield np.clip(np.rint(averages), 0, 255).astype(np.uint8)

        note = f"reduced from {own} to {width}x{height}"
        return replace(self, width=width, height=height, decode=decode, notes=(*self.notes, note))

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
        times, rate = self.frame_times, self.frames_per_second
        if times is not None and start < times.frame_count:
            times = times.cut(start, stop)
            rate = times.mean_rate
        return replace(self, frame_count=known, decode=decode, frame_times=times, frames_per_second=rate)

    def cut_span(self, span: FrameSpan) -> Clip:
        """The clip of some frames alone, by their numbers or times.

        Raises:
            SignalError: the range is empty or starts after the end.
        """
        if not isinstance(span, TimeSpan):
            return self.cut(*span)
        start, stop = span.frames(self.frame_times, self.frames_per_second, self.frame_count)
        if (stop is not None and stop <= start) or (self.frame_count is not None and start >= self.frame_count):
            lasts = "" if self.duration_s is None else f"; the clip lasts {float(self.duration_s):.2f} s"
            raise SignalError(f"{self.path or 'clip'}: no frames in {span}{lasts}")
        return self.cut(start, stop)


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
