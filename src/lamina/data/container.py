# SPDX-License-Identifier: Apache-2.0
"""Video files of any kind that libav reads enter; clips leave. Sound is ignored.

Y'CbCr planes are taken as the decoder made them and converted by `color`, never by swscale.
"""

from __future__ import annotations

import contextlib
import warnings
from collections.abc import Iterator
from fractions import Fraction
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import UInt8

from lamina.data.clip import DEFAULT_FRAMES_PER_SECOND, Clip, check_frame
from lamina.data.container_frame import color_of, to_rgb
from lamina.errors import SignalError

if TYPE_CHECKING:
    from av import VideoFrame
    from av.container import InputContainer
    from av.video.stream import VideoStream

HDR_TRANSFERS = {16: "PQ", 18: "HLG"}
"""AVColorTransferCharacteristic of high dynamic range. Source: ITU-T H.273, table 3."""

FORBIDDEN_FORMATS = {"hls", "concat", "dash", "tty", "applehttp"}
"""Demuxers that open other files or addresses named in the file, or take any text for a picture."""


def open_container(path: Path) -> Clip:
    """Decode the first frame to know what is inside, and the others when they are asked for.

    Rotation metadata is applied. A file that is damaged further on gives the frames before the damage, and a warning.

    Raises:
        SignalError: not a video file, no video stream, no frame that can be decoded, or a color that we do not read.
    """
    with opened_video(path) as (container, stream):
        first = next(_decoded(container, stream, path), None)
        if first is None:
            raise SignalError(f"{path}: the video stream has no frames that can be decoded; expected at least one")
        codec = stream.codec_context.name
        claimed = stream.frames or None
        rate = frame_rate(stream)
    notes: list[str] = []
    color = color_of(first, codec, path, notes)
    quarter_turns = quarter_turns_of(first)
    if quarter_turns:
        notes.append(f"rotated by {90 * quarter_turns} degrees counterclockwise, as the file says")
    if (transfer := HDR_TRANSFERS.get(int(first.color_trc or 0))) is not None:
        notes.append(f"{transfer} transfer: code values are kept and will look flat as sRGB")
    if rate is None:
        notes.append(f"no frame rate: taken as {DEFAULT_FRAMES_PER_SECOND}")
    stored = (first.height, first.width)
    height, width = stored[::-1] if quarter_turns % 2 else stored

    def decode(start: int, stop: int | None) -> Iterator[UInt8[np.ndarray, "h w 3"]]:
        with opened_video(path) as (container, stream):
            number = -1
            for number, frame in enumerate(islice(_decoded(container, stream, path), stop)):
                if number >= start:
                    if (frame.height, frame.width) != stored:
                        check_frame(
                            np.empty((frame.height, frame.width, 3), np.uint8), (*stored, 3), _place(path, number)
                        )
                    yield np.ascontiguousarray(np.rot90(to_rgb(frame, color, path), quarter_turns))
            # A cut-off file can also end without any error from libav.
            if claimed is not None and number + 1 < (claimed if stop is None else min(stop, claimed)):
                warnings.warn(f"{path}: {claimed} frames announced, {number + 1} found", RuntimeWarning, stacklevel=2)

    return Clip(width, height, rate or DEFAULT_FRAMES_PER_SECOND, claimed, color, decode, path, tuple(notes))


@contextlib.contextmanager
def opened_video(path: Path) -> Iterator[tuple[InputContainer, VideoStream]]:
    """The file and its first video stream.

    Raises:
        SignalError: not a video file, or one that leads to other files.
    """
    import av
    import av.error

    try:
        container = av.open(str(path), options={"protocol_whitelist": "file"})
    except (av.error.FFmpegError, OSError, ValueError) as error:
        raise SignalError(f"{path}: not a video file that libav reads ({error}); is it damaged or empty?") from error
    with container:
        if FORBIDDEN_FORMATS & set(container.format.name.split(",")):
            raise SignalError(
                f"{path}: a {container.format.name} file is a list or a text, not a video; give the video"
            )
        if not container.streams.video:
            kinds = ", ".join(sorted({stream.type for stream in container.streams})) or "nothing"
            raise SignalError(f"{path}: no video stream (found: {kinds})")
        stream = container.streams.video[0]
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


def frame_rate(stream: VideoStream) -> Fraction | None:
    """Mean rate if the file knows it, else libav's guess, else None."""
    for rate in (stream.average_rate, stream.guessed_rate, stream.base_rate):
        if rate is not None and 0 < rate < 1000:
            return Fraction(rate)
    return None


def quarter_turns_of(frame: VideoFrame) -> int:
    """Counterclockwise quarter turns that show the frame upright, 0...3."""
    return round(frame.rotation / 90) % 4


def _place(path: Path, number: int) -> str:
    return f"{path}: frame {number}"
