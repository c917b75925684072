# SPDX-License-Identifier: Apache-2.0
"""Bytes of one raw frame enter, 8-bit RGB leaves, and back: what .y4m and .yuv files share."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import cast, get_args

import numpy as np
from jaxtyping import UInt8

from lamina.data.color import (
    ColorInfo,
    Subsampling,
    chroma_shape,
    reduce_full_scale,
    reduce_to_8_bits,
    rgb_to_yuv,
    yuv_to_rgb,
)

MAX_SIDE_PX = 65535
"""Width and height that a header may claim; the widest formats in use stop at 16384."""

PIXEL_FORMATS = "yuv420p, yuv422p, yuv444p, gray (each also with 10le, 12le, 16le), rgb24, bgr24"
"""What raw files may hold, in libav's names, for messages."""


@dataclass(frozen=True, slots=True)
class FrameLayout:
    """Where the samples of a raw frame lie."""

    width: int
    """Pixels."""
    height: int
    """Pixels."""
    color: ColorInfo
    bits: int = 8
    """Bits a sample; from 9 on, samples take two bytes, low byte first."""
    reversed_rgb: bool = False
    """Packed samples come blue first."""

    @property
    def size_bytes(self) -> int:
        """Bytes of one frame."""
        rows, columns = chroma_shape(self.height, self.width, self.color.subsampling)
        if self.color.matrix == "rgb":
            return 3 * self.height * self.width
        return (self.height * self.width + 2 * rows * columns) * (2 if self.bits > 8 else 1)


def parse_pixel_format(name: str) -> tuple[Subsampling, int, bool, bool] | None:
    """Subsampling, bits, is RGB, is blue first; None for a name that is not in `PIXEL_FORMATS`."""
    if name in ("rgb24", "bgr24"):
        return "444", 8, True, name == "bgr24"
    match = re.fullmatch(r"(?:yuv(420|422|444)p|(gray))(?:(9|10|12|14|16)le)?", name)
    if match is None:
        return None
    subsampling = match[1] or "400"
    assert subsampling in get_args(Subsampling)
    return cast(Subsampling, subsampling), int(match[3] or 8), False, False


def decode_frame(data: bytes, layout: FrameLayout) -> UInt8[np.ndarray, "h w 3"]:
    """One raw frame of exactly `layout.size_bytes` to RGB; more than 8 bits are rounded to 8 first."""
    height, width = layout.height, layout.width
    if layout.color.matrix == "rgb":
        packed = np.frombuffer(data, np.uint8).reshape(height, width, 3)
        return packed[..., ::-1].copy() if layout.reversed_rgb else packed.copy()
    samples = np.frombuffer(data, np.uint8 if layout.bits == 8 else "<u2")
    if layout.bits > 8:
        reduce = reduce_full_scale if layout.color.full_range else reduce_to_8_bits
        samples = reduce(samples, layout.bits)
    y = samples[: height * width].reshape(height, width)
    if layout.color.subsampling == "400":
        return yuv_to_rgb(y, None, None, layout.color)
    u, v = samples[height * width :].reshape(2, *chroma_shape(height, width, layout.color.subsampling))
    return yuv_to_rgb(y, u, v, layout.color)


def encode_frame(frame: UInt8[np.ndarray, "h w 3"], color: ColorInfo) -> bytes:
    """RGB to the bytes of one raw 8-bit planar frame."""
    return b"".join(plane.tobytes() for plane in rgb_to_yuv(frame, color) if plane is not None)
