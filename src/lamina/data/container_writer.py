# SPDX-License-Identifier: Apache-2.0
"""8-bit RGB frames enter; H.264 in .mp4, .mkv, .mov or an animated .gif leaves, with color tags that players follow."""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import UInt8

from lamina.data.color import ColorInfo, rgb_to_yuv
from lamina.data.libav_files import open_output
from lamina.errors import BackendUnavailable
from lamina.times import FrameTimes

if TYPE_CHECKING:
    from av import VideoFrame

MUXERS = {".mp4": "mp4", ".m4v": "mp4", ".mkv": "matroska", ".mov": "mov", ".gif": "gif"}
"""Suffix to libav's container."""

CRF = "12"
"""x264's constant rate factor: visually lossless, since the file is to show what the codec did and nothing else."""

MATRIX_TAGS = {"rgb": 0, "bt709": 1, "fcc": 4, "bt601": 6, "smpte240m": 7, "bt2020": 9}
BT709_TAG = 1
"""Tag of primaries and of the transfer curve. Lamina's pixels are sRGB, which has BT.709's primaries whatever the
matrix. Source: ITU-T H.273."""


def x264_color(color: ColorInfo, width: int, height: int, *, lossless: bool) -> ColorInfo:
    """The color that a file will have: RGB if lossless; 4:4:4 at odd sizes, where H.264 cannot crop chroma."""
    if lossless:
        return ColorInfo("rgb", full_range=True, subsampling="444")
    if color.subsampling == "400" or (color.subsampling == "420" and color.chroma_site != "left"):
        color = replace(color, subsampling="420", chroma_site="left")
    odd_chroma = (width % 2 and color.subsampling != "444") or (height % 2 and color.subsampling == "420")
    return replace(color, subsampling="444") if odd_chroma else color


@dataclass(frozen=True, slots=True)
class Film:
    """How large frames are, and when they are shown."""

    width: int
    """Pixels."""
    height: int
    rate: Fraction
    """Frames per second."""
    times: FrameTimes | None = None
    """Of frames that are not evenly spaced; `rate` is their mean."""


class X264Writer:
    """Encodes frames with x264, visually or (RGB) exactly lossless."""

    def __init__(self, path: Path, muxer: str, film: Film, color: ColorInfo) -> None:
        import av

        rgb = color.matrix == "rgb"
        codec = "libx264rgb" if rgb else "libx264"
        if codec not in av.codecs_available:
            raise BackendUnavailable(f"this build of PyAV has no {codec}: pip install --force-reinstall av")
        self._color, self._count = color, 0
        self._times = film.times.reduced() if film.times is not None else FrameTimes.even(film.rate, 0)
        self._is_even = film.times is None
        self._container = open_output(path, muxer)
        options = {"qp": "0"} if rgb else {"crf": CRF}
        if not self._is_even:
            # How long a file lasts is counted in order of decoding: where frames differ, that must be of showing too.
            options["bf"] = "0"
        self._stream = self._container.add_stream(codec, rate=film.rate, options=options)
        self._stream.width, self._stream.height = film.width, film.height
        if not self._is_even:
            self._stream.time_base = self._stream.codec_context.time_base = 1 / self._times.ticks_per_second
        self._pixel_format = "rgb24" if rgb else f"yuv{color.subsampling}p"
        self._stream.pix_fmt = self._pixel_format
        context = self._stream.codec_context
        context.colorspace = MATRIX_TAGS[color.matrix]
        context.color_range = 2 if color.full_range else 1
        context.color_primaries = BT709_TAG
        context.color_trc = BT709_TAG

    def write(self, frame: UInt8[np.ndarray, "h w 3"]) -> None:
        """Encode a frame."""
        from av import VideoFrame

        height, width = frame.shape[:2]
        if self._color.matrix == "rgb":
            picture = VideoFrame.from_ndarray(frame, format="rgb24")
        else:
            picture = VideoFrame(width, height, self._pixel_format)
            for plane, samples in zip(picture.planes, rgb_to_yuv(frame, self._color), strict=True):
                assert samples is not None
                rows = np.frombuffer(memoryview(plane), np.uint8).reshape(-1, plane.line_size)
                rows[: samples.shape[0], : samples.shape[1]] = samples
        picture.pts = self._count if self._is_even else self._times.of_unit(self._count, 1).start_ticks
        picture.time_base = 1 / self._times.ticks_per_second
        self._count += 1
        self._mux(picture)

    def close(self) -> None:
        """Flush the encoder and finish the file."""
        if self._count:
            self._mux(None)
        self._container.close()

    def _mux(self, picture: VideoFrame | None) -> None:
        for packet in self._stream.encode(picture):
            if not self._is_even and packet.pts is not None:
                # The encoder does not know how long the last frame is shown.
                number = bisect_left(self._times.ticks, packet.pts)
                packet.duration = self._times.of_unit(number, 1).durations_ticks[0]
            self._container.mux(packet)


GIF_HIGHEST_RATE = Fraction(50)
"""Frames a second. The format counts in 1/100 s, and players show anything shorter than 2 of them as 10."""


GIF_TICKS_PER_SECOND = Fraction(100)


def _gif_starts(times: FrameTimes) -> list[int]:
    """When frames begin, and the last one ends, in hundredths of a second: to the nearest, two apart at least."""
    starts: list[int] = []
    for start in times.slots(GIF_TICKS_PER_SECOND):
        starts.append(max(start, starts[-1] + 2) if starts else start)
    return starts


class GifWriter:
    """Encodes frames as GIF: 256 colors a frame, chosen for it, with diffusion of the error."""

    def __init__(self, path: Path, film: Film) -> None:
        rate, self._count = min(film.rate, GIF_HIGHEST_RATE), 0
        self._starts: list[int] = []
        self._tick_s = 1 / rate
        options: dict[str, str] = {}
        if film.times is not None:
            self._starts, self._tick_s = _gif_starts(film.times), 1 / GIF_TICKS_PER_SECOND
            options = {"final_delay": str(self._starts[-1] - self._starts[-2])}
        self._container = open_output(path, "gif", options)
        self._stream = self._container.add_stream("gif", rate=rate)
        self._stream.width, self._stream.height = film.width, film.height
        if film.times is not None:
            self._stream.time_base = self._stream.codec_context.time_base = self._tick_s
        self._stream.pix_fmt = "pal8"

    def write(self, frame: UInt8[np.ndarray, "h w 3"]) -> None:
        """Encode a frame."""
        from av import VideoFrame
        from PIL import Image

        reduced = Image.fromarray(frame).quantize(256, method=Image.Quantize.MEDIANCUT)
        palette = np.zeros((256, 4), np.uint8)
        colors = np.asarray(reduced.getpalette(), np.uint8).reshape(-1, 3)
        palette[: len(colors), 1:] = colors
        palette[:, 0] = 255
        indexed: Any = (np.asarray(reduced), palette)  # PyAV's annotation knows no pairs
        picture = VideoFrame.from_ndarray(indexed, format="pal8")
        picture.pts = self._starts[self._count] if self._starts else self._count
        picture.time_base = self._tick_s
        self._count += 1
        self._container.mux(self._stream.encode(picture))

    def close(self) -> None:
        """Flush the encoder and finish the file."""
        if self._count:
            self._container.mux(self._stream.encode(None))
        self._container.close()
