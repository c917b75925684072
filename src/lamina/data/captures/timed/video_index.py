# SPDX-License-Identifier: Apache-2.0
"""A video file enters; when each of its frames is shown, and where decoding can begin, leave. Nothing is decoded."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import numpy as np
from jaxtyping import Int64

from lamina.data.container import opened_video
from lamina.data.container_stream import frame_rate
from lamina.errors import SignalError

DROPPED_GAP = 1.5
"""In usual distances of frames: where two are further apart a camera has dropped one."""


@dataclass(frozen=True, eq=False)
class VideoIndex:
    """The frames of a video in the order in which they are shown."""

    times: Int64[np.ndarray, " t"]
    """In units of `time_base`, rising."""
    keys: Int64[np.ndarray, " k"]
    """Times of the frames from which decoding can begin."""
    time_base: Fraction
    """Seconds."""
    frames_per_second: Fraction | None
    """Mean; None: the file does not know."""

    @property
    def count(self) -> int:
        """Of frames."""
        return len(self.times)

    @property
    def start_s(self) -> float:
        """When its first frame is shown."""
        return float(self.times[0] * self.time_base)

    def key_before(self, frame: int) -> int:
        """The time of the last frame at or before this one from which decoding can begin."""
        place = int(np.searchsorted(self.keys, self.times[frame], side="right")) - 1
        return int(self.keys[max(place, 0)])


def index_of(path: Path) -> VideoIndex:
    """Read the times of all packets.

    Raises:
        SignalError: not a video, or one whose packets have no times, or twice the same.
    """
    import av.error

    times: list[int] = []
    keys: list[int] = []
    with opened_video(path) as (container, stream):
        try:
            for packet in container.demux(stream):
                # An empty one ends the stream; discarded ones are before the start that an edit list sets.
                if packet.size == 0 or packet.is_discard:
                    continue
                if packet.pts is None:
                    raise SignalError(
                        f"{path}: packet {len(times)} says no time; expected a file that does: "
                        f"ffmpeg -i {path.name} -c:v libx264 -qp 0 {path.stem}.mp4"
                    )
                times.append(packet.pts)
                keys += [packet.pts] if packet.is_keyframe else []
        except (av.error.FFmpegError, OSError) as error:
            raise SignalError(f"{path}: damaged after packet {len(times)}: {error}") from error
        if not times or not keys:
            raise SignalError(f"{path}: the video stream has no frames; expected at least one that starts decoding")
        assert stream.time_base is not None
        found = VideoIndex(
            np.array(sorted(times), np.int64), np.array(sorted(keys), np.int64), stream.time_base, frame_rate(stream)
        )
    twice = np.flatnonzero(np.diff(found.times) == 0)
    if len(twice):
        raise SignalError(
            f"{path}: frames {twice[0]} and {twice[0] + 1} are shown at the same time; expected one a time"
        )
    return found


def dropped_frame(index: VideoIndex) -> int | None:
    """The first frame that comes later than frames usually do; None: all come in time."""
    gaps = np.diff(index.times)
    late = np.flatnonzero(gaps > DROPPED_GAP * np.median(gaps)) if len(gaps) else gaps
    return int(late[0]) + 1 if len(late) else None
