# SPDX-License-Identifier: Apache-2.0
"""`lamina compare`: a file and its source enter; bytes and quality of each level leave."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from lamina.cli.console import decimals, print_table, print_warning, thousands
from lamina.cli.options import Parser, frame_span, names, pixel_size, positive, ratio
from lamina.media.backdrops import OVERS, over_of
from lamina.media.reading import Media, open_media
from lamina.units import SeenBy

if TYPE_CHECKING:
    from lamina.codec import Signal
    from lamina.media.comparison import LevelQuality
    from lamina.media.over_time import StretchQuality

EXAMPLES = (
    ("lamina compare photo.lam photo.png", "per level, measured on what is decoded from the file"),
    ("lamina compare clip.lam clip.mp4 --json", "for programs"),
    ("lamina compare garden.lam garden/", "a scene: over the views that were held out"),
    ("lamina compare garden.lam garden/ --lpips vgg16-397923af.pth vgg.pth", "LPIPS too, with weights that you have"),
    ("lamina compare part.lam clip.mp4 --frames 0:60", "a file of the first 60 frames"),
    ("lamina compare game.lam game/ --hold-out 6,13 --over black", "of what masks hold, on cameras that have masks"),
    ("lamina compare talk.lam talk.mp4", "a talking head: mouth, eyes, face, hair and torso apart too"),
    ("lamina compare game.lam game/ --plot game.png", "dB over frames, a line a level; what moves apart"),
)

FIGURES = """of what is timed and seen by cameras:
  moving dB     over pixels that move: those that differ from the camera's median over time by more than 24 of
                255, without single ones, widened by two pixels
  corrected dB  after a gain a camera and channel, fitted to the camera's other frames: cameras of a rig differ
  The first frame, whose kB are all that a viewer waits for, and those after it have figures of their own."""


def parser() -> Parser:
    """What `lamina compare` understands."""
    made = Parser("compare", EXAMPLES, FIGURES)
    made.add_argument("file", type=Path, help="a Lamina file")
    made.add_argument("source", type=Path, help="what it was made from")
    made.add_argument("--json", action="store_true", help="for programs")
    made.add_argument("--plot", type=Path, metavar="FILE.png", help="of what is timed: dB over frames, a line a level")
    made.add_argument(
        "--frames", type=frame_span, metavar="A:B", help="frames of the source that the file holds; or times: 1.5s:3s"
    )
    made.add_argument(
        "--size", type=pixel_size, metavar="WxH", help="the source was scaled down to it; of raw video: what it is"
    )
    made.add_argument("--scale", type=ratio, metavar="R", help="of what the source was scaled to")
    made.add_argument("--pixel-format", metavar="NAME", help="of a source of raw video")
    made.add_argument("--fps", type=positive, metavar="RATE", help="frames per second of the source")
    made.add_argument("--hold-out", type=names, metavar="NAME,...", default=(), help="cameras to compare on instead")
    made.add_argument(
        "--over",
        choices=OVERS,
        help="of files that hold what masks hold: what both stand before; default: the file's own color. plates: each "
        "camera's median without masks, and the pictures as they are",
    )
    made.add_argument(
        "--lpips",
        type=Path,
        nargs=2,
        metavar=("BACKBONE", "CHANNELS"),
        help="LPIPS too: files of weights, torchvision's of VGG16 (or AlexNet) and the lpips package's",
    )
    made.add_argument("--quiet", action="store_true", help="no progress")
    return made


def run(words: list[str]) -> int:
    """Run the command; the exit status."""
    from lamina.cli.progress import shown_progress
    from lamina.media.comparison import compare, vmaf_is_available
    from lamina.media.plotting import check_plot_path, plot_quality
    from lamina.media.timing import at_times_of, pairing_note
    from lamina.metrics.lpips import read_lpips

    options = parser().parse_args(words)
    if options.plot is not None:
        check_plot_path(options.plot)
    with open_media(options.file) as media:
        lpips = read_lpips(*options.lpips) if options.lpips else None
        source = at_times_of(_source_of(options, media), media.times)
        note = pairing_note(source, media.times)
        with shown_progress(options.file.name, quiet=options.quiet) as progress:
            levels = list(compare(media, source, progress, lpips=lpips, over=options.over))
        over = over_of(media, options.over)
        by_camera = media.info.seen_by == SeenBy.CAMERA
    if options.plot is not None:
        plot_quality(levels, options.plot, title=options.file.name)
    if options.json:
        told = {} if over is None else {"over": over}
        print(json.dumps({**told, "levels": [level.as_json() for level in levels]}, indent=2))
        return 0
    if note is not None:
        print_warning(f"{options.source}: {note}")
    if source.medium == "clip" and not vmaf_is_available():
        print_warning("VMAF is left out: it needs an ffmpeg that has it: pip install imageio-ffmpeg")
    if over is not None:
        print(f"what masks hold, over {over}")
    columns = columns_of(levels)
    print_table(list(columns), [[column(level) for column in columns.values()] for level in levels])
    if by_camera and levels[0].over_time is not None:
        print_over_time(levels)
    return 0


def print_over_time(levels: Sequence[LevelQuality]) -> None:
    """The first frame, and frames after it: what they cost, and how good they are."""
    header = ("SSIM", "moving dB", "corrected dB", "corrected moving")
    first: list[list[str]] = []
    after: list[list[str]] = []
    for level in levels:
        if level.over_time is None or level.delivery is None:
            continue
        kilobytes = level.delivery.start_bytes / 1000
        first.append([str(level.level), decimals(kilobytes, 2), *_figures(level.over_time.first)])
        if level.over_time.after is not None and level.delivery.frame_bytes is not None:
            cost = decimals(level.delivery.frame_bytes / 1000, 3), decimals(level.delivery.frame_kilobits_per_second, 1)
            after.append([str(level.level), *cost, *_figures(level.over_time.after)])
    print()
    print_table(("first frame", "kB", "PSNR dB", *header), first)
    if after:
        print()
        print_table(("frames after it", "kB a frame", "kbit/s", "PSNR dB", *header), after)


def _figures(stretch: StretchQuality) -> list[str]:
    return [
        decimals(stretch.psnr, 2),
        decimals(stretch.ssim, 4),
        decimals(stretch.moving_psnr, 2),
        decimals(stretch.corrected_psnr, 2),
        decimals(stretch.corrected_moving_psnr, 2),
    ]


def columns_of(levels: Sequence[LevelQuality]) -> dict[str, Callable[[LevelQuality], str]]:
    """Heading -> what a level says under it; columns that say nothing about this medium are left out."""
    first = levels[0]
    columns: dict[str, Callable[[LevelQuality], str]] = {
        "level": lambda level: str(level.level),
        "bytes": lambda level: thousands(level.bytes),
    }
    if first.bpp is not None:
        columns["bits/pixel"] = lambda level: decimals(level.bpp, 3)
    if first.kilobits_per_second is not None:
        columns["kbit/s"] = lambda level: decimals(level.kilobits_per_second, 1)
    for name in first.counts:
        columns[name] = lambda level, name=name: thousands(level.counts.get(name, 0))
    if first.looks > 1:
        columns["pictures"] = lambda level: str(level.looks)
    columns |= {
        "size": lambda level: f"{level.width}x{level.height}",
        "PSNR dB": lambda level: decimals(level.psnr, 2),
        "SSIM": lambda level: decimals(level.ssim, 4),
        "MS-SSIM": lambda level: decimals(level.ms_ssim, 4),
    }
    for name in first.regions:
        columns[f"{name} dB"] = lambda level, name=name: decimals(level.regions.get(name), 2)
    if any(level.vmaf is not None for level in levels):
        columns["VMAF"] = lambda level: decimals(level.vmaf, 1)
    if any(level.lpips is not None for level in levels):
        columns["LPIPS"] = lambda level: decimals(level.lpips, 4)
    return columns


def _source_of(options: argparse.Namespace, media: Media) -> Signal:
    from lamina.media.sources import SourceOptions, signal_of

    # Of a file with frames the source is frames too, be there only one.
    frames = options.frames or ((0, None) if media.info.is_timed else None)
    reading = SourceOptions(
        size=options.size,
        pixel_format=options.pixel_format,
        frames_per_second=options.fps,
        frames=frames,
        scale=options.scale,
        hold_out=options.hold_out,
        view_size=(media.info.width, media.info.height) if media.info.seen_by == SeenBy.CAMERA else None,
    )
    return signal_of(options.source, reading)
