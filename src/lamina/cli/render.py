# SPDX-License-Identifier: Apache-2.0
"""`lamina render`: a file of a scene and cameras enter; pictures or a film leave."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from lamina.cli.console import counted, print_warning, size
from lamina.cli.options import Parser, count, pixel_size, positive
from lamina.codec import Progress
from lamina.errors import SignalError, TargetError
from lamina.media.reading import SCENE, Media, open_media

if TYPE_CHECKING:
    from lamina.render.cameras import Camera

EXAMPLES = (
    ("lamina render garden.lam --camera test --out views/", "the views that the encoder held out"),
    ("lamina render garden.lam --camera orbit --out orbit.mp4 --level 2", "around the scene, a lower level"),
    ("lamina render garden.lam --camera spiral --out spiral.mp4", "for captures that face one way"),
    ("lamina render garden.lam --camera camera.json --out view.png", "one camera, or a list of them"),
    ("lamina render garden.lam --camera train --capture garden/ --out views/", "other views of the capture"),
)
PATHS = ("orbit", "spiral")
STORED = "test"
PICTURE = ".png"
PATH_FRAMES, FRAMES_PER_SECOND = 120, 30
"""Of orbits and spirals: four seconds."""


def parser() -> Parser:
    """What `lamina render` understands."""
    made = Parser("render", EXAMPLES)
    made.add_argument("file", type=Path, help="a Lamina file of a scene")
    made.add_argument(
        "--camera",
        default="orbit",
        metavar="WHICH",
        help="test (views in the file), orbit, spiral, train or all (of --capture), or a JSON file; default: orbit",
    )
    made.add_argument("--out", type=Path, required=True, help="a folder/ or .png for pictures, .mp4 or .y4m for a film")
    made.add_argument("--level", type=count(0, 1000), metavar="N", help="0 is the coarsest; default: the best")
    made.add_argument("--size", type=pixel_size, metavar="WxH", help="pixels; default: the camera's own")
    made.add_argument(
        "--frames", type=count(1, 100_000), default=PATH_FRAMES, metavar="N", help="of an orbit or spiral"
    )
    made.add_argument("--fps", type=positive, default=FRAMES_PER_SECOND, metavar="RATE", help="of a film")
    made.add_argument("--capture", type=Path, metavar="FOLDER", help="where cameras come from that the file has not")
    made.add_argument("--quiet", action="store_true", help="no progress")
    return made


def run(words: list[str]) -> int:
    """Run the command; the exit status."""
    options = parser().parse_args(words)
    with open_media(options.file) as media:
        if media.info.kind != SCENE:
            raise TargetError(f"{options.file}: this is a {media.info.kind}, which has no cameras; use lamina decode")
        names, cameras = cameras_for(options, media)
        if options.size is not None:
            cameras = [camera.resized(*options.size) for camera in cameras]
        shown = _write_pictures if _is_folder(options.out, len(cameras)) else _write_film
        shown(media, options, names, cameras)
        for problem in media.problems:
            print_warning(f"{problem}: what is intact was shown")
    return 0


def cameras_for(options: argparse.Namespace, media: Media) -> tuple[list[str], list[Camera]]:
    """Names and cameras of what `--camera` asks for.

    Raises:
        SignalError: no such cameras.
    """
    if options.camera in ("train", "all") or options.capture is not None:
        return _captured(options, media)
    if options.camera != STORED and options.camera not in PATHS:
        from lamina.render.paths import read_cameras

        if not Path(options.camera).exists():
            raise SignalError(
                f"--camera {options.camera}: expected test, orbit, spiral, train, all, or a JSON file that exists"
            )
        return _numbered(read_cameras(options.camera))
    stored = list(media.model(level=0).cameras)
    if not stored:
        raise SignalError(f"{options.file}: it holds no cameras; name a capture's folder: --capture FOLDER")
    return _numbered(stored) if options.camera == STORED else _numbered(_path(options, stored))


def _captured(options: argparse.Namespace, media: Media) -> tuple[list[str], list[Camera]]:
    """Views of a capture, or a path through its training views."""
    from lamina.media.scene_comparison import capture_of_size

    if options.capture is None:
        raise SignalError(f"--camera {options.camera}: say where the capture is: --capture FOLDER")
    capture = capture_of_size(options.capture, media.info.width, media.info.height)
    chosen = {"test": capture.test, "all": range(len(capture))}.get(options.camera, capture.train)
    cameras = [capture.views[number].camera for number in chosen]
    if options.camera in PATHS:
        return _numbered(_path(options, cameras))
    return [Path(capture.views[number].name).stem for number in chosen], cameras


def _path(options: argparse.Namespace, cameras: Sequence[Camera]) -> Sequence[Camera]:
    from lamina.render.paths import orbit, spiral

    return (orbit if options.camera == "orbit" else spiral)(cameras, options.frames)


def _numbered(cameras: Sequence[Camera]) -> tuple[list[str], list[Camera]]:
    return [f"view_{number:03d}" for number in range(len(cameras))], list(cameras)


def _is_folder(out: Path, cameras: int) -> bool:
    """Pictures rather than a film. Raises `SignalError` when one picture is asked for, but there are many."""
    if out.suffix.lower() == PICTURE and cameras > 1:
        raise SignalError(f"{out}: {cameras} cameras do not fit into one picture; name a folder/ or a film.mp4")
    return out.suffix.lower() in ("", PICTURE)


def _write_pictures(media: Media, options: argparse.Namespace, names: list[str], cameras: list[Camera]) -> None:
    from lamina.cli.progress import shown_progress
    from lamina.data import write_image

    out: Path = options.out
    single = out.suffix.lower() == PICTURE
    model = media.model(level=options.level)
    if not single:
        out.mkdir(parents=True, exist_ok=True)
    with shown_progress(out.name, quiet=options.quiet) as progress:
        for number, (name, camera) in enumerate(zip(names, cameras, strict=True)):
            write_image(out if single else out / f"{name}.png", media.render(camera, model=model))
            progress(Progress((number + 1) / len(cameras), name))
    _say(media, options, cameras, model.level)


def _write_film(media: Media, options: argparse.Namespace, names: list[str], cameras: list[Camera]) -> None:
    from fractions import Fraction

    from lamina.cli.progress import shown_progress
    from lamina.data import ClipWriter
    from lamina.data.clip import as_rate

    sizes = {(camera.width, camera.height) for camera in cameras}
    if len(sizes) > 1:
        raise SignalError(f"{options.out}: cameras of {len(sizes)} sizes do not make a film; choose one: --size WxH")
    width, height = sizes.pop()
    model = media.model(level=options.level)
    with (
        ClipWriter(options.out, width, height, as_rate(Fraction(options.fps).limit_denominator(1001))) as writer,
        shown_progress(options.out.name, quiet=options.quiet) as progress,
    ):
        for number, (name, camera) in enumerate(zip(names, cameras, strict=True)):
            writer.write(media.render(camera, model=model))
            progress(Progress((number + 1) / len(cameras), name))
    _say(media, options, cameras, model.level)


def _say(media: Media, options: argparse.Namespace, cameras: list[Camera], level: int) -> None:
    """What was written; the level is the one shown, which damage may have lowered."""
    written = f", {size(options.out.stat().st_size)}" if options.out.is_file() else ""
    shape = f"{cameras[0].width}x{cameras[0].height}"
    views = counted(len(cameras), "view")
    print(f"{options.out}: level {level} of 0...{media.level_count - 1}, {views}, {shape}{written}")
