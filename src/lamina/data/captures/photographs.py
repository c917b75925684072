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
from lamina.data.captures.picture_files import PictureSize, picture_size, read_stored
from lamina.data.captures.undistort import undistort
from lamina.data.pixel_formats import apply_orientation
from lamina.data.resample import downsample_area
from lamina.errors import SignalError

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
    """For the picture as it is after `orientation` is applied."""
    camera_from_world: Float64[np.ndarray, "4 4"]
    orientation: int = 1
    """EXIF orientation to apply on reading; 1: none."""
    told_orientation: int = 1
    """What EXIF says, applied or not."""

    @property
    def may_be_turned(self) -> bool:
        """Whether EXIF asks for a turn or a mirror that the camera's size can neither bear out nor rule out."""
        swaps = self.told_orientation in TURNED
        return self.told_orientation not in (1, self.orientation) and not (
            swaps and self.lens.width != self.lens.height
        )


def photograph_of(
    name: str, path: Path, lens: Lens, camera_from_world: Float64[np.ndarray, "4 4"], place: str = ""
) -> Photograph:
    """A picture file with the lens of its camera, which is fitted to its size; `place` is for messages.

    Raises:
        SignalError: as `picture_size` and `fit_lens`.
    """
    size = picture_size(path)
    fitted, orientation = fit_lens(lens, size, place or f"{path}")
    return Photograph(name, path, fitted, camera_from_world, orientation, size.orientation)


def fit_lens(lens: Lens, size: PictureSize, place: str) -> tuple[Lens, int]:
    """The lens scaled to the picture in the file, and the orientation to apply: 1, unless only turned it fits.

    COLMAP, and what reconstructs with it, sees pixels as they are stored; a lens for the turned picture says that
    somebody turned it before. Where both fit, it is taken as stored.

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


def decoder(
    photographs: Sequence[Photograph], scale: Fraction, background: tuple[int, int, int]
) -> Callable[[int], UInt8[np.ndarray, "h w 3"]]:
    """A function from view number to pixels: decoded, turned, over `background`, undistorted, averaged to size."""

    def decode(number: int) -> UInt8[np.ndarray, "h w 3"]:
        photograph = photographs[number]
        lens = photograph.lens
        pixels = apply_orientation(read_stored(photograph.path, background), photograph.orientation)
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
