# SPDX-License-Identifier: Apache-2.0
"""A file that cameras look at and shots enter; pictures or a film leave. One decoder, one frame in memory at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import numpy as np
from jaxtyping import UInt8

from lamina.codec import Progress, ignore
from lamina.errors import SignalError
from lamina.media.backdrops import Background, check_background, standing_before
from lamina.media.reading import Media
from lamina.media.shots import Shot, film_rate

PICTURE = ".png"


def write_shots(
    media: Media,
    path: str | Path,
    shots: Sequence[Shot],
    *,
    level: int | None = None,
    frames_per_second: Fraction | float | None = None,
    background: Background | None = None,
    progress: Callable[[Progress], None] = ignore,
) -> int:
    """Write pictures (a folder, or one .png) or a film (.mp4, .y4m, ...); the level that was shown.

    `background` stands behind what holds only what masks held: a color, or pixels of the shots' size.

    A film has `frames_per_second` pictures a second (None: the medium's rate, or 30 of what stands still).

    Raises:
        BitstreamError: nothing is left of a frame.
        SignalError: one picture for many cameras, a film of several sizes, or an unknown suffix.
        TargetError: there is no such level, or nothing can stand behind it, or a background is of another size.
        WriteError: the disk is full or the place not writable.
    """
    path = Path(path)
    check_background(background, [(shot.camera.width, shot.camera.height) for shot in shots])
    is_picture = path.suffix.lower() == PICTURE
    if is_picture and len(shots) > 1:
        raise SignalError(f"{path}: {len(shots)} cameras do not fit into one picture; name a folder/ or a film.mp4")
    if is_picture or not path.suffix:
        # A camera that stands still sees a frame once, however often a film shows it; frame by frame decodes once.
        shots = sorted({shot.name: shot for shot in shots}.values(), key=lambda shot: shot.frame)
        studio = _Studio(media, level, shots, background, progress)
        _write_pictures(studio, path)
    else:
        studio = _Studio(media, level, shots, background, progress)
        _write_film(studio, path, film_rate(media, frames_per_second))
    return studio.shown_level


@dataclass
class _Studio:
    """Takes shots one after another."""

    media: Media
    level: int | None
    shots: Sequence[Shot]
    background: Background | None
    progress: Callable[[Progress], None]
    shown_level: int = 0
    """Of the last shot."""

    def takes(self) -> Iterator[UInt8[np.ndarray, "h w 3"]]:
        """The pixels of each shot; where time goes back, decoding begins anew."""
        turns = [number for number, (before, after) in enumerate(pairwise(self.shots), 1) if after.frame < before.frame]
        for first, stop in pairwise([0, *turns, len(self.shots)]):
            yield from self._forward(first, stop)

    def _forward(self, start: int, stop: int) -> Iterator[UInt8[np.ndarray, "h w 3"]]:
        """Shots start...stop-1, whose frames do not fall; a frame that damage has lost shows the one before it."""
        first, last = self.shots[start].frame, self.shots[stop - 1].frame
        models = self.media.models(first, last + 1, self.level)
        model = next(models, None)
        if model is None:
            model = self.media.model(first, self.level)
        following = next(models, None)
        for number, shot in enumerate(self.shots[start:stop], start + 1):
            while following is not None and following.frame <= shot.frame:
                model, following = following, next(models, None)
            self.shown_level = model.level
            staged = model if self.background is None else standing_before(model, self.background)
            yield self.media.render(shot.camera, model=staged)
            self.progress(Progress(number / len(self.shots), shot.name))


def _write_pictures(studio: _Studio, path: Path) -> None:
    from lamina.data import write_image

    single = path.suffix.lower() == PICTURE
    if not single:
        path.mkdir(parents=True, exist_ok=True)
    for shot, pixels in zip(studio.shots, studio.takes(), strict=True):
        write_image(path if single else path / f"{shot.name}{PICTURE}", pixels)


def _write_film(studio: _Studio, path: Path, frames_per_second: Fraction) -> None:
    from lamina.data import ClipWriter
    from lamina.data.clip import as_rate

    sizes = {(shot.camera.width, shot.camera.height) for shot in studio.shots}
    if len(sizes) > 1:
        raise SignalError(f"{path}: cameras of {len(sizes)} sizes do not make a film; choose one: --size WxH")
    width, height = sizes.pop()
    with ClipWriter(path, width, height, as_rate(frames_per_second)) as writer:
        for pixels in studio.takes():
            writer.write(pixels)
