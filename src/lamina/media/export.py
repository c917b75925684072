# SPDX-License-Identifier: Apache-2.0
"""A file enters; a picture, a clip, a folder of pictures, or models in the formats of other tools leave."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from itertools import chain
from pathlib import Path
from typing import Any

from lamina.codec import Export, Progress, ignore
from lamina.errors import SignalError
from lamina.media.reading import Media
from lamina.media.sequence import Sequence, write_sequence
from lamina.units import SeenBy

PICTURE_SUFFIXES = {".png", ".jpg", ".jpeg", ".webp", ".bmp", ".ppm", ".tif", ".tiff", ".jp2", ".avif"}


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
    frames: tuple[int, int | None] | None = None,
    size: tuple[int, int] | None = None,
    suffix: str | None = None,
    fit_steps: int | None = None,
    progress: Callable[[Progress], None] = ignore,
) -> Exported:
    """Write what a file holds in a format of others; the suffix of `path` chooses.

    Pictures (.png, .jpg, ...), clips (.mp4, .y4m, ...) and folders of pictures of what needs no camera; models (.ply,
    .spz, as the codec offers) of what does. `frames` (start, stop) and `level` choose a part; `size` (width, height) is
    of pixels; `fit_steps` of the fit that some exports need.

    A path without suffix is a folder with a model a frame, ``frame0010.ply`` for frame 10, in the format of `suffix`
    (None: the first that the codec offers), and without a fit where no `fit_steps` are named. A stopped export goes on
    when it is called again.

    Raises:
        Interrupted: `progress` raised it; of a sequence what is finished is kept in `<path>.part`.
        BitstreamError: nothing is left of it.
        SignalError: no such format, or one that does not hold what is asked for.
        TargetError: there is no such level, frame or size.
        WriteError: the disk is full or the place not writable.
    """
    path = Path(path)
    offer = media.codec.export
    by_camera = media.info.seen_by == SeenBy.CAMERA
    is_sequence = by_camera and not path.suffix
    wanted = _checked_suffix(path, offer, suffix, is_sequence=is_sequence)
    if offer is not None and (is_sequence or path.suffix.lower() in offer.suffixes):
        if size is not None:
            raise SignalError(f"{path}: {offer.suffixes[0]} holds no pixels, so it has no size: leave it out")
        if is_sequence:
            fit_steps = fit_steps if media.info.is_timed or fit_steps is not None else offer.fit_steps
            return _export_sequence(media, path, offer, level, frames, (wanted, fit_steps), progress=progress)
        return _export_model(media, path, offer, level, frames, fit_steps, progress=progress)
    if by_camera:
        suffixes = " or ".join(offer.suffixes) if offer is not None else "nothing"
        raise SignalError(
            f"{path}: a {media.info.kind} decodes to {suffixes}; for pictures of it use lamina render (media.render)"
        )
    if fit_steps is not None:
        raise SignalError(f"{path}: nothing is fitted for it, so it has no fit steps: leave them out")
    start, stop = frames or (0, None)
    count = (media.frame_count if stop is None else stop) - start
    if path.suffix.lower() not in PICTURE_SUFFIXES:
        return _export_clip(media, path, (start, count), level, size, progress)
    if count > 1:
        raise SignalError(
            f"{path}: {count} frames do not fit into one picture; use .mp4, .y4m or a folder/, or --frames 0"
        )
    return _export_picture(media, path, start, level, size)


def _checked_suffix(path: Path, offer: Export[Any] | None, suffix: str | None, *, is_sequence: bool) -> str | None:
    """The suffix of the files of a sequence, with its dot.

    Raises:
        SignalError: the output is no sequence, or the codec does not offer it.
    """
    if suffix is None:
        return None
    suffix = "." + suffix.lower().removeprefix(".")
    if not is_sequence or offer is None:
        raise SignalError(f"{path}: {suffix} is for folders of models, a file a frame: leave it out")
    if suffix not in offer.suffixes:
        raise SignalError(f"{path}: no frame can be written as {suffix}; expected {' or '.join(offer.suffixes)}")
    return suffix


def _export_model(
    media: Media,
    path: Path,
    offer: Export[Any],
    level: int | None,
    frames: tuple[int, int | None] | None,
    fit_steps: int | None,
    *,
    progress: Callable[[Progress], None],
) -> Exported:
    start, stop = frames or (0, None)
    count = (media.frame_count if stop is None else stop) - start
    if count > 1:
        raise SignalError(f"{path}: {count} frames do not fit into one file; use a folder/, or --frames 0")
    model = media.model(start, level)
    steps = offer.fit_steps if fit_steps is None else fit_steps
    what = offer.write(model, path, steps, lambda done: progress(Progress(done, f"fitting frame {start}")))
    return Exported(path, model.level, what)


def _export_sequence(
    media: Media,
    path: Path,
    offer: Export[Any],
    level: int | None,
    frames: tuple[int, int | None] | None,
    how: tuple[str | None, int | None],
    *,
    progress: Callable[[Progress], None],
) -> Exported:
    """A model a frame. A fit of each would take hours, and what is fitted apart flickers: none is made unasked."""
    suffix = offer.suffixes[0] if how[0] is None else how[0]
    start, stop = frames or (0, None)
    stop = media.frame_count if stop is None else stop
    # Says what is wrong with level and frames before a folder is made; nothing is decoded yet.
    media.models(start, stop, level)
    sequence = Sequence(media, path, offer, suffix, _level(media, level), start, stop, how[1] or 0, progress)
    written = write_sequence(sequence)
    what = f"{written.count} frames of {suffix}"
    what += f", {written.found} of them found" if written.found else ""
    what += f", the last of {written.last}" if written.last else ""
    if offer.fit_steps and how[1] is None:
        what += f", without a fit to what is shown (fit steps, such as {offer.fit_steps}, make one a frame)"
    return Exported(path, written.level, what)


def _export_picture(media: Media, path: Path, frame: int, level: int | None, size: tuple[int, int] | None) -> Exported:
    from lamina.data import write_image

    pixels = next(media.frames(frame, frame + 1, level, size))
    write_image(path, pixels)
    return Exported(path, _level(media, level), f"{pixels.shape[1]}x{pixels.shape[0]}")


def _export_clip(
    media: Media,
    path: Path,
    start_and_count: tuple[int, int],
    level: int | None,
    size: tuple[int, int] | None,
    progress: Callable[[Progress], None],
) -> Exported:
    from lamina.data import ClipWriter
    from lamina.data.clip import as_rate

    start, count = start_and_count
    frames = media.frames(start, start + count, level, size)
    # The first frame says the size, and must be there before a file is made.
    first = next(frames)
    height, width = first.shape[:2]
    with ClipWriter(path, width, height, as_rate(media.info.frames_per_second or Fraction(25))) as writer:
        for number, pixels in enumerate(chain([first], frames), start=1):
            writer.write(pixels)
            progress(Progress(number / count, f"frame {start + number}"))
        written = writer.frame_count
    many = "" if written == 1 else f", {written} frames"
    return Exported(path, _level(media, level), f"{width}x{height}{many}")


def _level(media: Media, level: int | None) -> int:
    return media.level_count - 1 if level is None else level
