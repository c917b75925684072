# SPDX-License-Identifier: Apache-2.0
"""8-bit RGB frames enter; H.264 in .mp4, .mkv, .mov or an animated .gif leaves, with color tags that players follow."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import UInt8

from lamina.data.color import ColorInfo, rgb_to_yuv
from lamina.data.libav_files import open_output
from lamina.errors import BackendUnavailable

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


class X264Writer:
    """Encodes frames with x264, visually or (RGB) exactly lossless."""

    def __init__(self, path: Path, muxer: str, size: tuple[int, int], rate: Fraction, color: ColorInfo) -> None:
        import av

        rgb = color.matrix == "rgb"
        codec = "libx264rgb" if rgb else "libx264"
        if codec not in av.codecs_available:
            raise BackendUnavailable(f"this build of PyAV has no {codec}: pip install --force-reinstall av")
        self._color, self._rate, self._count = color, rate, 0
        self._container = open_output(path, muxer)
        options = {"qp": "0"} if rgb else {"crf": CRF}
        self._stream = self._container.add_stream(codec, rate=rate, options=options)
        self._stream.width, self._stream.height = size
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
        picture.pts, picture.time_base = self._count, 1 / self._rate
        self._count += 1
        self._container.mux(self._stream.encode(picture))

    def close(self) -> None:
        """Flush the encoder and finish the file."""
        if self._count:
            self._container.mux(self._stream.encode(None))
        self._container.close()


GIF_HIGHEST_RATE = Fraction(50)
"""Frames a second. The format counts in 1/100 s, and players show anything shorter than 2 of them as 10."""


class GifWriter:
    """Encodes frames as GIF: 256 colors a frame, chosen for it, with diffusion of the error."""

    def __init__(self, path: Path, size: tuple[int, int], rate: Fraction) -> None:
        self._rate, self._count = min(rate, GIF_HIGHEST_RATE), 0
        self._container = open_output(path, "gif")
        self._stream = self._container.add_stream("gif", rate=self._rate)
        self._stream.width, self._stream.height = size
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
        picture.pts, picture.time_base = self._count, 1 / self._rate
        self._count += 1
        self._container.mux(self._stream.encode(picture))

    def close(self) -> None:
        """Flush the encoder and finish the file."""
        if self._count:
            self._container.mux(self._stream.encode(None))
        self._container.close()
