# SPDX-License-Identifier: Apache-2.0
"""Names of pictures with lens and pose, as a tool wrote them, enter; photographs leave, those whose files are there."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import numpy as np
from jaxtyping import Float64

from lamina.data.captures.lens import Lens
from lamina.data.captures.pairing import find_pictures
from lamina.data.captures.photographs import Photograph, photograph_of
from lamina.data.captures.picture_files import PictureSize, picture_size
from lamina.data.captures.point_cloud import PointCloud
from lamina.data.captures.source import Source
from lamina.errors import SignalError

PICTURE_FOLDERS = ("images", "input", "")
"""Below a folder with cameras; the last is the folder itself."""


@dataclass(frozen=True, eq=False)
class PosedPicture:
    """What a tool says of a picture."""

    name: str
    lens: Lens | Callable[[PictureSize], Lens]
    """A function where the tool tells the camera in terms of the picture's size."""
    camera_from_world: Float64[np.ndarray, "4 4"]


def source_of(
    posed: Sequence[PosedPicture],
    folders: Sequence[Path],
    place: Path,
    scale: Fraction,
    points: PointCloud,
    notes: Sequence[str] = (),
) -> Source:
    """The pictures that are in the first of `folders` with any of them, in order of their names; `place` is their file.

    Raises:
        SignalError: there are hardly any, one is there twice, or one is not of its camera's shape.
    """
    ordered = sorted(posed, key=lambda picture: picture.name)
    names = [picture.name for picture in ordered]
    if not names:
        raise SignalError(f"{place}: no picture has a pose; reconstruct again")
    twice = next((name for name, other in pairwise(names) if name == other), None)
    if twice is not None:
        raise SignalError(f"{place}: {twice} is there more than once; expected each picture once")
    _, pairing = find_pictures(names, [folder for folder in folders if folder.is_dir()], place)
    photographs: list[Photograph] = []
    for picture, path in zip(ordered, pairing.files, strict=True):
        if path is not None:
            lens = picture.lens if isinstance(picture.lens, Lens) else picture.lens(picture_size(path))
            photographs.append(photograph_of(picture.name.replace("\\", "/"), path, lens, picture.camera_from_world))
    return Source(tuple(photographs), points, scale, (*notes, *pairing.notes(names)))


def picture_folders(folder: Path, names: Sequence[str]) -> list[Path]:
    """Where pictures of these names may lie: names with folders are looked for from `folder` on first."""
    found = [folder / name for name in PICTURE_FOLDERS]
    has_folders = any("/" in name.replace("\\", "/") for name in names)
    return [folder, *found[:-1]] if has_folders else found
