# SPDX-License-Identifier: Apache-2.0
"""A path enters, of a file or folder of any kind that we read; a `Picture` or a `Clip` leaves."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

from lamina.arriving import readable_file
from lamina.data.animation import count_frames, open_animation
from lamina.data.clip import DEFAULT_FRAMES_PER_SECOND, Clip, as_rate
from lamina.data.container import open_container, open_still
from lamina.data.folder import open_folder
from lamina.data.image import Picture, read_image
from lamina.data.raw_yuv import SUFFIXES as RAW_SUFFIXES
from lamina.data.raw_yuv import open_raw
from lamina.data.scaling import scaled
from lamina.data.y4m import MAGIC, open_y4m
from lamina.errors import SignalError
from lamina.times import FrameSpan

CONTAINER_SUFFIXES = frozenset(
    (
        ".3gp", ".asf", ".avi", ".flv", ".h264", ".h265", ".hevc", ".ivf", ".m2ts", ".m4v", ".mjpeg", ".mkv",
        ".mov", ".mp4", ".mpeg", ".mpg", ".mts", ".mxf", ".nut", ".obu", ".ogv", ".ts", ".vob", ".webm", ".wmv",
        ".y4m",
    )
)  # fmt: skip
"""Of files that say themselves how large their frames are."""


def open_clip(
    path: str | Path,
    size: tuple[int, int] | None = None,
    pixel_format: str | None = None,
    frames_per_second: Fraction | float | None = None,
    frame_range: FrameSpan | None = None,
    scale: Fraction | float | None = None,
) -> Clip:
    """Open a moving picture: anything libav reads, .y4m, raw samples, an animated picture, a folder of pictures.

    `size` (width, height) and `pixel_format` say what raw samples are; a source that says so itself is scaled down to
    `size`, and all are by `scale`. `frames_per_second` overrides what the source says. `frame_range` (start, stop)
    keeps these frames only, be they numbers or times. A still picture is a clip of one frame.

    Raises:
        SignalError: nothing there, not readable, no frames, raw samples without a size, a pixel format for a source
            that says its own, or a size larger than the source.
    """
    path = readable_file(path)
    rate = None if frames_per_second is None else as_rate(frames_per_second)
    if not path.exists():
        raise SignalError(f"{path}: no such file or folder; expected a clip")
    is_raw = _is_raw(path, told=size is not None or pixel_format is not None)
    if is_raw:
        clip = open_raw(path, size, pixel_format, rate or DEFAULT_FRAMES_PER_SECOND)
    elif path.is_dir():
        clip = open_folder(path)
    elif _starts_with(path, MAGIC):
        clip = open_y4m(path)
    elif count_frames(path) > 0:
        clip = open_animation(path)
    else:
        clip = open_container(path)
    if pixel_format is not None and not is_raw:
        raise SignalError(f"{path}: says its pixel format itself: one is for raw video, leave it out")
    if rate is not None:
        clip = clip.paced(rate)
    smaller = scaled(clip, size=None if is_raw else size, scale=scale)
    assert isinstance(smaller, Clip)
    return smaller if frame_range is None else smaller.cut_span(frame_range)


def open_signal(
    path: str | Path,
    size: tuple[int, int] | None = None,
    pixel_format: str | None = None,
    frames_per_second: Fraction | float | None = None,
    frame_range: FrameSpan | None = None,
    scale: Fraction | float | None = None,
) -> Picture | Clip:
    """A `Picture` if the file is a still, else a `Clip`; what is inside decides, not the suffix.

    The other parameters are those of `open_clip`. A `frame_range` asks for a clip, even of one frame.

    Raises:
        SignalError: as `read_image` and `open_clip`; a frame rate for a still.
    """
    path = readable_file(path)
    picture = _still(path) if pixel_format is None and frame_range is None and path.is_file() else None
    if picture is None:
        return open_clip(path, size, pixel_format, frames_per_second, frame_range, scale)
    if frames_per_second is not None:
        raise SignalError(f"{path}: a still picture, which has no frame rate: leave it out")
    return scaled(picture, size=size, scale=scale)


def _still(path: Path) -> Picture | None:
    """The picture, if there is one and it stands still."""
    if path.suffix.lower() in RAW_SUFFIXES or _starts_with(path, MAGIC):
        return None
    count = count_frames(path)
    if count == 1 or (count == 0 and _looks_like_picture(path)):
        return read_image(path)
    try:
        return open_still(path) if count == 0 else None
    except SignalError:
        # Raw samples under another name, or what the reader of clips will say more of.
        return None


def _is_raw(path: Path, *, told: bool) -> bool:
    """Whether a file holds samples alone: by its name, or because it was `told` what they are.

    libav is not asked: it takes some samples for old formats without a signature.
    """
    if path.is_dir() or _starts_with(path, MAGIC):
        return False
    suffix = path.suffix.lower()
    return suffix in RAW_SUFFIXES or (told and suffix not in CONTAINER_SUFFIXES and count_frames(path) == 0)


def _looks_like_picture(path: Path) -> bool:
    """A suffix of pictures on a file that Pillow refuses: its error says more than libav's would."""
    return path.suffix.lower() in {".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff", ".jp2", ".jxl", ".ppm"}


def _starts_with(path: Path, magic: bytes) -> bool:
    try:
        with path.open("rb") as file:
            return file.read(len(magic)) == magic
    except OSError as error:
        raise SignalError(f"{path}: cannot be read: {error.strerror}") from error
