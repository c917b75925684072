# SPDX-License-Identifier: Apache-2.0
"""Picture files of a capture enter; their sizes, as headers say, and their pixels, as they lie in the file, leave."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import UInt8

from lamina.data.container import open_still, opened_video
from lamina.data.image import EXIF_ORIENTATION, ORIENTATIONS, WRITABLE, opened
from lamina.data.pixel_formats import to_rgb8
from lamina.errors import SignalError

LIBAV_SUFFIXES = frozenset([".exr"])
"""Of pictures that libav reads and Pillow does not."""

PICTURE_SUFFIXES = frozenset([*WRITABLE, ".jxl", ".heic", ".heif", *LIBAV_SUFFIXES])


@dataclass(frozen=True)
class PictureSize:
    """What the header of a picture file says."""

    width: int
    height: int
    orientation: int
    """EXIF orientation, 1 if it has none."""


def picture_files(folder: Path) -> list[Path]:
    """All pictures under a folder, in order of their names."""
    found = (file for file in folder.rglob("*") if file.suffix.lower() in PICTURE_SUFFIXES and file.is_file())
    return sorted(file for file in found if not file.name.startswith("."))


def picture_size(path: Path) -> PictureSize:
    """Width and height as stored, without decoding.

    Raises:
        SignalError: missing, or no picture.
        BackendUnavailable: JPEG XL or HEIC without its plugin.
    """
    if _is_libavs(path):
        with opened_video(path) as (_, stream):
            return PictureSize(stream.codec_context.width, stream.codec_context.height, 1)
    with opened(path) as image:
        # EXIF may stand behind the pixels of a PNG: Pillow decodes them all to look there.
        known = image.format != "PNG" or "exif" in image.info
        orientation = image.getexif().get(EXIF_ORIENTATION, 1) if known else 1
        return PictureSize(image.width, image.height, orientation if orientation in ORIENTATIONS else 1)


def is_transparent(path: Path) -> bool:
    """Whether a picture has an alpha channel or a transparent color, by its header."""
    if _is_libavs(path):
        return False
    with opened(path) as image:
        return "A" in image.getbands() or "transparency" in image.info


def read_stored(path: Path, background: tuple[int, int, int]) -> UInt8[np.ndarray, "h w 3"]:
    """Pixels in sRGB, transparency over `background` (OpenEXR: over white); not turned as EXIF says.

    Raises:
        SignalError: missing, no picture, or damaged.
    """
    if _is_libavs(path):
        picture = open_still(path)
        if picture is None:
            raise SignalError(f"{path}: no single picture; expected one")
        return picture.pixels
    with opened(path) as image:
        pixels, _ = to_rgb8(image, path, background, [])
    return pixels


def _is_libavs(path: Path) -> bool:
    return path.suffix.lower() in LIBAV_SUFFIXES
