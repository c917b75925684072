# SPDX-License-Identifier: Apache-2.0
"""A picture opened by Pillow enters; what its file says of color leaves: a profile, a color space, or nothing (sRGB).

In order of precedence: cICP, a profile, sRGB, gAMA and cHRM of PNG (PNG, third edition, 4.3); a profile, nclx of AVIF
and HEIF; a profile, EXIF's Adobe RGB of JPEG and TIFF.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from lamina.data.color_space import BT709, D65, HDR_TRANSFERS, Chromaticities, ColorSpace, color_space_of

if TYPE_CHECKING:
    from PIL import Image

PNG_SIGNATURE_BYTES = 8
PNG_PIXELS = (b"IDAT", b"IEND")

GAMMA_OF_SRGB = (0.43, 0.48)
"""gAMA (exponent of encoding) that stands for sRGB's curve: 1/2.2, and what programs round it to."""

BOXES = {b"meta": 4, b"iprp": 0, b"ipco": 0}
"""Boxes of AVIF and HEIF on the way to color, and bytes before what they hold. Source: ISO/IEC 23008-12."""
MOST_BOX_BYTES = 1 << 20
"""Longest `meta` box that is searched."""

EXIF_INTEROPERABILITY = 0xA005
ADOBE_RGB_INDEX = "R03"
"""Interoperability index of Adobe RGB. Source: DCF 2.0, 3.6."""
ADOBE_RGB = ColorSpace("Adobe RGB", (0.64, 0.33, 0.21, 0.71, 0.15, 0.06, *D65), 563 / 256)
"""Source: Adobe RGB (1998) Color Image Encoding, 4.3."""


@dataclass(frozen=True, slots=True)
class PictureColor:
    """At most one of profile and space."""

    profile: bytes | None = None
    """ICC."""
    space: ColorSpace | None = None
    limited: bool = False
    """Black is at 16/255 and white at 235/255 of the samples' range."""


def picture_color(image: Image.Image, path: Path, notes: list[str]) -> PictureColor:
    """What the file says; a note where that is of high dynamic range, which is not converted."""
    profile = image.info.get("icc_profile") or None
    if image.format == "PNG":
        return _png_color(image, path, profile, notes)
    if profile:
        return PictureColor(profile)
    if image.format in ("AVIF", "HEIF"):
        primaries, transfer = _nclx(path)
        return PictureColor(space=_coded(primaries, transfer, notes))
    exif: Any = image.getexif().get_ifd(EXIF_INTEROPERABILITY) if image.format in ("JPEG", "MPO", "TIFF") else {}
    is_adobe = str(exif.get(1, "")).startswith(ADOBE_RGB_INDEX)
    return PictureColor(space=ADOBE_RGB if is_adobe else None)


def _png_color(image: Image.Image, path: Path, profile: bytes | None, notes: list[str]) -> PictureColor:
    with path.open("rb") as file:
        chunks = dict(_png_chunks(file))
    coded = chunks.get(b"cICP", b"")
    if len(coded) == 4:
        return PictureColor(space=_coded(coded[0], coded[1], notes), limited=coded[3] == 0)
    if profile or b"sRGB" in chunks:
        return PictureColor(profile)
    gamma, chromaticities = image.info.get("gamma"), image.info.get("chromaticity")
    # White comes first in Pillow's.
    known: Chromaticities = (*chromaticities[2:], *chromaticities[:2]) if chromaticities else BT709
    if min(known[1::2]) <= 0:
        known = BT709
    like_srgb = not gamma or GAMMA_OF_SRGB[0] <= gamma <= GAMMA_OF_SRGB[1]
    if like_srgb and max(abs(a - b) for a, b in zip(known, BT709, strict=True)) < 0.002:
        return PictureColor()
    power = None if like_srgb or not gamma else 1 / gamma
    return PictureColor(space=ColorSpace("the gamma and primaries of the PNG file", known, power))


def _png_chunks(file: BinaryIO) -> Iterator[tuple[bytes, bytes]]:
    """Name and content of the chunks before the pixels, as far as they are short."""
    file.seek(PNG_SIGNATURE_BYTES)
    while len(head := file.read(8)) == 8:
        size_bytes, name = struct.unpack(">I4s", head)
        if name in PNG_PIXELS:
            return
        yield name, file.read(size_bytes) if size_bytes <= 256 else b""
        file.seek(4 if size_bytes <= 256 else size_bytes + 4, 1)


def _nclx(path: Path) -> tuple[int, int]:
    """Primaries and transfer of the first `colr` box of kind nclx; unspecified (2) where there is none."""
    with path.open("rb") as file:
        data = file.read(MOST_BOX_BYTES)
    for body in _boxes(data):
        if body[:4] == b"nclx" and len(body) >= 8:
            primaries, transfer = struct.unpack(">HH", body[4:8])
            return primaries, transfer
    return 2, 2


def _boxes(data: bytes) -> Iterator[bytes]:
    """What each `colr` box holds, however deep."""
    start = 0
    while start + 8 <= len(data):
        size_bytes, name = struct.unpack(">I4s", data[start : start + 8])
        end = start + size_bytes if size_bytes >= 8 else len(data)
        body = data[start + 8 : end]
        if name == b"colr":
            yield body
        elif name in BOXES:
            yield from _boxes(body[BOXES[name] :])
        start = end


def _coded(primaries: int, transfer: int, notes: list[str]) -> ColorSpace | None:
    if transfer in HDR_TRANSFERS:
        notes.append(f"{HDR_TRANSFERS[transfer]} transfer: code values are kept and will look flat as sRGB")
    return color_space_of(primaries, transfer)
