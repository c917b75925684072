# SPDX-License-Identifier: Apache-2.0
"""A file that cameras look at and the cameras enter; pictures or a film leave."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import numpy as np
from jaxtyping import UInt8

from lamina.cameras.camera import Camera
from lamina.cameras.paths import orbit, read_cameras, spiral
from lamina.codec import Progress, ignore
from lamina.data.captures import Capture, read_capture
from lamina.errors import SignalError, TargetError
from lamina.media.reading import Media
from lamina.units import SeenBy

PATHS = ("orbit", "spiral")
STORED = "test"
CAPTURED = ("train", "all")
PICTURE = ".png"
PATH_VIEWS = 120
"""Of an orbit or spiral around what stands still: four seconds."""


@dataclass(frozen=True)
class Shot:
    """One picture to take."""

    name: str
    """Of its file, in a folder of pictures."""
    camera: Camera
    frame: int = 0


def shots_of(
    media: Media,
    which: str = "orbit",
    *,
    capture: str | Path | None = None,
    frames: tuple[int, int | None] | None = None,
    size: tuple[int, int] | None = None,
) -> list[Shot]:
    """What a choice of cameras means for a file.

    `which` is ``test`` (views that the file keeps), ``orbit`` or ``spiral`` (a path through them), ``train`` or ``all``
    (views of `capture`, a folder), or a JSON file of cameras. Of what stands still `frames` (start, stop) counts the
    views of a path; of timed media it says which frames are shown: a path goes on with time, and cameras that do not
    show one frame, or all of them when there is one camera. `size` (width, height) replaces the cameras' own.

    Raises:
        SignalError: no such cameras.
        TargetError: the file holds nothing that a camera looks at, or there are no such frames.
    """
    name = media.stream.name or "the file"
    if media.info.seen_by != SeenBy.CAMERA:
        raise TargetError(f"{name}: this is a {media.info.kind}, which has no cameras; use lamina decode")
    is_timed = media.info.is_timed
    start, stop = frames if frames is not None else (0, media.frame_count if is_timed else PATH_VIEWS)
    stop = media.frame_count if stop is None else stop
    if is_timed and not 0 <= start < stop <= media.frame_count:
        raise TargetError(f"{name}: frames {start}:{stop} were asked for, the file has frames 0:{media.frame_count}")
    count = max(stop - start, 1)
    named = _cameras(media, which, capture, count)
    if size is not None:
        named = [(label, camera.resized(*size)) for label, camera in named]
    if not is_timed:
        return [Shot(label, camera) for label, camera in named]
    if len(named) == count:
        return [Shot(label, camera, start + number) for number, (label, camera) in enumerate(named)]
    if len(named) == 1:
        return [Shot(f"frame_{frame:04d}", named[0][1], frame) for frame in range(start, stop)]
    if count > 1:
        raise SignalError(
            f"{name}: {len(named)} cameras and {count} frames: ask for one camera, one frame (--frames 0), or as many "
            f"cameras as frames"
        )
    return [Shot(label, camera, start) for label, camera in named]


def write_shots(
    media: Media,
    path: str | Path,
    shots: Sequence[Shot],
    *,
    level: int | None = None,
    frames_per_second: Fraction | float = 30,
    progress: Callable[[Progress], None] = ignore,
) -> int:
    """Write pictures (a folder, or one .png) or a film (.mp4, .y4m, ...); the level that was shown.

    Raises:
        BitstreamError: nothing is left of a frame.
        SignalError: one picture for many cameras, a film of several sizes, or an unknown suffix.
        TargetError: there is no such level.
        WriteError: the disk is full or the place not writable.
    """
    path = Path(path)
    if path.suffix.lower() == PICTURE and len(shots) > 1:
        raise SignalError(f"{path}: {len(shots)} cameras do not fit into one picture; name a folder/ or a film.mp4")
    write = _write_pictures if path.suffix.lower() in ("", PICTURE) else _write_film
    studio = _Studio(media, level, shots, progress)
    write(studio, path, frames_per_second)
    return studio.shown_level


@dataclass
class _Studio:
    """Takes shots one after another."""

    media: Media
    level: int | None
    shots: Sequence[Shot]
    progress: Callable[[Progress], None]
    shown_level: int = 0
    """Of the last shot."""

    def takes(self) -> Iterator[UInt8[np.ndarray, "h w 3"]]:
        """The pixels of each shot, in the order of frames; a frame that damage has lost shows the one before it."""
        first, last = self.shots[0].frame, self.shots[-1].frame
        models = self.media.models(first, last + 1, self.level)
        model = next(models, None)
        if model is None:
            model = self.media.model(first, self.level)
        following = next(models, None)
        for number, shot in enumerate(self.shots):
            while following is not None and following.frame <= shot.frame:
                model, following = following, next(models, None)
            self.shown_level = model.level
            yield self.media.render(shot.camera, model=model)
            self.progress(Progress((number + 1) / len(self.shots), shot.name))


def _write_pictures(studio: _Studio, path: Path, frames_per_second: Fraction | float) -> None:
    from lamina.data import write_image

    del frames_per_second
    single = path.suffix.lower() == PICTURE
    if not single:
        path.mkdir(parents=True, exist_ok=True)
    for shot, pixels in zip(studio.shots, studio.takes(), strict=True):
        write_image(path if single else path / f"{shot.name}{PICTURE}", pixels)


def _write_film(studio: _Studio, path: Path, frames_per_second: Fraction | float) -> None:
    from lamina.data import ClipWriter
    from lamina.data.clip import as_rate

    sizes = {(shot.camera.width, shot.camera.height) for shot in studio.shots}
    if len(sizes) > 1:
        raise SignalError(f"{path}: cameras of {len(sizes)} sizes do not make a film; choose one: --size WxH")
    width, height = sizes.pop()
    rate = as_rate(Fraction(frames_per_second).limit_denominator(1001))
    with ClipWriter(path, width, height, rate) as writer:
        for pixels in studio.takes():
            writer.write(pixels)


def _cameras(media: Media, which: str, capture: str | Path | None, count: int) -> list[tuple[str, Camera]]:
    """Names and cameras of a choice."""
    if which in CAPTURED or capture is not None:
        return _captured(media, which, capture, count)
    if which != STORED and which not in PATHS:
        if not Path(which).exists():
            raise SignalError(f"--camera {which}: expected test, orbit, spiral, train, all, or a JSON file that exists")
        return _numbered(read_cameras(which))
    stored = media.cameras()
    if not stored:
        raise SignalError(
            f"{media.stream.name or 'the file'}: it holds no cameras; name a capture's folder: --capture FOLDER"
        )
    return _numbered(stored if which == STORED else _path(which, stored, count))


def _captured(media: Media, which: str, folder: str | Path | None, count: int) -> list[tuple[str, Camera]]:
    """Views of a capture, or a path through its training views."""
    if folder is None:
        raise SignalError(f"--camera {which}: say where the capture is: --capture FOLDER")
    capture: Capture = read_capture(folder, view_size=(media.info.width, media.info.height))
    chosen = {STORED: capture.test, "all": range(len(capture))}.get(which, capture.train)
    cameras = [capture.views[number].camera for number in chosen]
    if which in PATHS:
        return _numbered(_path(which, cameras, count))
    return [(Path(capture.views[number].name).stem, capture.views[number].camera) for number in chosen]


def _path(which: str, cameras: Sequence[Camera], count: int) -> Sequence[Camera]:
    return (orbit if which == "orbit" else spiral)(cameras, count)


def _numbered(cameras: Sequence[Camera]) -> list[tuple[str, Camera]]:
    return [(f"view_{number:03d}", camera) for number, camera in enumerate(cameras)]
