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
from lamina.data.container_writer import GIF_HIGHEST_RATE, MUXERS, GifWriter, X264Writer, x264_color
from lamina.data.folder import FolderWriter, may_replace
from lamina.data.y4m import Y4mWriter
from lamina.errors import SignalError


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
    ) -> None:
        """`lossless` asks H.264 for exact RGB (few players show it); the other formats do what they can anyway.

        `suffix` chooses instead of that of `path`: standard output (``-``) and pipes have none.

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
        self._rate = as_rate(frames_per_second)
        if suffix == ".gif" and self._rate > GIF_HIGHEST_RATE:
            limit = f"GIF holds at most {GIF_HIGHEST_RATE} frames a second"
            problem = f"{self.path}: {limit}: {float(self._rate):.4g} a second will play slower"
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
        height, width = self._shape[:2]
        suffix = self._suffix
        if suffix == "":
            return FolderWriter(partial)
        if suffix == ".y4m":
            return Y4mWriter(partial, width, height, self._rate, self.color)
        if suffix == ".gif":
            return GifWriter(partial, (width, height), self._rate)
        return X264Writer(partial, MUXERS[suffix], (width, height), self._rate, self.color)
