# SPDX-License-Identifier: Apache-2.0
"""Pictures of frames and views are decoded when they are asked for, and kept up to a number of bytes."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Generic, TypeVar

import numpy as np

PicturesT = TypeVar("PicturesT", bound="np.ndarray | None")

CACHE_BYTES = 1 << 29
"""512 MiB: 24 frames of 31 views of 640x360, or 5 frames of 21 views of 1352x1014. One frame must fit: fits look at it
many times."""

MASK_SHARE = 0.25
"""Of the bytes of pixels: a mask has a third of them."""


class FrameCache(Generic[PicturesT]):
    """Decoded pictures by frame and view, and always the last one. Safe to use from several threads.

    Frames are visited in order, views of a frame many times and in any order: room is made by forgetting the frame that
    was asked for longest ago, never one of the frame that is looked at now.
    """

    def __init__(self, decode: Callable[[int, int], PicturesT], limit_bytes: int) -> None:
        self._decode = decode
        self._limit_bytes = limit_bytes
        self._kept: dict[int, dict[int, PicturesT]] = {}
        self._kept_bytes = 0
        self._last: tuple[int, int, PicturesT] | None = None
        self._lock = threading.Lock()

    @property
    def size_bytes(self) -> int:
        """What is held now, the last picture included."""
        with self._lock:
            last = self._last
            is_apart = last is not None and last[1] not in self._kept.get(last[0], {})
            return self._kept_bytes + (_bytes_of(last[2]) if last is not None and is_apart else 0)

    def __call__(self, frame: int, view: int) -> PicturesT:
        """The picture; not to be written to."""
        with self._lock:
            if frame in self._kept:
                # Asked for last: dictionaries keep the order of insertion.
                self._kept[frame] = self._kept.pop(frame)
                if view in self._kept[frame]:
                    return self._kept[frame][view]
            if self._last is not None and self._last[:2] == (frame, view):
                return self._last[2]
        picture = self._decode(frame, view)
        if picture is not None:
            picture.setflags(write=False)
        with self._lock:
            self._keep(frame, view, picture)
            self._last = (frame, view, picture)
        return picture

    def _keep(self, frame: int, view: int, picture: PicturesT) -> None:
        # Nothing is found as fast again, and of nothing there is no end.
        if picture is None or view in self._kept.get(frame, {}):
            return
        wanted = _bytes_of(picture)
        while self._kept_bytes + wanted > self._limit_bytes:
            oldest = next((number for number in self._kept if number != frame), None)
            if oldest is None:
                return
            self._kept_bytes -= sum(_bytes_of(forgotten) for forgotten in self._kept.pop(oldest).values())
        self._kept.setdefault(frame, {})[view] = picture
        self._kept_bytes += wanted


def _bytes_of(picture: np.ndarray | None) -> int:
    return 0 if picture is None else picture.nbytes
