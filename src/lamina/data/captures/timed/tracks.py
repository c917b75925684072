# SPDX-License-Identifier: Apache-2.0
"""What one camera recorded: the pictures of its frames as they lie in files, and its masks."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

import numpy as np
from jaxtyping import UInt8

from lamina.data.captures.picture_files import is_transparent, read_stored
from lamina.data.captures.timed.capture import Mask
from lamina.data.image import opened
from lamina.data.pixel_formats import apply_orientation

MASK_FOLDERS = ("seg", "masks")
"""Beside the pictures; a folder a camera in them. Source of the first: Dynamic3DGaussians, train.py, get_dataset."""

LABELS = 1
"""A mask with nothing above it holds labels 0 and 1; others hold levels, of which the upper half is foreground."""
MIDDLE_LEVEL = 127


class Track(Protocol):
    """The pictures of a camera by frame, in the lens's own size."""

    @property
    def place(self) -> Path:
        """Its file or folder, for messages."""
        ...

    @property
    def has_masks(self) -> bool:
        """Whether any frame may have one."""
        ...

    def is_transparent(self, frame: int) -> bool:
        """Whether its picture has an alpha channel. Raises `SignalError`: it is missing, or none."""
        ...

    def pixels(self, frame: int, background: tuple[int, int, int]) -> UInt8[np.ndarray, "h w 3"]:
        """As the camera saw it. Raises `SignalError`: it is missing or does not decode."""
        ...

    def mask(self, frame: int) -> Mask | None:
        """Foreground; None: there is none. Raises `SignalError`: it does not decode."""
        ...


@dataclass(frozen=True)
class PictureTrack:
    """A picture file a frame."""

    place: Path
    path_of: Callable[[int], Path] = field(repr=False)
    """Frame -> its picture's file."""
    mask_path_of: Callable[[int], Path | None] | None = field(default=None, repr=False)
    """Frame -> its mask's file; None: it has none. Itself None: no frame has one."""
    orientation: int = 1
    """EXIF orientation to apply on reading; 1: none."""

    @property
    def has_masks(self) -> bool:
        """See `Track`."""
        return self.mask_path_of is not None

    def is_transparent(self, frame: int) -> bool:
        """See `Track`."""
        return is_transparent(self.path_of(frame))

    def pixels(self, frame: int, background: tuple[int, int, int]) -> UInt8[np.ndarray, "h w 3"]:
        """See `Track`."""
        return apply_orientation(read_stored(self.path_of(frame), background), self.orientation)

    def mask(self, frame: int) -> Mask | None:
        """See `Track`."""
        path = None if self.mask_path_of is None else self.mask_path_of(frame)
        return None if path is None else apply_orientation(read_mask(path), self.orientation)


def read_mask(path: Path) -> Mask:
    """1 where a picture of labels or levels has foreground, as `LABELS` says.

    Raises:
        SignalError: it is missing or does not decode.
    """
    with opened(path) as image:
        # Values of a palette are labels, whatever their colors.
        levels = np.asarray(image if image.mode in ("P", "L") else image.convert("L"))
    return (levels > (0 if levels.max() <= LABELS else MIDDLE_LEVEL)).astype(np.uint8)


def mask_folder(root: Path, camera: str) -> Path | None:
    """Where the masks of a camera are; None: it has none."""
    return next((root / name / camera for name in MASK_FOLDERS if (root / name / camera).is_dir()), None)
