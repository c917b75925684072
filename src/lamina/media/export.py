# SPDX-License-Identifier: Apache-2.0
"""A file enters; a picture, a clip, a folder of pictures, or models in the formats of other tools leave."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lamina.arriving import is_passing
from lamina.atomic import is_standard_output
from lamina.codec import Export, Progress, ignore
from lamina.data.clip import counted_frames
from lamina.errors import SignalError
from lamina.media.backdrops import Background, check_background, standing_before
from lamina.media.reading import Media
from lamina.media.sequence import Sequence, write_sequence
from lamina.times import FrameSpan
from lamina.units import SeenBy

if TYPE_CHECKING:
    import numpy as np
    from jaxtyping import UInt8

PICTURE_SUFFIXES = {".png", ".jpg", ".jpeg", ".webp", ".bmp", ".ppm", ".tif", ".tiff", ".jp2", ".avif"}


PICTURES_OF_IT = "for pictures of it use lamina render (media.render)"


@dataclass(frozen=True, slots=True)
class Exported:
    """What was written."""

    path: Path
    level: int
    """The highest that was shown: damage may have cost those above."""
    what: str
    """In a few words: ``768x512``, ``768x512, 30 frames``, ``46 000 Gaussians``."""


def export(
    media: Media,
    path: str | Path,
    *,
    level: int | None = None,
    frames: FrameSpan | None = None,
    size: tuple[int, int] | None = None,
    suffix: str | None = None,
    fit_steps: int | None = None,
    background: Background | None = None,
    progress: Callable[[Progress], None] = ignore,
) -> Exported:
    """Write what a file holds in a format of others; the suffix of `path` chooses.

    Pictures (.png, .jpg, ...), clips (.mp4, .y4m, ...) and folders of pictures of what needs no camera; models (.ply,
    .spz, as the codec offers) of what does. `size` (width, height) is of pixels, `fit_steps` of a fit. `background`, a
    color or pixels of the pictures' size, stands behind what does not fill them.

    Standard output (``-``) and pipes take a picture or a clip in the format of `suffix` (None: PNG of one frame, else
    YUV4MPEG2). Another path without suffix is a folder with a model a frame, ``frame0010.ply`` for frame 10, in the
    format of `suffix` (None: the first offered), without a fit unless `fit_steps` are named; stopped, it goes on.

    Raises:
        Interrupted: `progress` raised it; of a sequence what is finished is kept in `<path>.part`.
        BitstreamError: nothing is left of it.
        SignalError: no such format, or one that does not hold what is asked for.
        TargetError: there is no such level, frame or size.
        WriteError: the disk is full or the place not writable.
    """
    path, span = Path(path), media.frames_in(frames or (0, None))
    offer = media.codec.export
    shown = _Shown(level, span, size, background, progress)
    by_camera = media.info.seen_by == SeenBy.CAMERA
    if is_passing(path) and not by_camera:
        ending = _suffix_of_passing(media, path, span, suffix)
        return _export_pixels(media, path, shown, ending)
    is_folder = by_camera and not path.suffix
    if suffix is not None and not (offer is not None and is_folder):
        raise SignalError(f"{path}: a format is for folders of models, standard output and pipes: leave it out")
    if offer is not None and (is_folder or path.suffix.lower() in offer.suffixes):
        if size is not None:
            raise SignalError(f"{path}: {offer.suffixes[0]} holds no pixels, so it has no size: leave it out")
        wanted = _Wanted(level, span, suffix, fit_steps, progress)
        return (_export_sequence if is_folder else _export_model)(media, path, offer, wanted)
    if by_camera:
        suffixes = " or ".join(offer.suffixes) if offer is not None else "nothing"
        raise SignalError(f"{path}: a {media.info.kind} decodes to {suffixes}; {PICTURES_OF_IT}")
    if fit_steps is not None:
        raise SignalError(f"{path}: nothing is fitted for it, so it has no fit steps: leave them out")
    return _export_pixels(media, path, shown)


@dataclass(frozen=True)
class _Wanted:
    """Which models, and how."""

    level: int | None
    frames: tuple[int, int | None]
    suffix: str | None
    """Of the files of a sequence."""
    fit_steps: int | None
    progress: Callable[[Progress], None]

    def span(self, media: Media) -> tuple[int, int]:
        """Start and stop of the frames."""
        start, stop = self.frames
        return start, media.frame_count if stop is None else stop


def _export_model(media: Media, path: Path, offer: Export[Any], wanted: _Wanted) -> Exported:
    start, stop = wanted.span(media)
    if stop - start > 1:
        raise SignalError(f"{path}: {stop - start} frames do not fit into one file; use a folder/, or --frames 0")
    model = media.model(start, wanted.level)
    steps = offer.fit_steps if wanted.fit_steps is None else wanted.fit_steps
    what = offer.write(model, path, steps, lambda done: wanted.progress(Progress(done, f"fitting frame {start}")))
    return Exported(path, model.level, what)


def _export_sequence(media: Media, path: Path, offer: Export[Any], wanted: _Wanted) -> Exported:
    """A model a frame. A fit of each would take hours, and what is fitted apart flickers: none is made unasked."""
    suffix = offer.suffixes[0] if wanted.suffix is None else "." + wanted.suffix.lower().removeprefix(".")
    if suffix not in offer.suffixes:
        raise SignalError(f"{path}: no frame can be written as {suffix}; expected {' or '.join(offer.suffixes)}")
    start, stop = wanted.span(media)
    # Says what is wrong with level and frames before a folder is made; nothing is decoded yet.
    media.models(start, stop, wanted.level)
    unasked = 0 if media.info.is_timed else offer.fit_steps
    steps = unasked if wanted.fit_steps is None else wanted.fit_steps
    level = _level(media, wanted.level)
    written = write_sequence(Sequence(media, path, offer, suffix, level, start, stop, steps, wanted.progress))
    what = f"{counted_frames(written.count)} of {suffix}"
    what += f", {written.found} of them found" if written.found else ""
    what += f", the last of {written.last}" if written.last else ""
    if offer.fit_steps and steps == 0 and wanted.fit_steps is None:
        what += f", without a fit to what is shown (fit steps, such as {offer.fit_steps}, make one a frame)"
    return Exported(path, written.level, what)


@dataclass(frozen=True)
class _Shown:
    """Which pixels, and before what."""

    level: int | None
    span: tuple[int, int | None]
    size: tuple[int, int] | None
    background: Background | None
    progress: Callable[[Progress], None]

    def pixels(self, media: Media, start: int, stop: int) -> Iterator[UInt8[np.ndarray, "h w 3"]]:
        """Of frames."""
        background = self.background
        if background is None:
            return media.frames(start, stop, self.level, self.size)
        check_background(background, [self.size or (media.info.width, media.info.height)])
        return media.frames(start, stop, self.level, self.size, lambda model: standing_before(model, background))


def _export_pixels(media: Media, path: Path, shown: _Shown, suffix: str | None = None) -> Exported:
    start, stop = shown.span
    count = (media.frame_count if stop is None else stop) - start
    suffix = path.suffix.lower() if suffix is None else suffix
    if suffix not in PICTURE_SUFFIXES:
        return _export_clip(media, path, (start, count), shown, suffix)
    if count > 1:
        raise SignalError(
            f"{path}: {count} frames do not fit into one picture; use .mp4, .y4m or a folder/, or --frames 0"
        )
    return _export_picture(media, path, start, shown, suffix)


def _suffix_of_passing(media: Media, path: Path, frames: tuple[int, int | None], suffix: str | None) -> str:
    """What is written to standard output or a pipe: what was asked for, else a PNG of one frame, or YUV4MPEG2."""
    start, stop = frames
    count = (media.frame_count if stop is None else stop) - start
    named = "" if is_standard_output(path) else path.suffix.lower()
    return "." + suffix.lower().removeprefix(".") if suffix else named or (".png" if count == 1 else ".y4m")


def _export_picture(media: Media, path: Path, frame: int, shown: _Shown, suffix: str) -> Exported:
    from lamina.data import write_image

    pixels = next(shown.pixels(media, frame, frame + 1))
    write_image(path, pixels, suffix)
    return Exported(path, _level(media, shown.level), f"{pixels.shape[1]}x{pixels.shape[0]}")


def _export_clip(media: Media, path: Path, start_and_count: tuple[int, int], shown: _Shown, suffix: str) -> Exported:
    from lamina.data import ClipWriter
    from lamina.data.clip import as_rate

    start, count = start_and_count
    frames = shown.pixels(media, start, start + count)
    # The first frame says the size, and must be there before a file is made.
    first = next(frames)
    height, width = first.shape[:2]
    rate = as_rate(media.info.frames_per_second or Fraction(25))
    times = media.times if media.has_variable_rate else None
    times = None if times is None else times.cut(start, start + count)
    with ClipWriter(path, width, height, rate, suffix=suffix, times=times) as writer:
        for number, pixels in enumerate(chain([first], frames), start=1):
            writer.write(pixels)
            shown.progress(Progress(number / count, f"frame {start + number}"))
        written = writer.frame_count
    many = "" if written == 1 else f", {written} frames"
    return Exported(path, _level(media, shown.level), f"{width}x{height}{many}")


def _level(media: Media, level: int | None) -> int:
    return media.level_count - 1 if level is None else level
