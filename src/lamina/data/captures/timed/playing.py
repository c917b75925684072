# SPDX-License-Identifier: Apache-2.0
"""A clip enters, its frames by number leave: a fit asks for one after the other, of all cameras in turn."""

from __future__ import annotations

from lamina.data.clip import Clip, Frame
from lamina.errors import SignalError

FORWARD_FRAMES = 64
"""Frames that are decoded to be skipped, rather than looked for anew."""


class Player:
    """Of one clip; holds a decoder that goes on from frame to frame."""

    def __init__(self, clip: Clip) -> None:
        self._clip = clip
        self._next, self._frames = 0, clip.frames()

    def __call__(self, frame: int) -> Frame:
        """Pixels of a frame.

        Raises:
            SignalError: the clip ends before, or cannot be decoded there.
        """
        if not self._next <= frame <= self._next + FORWARD_FRAMES:
            self._next, self._frames = frame, self._clip.frames(frame)
        while True:
            pixels = next(self._frames, None)
            if pixels is None:
                raise SignalError(f"{self._clip.path}: ends after {self._next} frames; expected frame {frame}")
            self._next += 1
            if self._next == frame + 1:
                return pixels
