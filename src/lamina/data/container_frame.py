# SPDX-License-Identifier: Apache-2.0
"""One frame from libav, of any pixel format, enters; 8-bit RGB leaves, converted by `color`."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import UInt8

from lamina.data.color import (
    RGB_COLOR,
    ColorInfo,
    Matrix,
    chroma_shape,
    default_color,
    reduce_full_scale,
    reduce_to_8_bits,
    yuv_to_rgb,
)
from lamina.data.color_space import LINEAR
from lamina.data.image import WHITE
from lamina.data.pixel_formats import composite
from lamina.errors import SignalError

if TYPE_CHECKING:
    from av import VideoFrame

MATRICES: dict[int, Matrix] = {1: "bt709", 4: "fcc", 5: "bt601", 6: "bt601", 7: "smpte240m", 9: "bt2020"}
"""AVColorSpace to matrix. Source: ITU-T H.273, table 4."""
UNSPECIFIED = (2, 3)
UNTAGGED_RANGE, FULL_RANGE = 0, 2
"""AVCOL_RANGE_UNSPECIFIED and AVCOL_RANGE_JPEG."""
LIMITED_GRAY_CODECS = ("h264", "hevc", "av1", "vp9")
"""Codecs whose untagged luma is limited even when it stands alone; elsewhere gray is 0...255, as libav has it."""

CENTERED_CODECS = ("mjpeg", "mpeg1video")
"""Codecs whose 4:2:0 chroma sits in the middle; all others sit it on the left. libav's own tag is not in PyAV."""

FLOATS = ("gbrpf", "gbrapf", "grayf", "rgbf", "rgbaf", "yaf")
"""Beginnings of libav's names of floating point formats."""

PLANAR = re.compile(r"yuv(?P<kind>[ja]?)(?P<subsampling>420|422|444)p(?P<bits>\d+)?(?:le)?")
GRAY = re.compile(r"gray(?P<bits>\d+)?(?:le)?")
GBR = re.compile(r"gbr(?P<alpha>a?)p(?P<bits>\d+)?(?:le)?")

LOSSLESS_REPACKING = {
    "nv12": "yuv420p", "nv21": "yuv420p", "nv16": "yuv422p", "nv24": "yuv444p", "nv42": "yuv444p",
    "p010le": "yuv420p10le", "p012le": "yuv420p12le", "p016le": "yuv420p16le", "p210le": "yuv422p10le",
    "yuyv422": "yuv422p", "uyvy422": "yuv422p", "yvyu422": "yuv422p",
}  # fmt: skip
"""Interleaved formats to planar ones with the same samples."""


def color_of(frame: VideoFrame, codec: str, path: Path, notes: list[str]) -> ColorInfo:
    """How this frame's numbers mean colors; appends to `notes` what had to be assumed.

    Raises:
        SignalError: the matrix is one that we do not convert (YCgCo, ICtCp, constant luminance).
    """
    if frame.format.is_rgb or frame.format.name == "pal8" or is_float(frame):
        return RGB_COLOR
    name = _planar_name(frame)
    match = PLANAR.fullmatch(name)
    color = default_color(frame.height, match["subsampling"] if match else "400")  # pyright: ignore[reportArgumentType]
    tag = int(frame.colorspace or 0)
    if tag in UNSPECIFIED:
        matrix = color.matrix
    elif tag in MATRICES:
        matrix = MATRICES[tag]
    elif tag == 0 and match is None:
        matrix = color.matrix
    else:
        raise SignalError(f"{path}: color matrix number {tag} (H.273) is not one we convert; re-encode it as BT.709")
    if (bits := frame.format.components[0].bits) > 8:
        notes.append(f"{bits} bits rounded to 8")
    tagged = int(frame.color_range or 0)
    full = tagged == FULL_RANGE or (match is not None and match["kind"] == "j")
    if match is None and tagged == UNTAGGED_RANGE and codec not in LIMITED_GRAY_CODECS:
        full = True
        notes.append("gray without range tag: taken as full range")
    site = "center" if codec in CENTERED_CODECS else "left"
    return ColorInfo(matrix, full, color.subsampling, site)


def to_rgb(frame: VideoFrame, color: ColorInfo, path: Path) -> UInt8[np.ndarray, "h w 3"]:
    """Convert one frame; `color` is the clip's (`color_of` its first frame).

    Raises:
        SignalError: the pixel format changed to one with other chroma than `color` says.
    """
    if is_float(frame):
        return _light_pixels(frame)
    if frame.format.is_rgb or frame.format.name == "pal8":
        return _rgb_pixels(frame)
    name = _planar_name(frame)
    if name != frame.format.name:
        frame = frame.reformat(format=name)
    match = PLANAR.fullmatch(name) or GRAY.fullmatch(name)
    found = "400" if GRAY.fullmatch(name) else name.lstrip("yuvja")[:3]
    if match is None or found != color.subsampling:
        raise SignalError(
            f"{path}: pixel format changes to {frame.format.name}; expected 4:{color.subsampling} all through"
        )
    bits = int(match["bits"] or 8)
    size = (frame.height, frame.width)
    y = _plane(frame, 0, size, bits, color.full_range)
    if color.subsampling == "400":
        return yuv_to_rgb(y, None, None, color)
    shape = chroma_shape(frame.height, frame.width, color.subsampling)
    u, v = (_plane(frame, index, shape, bits, color.full_range) for index in (1, 2))
    pixels = yuv_to_rgb(y, u, v, color)
    if match.groupdict().get("kind") != "a":
        return pixels
    return composite(np.concatenate([pixels, _plane(frame, 3, size, bits, True)[..., None]], axis=2), WHITE)


def has_alpha(frame: VideoFrame) -> bool:
    """Whether pixels have an opacity, which is laid over white."""
    name = frame.format.name
    return name.startswith(("yuva", "gbrap", "rgba", "bgra", "argb", "abgr", "ya", "pal8"))


def is_float(frame: VideoFrame) -> bool:
    """Whether samples are floating point, which stands for linear light."""
    return frame.format.name.startswith(FLOATS)


def _planar_name(frame: VideoFrame) -> str:
    """The planar format to read this frame as; rare layouts (4:1:1, big-endian) go through 4:4:4."""
    name = frame.format.name
    if PLANAR.fullmatch(name) or GRAY.fullmatch(name):
        return name
    if name.startswith(("gray", "ya", "mono")):
        return "gray" if frame.format.components[0].bits <= 8 else "gray16le"
    deep = frame.format.components[0].bits > 8
    return LOSSLESS_REPACKING.get(name, "yuv444p16le" if deep else "yuv444p")


def _light_pixels(frame: VideoFrame) -> UInt8[np.ndarray, "h w 3"]:
    """Floating point samples of linear light, as sRGB; what is brighter than white is white."""
    # Rows from the bottom up (PFM) are turned around by a conversion to the other layout, not by one to the same.
    upside_down = any(plane.line_size < 0 for plane in frame.planes)
    name = "gbrapf32le" if has_alpha(frame) or upside_down else "gbrpf32le"
    if frame.format.name != name:
        frame = frame.reformat(format=name)
    size = (frame.height, frame.width)
    planes = [
        np.frombuffer(memoryview(plane), "<f4").reshape(-1, plane.line_size // 4)[: size[0], : size[1]]
        for plane in frame.planes
    ]
    pixels = LINEAR.light_to_srgb(np.stack([planes[2], planes[0], planes[1]], axis=2))
    if len(planes) < 4:
        return pixels
    alpha = (np.clip(np.nan_to_num(planes[3]), 0, 1) * 255 + 0.5).astype(np.uint8)
    return composite(np.concatenate([pixels, alpha[..., None]], axis=2), WHITE)


def _rgb_pixels(frame: VideoFrame) -> UInt8[np.ndarray, "h w 3"]:
    """RGB formats: planar ones directly, packed ones by a repacking that keeps the samples."""
    match = GBR.fullmatch(frame.format.name)
    if match is None:
        deep = frame.format.components[0].bits > 8
        has_alpha = len(frame.format.components) == 4 or frame.format.name == "pal8"
        name = ("gbrap" if has_alpha else "gbrp") + ("16le" if deep else "")
        frame = frame.reformat(format=name)
        match = GBR.fullmatch(name)
        assert match is not None
    bits = int(match["bits"] or 8)
    shape = (frame.height, frame.width)
    order = (2, 0, 1, 3) if match["alpha"] else (2, 0, 1)
    pixels = np.stack([_plane(frame, index, shape, bits, full_range=True) for index in order], axis=2)
    return composite(pixels, WHITE) if match["alpha"] else pixels


def _plane(
    frame: VideoFrame, index: int, shape: tuple[int, int], bits: int, full_range: bool
) -> UInt8[np.ndarray, "h w"]:
    """One plane without its row padding, reduced to 8 bits."""
    plane = frame.planes[index]
    sample_bytes = 2 if bits > 8 else 1
    rows = np.frombuffer(memoryview(plane), np.uint8 if bits <= 8 else "<u2")
    rows = rows.reshape(-1, plane.line_size // sample_bytes)[: shape[0], : shape[1]]
    if bits <= 8:
        return rows
    return reduce_full_scale(rows, bits) if full_range else reduce_to_8_bits(rows, bits)
