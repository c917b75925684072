# SPDX-License-Identifier: Apache-2.0
"""YUV4MPEG2 files enter and leave: exact planes, and color tags that the format can carry.

The format has no place for the matrix. Where it is not what the height implies, our own extension tag
``XLAMINA_MATRIX=bt601`` says it; other readers skip X tags.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import BinaryIO

import numpy as np
from jaxtyping import UInt8

from lamina.data.clip import DEFAULT_FRAMES_PER_SECOND, Clip
from lamina.data.color import LUMA_WEIGHTS, ChromaSite, ColorInfo, default_color
from lamina.data.planar import MAX_SIDE_PX, FrameLayout, decode_frame, encode_frame
from lamina.errors import SignalError

MAGIC = b"YUV4MPEG2"
MAX_HEADER_BYTES = 1024
"""Longest header line accepted; real ones are under 150."""
MATRIX_TAG = "XLAMINA_MATRIX="

CHROMA_SITES: dict[str, ChromaSite] = {"": "center", "jpeg": "center", "mpeg2": "left", "paldv": "topleft"}
"""Suffix of ``C420`` to siting. Source: mjpegtools, yuv4mpeg(5)."""
SITE_SUFFIX: dict[ChromaSite, str] = {"center": "jpeg", "left": "mpeg2", "topleft": "paldv"}


def open_y4m(path: Path) -> Clip:
    """Read the header, find the frames, and decode them when they are asked for.

    Raises:
        SignalError: not a YUV4MPEG2 file, a kind of samples that we do not read, or no complete frame.
    """
    try:
        with path.open("rb") as file:
            layout, rate, notes = _read_header(file, path)
            offsets = _frame_offsets(file, path, layout)
    except OSError as error:
        raise SignalError(f"{path}: cannot be read: {error.strerror}") from error

    def decode(start: int, stop: int | None) -> Iterator[UInt8[np.ndarray, "h w 3"]]:
        with path.open("rb") as file:
            for offset in offsets[start:stop]:
                file.seek(offset)
                data = file.read(layout.size_bytes)
                if len(data) < layout.size_bytes:
                    raise SignalError(f"{path}: became shorter while it was read")
                yield decode_frame(data, layout)

    return Clip(layout.width, layout.height, rate, len(offsets), layout.color, decode, path, notes)


class Y4mWriter:
    """Writes frames to an open path one by one; the file is complete after each."""

    def __init__(self, path: Path, width: int, height: int, frames_per_second: Fraction, color: ColorInfo) -> None:
        self._color = color
        self._file = path.open("wb")
        self._file.write(header_line(width, height, frames_per_second, color))

    def write(self, frame: UInt8[np.ndarray, "h w 3"]) -> None:
        """Append a frame."""
        self._file.write(b"FRAME\n" + encode_frame(frame, self._color))

    def close(self) -> None:
        """Flush and close."""
        self._file.close()


def header_line(width: int, height: int, frames_per_second: Fraction, color: ColorInfo) -> bytes:
    """The first line of a file, with its newline."""
    names = {"420": "420" + SITE_SUFFIX[color.chroma_site], "400": "mono"}
    rate = f"{frames_per_second.numerator}:{frames_per_second.denominator}"
    tags = [f"W{width}", f"H{height}", f"F{rate}", "Ip", "A1:1", "C" + names.get(color.subsampling, color.subsampling)]
    tags.append(f"XCOLORRANGE={'FULL' if color.full_range else 'LIMITED'}")
    if color.matrix != default_color(height).matrix:
        tags.append(MATRIX_TAG + color.matrix)
    return " ".join([MAGIC.decode(), *tags]).encode() + b"\n"


def _read_header(file: BinaryIO, path: Path) -> tuple[FrameLayout, Fraction, tuple[str, ...]]:
    """Parse the first line; leaves `file` at the first frame."""
    line = file.readline(MAX_HEADER_BYTES)
    if not line.startswith(MAGIC + b" ") or not line.endswith(b"\n"):
        raise SignalError(f"{path}: not a YUV4MPEG2 file: expected it to begin with {MAGIC.decode()} and its tags")
    words = line.decode("ascii", errors="replace").split()[1:]
    tags = {word[0]: word[1:] for word in words if not word.startswith("X")}
    sides = [int(tags.get(name, "0")) if re.fullmatch(r"\d{1,6}", tags.get(name, "")) else 0 for name in "WH"]
    if not all(1 <= side <= MAX_SIDE_PX for side in sides):
        found = f"W{tags.get('W', '?')} H{tags.get('H', '?')}"
        raise SignalError(f"{path}: header gives {found}; expected a width and height of 1...{MAX_SIDE_PX} pixels")
    width, height = sides
    color, bits, notes = _read_color(tags.get("C", "420jpeg"), words, height, path)
    if tags.get("I", "p") not in ("p", "?"):
        notes.append("interlaced; fields are coded together as one frame")
    aspect = re.fullmatch(r"(\d{1,9}):(\d{1,9})", tags.get("A", ""))
    if aspect and int(aspect[1]) and int(aspect[2]) and int(aspect[1]) != int(aspect[2]):
        notes.append(f"pixels are {aspect[1]}:{aspect[2]} as wide as high, and are shown square")
    if bits > 8:
        notes.append(f"{bits} bits rounded to 8")
    return FrameLayout(width, height, color, bits), _read_rate(tags.get("F", ""), notes), tuple(notes)


def _read_color(chroma: str, words: list[str], height: int, path: Path) -> tuple[ColorInfo, int, list[str]]:
    """The C tag and the X tags: color, bits a sample, notes."""
    match = re.fullmatch(r"(420|422|444)(?:p(9|10|12|14|16))?|420(jpeg|mpeg2|paldv)|mono(9|10|12|14|16)?", chroma)
    if match is None:
        known = "C420jpeg C420mpeg2 C420paldv C422 C444 Cmono, and 9 to 16 bits (C420p10)"
        raise SignalError(f"{path}: samples of kind C{chroma}; expected one of {known}")
    notes: list[str] = []
    bits = int(match[2] or match[4] or 8)
    subsampling = "400" if chroma.startswith("mono") else chroma[:3]
    color = default_color(height, subsampling)  # pyright: ignore[reportArgumentType] - the pattern allows no other
    # Deeper formats have no siting suffix; they came with HEVC, which sits its chroma on the left.
    site = "left" if bits > 8 else CHROMA_SITES[match[3] or ""]
    matrix = next((word.removeprefix(MATRIX_TAG) for word in words if word.startswith(MATRIX_TAG)), None)
    if matrix is None or matrix not in LUMA_WEIGHTS:
        matrix = color.matrix
    full = any(word.upper() == "XCOLORRANGE=FULL" for word in words)
    return replace(color, matrix=matrix, full_range=full, chroma_site=site), bits, notes


def _read_rate(tag: str, notes: list[str]) -> Fraction:
    """The F tag; a missing or zero rate becomes the default, with a note."""
    match = re.fullmatch(r"(\d{1,9}):(\d{1,9})", tag)
    if match and int(match[1]) > 0 and int(match[2]) > 0:
        return Fraction(int(match[1]), int(match[2]))
    notes.append(f"no frame rate: taken as {DEFAULT_FRAMES_PER_SECOND}")
    return DEFAULT_FRAMES_PER_SECOND


def _frame_offsets(file: BinaryIO, path: Path, layout: FrameLayout) -> list[int]:
    """Where the samples of each complete frame begin. Stops, with a warning, at the first damage."""
    end = path.stat().st_size
    offsets: list[int] = []
    while line := file.readline(MAX_HEADER_BYTES):
        start = file.tell()
        if not line.startswith(b"FRAME") or not line.endswith(b"\n") or start + layout.size_bytes > end:
            problem = f"frame {len(offsets)} at byte {start - len(line)} is damaged or cut off"
            if not offsets:
                raise SignalError(
                    f"{path}: {problem}, and it is the first; expected {layout.size_bytes} bytes of samples"
                )
            warnings.warn(f"{path}: {problem}; {len(offsets)} frames before it are used", RuntimeWarning, stacklevel=4)
            break
        offsets.append(start)
        file.seek(layout.size_bytes, 1)
    if not offsets:
        raise SignalError(f"{path}: no frames after the header; expected at least one")
    return offsets
