# SPDX-License-Identifier: Apache-2.0
"""8-bit RGB frames enter one by one; a .y4m, .mp4, .mkv, .mov or .gif file, or a folder of PNG files, leaves."""

from __future__ import annotations

import contextlib
import warnings
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import Protocol

import numpy as np
from jaxtyping import UInt8

from lamina.atomic import remove, replacing_path, write_errors
from lamina.data.clip import as_rate, check_frame
from lamina.data.color import ColorInfo, default_color
from lamina.data.container_writer import GIF_HIGHEST_RATE, MUXERS, Film, GifWriter, X264Writer, x264_color
from lamina.data.folder import FolderWriter, may_replace
from lamina.data.y4m import Y4mWriter
from lamina.errors import SignalError
from lamina.times import FrameTimes


class FrameSink(Protocol):
    """What every kind of output offers."""

    def write(self, frame: UInt8[np.ndarray, "h w 3"]) -> None:
        """Append a frame."""
        ...

    def close(self) -> None:
        """Finish the output."""
        ...


class ClipWriter:
    """Context manager that writes a clip; the path gets its name only when all went well.

    The suffix chooses: ``.y4m`` (exact planes), ``.mp4 .m4v .mkv .mov`` (x264, visually lossless, or lossless RGB),
    ``.gif`` (256 colors a frame), no suffix: a folder of PNG files (exact).

    `color` is how .y4m and H.264 store color (default: limited range, BT.709 from 720 lines on, else BT.601, 4:2:0
    sited left). H.264 stores odd sizes as 4:4:4, for it cannot crop half a chroma sample; `self.color` says what is.

        with ClipWriter("out.mp4", 352, 288, 25) as writer:
            writer.write(frame)
    """

    def __init__(
        self,
        path: str | Path,
        width: int,
        height: int,
        frames_per_second: Fraction | float,
        color: ColorInfo | None = None,
        *,
        lossless: bool = False,
        suffix: str | None = None,
        times: FrameTimes | None = None,
    ) -> None:
        """`lossless` asks H.264 for exact RGB (few players show it); the other formats do what they can anyway.

        `suffix` chooses instead of that of `path`: standard output (``-``) and pipes have none. `times` says when each
        frame is shown, where frames are not evenly spaced: .mp4, .m4v and .mov keep it exactly, .mkv to the nearest
        millisecond, .gif to 1/100 s; in .y4m, which has one rate, frames are repeated; a folder has no times.

        Raises:
            SignalError: the suffix is unknown, the rate or size is not positive, or the place is taken by other files.
        """
        self.path = Path(path)
        self.frame_count = 0
        self._suffix = suffix = (self.path.suffix if suffix is None else suffix).lower()
        if suffix not in ("", ".y4m", *MUXERS):
            known = " ".join((".y4m", *MUXERS))
            raise SignalError(
                f"{self.path}: no clip format has the suffix {suffix!r}; use {known}, or none for a folder"
            )
        if width < 1 or height < 1:
            raise SignalError(f"{self.path}: size {width}x{height}; expected at least 1x1 pixel")
        if suffix == "" and not may_replace(self.path):
            raise SignalError(f"{self.path}: exists and holds other files; remove it or choose another name")
        self._shape = (height, width, 3)
        self._film = Film(width, height, as_rate(frames_per_second), times)
        shortest_s = 1 / self._film.rate if times is None else times.shortest_s
        if suffix == ".gif" and shortest_s < 1 / GIF_HIGHEST_RATE:
            limit = f"GIF holds at most {GIF_HIGHEST_RATE} frames a second"
            problem = f"{self.path}: {limit}: {float(1 / shortest_s):.4g} a second will play slower"
            warnings.warn(problem, RuntimeWarning, stacklevel=2)
        if color is None or color.matrix == "rgb":
            color = default_color(height)
        in_h264 = suffix in MUXERS and suffix != ".gif"
        self.color = x264_color(color, width, height, lossless=lossless) if in_h264 else color

    def __enter__(self) -> ClipWriter:
        self._context = self._output()
        self._sink = self._context.__enter__()
        return self

    def write(self, frame: UInt8[np.ndarray, "h w 3"]) -> None:
        """Append a frame of the size that was announced.

        Raises:
            SignalError: the frame has another size or type.
            WriteError: the disk is full, or the place not writable.
        """
        check_frame(frame, self._shape, f"{self.path}: frame {self.frame_count}")
        with write_errors(self.path):
            self._sink.write(np.ascontiguousarray(frame))
        self.frame_count += 1

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool | None:
        return self._context.__exit__(kind, error, trace)

    @contextlib.contextmanager
    def _output(self) -> Iterator[FrameSink]:
        """Only what ended well, with at least one frame, takes the place of the old."""
        with replacing_path(self.path) as partial:
            with write_errors(self.path):
                sink = self._open_sink(partial)
            try:
                yield sink
            except BaseException:
                with contextlib.suppress(Exception):
                    sink.close()
                raise
            with write_errors(self.path):
                sink.close()
            if self.frame_count == 0:
                raise SignalError(f"{self.path}: not written: no frames were given")
            if self.path.is_dir():
                remove(self.path.resolve())

    def _open_sink(self, partial: Path) -> FrameSink:
        film, suffix = self._film, self._suffix
        if suffix == "":
            return FolderWriter(partial)
        if suffix == ".y4m" and film.times is not None:
            rate = repeating_rate(film.times)
            self._tell_repeats(film.times, rate)
            return RepeatingWriter(Y4mWriter(partial, film.width, film.height, rate, self.color), film.times, rate)
        if suffix == ".y4m":
            return Y4mWriter(partial, film.width, film.height, film.rate, self.color)
        if suffix == ".gif":
            return GifWriter(partial, film)
        return X264Writer(partial, MUXERS[suffix], film, self.color)

    def _tell_repeats(self, times: FrameTimes, rate: Fraction) -> None:
        off_s = max(
            abs(slot / rate - tick / times.ticks_per_second)
            for slot, tick in zip(times.slots(rate), times.ticks, strict=True)
        )
        near = f", each within {1000 * float(off_s):.1f} ms of its own time" if off_s else ""
        problem = f"{self.path}: YUV4MPEG2 has one rate for all frames: they are repeated, {float(rate):.4g} a second"
        warnings.warn(f"{problem}{near}", RuntimeWarning, stacklevel=3)


REPEATED_HIGHEST_RATE = Fraction(120)
"""Frames a second of a film that repeats frames to keep their times: more than screens show."""


def repeating_rate(times: FrameTimes) -> Fraction:
    """The rate at which every frame begins with a picture of a film; else one at which no frame is too short."""
    exact = times.reduced().ticks_per_second
    return exact if exact <= REPEATED_HIGHEST_RATE else as_rate(float(min(1 / times.shortest_s, REPEATED_HIGHEST_RATE)))


class RepeatingWriter:
    """Writes each frame as often as it takes at a constant rate."""

    def __init__(self, sink: FrameSink, times: FrameTimes, rate: Fraction) -> None:
        self._sink, self._slots, self._count = sink, times.slots(rate), 0

    def write(self, frame: UInt8[np.ndarray, "h w 3"]) -> None:
        """Append a frame, again and again."""
        for _ in range(self._slots[self._count + 1] - self._slots[self._count]):
            self._sink.write(frame)
        self._count += 1

    def close(self) -> None:
        """Finish the output."""
        self._sink.close()
