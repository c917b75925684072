# SPDX-License-Identifier: Apache-2.0
"""`lamina decode`: a file enters; a picture, a clip, a folder of pictures, or a scene's Gaussians leave."""

from __future__ import annotations

import argparse
from pathlib import Path

from lamina.cli.console import print_warning, size, thousands
from lamina.cli.options import Parser, count, frame_range, pixel_size
from lamina.codec import Progress
from lamina.errors import SignalError
from lamina.media.reading import SCENE, Media, open_media

EXAMPLES = (
    ("lamina decode photo.lam out.png", "the best level"),
    ("lamina decode photo.lam out.png --level 0", "the coarsest"),
    ("lamina decode photo.lam large.png --size 3072x2048", "any size: splats have no resolution"),
    ("lamina decode clip.lam out.mp4", "or out.y4m, out.mkv, out.gif, a folder/ of pictures"),
    ("lamina decode clip.lam part.y4m --frames 10:20", "only the groups needed are read"),
    ("lamina decode clip.lam still.png --frames 10", "one frame"),
    ("lamina decode garden.lam garden.ply", "a scene for other tools: .ply or .spz"),
    ("lamina decode garden.lam garden.spz --fit-steps 0", "at once, up to 2 dB worse"),
)
PICTURE_SUFFIXES = {".png", ".jpg", ".jpeg", ".webp", ".bmp", ".ppm", ".tif", ".tiff", ".jp2", ".avif"}


def parser() -> Parser:
    """What `lamina decode` understands."""
    made = Parser("decode", EXAMPLES)
    made.add_argument("file", type=Path, help="a Lamina file; an unfinished one (file.lam.part/stream.lam) too")
    made.add_argument(
        "output", type=Path, help="picture, clip or folder, .ply or .spz of a scene; the suffix chooses the format"
    )
    made.add_argument("--level", type=count(0, 1000), metavar="N", help="0 is the coarsest; default: the best")
    made.add_argument("--size", type=pixel_size, metavar="WxH", help="pixels; default: the level's own size")
    made.add_argument("--frames", type=frame_range, metavar="A:B", help="frames A...B-1 of a clip")
    made.add_argument(
        "--fit-steps",
        type=count(0, 1_000_000),
        metavar="N",
        help="scenes: steps that fit the Gaussians, which must hold for all views here, to what the scene shows; "
        "0: none; default: 1600",
    )
    made.add_argument("--quiet", action="store_true", help="no progress")
    return made


def run(words: list[str]) -> int:
    """Run the command; the exit status."""
    options = parser().parse_args(words)
    with open_media(options.file) as media:
        if media.info.kind == SCENE:
            return _write_gaussians(media, options)
        if options.fit_steps is not None:
            raise SignalError(f"{options.file}: --fit-steps is for scenes, which this is not; leave it out")
        start, stop = options.frames or (0, None)
        frame_count = (media.frame_count if stop is None else stop) - start
        if _is_picture(options, media, frame_count):
            _write_picture(media, options, start)
        else:
            _write_clip(media, options, start, stop)
        for problem in media.problems:
            print_warning(f"{problem}: what is intact was shown")
    return 0


def _write_gaussians(media: Media, options: argparse.Namespace) -> int:
    from lamina.cli.progress import shown_progress
    from lamina.codecs.scene.export import FIT_STEPS, export_cloud
    from lamina.data.splats import write_splats
    from lamina.data.splats.opening import WRITABLE

    if options.output.suffix.lower() not in WRITABLE or options.size is not None or options.frames is not None:
        raise SignalError(
            f"{options.output}: a scene decodes to Gaussians ({' or '.join(WRITABLE)}, no --size or --frames); "
            f"for pictures of it use lamina render"
        )
    model = media.model(level=options.level)
    fit_steps = FIT_STEPS if options.fit_steps is None else options.fit_steps
    with shown_progress(options.output.name, quiet=options.quiet) as progress:
        cloud = export_cloud(
            model, fit_steps=fit_steps, report=lambda done: progress(Progress(done, "fitting to what the scene shows"))
        )
    write_splats(options.output, cloud)
    what = f"{thousands(len(cloud))} Gaussians, harmonics of degree {cloud.degree}"
    written = size(options.output.stat().st_size)
    print(f"{options.output}: level {model.level} of 0...{media.level_count - 1}, {what}, {written}")
    for problem in media.problems:
        print_warning(f"{problem}: what is intact was written")
    return 0


def _is_picture(options: argparse.Namespace, media: Media, frame_count: int) -> bool:
    output: Path = options.output
    if output.suffix.lower() not in PICTURE_SUFFIXES:
        return False
    if frame_count > 1:
        raise SignalError(
            f"{output}: {frame_count} frames do not fit into one picture; use .mp4, .y4m or a folder/, or --frames 0"
        )
    return True


def _write_picture(media: Media, options: argparse.Namespace, frame: int) -> None:
    from lamina.data import write_image

    pixels = next(media.frames(frame, frame + 1, options.level, options.size))
    write_image(options.output, pixels)
    _say(media, options, pixels.shape, 1)


def _write_clip(media: Media, options: argparse.Namespace, start: int, stop: int | None) -> None:
    from contextlib import ExitStack
    from fractions import Fraction

    from lamina.cli.progress import shown_progress
    from lamina.data import ClipWriter
    from lamina.data.clip import as_rate

    rate = as_rate(media.info.frames_per_second or Fraction(25))
    total = (media.frame_count if stop is None else stop) - start
    frames = media.frames(start, stop, options.level, options.size)
    # The first frame says the size, and must be there before a file is made.
    first = next(frames)
    height, width = first.shape[:2]
    output = options.output
    with ExitStack() as stack:
        writer = stack.enter_context(ClipWriter(output, width, height, rate))
        progress = stack.enter_context(shown_progress(output.name, quiet=options.quiet))
        writer.write(first)
        for number, pixels in enumerate(frames, start=2):
            writer.write(pixels)
            progress(Progress(number / total, f"frame {start + number}"))
        written = writer.frame_count
    _say(media, options, first.shape, written)


def _say(media: Media, options: argparse.Namespace, shape: tuple[int, ...], frames: int) -> None:
    level = media.level_count - 1 if options.level is None else options.level
    counted = "" if frames == 1 else f", {frames} frames"
    written = f", {size(options.output.stat().st_size)}" if options.output.is_file() else ""
    intact = "what is intact of " if media.problems else ""
    levels = f"{intact}level {level} of 0...{media.level_count - 1}"
    print(f"{options.output}: {levels}, {shape[1]}x{shape[0]}{counted}{written}")
