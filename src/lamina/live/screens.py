# SPDX-License-Identifier: Apache-2.0
"""Where a receiver's pictures go: a clip, a pipe that others read meanwhile, or a window."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np
from jaxtyping import UInt8

from lamina.data import ClipWriter
from lamina.data.color import default_color
from lamina.data.planar import encode_frame
from lamina.data.y4m import header_line
from lamina.errors import BackendUnavailable

STANDARD_OUTPUT = 1


class ClipScreen:
    """A file that has its name when the call is over; the rate is asked for with the first picture."""

    takes_all, is_closed = True, False

    def __init__(self, path: Path, frames_per_second: Callable[[], Fraction]) -> None:
        self._path, self._rate = path, frames_per_second
        self._open = contextlib.ExitStack()
        self._writer: ClipWriter | None = None
        self._before: np.ndarray | None = None

    def show(self, pixels: UInt8[np.ndarray, "h w 3"], repeats: int) -> None:
        """Write it."""
        if self._writer is None:
            height, width = pixels.shape[:2]
            self._writer = self._open.enter_context(ClipWriter(self._path, width, height, self._rate()))
        for _ in range(repeats if self._before is not None else 0):
            self._writer.write(self._before)  # pyright: ignore[reportArgumentType]
        self._writer.write(pixels)
        self._before = pixels

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool | None:
        return self._open.__exit__(kind, error, trace)


class PipeScreen:
    """YUV4MPEG2 on standard output, frame by frame. A context manager."""

    takes_all, is_closed = True, False

    def __init__(self, frames_per_second: Callable[[], Fraction], descriptor: int = STANDARD_OUTPUT) -> None:
        self._rate, self._before = frames_per_second, b""
        self._file = os.fdopen(os.dup(descriptor), "wb")

    def show(self, pixels: UInt8[np.ndarray, "h w 3"], repeats: int) -> None:
        """Write it; the reader has it at once."""
        height, width = pixels.shape[:2]
        color = default_color(height)
        if not self._before:
            self._file.write(header_line(width, height, self._rate(), color))
        frame = b"FRAME\n" + encode_frame(np.ascontiguousarray(pixels), color)
        for _ in range(repeats if self._before else 0):
            self._file.write(self._before)
        self._file.write(frame)
        self._file.flush()
        self._before = frame

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        with contextlib.suppress(BrokenPipeError):
            self._file.close()


class WindowScreen:
    """A window of the desktop. A context manager."""

    takes_all = False

    def __init__(self, title: str) -> None:
        """Open it.

        Raises:
            BackendUnavailable: there is no desktop, or Python came without tkinter.
        """
        try:
            import tkinter
        except ImportError as error:
            raise BackendUnavailable(
                "a window needs tkinter, which this Python came without (Debian: apt install python3-tk)"
            ) from error
        try:
            self._window: Any = tkinter.Tk()
        except tkinter.TclError as error:
            raise BackendUnavailable(f"no window can be opened: {error}; use --out FILE.mp4 or --out -") from error
        self._window.title(title)
        self._label: Any = tkinter.Label(self._window)
        self._label.pack()
        self._closed = False
        self._window.protocol("WM_DELETE_WINDOW", self._close)

    @property
    def is_closed(self) -> bool:
        """The user closed it; also gives the window its turn."""
        if not self._closed:
            self._window.update()
        return self._closed

    def show(self, pixels: UInt8[np.ndarray, "h w 3"], repeats: int) -> None:
        """Draw it."""
        from PIL import Image, ImageTk

        del repeats
        self._picture = ImageTk.PhotoImage(Image.fromarray(pixels), master=self._window)
        self._label.configure(image=self._picture)

    def _close(self) -> None:
        self._closed = True
        self._window.destroy()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if not self._closed:
            self._close()
