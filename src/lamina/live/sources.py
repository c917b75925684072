# SPDX-License-Identifier: Apache-2.0
"""A clip or a camera enters; pictures of the model's size leave, each when it is due, without those that are late."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from jaxtyping import UInt8

from lamina.data import Clip, downsample_area
from lamina.errors import SignalError

NEWEST_WAIT_S = 5.0
"""A camera that sends nothing for so long is gone."""


@dataclass(frozen=True, eq=False)
class Shot:
    """A picture at its time."""

    number: int
    """In frames of the stream's rate."""
    pixels: UInt8[np.ndarray, "h w 3"]
    seen_s: float
    """When it was there, on the clock that it was asked by."""


def fitted(pixels: UInt8[np.ndarray, "h w 3"], width: int, height: int) -> UInt8[np.ndarray, "height width 3"]:
    """Cut to a shape about the middle, then scaled down.

    Raises:
        SignalError: it has fewer pixels.
    """
    rows, columns = pixels.shape[:2]
    if (columns, rows) == (width, height):
        return pixels
    if rows < height or columns < width:
        raise SignalError(f"pictures of {columns}x{rows} pixels; the model has {width}x{height}: use a larger source")
    shape = min(columns / width, rows / height)
    cut_width, cut_height = round(width * shape), round(height * shape)
    top, left = (rows - cut_height) // 2, (columns - cut_width) // 2
    cut = pixels[top : top + cut_height, left : left + cut_width]
    smaller = downsample_area(cut.astype(np.float32), height, width)
    return np.clip(np.rint(smaller), 0, 255).astype(np.uint8)


def clip_shots(
    clip: Clip, size: tuple[int, int], *, every: bool = False, clock: Callable[[], float] = time.monotonic
) -> Iterator[Shot]:
    """A clip as if it were happening: each frame at its time, and none whose time is over.

    `every`: all frames, as fast as they are taken.
    """
    duration_s, began_s = float(1 / clip.frames_per_second), 0.0
    for number, pixels in enumerate(clip.frames()):
        now_s = clock()
        # Finding the first frame may take a while: it is the one that is on time.
        began_s = now_s if number == 0 else began_s
        due_s = began_s + number * duration_s
        if every:
            due_s = now_s
        elif now_s > due_s + duration_s:
            continue
        elif now_s < due_s:
            time.sleep(due_s - now_s)
        yield Shot(number, fitted(pixels, *size), due_s)


def camera_shots(
    frames: Iterator[UInt8[np.ndarray, "h w 3"]],
    size: tuple[int, int],
    frames_per_second: Fraction,
    clock: Callable[[], float] = time.monotonic,
) -> Iterator[Shot]:
    """Of what a camera takes, the newest whenever one is asked for."""
    newest = _Newest(frames, clock)
    began_s, last = clock(), -1
    while (found := newest.take()) is not None:
        pixels, seen_s = found
        number = round((seen_s - began_s) * float(frames_per_second))
        if number > last:
            last = number
            yield Shot(number, fitted(pixels, *size), seen_s)


class _Newest:
    """Takes from an iterator in a thread of its own, and keeps the last."""

    def __init__(self, frames: Iterator[np.ndarray], clock: Callable[[], float]) -> None:
        self._frames, self._clock = frames, clock
        self._found: tuple[np.ndarray, float] | None = None
        self._error: BaseException | None = None
        self._is_over = False
        self._news = threading.Condition()
        threading.Thread(target=self._run, daemon=True).start()

    def take(self) -> tuple[np.ndarray, float] | None:
        """The newest that was not taken yet; None: it is over."""
        with self._news:
            came = self._news.wait_for(lambda: self._found is not None or self._is_over, NEWEST_WAIT_S)
            if self._error is not None:
                raise self._error
            if not came:
                raise SignalError(f"the camera sent no picture for {NEWEST_WAIT_S:.0f} s; is it still there?")
            found, self._found = self._found, None
            return found

    def _run(self) -> None:
        try:
            for pixels in self._frames:
                with self._news:
                    self._found = pixels, self._clock()
                    self._news.notify()
        except BaseException as error:
            # It is raised again where pictures are taken.
            self._error = error
        with self._news:
            self._is_over = True
            self._news.notify()
