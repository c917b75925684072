# SPDX-License-Identifier: Apache-2.0
"""A picture file with 16 bits a sample enters; all 16 bits leave.

Pillow keeps the high byte of each sample, which is not the nearest 8-bit value. PNG is read by libav. TIFF comes in
more layouts (tiles, compressions, byte orders) than libav reads right, and Pillow reads them: asked for samples in the
other byte order, its high byte is the low one, so that two passes give both.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import UInt16

from lamina.data.libav_files import open_input
from lamina.errors import SignalError

if TYPE_CHECKING:
    from PIL import Image

DEEP_CHANNELS = {"gray16": 1, "ya16": 2, "rgb48": 3, "rgba64": 4}
"""libav's packed 16-bit formats without their byte order, and how many samples a pixel has."""

TIFF_PLANAR, IN_PLANES = 284, 2
"""Tag, and its value where each channel is stored apart."""

HIGH_BYTE_MODES = ("RGB;16", "RGBA;16", "RGBX;16", "RGBa;16", "CMYK;16")
"""Pillow's names for 16-bit samples of which it keeps one byte, without their byte order (L, B or N: the machine's)."""


def read_deep_png(path: Path) -> UInt16[np.ndarray, "h w c"]:
    """All samples of a 16-bit PNG: grey, grey and alpha, RGB, or RGBA.

    Raises:
        SignalError: it is damaged.
    """
    import av.error

    try:
        # As a stream of PNG: a name such as "shot%03d.png" would be taken for a sequence of files.
        with open_input(path, "png_pipe") as container:
            frame = next(container.decode(video=0))
    except (av.error.FFmpegError, StopIteration, IndexError) as error:
        raise SignalError(f"{path}: damaged 16-bit picture: {error}") from error
    name, order = frame.format.name[:-2], frame.format.name[-2:]
    channels = DEEP_CHANNELS.get(name)
    if channels is None:
        raise SignalError(
            f"{path}: 16-bit picture stored as {frame.format.name}; expected grey, RGB or RGBA: convert it"
        )
    plane = frame.planes[0]
    rows = np.frombuffer(memoryview(plane), ">u2" if order == "be" else "<u2")
    rows = rows.reshape(frame.height, plane.line_size // 2)
    samples = rows[:, : frame.width * channels].astype(np.uint16)
    return samples.reshape(frame.height, frame.width, channels)


def read_deep_tiff(image: Image.Image, path: Path, notes: list[str]) -> UInt16[np.ndarray, "h w c"]:
    """All samples of a 16-bit TIFF; `image` is not loaded yet.

    Alpha that colors were multiplied by is left in them. Of samples in planes Pillow gives the high byte only.

    Raises:
        SignalError: a layout that Pillow does not read.
    """
    from PIL import Image

    in_planes = getattr(image, "tag_v2", {}).get(TIFF_PLANAR, 1) == IN_PLANES
    if in_planes:
        high = np.asarray(_with_byte(image, path, high=True))
        notes.append("16 bits cut to 8")
        return high.astype(np.uint16) * 257
    notes.append("16 bits rounded to 8")
    with Image.open(path, formats=("TIFF",)) as again:
        again.seek(image.tell())
        low = np.asarray(_with_byte(again, path, high=False))
    high = np.asarray(_with_byte(image, path, high=True))
    return (high.astype(np.uint16) << 8) | low


def _with_byte(image: Any, path: Path, *, high: bool) -> Image.Image:
    """The image with the high or the low byte of each sample."""
    tiles = []
    for tile in image.tile:
        mode, *rest = tile.args if isinstance(tile.args, tuple) else (tile.args,)
        name, order = mode[:-1], mode[-1:]
        if name not in HIGH_BYTE_MODES:
            raise SignalError(f"{path}: 16-bit TIFF with samples stored as {mode}; expected RGB or RGBA, not in planes")
        if order == "N":
            order = "L" if sys.byteorder == "little" else "B"
        if not high:
            order = "B" if order == "L" else "L"
        # RGBa would have Pillow divide by alpha, byte by byte.
        tiles.append(tile._replace(args=(name.replace("a", "A") + order, *rest)))
    image.tile = tiles
    image.load()
    return image
