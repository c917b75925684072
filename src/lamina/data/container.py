# SPDX-License-Identifier: Apache-2.0
"""Video files of any kind that libav reads enter; clips leave. Sound is ignored.

Y'CbCr planes are taken as the decoder made them and converted by `color`, never by swscale.
"""

from __future__ import annotations

import contextlib
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import UInt8

from lamina.data.clip import DEFAULT_FRAMES_PER_SECOND, Clip, check_frame
from lamina.data.color import ColorInfo
from lamina.data.color_space import ColorSpace, color_space_of
from lamina.data.container_frame import color_of, is_float, to_rgb
from lamina.data.container_stream import (
    frame_rates,
    notes_of,
    shown_frame_count,
    shown_times,
    video_stream,
)
from lamina.data.image import Picture
from lamina.data.libav_files import open_input
from lamina.data.orientation import Orientation, orientation_of
from lamina.data.pace import Pace, pace_of
from lamina.errors import SignalError
from lamina.times import FrameTimes

if TYPE_CHECKING:
    from av import VideoFrame
    from av.container import InputContainer
    from av.video.stream import VideoStream

FORBIDDEN_FORMATS = {"hls", "concat", "dash", "tty", "applehttp"}
"""Demuxers that open other files or addresses named in the file, or take any text for a picture."""


def open_container(path: Path) -> Clip:
    """Decode the first frame to know what is inside, and the others when they are asked for.

    Rotation and mirrors are applied, and other primaries than sRGB's converted. A file that is damaged further on gives
    the frames before the damage, and a warning.

    Raises:
        SignalError: not a video file, no video stream, no frame that can be decoded, or a color that we do not read.
    """
    with opened_video(path) as (container, stream):
        first = next(_decoded(container, stream, path), None)
        if first is None:
            raise SignalError(f"{path}: the video stream has no frames that can be decoded; expected at least one")
        claimed, counts_gaps = shown_frame_count(stream), "avi" in container.format.name.split(",")
        notes = notes_of(container, stream, first)
        shown = _Showing.of(first, stream.codec_context.name, path, notes)
    pace, count = _pace_of(path)
    # An .avi file has entries without a frame, where one is shown longer.
    claimed = count if counts_gaps and count else claimed
    if pace is None:
        notes.append(f"no frame rate: taken as {DEFAULT_FRAMES_PER_SECOND}")
        pace = Pace(DEFAULT_FRAMES_PER_SECOND, None)
    stored = (first.height, first.width)
    height, width = stored[::-1] if shown.orientation.swaps_sides else stored

    def decode(start: int, stop: int | None) -> Iterator[UInt8[np.ndarray, "h w 3"]]:
        with opened_video(path) as (container, stream):
            number, watch = -1, _Watch(path, pace.times)
            for number, frame in enumerate(islice(_decoded(container, stream, path), stop)):
                watch.add(frame)
                if number >= start:
                    if (frame.height, frame.width) != stored:
                        check_frame(
                            np.empty((frame.height, frame.width, 3), np.uint8), (*stored, 3), _place(path, number)
                        )
                    yield shown.pixels(frame)
            watch.warn()
            # A cut-off file can also end without any error from libav.
            if claimed is not None and number + 1 < (claimed if stop is None else min(stop, claimed)):
                warnings.warn(f"{path}: {claimed} frames announced, {number + 1} found", RuntimeWarning, stacklevel=2)

    return Clip(width, height, pace.rate, claimed, shown.color, decode, path, tuple(notes), pace.times)


def _pace_of(path: Path) -> tuple[Pace | None, int]:
    """Rate, and times of frames where it does not explain them; None: the file knows neither. How many it says."""
    with opened_video(path) as (container, stream):
        rates = frame_rates(stream)
        shown = shown_times(container, stream)
        tick_s = stream.time_base
    count = 0 if shown is None else len(shown.starts_ticks)
    if shown is None or tick_s is None or count < 2:
        return Pace(rates[0], None) if rates else None, count
    return pace_of(shown.starts_ticks, shown.end_ticks, tick_s, rates), count


def open_still(path: Path) -> Picture | None:
    """A picture of a kind that libav reads and Pillow does not (OpenEXR, Radiance, DPX); None: it is no single picture.

    Raises:
        SignalError: as `open_container`.
    """
    with opened_video(path) as (container, stream):
        if not container.format.name.endswith("_pipe"):
            return None
        frames = list(islice(_decoded(container, stream, path), 2))
        if len(frames) != 1:
            return None
        notes = notes_of(container, stream, frames[0])
        shown = _Showing.of(frames[0], stream.codec_context.name, path, notes)
        layout = frames[0].format
        return Picture(shown.pixels(frames[0]), path, layout.name, layout.components[0].bits, tuple(notes))


@dataclass(frozen=True, slots=True)
class _Showing:
    """From decoded frames to what is seen."""

    path: Path
    color: ColorInfo
    space: ColorSpace | None
    """None: sRGB, or taken as such."""
    orientation: Orientation

    @classmethod
    def of(cls, first: VideoFrame, codec: str, path: Path, notes: list[str]) -> _Showing:
        """What the first frame says; appends to `notes` what had to be changed."""
        color, orientation = color_of(first, codec, path, notes), orientation_of(first)
        space = None if is_float(first) else color_space_of(int(first.color_primaries or 2), int(first.color_trc or 2))
        if space is not None:
            notes.append(f"converted from {space.name} to sRGB")
        if (note := orientation.note()) is not None:
            notes.append(note)
        return cls(path, color, space, orientation)

    def pixels(self, frame: VideoFrame) -> UInt8[np.ndarray, "h w 3"]:
        """sRGB, upright."""
        pixels = to_rgb(frame, self.color, self.path)
        return self.orientation.apply(pixels if self.space is None else self.space.to_srgb(pixels))


class _Watch:
    """Watches what frames say of themselves as they pass, and tells it once."""

    def __init__(self, path: Path, times: FrameTimes | None) -> None:
        self._path, self._times = path, times
        self._first_s = Fraction(0)
        self._count = 0
        self._moved: int | None = None
        self._damaged: list[int] = []

    def add(self, frame: VideoFrame) -> None:
        """The next frame."""
        if frame.is_corrupt:
            self._damaged.append(self._count)
        if self._times is not None and frame.pts is not None and frame.time_base is not None:
            time_s = frame.pts * frame.time_base
            if self._count == 0:
                self._first_s = time_s
            known = self._times.time_s(min(self._count, self._times.frame_count))
            if self._moved is None and abs(time_s - self._first_s - known) > 1 / self._times.ticks_per_second:
                self._moved = self._count
        self._count += 1

    def warn(self) -> None:
        """What was met."""
        if self._damaged:
            several = f"frames {self._damaged[0]}...{self._damaged[-1]}" if len(self._damaged) > 1 else "frame"
            what = (
                f"{len(self._damaged)} of {several} are" if len(self._damaged) > 1 else f"frame {self._damaged[0]} is"
            )
            problem = f"{self._path}: {what} damaged and shown as far as they decode: copy the file again"
            warnings.warn(problem, RuntimeWarning, stacklevel=4)
        if self._moved is not None:
            problem = (
                f"{self._path}: frame {self._moved} is not shown when the file's packets say: times from there on "
            )
            problem += "are not its own; copy the file again, or give a rate (--fps)"
            warnings.warn(problem, RuntimeWarning, stacklevel=4)


@contextlib.contextmanager
def opened_video(path: Path) -> Iterator[tuple[InputContainer, VideoStream]]:
    """The file and its first video stream.

    Raises:
        SignalError: not a video file, or one that leads to other files.
    """
    import av.error

    try:
        container = open_input(path)
    except (av.error.FFmpegError, OSError, ValueError) as error:
        raise SignalError(f"{path}: not a video file that libav reads ({error}); is it damaged or empty?") from error
    with container:
        if FORBIDDEN_FORMATS & set(container.format.name.split(",")):
            raise SignalError(
                f"{path}: a {container.format.name} file is a list or a text, not a video; give the video"
            )
        stream = video_stream(container, path)
        # Threads by frame would report damage late, and lose the good frames that are still on their way.
        stream.thread_type = "SLICE"
        yield container, stream


def _decoded(container: InputContainer, stream: VideoStream, path: Path) -> Iterator[VideoFrame]:
    """Frames in order of presentation, up to the end or the first damage."""
    import av.error

    count = 0
    packets = container.demux(stream)
    damage: Exception | None = None
    while damage is None:
        frames: list[VideoFrame] = []
        try:
            packet = next(packets, None)
            if packet is None:
                return
            frames = packet.decode()
        except (av.error.FFmpegError, OSError, ValueError) as error:
            damage = error
            # Decoders hold frames back to reorder them; those before the damage are still good.
            with contextlib.suppress(av.error.FFmpegError):
                frames = stream.codec_context.decode(None)
        for frame in frames:
            yield frame
            count += 1
    if count == 0:
        raise SignalError(f"{path}: no frame can be decoded: {damage}; the file is damaged")
    warnings.warn(f"{path}: damaged after frame {count - 1}: {damage}", RuntimeWarning, stacklevel=2)


def _place(path: Path, number: int) -> str:
    return f"{path}: frame {number}"
