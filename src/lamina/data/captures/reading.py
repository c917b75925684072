# SPDX-License-Identifier: Apache-2.0
"""A folder of calibrated photographs of any kind that we read enters, a `Capture` leaves."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import TypeVar

import numpy as np
from jaxtyping import UInt8

from lamina.data.captures.bundler import bundle_file, read_bundler
from lamina.data.captures.capture import CACHE_BYTES, Capture, PixelCache, held_out
from lamina.data.captures.colmap_folder import find_model, missing_part, read_colmap
from lamina.data.captures.llff import FILE_NAME, read_llff
from lamina.data.captures.metashape import metashape_file, read_metashape
from lamina.data.captures.opensfm import NAME as OPENSFM_NAME
from lamina.data.captures.opensfm import read_opensfm
from lamina.data.captures.pairing import PicturesMissing
from lamina.data.captures.photograph_notes import notes_of
from lamina.data.captures.photographs import decoder, view_of
from lamina.data.captures.picture_files import is_transparent
from lamina.data.captures.polycam import cameras_and_pictures, read_polycam
from lamina.data.captures.record3d import export_folder, read_record3d
from lamina.data.captures.source import Source
from lamina.data.captures.transforms import has_transforms, read_transforms
from lamina.data.image import WHITE
from lamina.errors import SignalError

Reader = Callable[[Path, Fraction], Source]

CaptureT = TypeVar("CaptureT")

BLACK = (0, 0, 0)
"""Behind photographs of rooms and places. What no Gaussian covers shows it; most viewers are dark there, and 3DGS is
trained so."""

BORDER_PICTURES = 3
"""Whose borders are looked at for the color of a studio's background."""
BORDER_SHARE = 0.5
BORDER_TOLERANCE = 6
"""So many of their pixels must be so near to the median border color, in 8-bit levels: JPEG blurs a plain one."""

LONGEST_PX = 1_600
"""Longer sides of pictures are reduced where no scale is asked for, as 3DGS and what builds on it do."""

SIMPLE_DENOMINATOR = 16
"""1/2 for 267 of 533: the scale that a person would have asked for."""

OTHER_READERS: tuple[tuple[Callable[[Path], object], Reader], ...] = (
    (cameras_and_pictures, read_polycam),
    (export_folder, read_record3d),
    (lambda folder: (folder / OPENSFM_NAME).is_file(), read_opensfm),
    (metashape_file, read_metashape),
    (bundle_file, read_bundler),
)
"""Something is found where a folder is of a kind, and who reads it; in the order in which they are asked."""

LAYOUTS = (
    "a folder with a COLMAP model (sparse/0 and images), transforms.json, poses_bounds.npy, or an export of Polycam, "
    "Record3D, OpenSfM, Metashape (XML) or Bundler"
)
"""What a capture looks like."""

LEAST_VIEWS = 2
"""Fewer views show no depth."""


def is_capture(path: str | Path) -> bool:
    """Whether `read_capture` takes this; `LAYOUTS` says what it takes."""
    return reader_of(Path(path)) is not None


def read_capture(
    path: str | Path,
    *,
    scale: Fraction | float | None = None,
    view_size: tuple[int, int] | None = None,
    test_every: int = 8,
    background: tuple[int, int, int] | None = None,
    cache_bytes: int = CACHE_BYTES,
) -> Capture:
    """Cameras, points and split of a folder; its pictures are decoded when they are asked for.

    `scale` (0...1] is of the largest pictures there; None: 1, or the largest of 1/2, 1/3, ... that leaves no side over
    `LONGEST_PX`. `view_size` (width, height) asks for the scale at which the first view has so many pixels instead.
    Every `test_every`-th view by name is held out (0: none) where the folder has no split of its own. Transparency is
    laid over `background` (8-bit sRGB); None: as `background_of` says.

    Raises:
        SignalError: not a capture, or something in it is missing, damaged or not supported; says what and where; or no
            scale gives the view size.
        ValueError: a scale outside (0, 1], or `test_every` is 1 or negative.
    """
    path = Path(path)
    if view_size is not None:
        return _capture_of_size(path, view_size, test_every, background, cache_bytes)
    ratio = ratio_of(scale)
    if not path.exists():
        raise SignalError(f"{path}: no such folder; expected a capture")
    reader = reader_of(path)
    if reader is None:
        raise SignalError(
            f"{path}: no capture; expected {LAYOUTS}; for photographs without poses reconstruct them first"
        )
    source = reader(path, ratio)
    if scale is None:
        source = _reduced(source, path, reader)
    if len(source.photographs) < LEAST_VIEWS:
        raise SignalError(f"{path}: {len(source.photographs)} view with a pose; expected at least {LEAST_VIEWS}")
    return _capture_of(source, path, test_every, background, cache_bytes)


def ratio_of(scale: Fraction | float | None) -> Fraction:
    """A scale as a fraction; None: 1.

    Raises:
        ValueError: outside (0, 1].
    """
    ratio = Fraction(1 if scale is None else scale).limit_denominator(1 << 16)
    if not 0 < ratio <= 1:
        raise ValueError(f"expected a scale above 0 and up to 1, got {scale}")
    return ratio


def _capture_of(
    source: Source, path: Path, test_every: int, background: tuple[int, int, int] | None, cache_bytes: int
) -> Capture:
    """Views, split and background of what was found; pictures stay where they are."""
    views = tuple(view_of(photograph, source.picture_scale) for photograph in source.photographs)
    notes = (*source.notes, *notes_of(source.photographs))
    train, test = source.split or split_of([view.name for view in views], test_every)
    if not train:
        raise SignalError(f"{path}: all {len(views)} views are held out; expected some to fit to")
    background = background_of(source) if background is None else background
    decode = decoder(source.photographs, source.picture_scale, background)
    return Capture(
        path.resolve().name,
        views,
        train,
        test,
        source.points.positions,
        source.points.colors,
        background,
        PixelCache(decode, cache_bytes),
        notes,
        source.depth_bounds,
    )


def _capture_of_size(
    path: Path, size: tuple[int, int], test_every: int, background: tuple[int, int, int] | None, cache_bytes: int
) -> Capture:
    """The capture at the scale at which its first view is of `size`."""

    def read(scale: Fraction) -> tuple[Capture, tuple[int, int]]:
        capture = read_capture(path, scale=scale, test_every=test_every, background=background, cache_bytes=cache_bytes)
        camera = capture.views[0].camera
        return capture, (camera.width, camera.height)

    return scaled_to(path, size, read)


def scaled_to(
    path: Path, size: tuple[int, int], read: Callable[[Fraction], tuple[CaptureT, tuple[int, int]]]
) -> CaptureT:
    """What `read` gives for the scale at which it says that the first view is of `size` (width, height).

    Raises:
        SignalError: there is no such scale.
    """
    capture, full = read(Fraction(1))
    if full == size:
        return capture
    have, want = f"{full[0]}x{full[1]}", f"{size[0]}x{size[1]}"
    if full[0] < size[0] or full[1] < size[1]:
        raise SignalError(f"{path}: pictures of {have}, the file has {want}: another capture")
    simple = Fraction(size[0], full[0]).limit_denominator(SIMPLE_DENOMINATOR)
    for ratio in (simple, Fraction(size[0], full[0]), Fraction(size[1], full[1])):
        scaled, found = read(ratio)
        if found == size:
            return scaled
    raise SignalError(f"{path}: no scale of its {have} gives the file's {want}")


def _reduced(source: Source, path: Path, reader: Reader) -> Source:
    """The same captures with pictures of which no side is over `LONGEST_PX`, if any is."""
    sides = (max(photograph.lens.width, photograph.lens.height) for photograph in source.photographs)
    longest = math.ceil(max(sides, default=0) * source.picture_scale)
    factor = -(-longest // LONGEST_PX)
    if factor <= 1:
        return source
    reduced = reader(path, Fraction(1, factor))
    note = f"pictures of {longest} pixels are read at 1/{factor}; --scale 1 takes them as they are, --scale 1/N smaller"
    return replace(reduced, notes=(*reduced.notes, note))


def background_of(source: Source) -> tuple[int, int, int]:
    """What stands behind the things that pictures show.

    White where they have transparency (the custom of Blender's scenes), the color of their borders where most of these
    are of one color, otherwise black. Damaged pictures are told when they are asked for.
    """
    photographs = source.photographs
    decode = decoder(photographs, source.picture_scale, BLACK)
    edges: list[UInt8[np.ndarray, "n 3"]] = []
    for number in np.linspace(0, len(photographs) - 1, min(BORDER_PICTURES, len(photographs))).astype(int):
        try:
            if is_transparent(photographs[number].path):
                return WHITE
            pixels = decode(int(number))
        except SignalError:
            continue
        edges += edges_of(pixels)
    return border_color(edges) or BLACK


def edges_of(pixels: UInt8[np.ndarray, "h w 3"]) -> list[UInt8[np.ndarray, "n 3"]]:
    """The outermost rows and columns."""
    return [pixels[0], pixels[-1], pixels[:, 0], pixels[:, -1]]


def border_color(edges: Sequence[UInt8[np.ndarray, "n 3"]]) -> tuple[int, int, int] | None:
    """The color that most pixels of these borders have; None: no such color."""
    if not edges:
        return None
    border = np.concatenate(edges).astype(np.int16)
    median = np.median(border, axis=0).round().astype(np.int16)
    if (np.abs(border - median) <= BORDER_TOLERANCE).all(axis=1).mean() <= BORDER_SHARE:
        return None
    red, green, blue = (int(level) for level in median)
    return red, green, blue


def split_of(names: list[str], test_every: int) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Numbers of the views to fit to, and of those held out."""
    test = held_out(names, test_every)
    return tuple(number for number in range(len(names)) if number not in set(test)), test


def reader_of(path: Path) -> Reader | None:
    """The reader for what lies there; None: nothing that is a capture."""
    if find_model(path) is not None:
        return _read_colmap_or_llff if (path / FILE_NAME).is_file() else read_colmap
    if has_transforms(path):
        return read_transforms
    if (path / FILE_NAME).is_file():
        return read_llff
    other = next((reader for is_there, reader in OTHER_READERS if is_there(path)), None)
    return other or (_refuse_half if missing_part(path) is not None else None)


def _read_colmap_or_llff(path: Path, scale: Fraction) -> Source:
    """LLFF's scenes keep the model of the originals beside renamed copies, to which poses belong in order."""
    try:
        return read_colmap(path, scale)
    except PicturesMissing:
        source = read_llff(path, scale)
        note = f"the model's pictures are not there: those that are belong to {FILE_NAME}, in order of their names"
        return replace(source, notes=(note, *source.notes))


def _refuse_half(path: Path, scale: Fraction) -> Source:
    """Says what a reconstruction lacks, rather than that this is no capture."""
    del scale
    raise SignalError(
        f"{missing_part(path)}: missing, while other files of the model are there; expected cameras and images of one "
        "reconstruction (colmap model_converter writes all three)"
    )
