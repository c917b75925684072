# SPDX-License-Identifier: Apache-2.0
"""Pictures in files with lens and pose enter; views with undistorted pixels at the wanted size leave."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import numpy as np
from jaxtyping import Float64, UInt8

from lamina.cameras.camera import Camera
from lamina.data.captures.capture import View
from lamina.data.captures.lens import Lens
from lamina.data.captures.undistort import undistort
from lamina.data.image import EXIF_ORIENTATION, WRITABLE, opened
from lamina.data.pixel_formats import apply_orientation, to_rgb8
from lamina.data.resample import downsample_area
from lamina.errors import SignalError

PICTURE_SUFFIXES = {*WRITABLE, ".jxl"}

SHRINKS = 0.85
"""Of the lens's focal length: a pinhole as wide as a strong barrel would skip pixels, and details would alias."""

TURNED = range(5, 9)
"""EXIF orientations that swap width and height."""


@dataclass(frozen=True)
class Photograph:
    """A picture in a file, and what its reconstruction says of it."""

    name: str
    path: Path
    lens: Lens
    """For the picture as it lies in the file."""
    camera_from_world: Float64[np.ndarray, "4 4"]
    orientation: int = 1
    """EXIF orientation to apply on reading; 1: none."""


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
    """
    with opened(path) as image:
        # EXIF may stand behind the pixels of a PNG: Pillow decodes them all to look there.
        known = image.format != "PNG" or "exif" in image.info
        orientation = image.getexif().get(EXIF_ORIENTATION, 1) if known else 1
        return PictureSize(image.width, image.height, orientation if orientation in range(1, 9) else 1)


def fit_lens(lens: Lens, size: PictureSize, place: str) -> tuple[Lens, int]:
    """The lens scaled to the picture in the file, and the orientation to apply: 1, unless only turned it fits.

    Reconstructions see pixels as they are stored; a lens for the turned picture says that somebody turned it before.

    Raises:
        SignalError: the picture's shape is not that of its camera.
    """
    if _same_shape(lens, size.width, size.height):
        return lens.resized(size.width, size.height), 1
    if size.orientation in TURNED and _same_shape(lens, size.height, size.width):
        return lens.resized(size.height, size.width), size.orientation
    raise SignalError(
        f"{place}: the picture is {size.width}x{size.height}, but its camera is for {lens.width}x{lens.height}; "
        f"expected the same shape: the pictures that were reconstructed, or all scaled alike"
    )


def _same_shape(lens: Lens, width: int, height: int) -> bool:
    """Whether one ratio scales the lens's size to this one, each side rounded up or down."""
    slack = 1.0 / lens.width + 1.0 / lens.height + 1e-9
    return abs(width / lens.width - height / lens.height) <= slack


def target_size(width: int, height: int, scale: Fraction) -> tuple[int, int]:
    """Width and height at a scale, halves rounded up, at least 1."""
    half = Fraction(1, 2)
    return max(1, math.floor(width * scale + half)), max(1, math.floor(height * scale + half))


def _sampled(lens: Lens) -> Lens:
    """The pinhole to resample to before averaging: twice as fine where it shrinks the picture's middle."""
    pinhole = lens.undistorted()
    gain = lens.distortion.center_gain()
    shrinks = min(pinhole.focal_x_px / lens.focal_x_px, pinhole.focal_y_px / lens.focal_y_px) < SHRINKS * gain
    return pinhole.resized(2 * lens.width, 2 * lens.height) if shrinks else pinhole


def view_of(photograph: Photograph, scale: Fraction) -> View:
    """The view that `decoder` makes pixels of.

    Raises:
        SignalError: the lens cannot be undistorted.
    """
    camera = pinhole_of(photograph.lens, photograph.camera_from_world, scale, f"{photograph.path}")
    return View(photograph.name, camera, photograph.path)


def pinhole_of(lens: Lens, camera_from_world: Float64[np.ndarray, "4 4"], scale: Fraction, place: str) -> Camera:
    """The camera whose pixels `straightened` makes.

    Raises:
        SignalError: the lens cannot be undistorted.
    """
    try:
        pinhole = lens.undistorted()
    except SignalError as error:
        raise SignalError(f"{place}: {error}") from error
    inner = (pinhole.focal_x_px, pinhole.focal_y_px, pinhole.center_x_px, pinhole.center_y_px)
    camera = Camera(camera_from_world, *inner, pinhole.width, pinhole.height)
    return camera.resized(*target_size(pinhole.width, pinhole.height, scale))


def is_transparent(path: Path) -> bool:
    """Whether a picture has an alpha channel or a transparent color, by its header."""
    with opened(path) as image:
        return "A" in image.getbands() or "transparency" in image.info


def decoder(
    photographs: Sequence[Photograph], scale: Fraction, background: tuple[int, int, int]
) -> Callable[[int], UInt8[np.ndarray, "h w 3"]]:
    """A function from view number to pixels: decoded, turned, over `background`, undistorted, averaged to size."""

    def decode(number: int) -> UInt8[np.ndarray, "h w 3"]:
        photograph = photographs[number]
        lens = photograph.lens
        with opened(photograph.path) as image:
            pixels, _ = to_rgb8(image, photograph.path, background, [])
        pixels = apply_orientation(pixels, photograph.orientation)
        if pixels.shape != (lens.height, lens.width, 3):
            raise SignalError(
                f"{photograph.path}: decodes to {pixels.shape[1]}x{pixels.shape[0]}, its header said "
                f"{lens.width}x{lens.height}; the file has changed or is damaged"
            )
        return straightened(pixels, lens, scale)

    return decode


def straightened(pixels: UInt8[np.ndarray, "h w 3"], lens: Lens, scale: Fraction) -> UInt8[np.ndarray, "h2 w2 3"]:
    """What the pinhole of `pinhole_of` sees of a picture that the lens saw: undistorted, averaged to size."""
    if lens.distorts():
        pixels = undistort(pixels, lens, _sampled(lens))
    width, height = target_size(lens.width, lens.height, scale)
    if (height, width) != pixels.shape[:2]:
        pixels = (downsample_area(pixels, height, width) + 0.5).astype(np.uint8)
    return np.ascontiguousarray(pixels)
