# SPDX-License-Identifier: Apache-2.0
"""The frames of one camera's video file: read in order they are decoded once each, elsewhere from the key frame before.

Each track keeps its file open and its decoder where it stands, and of what was decoded the last frame alone: frame t of
all cameras, then frame t + 1, costs one frame of decoding each, and memory is that of one decoder a camera.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import UInt8

from lamina.data.captures.timed.capture import Mask
from lamina.data.captures.timed.tracks import read_mask
from lamina.data.captures.timed.video_index import VideoIndex
from lamina.data.color import ColorInfo
from lamina.data.container import opened_video
from lamina.data.container_frame import to_rgb
from lamina.data.orientation import orientation_of
from lamina.errors import SignalError

if TYPE_CHECKING:
    from av import VideoFrame
    from av.container import InputContainer
    from av.video.stream import VideoStream


class VideoTrack:
    """See `Track`. Safe to use from several threads."""

    def __init__(
        self,
        place: Path,
        index: VideoIndex,
        color: ColorInfo,
        mask_path_of: Callable[[int], Path | None] | None = None,
    ) -> None:
        self.place = place
        self._index = index
        self._color = color
        self._mask_path_of = mask_path_of
        self._lock = threading.Lock()
        self._open_file = contextlib.ExitStack()
        self._frames: Iterator[VideoFrame] | None = None
        self._last: VideoFrame | None = None
        self._last_number = -1
        self._is_sought = False

    @property
    def has_masks(self) -> bool:
        """See `Track`."""
        return self._mask_path_of is not None

    def is_transparent(self, frame: int) -> bool:
        """See `Track`; video is taken as opaque."""
        del frame
        return False

    def pixels(self, frame: int, background: tuple[int, int, int]) -> UInt8[np.ndarray, "h w 3"]:
        """See `Track`."""
        del background
        with self._lock:
            try:
                found = self._decoded(frame)
            except SignalError:
                self._close()
                raise
            return orientation_of(found).apply(to_rgb(found, self._color, self.place))

    def mask(self, frame: int) -> Mask | None:
        """See `Track`."""
        path = None if self._mask_path_of is None else self._mask_path_of(frame)
        return None if path is None else read_mask(path)

    def _decoded(self, frame: int) -> VideoFrame:
        """The frame, from where the decoder stands if that is before it and no key frame is nearer."""
        if self._last is not None and self._last_number == frame:
            return self._last
        key = self._index.key_before(frame)
        if self._frames is None or frame < self._last_number or key > int(self._index.times[self._last_number + 1]):
            self._start_at(key)
        found = self._next_at(int(self._index.times[frame]))
        if found is None and self._is_sought:
            # Demuxers seek by the order of decoding, and may land behind the key frame that was asked for.
            self._start_at(int(self._index.keys[0]))
            found = self._next_at(int(self._index.times[frame]))
        if found is None:
            raise SignalError(
                f"{self.place}: frame {frame} of {self._index.count} does not decode; the file is damaged: take frames "
                f"without it (--frames A:B), or copy the file again"
            )
        self._last, self._last_number = found, frame
        return found

    def _next_at(self, wanted: int) -> VideoFrame | None:
        """The frame of this time among those that come next; None: it does not come, or not whole."""
        assert self._frames is not None
        for found in self._frames:
            # Frames before the one that a seek was for may lean on others that were not decoded.
            if found.pts is not None and found.pts < wanted:
                continue
            return found if found.pts == wanted and not found.is_corrupt else None
        return None

    def _start_at(self, time: int) -> None:
        """Open the file anew, with the decoder before the key frame of this time."""
        self._close()
        container, stream = self._open_file.enter_context(opened_video(self.place))
        self._is_sought = time > int(self._index.keys[0])
        if self._is_sought:
            container.seek(time, stream=stream)
        self._frames = _decoded_frames(container, stream, self.place)

    def _close(self) -> None:
        self._open_file.close()
        self._frames, self._last, self._last_number = None, None, -1


def _decoded_frames(container: InputContainer, stream: VideoStream, path: Path) -> Iterator[VideoFrame]:
    """Frames in the order in which they are shown, to the end.

    Raises:
        SignalError: a packet does not decode.
    """
    import av.error

    try:
        for packet in container.demux(stream):
            yield from packet.decode()
    except (av.error.FFmpegError, OSError, ValueError) as error:
        raise SignalError(f"{path}: damaged: {error}; copy the file again, or take frames before (--frames)") from error
