# SPDX-License-Identifier: Apache-2.0
"""A picture file enters; what it is leaves, where readers would take it for less than it is.

A raw photograph shows readers of TIFF its thumbnail; a HEIC file shows libav one tile of its grid, as a video.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from lamina.errors import BackendUnavailable, SignalError

if TYPE_CHECKING:
    from PIL import Image

RAW_SUFFIXES = frozenset(
    (
        ".3fr", ".arw", ".cr2", ".cr3", ".dcr", ".dng", ".erf", ".iiq", ".kdc", ".mef", ".mos", ".mrw", ".nef", ".nrw",
        ".orf", ".pef", ".raf", ".rw2", ".rwl", ".sr2", ".srf", ".srw", ".x3f",
    )
)  # fmt: skip
"""Of raw photographs."""
RAW_MAGIC = (b"FUJIFILMCCD-RAW", b"IIRO", b"IIRS", b"MMOR", b"IIU\0", b"FOVb", b"\0MRM")
CR2_MAGIC = (b"CR", 8)
"""And where it stands, behind the head of a TIFF."""

HEIF_BRANDS = frozenset(
    [
        b"heic",
        b"heix",
        b"heim",
        b"heis",
        b"hevc",
        b"hevx",
        b"hevm",
        b"hevs",
        b"mif1",
        b"msf1",
        b"mif2",
        b"j2ki",
        b"avci",
    ]
)
"""Of files that libheif reads. Source: ISO/IEC 23008-12, annex B and others."""
AVIF_BRANDS = frozenset([b"avif", b"avis"])
CR3_BRAND = b"crx "

HEAD_BYTES = 64

TIFF_SUBFILE_TYPE = 254
TIFF_SUB_FILES = 330
TIFF_DNG_VERSION = 50706
REDUCED = 1
"""Bit of the subfile type: a smaller version of another picture in the file."""


class RawPhotograph(SignalError):  # noqa: N818 - it says what was found
    """A raw photograph, whose thumbnail a reader would take for it."""


RAW_ADVICE = "a raw photograph, which has no colors yet: develop it to PNG, TIFF or JPEG first"


def is_heif(path: Path) -> bool:
    """Whether it is HEIF that is not AVIF: HEIC and its kin."""
    brands = _brands(_head(path))
    return bool(brands & HEIF_BRANDS) and not brands & AVIF_BRANDS


def refuse_raw(path: Path) -> None:
    """Raise `RawPhotograph` for a raw photograph that can be told by its first bytes, or by its name."""
    head = _head(path)
    is_raw = head.startswith(RAW_MAGIC) or CR3_BRAND in _brands(head) or head[CR2_MAGIC[1] :].startswith(CR2_MAGIC[0])
    # A name alone says little of what a program wrote under it; raw files are TIFFs, or of a kind that nothing reads.
    is_tiff = head[:4] in (b"II*\0", b"MM\0*")
    if is_raw or (path.suffix.lower() in RAW_SUFFIXES and is_tiff):
        raise RawPhotograph(f"{path}: {RAW_ADVICE}")


def whole_page(image: Image.Image, path: Path) -> int:
    """The first page of a TIFF that is no smaller version of another; 0 for other pictures.

    Raises:
        RawPhotograph: it is one.
        SignalError: there is no such page.
    """
    if image.format != "TIFF":
        return 0
    tags: Any = getattr(image, "tag_v2", {})
    first_is_reduced = bool(tags.get(TIFF_SUBFILE_TYPE, 0) & REDUCED)
    if TIFF_DNG_VERSION in tags or (first_is_reduced and TIFF_SUB_FILES in tags):
        raise RawPhotograph(f"{path}: {RAW_ADVICE}")
    if not first_is_reduced:
        return 0
    for page in range(1, getattr(image, "n_frames", 1)):
        image.seek(page)
        if not getattr(image, "tag_v2", {}).get(TIFF_SUBFILE_TYPE, 0) & REDUCED:
            return page
    raise SignalError(f"{path}: holds only smaller versions of a picture that is not there")


def load_heif(path: Path) -> str:
    """Pillow learns HEIF from a package; returns its name there.

    Raises:
        BackendUnavailable: the package is missing.
    """
    try:
        import pillow_heif
    except ImportError as error:
        raise BackendUnavailable(f"{path}: HEIC needs pillow-heif: pip install 'lamina[heif]'") from error
    pillow_heif.register_heif_opener(thumbnails=False)
    return "HEIF"


def _head(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(HEAD_BYTES)
    except OSError:
        return b""


def _brands(head: bytes) -> frozenset[bytes]:
    """Of a file of boxes: what it says it is."""
    if head[4:8] != b"ftyp":
        return frozenset()
    end = min(int.from_bytes(head[:4], "big"), len(head))
    return frozenset(head[start : start + 4] for start in (8, *range(16, end, 4)))
