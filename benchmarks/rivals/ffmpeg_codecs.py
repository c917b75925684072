# SPDX-License-Identifier: Apache-2.0
"""8-bit RGB frames enter, a file of a video encoder leaves, and back: x264, x265 and SVT-AV1 through ffmpeg.

Colors are converted here, on both sides, by Lamina's own exact conversion, so that no scaler's rounding counts for or
against an encoder. Files are bare streams (no container), without the line of text that some encoders sign with.
"""

from __future__ import annotations

import shlex
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from types import MappingProxyType

import av
import numpy as np
from av.video.frame import PictureType
from benchmarks.rivals.curves import Pixels

from lamina.data import Clip, ClipWriter, ColorInfo, default_color, yuv_to_rgb
from lamina.errors import BackendUnavailable
from lamina.metrics import find_ffmpeg


@dataclass(frozen=True)
class VideoCodec:
    """An encoder with its settings; the rate is chosen by `crf`."""

    suffix: str
    """Of the bare stream."""
    options: tuple[str, ...]
    """ffmpeg's, between input and output."""
    crf: tuple[int, ...]
    """From high to low quality."""


_X264 = ("-c:v", "libx264", "-preset", "medium", "-threads", "1", "-bsf:v", "filter_units=remove_types=6")
_X265 = ("-c:v", "libx265", "-preset", "medium", "-x265-params", "info=0:pools=none:frame-threads=1:log-level=error")
_LOW_DELAY = ("-tune", "zerolatency")
"""No B-frames, no look-ahead: every frame can be sent when it is coded, as in Lamina's clips."""

VIDEO_CODECS: Mapping[str, VideoCodec] = MappingProxyType(
    {
        "x264": VideoCodec(".264", _X264, (20, 25, 30, 35, 40, 46)),
        "x264_low_delay": VideoCodec(".264", (*_X264, *_LOW_DELAY), (20, 25, 30, 35, 40, 46)),
        "x265": VideoCodec(".265", _X265, (20, 25, 30, 35, 40, 46)),
        "x265_low_delay": VideoCodec(".265", (*_X265, *_LOW_DELAY), (20, 25, 30, 35, 40, 46)),
        "svt_av1": VideoCodec(
            ".obu", ("-c:v", "libsvtav1", "-preset", "6", "-svtav1-params", "lp=1"), (20, 28, 36, 44, 52, 60)
        ),
    }
)
"""Key frames where each encoder wants them by default (only the first frame, in clips as short as these)."""


@dataclass(frozen=True)
class CodedClip:
    """What an encoder made."""

    path: Path
    command: str
    """As it was run; paths are file names alone."""
    encode_s: float

    @property
    def size_bytes(self) -> int:
        """Whole file."""
        return self.path.stat().st_size


def source_color(clip: Clip) -> ColorInfo:
    """The 4:2:0 that the encoders get: the clip's own, or what is usual for its size."""
    own = clip.color
    return own if own.subsampling == "420" and own.matrix != "rgb" else default_color(clip.height)


def write_source(clip: Clip, path: Path) -> None:
    """Write the frames as 4:2:0 for the encoders (.y4m).

    Raises:
        ValueError: odd size, which 4:2:0 encoders refuse.
    """
    if clip.width % 2 or clip.height % 2:
        raise ValueError(f"{clip.path}: {clip.width}x{clip.height}; x264, x265 and SVT-AV1 take even sizes in 4:2:0")
    with ClipWriter(path, clip.width, clip.height, clip.frames_per_second, source_color(clip)) as writer:
        for frame in clip:
            writer.write(frame)


def encode_video(source: Path, codec: VideoCodec, crf: int, folder: Path) -> CodedClip:
    """Encode a .y4m on one thread; the file is called after its settings.

    Raises:
        BackendUnavailable: no ffmpeg with this encoder.
    """
    path = folder / f"{source.stem}_{codec.options[1]}_{crf}{codec.suffix}"
    command = [*_quiet_ffmpeg(), "-i", str(source), *codec.options, "-crf", str(crf), "-an", str(path)]
    started = time.perf_counter()
    _run(command)
    shown = ["ffmpeg", "-i", source.name, *codec.options, "-crf", str(crf), path.name]
    return CodedClip(path, shlex.join(shown), time.perf_counter() - started)


def encode_at_rate(source: Path, codec: VideoCodec, kbps: float, folder: Path) -> CodedClip:
    """Encode a .y4m on one thread at a rate; the file is called after its settings.

    Raises:
        BackendUnavailable: no ffmpeg with this encoder.
    """
    path = folder / f"{source.stem}_{codec.options[1]}_{kbps:g}k{codec.suffix}"
    wanted = [*codec.options, "-b:v", f"{1000 * kbps:.0f}"]
    started = time.perf_counter()
    _run([*_quiet_ffmpeg(), "-i", str(source), *wanted, "-an", str(path)])
    return CodedClip(path, shlex.join(["ffmpeg", "-i", source.name, *wanted, path.name]), time.perf_counter() - started)


def decode_video(path: Path, width: int, height: int, color: ColorInfo) -> Iterator[Pixels]:
    """Frames of a file as 8-bit RGB, decoded by ffmpeg and converted by Lamina.

    Raises:
        BackendUnavailable: no ffmpeg that reads it.
    """
    raw = path.with_suffix(path.suffix + ".yuv")
    _run(
        [
            *_quiet_ffmpeg(),
            "-i",
            str(path),
            "-fps_mode",
            "passthrough",
            "-pix_fmt",
            "yuv420p",
            "-f",
            "rawvideo",
            str(raw),
        ]
    )
    try:
        luma, chroma = width * height, (width // 2) * (height // 2)
        with raw.open("rb") as file:
            while frame := file.read(luma + 2 * chroma):
                y, u, v = np.split(np.frombuffer(frame, np.uint8), [luma, luma + chroma])
                half = (height // 2, width // 2)
                yield yuv_to_rgb(y.reshape(height, width), u.reshape(half), v.reshape(half), color)
    finally:
        raw.unlink(missing_ok=True)


def bits_by_type(path: Path) -> dict[str, dict[str, float]]:
    """Frames and mean bits a frame of each picture type (I, P, B), by the type of the frame that a packet shows.

    An AV1 packet may carry hidden frames too; their bits count to the frame that it shows.
    """
    bits: dict[int, int] = {}
    types: dict[int, str] = {}
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        for number, packet in enumerate(container.demux(stream)):
            if packet.size:
                bits[number] = 8 * packet.size
                packet.pts = packet.dts = number
                packet.time_base = Fraction(1, 1000)
            for frame in packet.decode():
                assert frame.pts is not None, "decoders hand on the number that each packet was given above"
                types[frame.pts] = PictureType(frame.pict_type).name
    found: dict[str, list[int]] = {}
    for number, size in bits.items():
        found.setdefault(types.get(number, "P"), []).append(size)
    return {
        kind: {"frames": len(sizes), "bits_per_frame": round(sum(sizes) / len(sizes), 1)}
        for kind, sizes in sorted(found.items())
    }


def _quiet_ffmpeg() -> list[str]:
    return [str(find_ffmpeg()), "-y", "-nostdin", "-loglevel", "error"]


def _run(command: Sequence[str]) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise BackendUnavailable(f"{shlex.join(command)} failed: {done.stderr.strip()[-400:]}")
