# SPDX-License-Identifier: Apache-2.0
"""A folder of pictures enters as a clip, one picture a frame; and frames leave as a folder of PNG files."""

from __future__ import annotations

import re
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import numpy as np
from jaxtyping import UInt8

from lamina.data.clip import DEFAULT_FRAMES_PER_SECOND, Clip, check_frame
from lamina.data.color import RGB_COLOR
from lamina.data.image import WRITABLE, read_image
from lamina.errors import SignalError

FRAME_NAME = "frame_{:06d}.png"
FRAME_PATTERN = re.compile(r"frame_\d{6,}\.png")


def open_folder(path: Path, frames_per_second: Fraction = DEFAULT_FRAMES_PER_SECOND) -> Clip:
    """All pictures of a folder as one clip, in natural order of their names (2 before 10); other files are skipped.

    Raises:
        SignalError: there are no pictures; while reading: one is damaged, or has another size than the first.
    """
    pictures = sorted(
        (file for file in path.iterdir() if file.suffix.lower() in WRITABLE and not file.name.startswith(".")),
        key=lambda file: natural_key(file.name),
    )
    if not pictures:
        raise SignalError(f"{path}: no pictures in this folder; expected files named {' '.join(WRITABLE)}")
    first = read_image(pictures[0])

    def decode(start: int, stop: int | None) -> Iterator[UInt8[np.ndarray, "h w 3"]]:
        for number, picture in list(enumerate(pictures))[start:stop]:
            pixels = read_image(picture).pixels
            check_frame(pixels, first.pixels.shape, f"{picture}: frame {number}")
            yield pixels

    return Clip(first.width, first.height, frames_per_second, len(pictures), RGB_COLOR, decode, path)


def natural_key(name: str) -> list[tuple[int, int, str]]:
    """Sort key in which numbers inside a name count as numbers."""
    return [
        (0, int(part), "") if part.isdecimal() else (1, 0, part.lower()) for part in re.split(r"(\d+)", name) if part
    ]


class FolderWriter:
    """Writes frames as numbered PNG files to a new folder."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._count = 0
        path.mkdir()

    def write(self, frame: UInt8[np.ndarray, "h w 3"]) -> None:
        """Add a frame."""
        from PIL import Image

        Image.fromarray(frame).save(self._path / FRAME_NAME.format(self._count))
        self._count += 1

    def close(self) -> None:
        """Nothing to finish: each picture is complete once written."""


def may_replace(path: Path) -> bool:
    """True where `FolderWriter` may take this place: nothing there, or nothing but frames that it once wrote."""
    if not path.exists():
        return True
    return path.is_dir() and all(FRAME_PATTERN.fullmatch(file.name) for file in path.iterdir())
