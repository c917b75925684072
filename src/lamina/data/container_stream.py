# SPDX-License-Identifier: Apache-2.0
"""An open container of libav enters; which stream is meant, how long it is, and what of it is not kept, leave."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lamina.data.color_space import HDR_TRANSFERS
from lamina.data.container_frame import has_alpha, is_float
from lamina.data.pace import usual_step
from lamina.errors import SignalError

if TYPE_CHECKING:
    from av import VideoFrame
    from av.container import InputContainer
    from av.video.stream import VideoStream

HIGHEST_RATE = 100_000
"""Of frames a second that a file may say; slow motion is shot at some thousands."""
GUESSED_RATE_BELOW = 1000
"""What libav guesses from single times may be the clock's own rate, 1000 or 90000."""

LOG_TRANSFERS = {9: "logarithmic", 10: "logarithmic"}
"""Curves that are left as they are, like those of high dynamic range. Source: ITU-T H.273, table 3."""


def video_stream(container: InputContainer, path: Path) -> VideoStream:
    """The film among the streams: the default one, else the first that moves; a cover is none.

    Raises:
        SignalError: there is no film.
    """
    from av.stream import Disposition

    films = [
        stream
        for stream in container.streams.video
        if not stream.disposition & (Disposition.attached_pic | Disposition.timed_thumbnails)
    ]
    if not films:
        kinds = ", ".join(sorted({stream.type for stream in container.streams})) or "nothing"
        if container.streams.video:
            raise SignalError(
                f"{path}: no video stream but a cover (found: {kinds}); give a video, or the picture alone"
            )
        raise SignalError(f"{path}: no video stream (found: {kinds})")
    # Of a codec that this libav does not know there is no decoder.
    films = [stream for stream in films if getattr(stream, "codec_context", None) is not None]
    if not films:
        raise SignalError(f"{path}: a video of a codec that libav does not know; re-encode it, as H.264")
    default = [stream for stream in films if stream.disposition & Disposition.default]
    return (default or films)[0]


def shown_frame_count(stream: VideoStream) -> int | None:
    """Frames that are announced, without those that an edit list hides; None: nobody says."""
    hidden = sum(entry.is_discard for entry in stream.index_entries) if stream.frames else 0
    return max(stream.frames - hidden, 0) or None


@dataclass(frozen=True, slots=True)
class ShownTimes:
    """When the frames of a stream are shown, in its own ticks."""

    starts_ticks: list[int]
    """Rising."""
    end_ticks: int
    """Of the last frame."""


def shown_times(container: InputContainer, stream: VideoStream) -> ShownTimes | None:
    """Times of all packets but those that an edit list hides; reads the whole file, decodes nothing.

    None: some say no time. Of a file that is damaged, times up to there.
    """
    import av.error

    found: list[tuple[int, int]] = []
    with contextlib.suppress(av.error.FFmpegError, OSError, ValueError):
        for packet in container.demux(stream):
            # An empty one ends the stream; discarded ones are before the start that an edit list sets.
            if packet.size == 0 or packet.is_discard:
                continue
            if packet.pts is None:
                return None
            found.append((packet.pts, packet.duration or 0))
    if not found:
        return None
    found.sort()
    starts = [start for start, _ in found]
    end = starts[-1] + (found[-1][1] or usual_step(starts))
    if "mov" in container.format.name.split(",") and stream.duration and starts[0] + stream.duration > starts[-1]:
        # There a packet's duration is to the next one that is decoded; how long all last is said.
        end = starts[0] + stream.duration
    return ShownTimes(starts, end)


def frame_rate(stream: VideoStream) -> Fraction | None:
    """Mean rate if the file knows it, else libav's guess, else None."""
    return next(iter(frame_rates(stream)), None)


def frame_rates(stream: VideoStream) -> list[Fraction]:
    """Mean rate if the file knows it, then libav's guesses."""
    rates = (
        (stream.average_rate, HIGHEST_RATE),
        (stream.guessed_rate, GUESSED_RATE_BELOW),
        (stream.base_rate, GUESSED_RATE_BELOW),
    )
    return [Fraction(rate) for rate, below in rates if rate is not None and 0 < rate < below]


def notes_of(container: InputContainer, stream: VideoStream, first: VideoFrame) -> list[str]:
    """What is not kept, or kept in another way, in words that matter."""
    notes: list[str] = []
    if len(container.streams.video) > 1:
        notes.append(f"stream {stream.index} of {len(container.streams.video)} video streams")
    if container.streams.audio:
        notes.append("sound is not kept")
    aspect = stream.sample_aspect_ratio
    if aspect is not None and aspect > 0 and aspect != 1:
        notes.append(f"pixels are {aspect.numerator}:{aspect.denominator} as wide as high, and are shown square")
    if first.interlaced_frame:
        notes.append("interlaced; fields are coded together as one frame")
    unkept: dict[int, str] = {**HDR_TRANSFERS, **LOG_TRANSFERS}
    if (transfer := unkept.get(int(first.color_trc or 0))) is not None:
        notes.append(f"{transfer} transfer: code values are kept and will look flat as sRGB")
    if is_float(first):
        notes.append("linear light converted to sRGB; what is brighter than white is white")
    metadata: Any = stream.metadata
    if has_alpha(first):
        notes.append("transparency, if any, laid over white")
    elif metadata.get("alpha_mode", metadata.get("ALPHA_MODE", "0")) == "1":
        notes.append("transparency is not kept")
    return notes
