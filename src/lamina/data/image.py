# SPDX-License-Identifier: Apache-2.0
"""A picture file enters, 8-bit sRGB pixels leave; and back.

What is changed on the way in is listed in `Picture.notes`: orientation applied, transparency laid over a background, 16
bits rounded to 8, another color space converted, the first of several frames taken.
"""

from __future__ import annotations

import contextlib
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import UInt8

from lamina.arriving import readable_file
from lamina.atomic import replacing_path, write_errors
from lamina.codec import Look, Medium, Size
from lamina.data.fingerprint import fingerprint_of
from lamina.data.kinds import is_heif, load_heif, refuse_raw, whole_page
from lamina.data.pixel_formats import apply_orientation, memory_to_rgb8, to_rgb8
from lamina.errors import BackendUnavailable, SignalError

if TYPE_CHECKING:
    from PIL import Image

WHITE = (255, 255, 255)

READABLE = ("PNG", "JPEG", "GIF", "WEBP", "BMP", "DIB", "TIFF", "AVIF", "JPEG2000", "PPM", "TGA", "ICO")
"""Pillow's formats that are pictures: without this list it also takes MPEG video and fonts for pictures."""

PAGED = ("MPO", "TIFF", "ICO", "HEIF")
"""Formats whose several pictures are pages or views, not time."""

LOSSY_QUALITY = 95
"""JPEG and AVIF quality, 0...100: visually lossless, since the file is to show what the codec did and nothing else."""

WRITABLE: dict[str, dict[str, Any]] = {
    ".png": {"format": "PNG"},
    ".bmp": {"format": "BMP"},
    ".ppm": {"format": "PPM"},
    ".tif": {"format": "TIFF", "compression": "tiff_deflate"},
    ".tiff": {"format": "TIFF", "compression": "tiff_deflate"},
    ".webp": {"format": "WEBP", "lossless": True},
    ".jp2": {"format": "JPEG2000"},
    ".jpg": {"format": "JPEG", "subsampling": "4:4:4", "optimize": True, "quality": LOSSY_QUALITY},
    ".jpeg": {"format": "JPEG", "subsampling": "4:4:4", "optimize": True, "quality": LOSSY_QUALITY},
    ".avif": {"format": "AVIF", "subsampling": "4:4:4", "quality": LOSSY_QUALITY},
}
"""Suffix to Pillow's options. JPEG and AVIF lose, the others do not."""

EXIF_ORIENTATION = 274
ORIENTATIONS = range(1, 9)


@dataclass(frozen=True)
class Picture:
    """A still image, ready to code."""

    pixels: UInt8[np.ndarray, "h w 3"]
    """sRGB, 8 bits."""
    path: Path | None = None
    """Where it came from; None when it was made in memory."""
    mode: str = "RGB"
    """What the file held, in Pillow's words: ``L``, ``RGBA``, ``P``, ``CMYK``, ``I;16``, ..."""
    bit_depth: int = 8
    """Bits a sample in the file."""
    notes: tuple[str, ...] = ()
    """What was changed to get here, for people."""

    def __post_init__(self) -> None:
        shape = self.pixels.shape
        if self.pixels.dtype != np.uint8 or len(shape) != 3 or shape[2] != 3 or 0 in shape:
            raise SignalError(
                f"{self.path or 'picture'}: expected uint8 pixels of shape (h, w, 3), at least 1x1, "
                f"got {self.pixels.dtype} {shape}"
            )

    @property
    def width(self) -> int:
        """Pixels across."""
        return self.pixels.shape[1]

    @property
    def height(self) -> int:
        """Pixels down."""
        return self.pixels.shape[0]

    @property
    def medium(self) -> Medium:
        """One picture."""
        return "picture"

    @property
    def frame_count(self) -> int:
        """It stands still."""
        return 1

    def fingerprint(self) -> str:
        """SHA-256 of its pixels."""
        return fingerprint_of((), self.pixels)

    def looks(self) -> Iterator[Look]:
        """Itself."""
        yield Look(0, Size(), self.pixels)


def read_image(path: str | Path, *, background: tuple[int, int, int] = WHITE) -> Picture:
    """Read any still picture: grey, palette, alpha, 16 bit, CMYK, rotated by EXIF; the first frame of an animation.

    Transparency is laid over `background` (8-bit sRGB), blended in coded values as browsers do.

    Raises:
        SignalError: the file is missing, is no picture we read, is damaged, or is larger than Pillow's safety limit
            (about 179 megapixels).
        BackendUnavailable: JPEG XL or HEIC without its plugin.
    """
    path = readable_file(path)
    with opened(path) as image:
        notes: list[str] = []
        if (count := getattr(image, "n_frames", 1)) > 1:
            what = "frames" if image.format not in PAGED else "pictures" if image.format == "MPO" else "pages"
            number = f"number {image.tell() + 1}" if image.tell() else "first"
            notes.append(f"{number} of {count} {what}")
        pixels, bit_depth = to_rgb8(image, path, background, notes)
        orientation = image.getexif().get(EXIF_ORIENTATION, 1)
        if orientation in ORIENTATIONS and orientation != 1:
            pixels = apply_orientation(pixels, orientation)
            notes.append(f"EXIF orientation {orientation} applied")
        return Picture(np.ascontiguousarray(pixels), path, image.mode, bit_depth, tuple(notes))


def picture_of_image(image: Image.Image, background: tuple[int, int, int] = WHITE) -> Picture:
    """A picture of an image that Pillow holds; as `read_image`, but for its orientation, which Pillow applies if asked.

    Raises:
        SignalError: its samples have no known white (floating point).
    """
    notes: list[str] = []
    pixels = memory_to_rgb8(image, background, notes)
    return Picture(np.ascontiguousarray(pixels), mode=image.mode, notes=tuple(notes))


def write_image(path: str | Path, pixels: UInt8[np.ndarray, "h w 3"], suffix: str | None = None) -> None:
    """Write 8-bit RGB pixels; the suffix chooses the format (lossless where the format can; see `WRITABLE`).

    `suffix` chooses instead of that of `path`: standard output (``-``) and pipes have none.

    Raises:
        SignalError: the suffix is unknown, or the pixels are no picture.
        WriteError: the file cannot be written.
    """
    from PIL import Image

    path = Path(path)
    suffix = path.suffix if suffix is None else suffix
    options = WRITABLE.get(suffix.lower())
    if options is None:
        known = " ".join(WRITABLE)
        raise SignalError(f"{path}: no picture format has the suffix {suffix or '(none)'!r}; use one of {known}")
    Picture(pixels, path)
    with replacing_path(path) as partial, write_errors(path):
        Image.fromarray(np.ascontiguousarray(pixels)).save(partial, **options)


@contextlib.contextmanager
def opened(path: Path) -> Iterator[Image.Image]:
    """Open with Pillow; whatever it raises, here or while the caller reads, becomes a `SignalError` with the path."""
    from PIL import Image, UnidentifiedImageError

    refuse_raw(path)
    formats = READABLE
    if is_heif(path):
        formats = (load_heif(path),)
    elif path.suffix.lower() == ".jxl":
        formats = (*READABLE, _load_jpeg_xl(path))
    try:
        # Pillow warns at half the size that it refuses; up to there a large photograph is welcome.
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            with Image.open(path, formats=formats) as image:
                if page := whole_page(image, path):
                    image.seek(page)
                yield image
    except SignalError:
        raise
    except FileNotFoundError as error:
        raise SignalError(f"{path}: no such file; expected a picture") from error
    except UnidentifiedImageError as error:
        known = "PNG, JPEG, WebP, AVIF, HEIC, JPEG XL, TIFF, JPEG 2000, GIF, BMP, PPM"
        raise SignalError(f"{path}: not a picture we read; expected one of {known}, undamaged") from error
    except Image.DecompressionBombError as error:
        raise SignalError(f"{path}: too large: {error}; crop it, or scale it down first") from error
    # Pillow's decoders let these out on damaged files; which one depends on where the damage is.
    except (OSError, SyntaxError, ValueError, TypeError, KeyError, IndexError, EOFError, OverflowError) as error:
        raise SignalError(f"{path}: damaged or unreadable picture: {error}") from error
    except (MemoryError, ZeroDivisionError, AttributeError, RuntimeError) as error:
        raise SignalError(f"{path}: damaged picture: {type(error).__name__}: {error}") from error


def _load_jpeg_xl(path: Path) -> str:
    """Pillow learns JPEG XL from a plugin that registers itself on import; returns its name there."""
    try:
        import pillow_jxl  # noqa: F401
    except ImportError as error:
        raise BackendUnavailable(f"{path}: JPEG XL needs a plugin: pip install pillow-jxl-plugin") from error
    return "JXL"
