# SPDX-License-Identifier: Apache-2.0
"""A file enters; a picture, a clip, a folder of pictures, or models in the formats of other tools leave."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from itertools import chain
from pathlib import Path
from typing import Any

from lamina.atomic import replacing_path
from lamina.codec import Export, Progress, ignore
from lamina.errors import SignalError
from lamina.media.reading import Media
from lamina.units import SeenBy

PICTURE_SUFFIXES = {".png", ".jpg", ".jpeg", ".webp", ".bmp", ".ppm", ".tif", ".tiff", ".jp2", ".avif"}

MODEL_NAME = "frame{:04d}{}"
"""A model a frame, in a folder: a numbered sequence as players of splats take it."""


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
    fit_steps: int | None = None,
    progress: Callable[[Progress], None] = ignore,
) -> Exported:
    """Write what a file holds in a format of others; the suffix of `path` chooses.

    Pictures (.png, .jpg, ...), clips (.mp4, .y4m, ...) and folders of pictures of what needs no camera; models (.ply,
    .spz, as the codec offers; a folder of them for timed media) of what does. `frames` (start, stop) and `level`
    choose a part; `size` (width, height) is of pixels; `fit_steps` of the fit that some exports need.

    Raises:
        BitstreamError: nothing is left of it.
        SignalError: no such format, or one that does not hold what is asked for.
        TargetError: there is no such level, frame or size.
        WriteError: the disk is full or the place not writable.
    """
    path = Path(path)
    offer = media.codec.export
    by_camera = media.info.seen_by == SeenBy.CAMERA
    if offer is not None and (path.suffix.lower() in offer.suffixes or (by_camera and not path.suffix)):
        if size is not None:
            raise SignalError(f"{path}: {offer.suffixes[0]} holds no pixels, so it has no size: leave it out")
        steps = offer.fit_steps if fit_steps is None else fit_steps
        return _export_models(media, path, offer, level, frames, steps, progress=progress)
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


def _export_models(
    media: Media,
    path: Path,
    offer: Export[Any],
    level: int | None,
    frames: tuple[int, int | None] | None,
    fit_steps: int,
    *,
    progress: Callable[[Progress], None],
) -> Exported:
    start, stop = frames or (0, None)
    count = (media.frame_count if stop is None else stop) - start

    def report_of(number: int) -> Callable[[float], None]:
        return lambda done: progress(Progress((number + done) / count, f"fitting frame {start + number}"))

    if path.suffix:
        if count > 1:
            raise SignalError(f"{path}: {count} frames do not fit into one file; use a folder/, or --frames 0")
        model = media.model(start, level)
        what = offer.write(model, path, fit_steps, report_of(0))
        return Exported(path, model.level, what)
    shown = 0
    what = ""
    with replacing_path(path) as partial:
        partial.mkdir()
        for number, model in enumerate(media.models(start, stop, level)):
            file = partial / MODEL_NAME.format(model.frame, offer.suffixes[0])
            what = offer.write(model, file, fit_steps, report_of(number))
            shown = max(shown, model.level)
    return Exported(path, shown, f"{count} frames, the last of {what}")


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
