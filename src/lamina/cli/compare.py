# SPDX-License-Identifier: Apache-2.0
"""`lamina compare`: a file and its source enter; bytes and quality of each level leave."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from lamina.cli.console import decimals, print_table, print_warning, thousands
from lamina.cli.options import Parser, frame_range, pixel_size, positive
from lamina.media.reading import SCENE, Media, open_media

Columns = dict[str, Callable[[Any], str]]
"""Heading -> what a level says under it."""

EXAMPLES = (
    ("lamina compare photo.lam photo.png", "per level, measured on what is decoded from the file"),
    ("lamina compare clip.lam clip.mp4 --json", "for programs"),
    ("lamina compare garden.lam garden/", "a scene: over the views that were held out"),
    ("lamina compare garden.lam garden/ --lpips vgg16-397923af.pth vgg.pth", "LPIPS too, with weights that you have"),
    ("lamina compare part.lam clip.mp4 --frames 0:60", "a file of the first 60 frames"),
)


def parser() -> Parser:
    """What `lamina compare` understands."""
    made = Parser("compare", EXAMPLES)
    made.add_argument("file", type=Path, help="a Lamina file")
    made.add_argument("source", type=Path, help="what it was made from")
    made.add_argument("--json", action="store_true", help="for programs")
    made.add_argument("--frames", type=frame_range, metavar="A:B", help="frames of the source that the file holds")
    made.add_argument("--size", type=pixel_size, metavar="WxH", help="of a source of raw video")
    made.add_argument("--pixel-format", metavar="NAME", help="of a source of raw video")
    made.add_argument("--fps", type=positive, metavar="RATE", help="frames per second of the source")
    made.add_argument(
        "--lpips",
        type=Path,
        nargs=2,
        metavar=("BACKBONE", "CHANNELS"),
        help="of scenes, LPIPS too: files of weights, torchvision's of VGG16 (or AlexNet) and the lpips package's",
    )
    made.add_argument("--quiet", action="store_true", help="no progress")
    return made


def run(words: list[str]) -> int:
    """Run the command; the exit status."""
    options = parser().parse_args(words)
    with open_media(options.file) as media:
        rows = _scene_rows if media.info.kind == SCENE else _picture_rows
        levels, columns = rows(media, options)
    if options.json:
        print(json.dumps({"levels": [level.as_json() for level in levels]}, indent=2))
    else:
        print_table(list(columns), [[column(level) for column in columns.values()] for level in levels])
    return 0


def _picture_rows(media: Media, options: argparse.Namespace) -> tuple[list[Any], Columns]:
    from lamina.cli.progress import shown_progress
    from lamina.data import Clip
    from lamina.data.captures import Capture
    from lamina.errors import SignalError
    from lamina.media.comparison import compare, vmaf_is_available
    from lamina.media.sources import SourceOptions, signal_of

    if options.lpips:
        raise SignalError(f"--lpips is for scenes, but {options.file} holds a {media.info.kind}")
    still = media.info.kind == "image"
    frames = options.frames if options.frames or still else (0, None)
    source = signal_of(options.source, SourceOptions(options.size, options.pixel_format, options.fps, frames))
    if isinstance(source, Capture):
        raise SignalError(f"{options.source}: photographs of a scene, but {options.file} holds a {media.info.kind}")
    with shown_progress(options.file.name, quiet=options.quiet) as progress:
        levels = list(compare(media, source, progress))
    columns: Columns = {
        "level": lambda level: str(level.level),
        "bytes": lambda level: thousands(level.bytes),
        "bits/pixel": lambda level: f"{level.bpp:.3f}",
        "size": lambda level: f"{level.width}x{level.height}",
        "PSNR dB": lambda level: decimals(level.psnr, 2),
        "SSIM": lambda level: decimals(level.ssim, 4),
        "MS-SSIM": lambda level: decimals(level.ms_ssim, 4),
    }
    if isinstance(source, Clip):
        columns["VMAF"] = lambda level: decimals(level.vmaf, 1)
        if not options.json and not vmaf_is_available():
            print_warning("VMAF is left out: it needs an ffmpeg that has it: pip install imageio-ffmpeg")
    return levels, columns


def _scene_rows(media: Media, options: argparse.Namespace) -> tuple[list[Any], Columns]:
    from lamina.cli.progress import shown_progress
    from lamina.media.scene_comparison import capture_of_size, compare_scene
    from lamina.metrics.lpips import read_lpips

    lpips = read_lpips(*options.lpips) if options.lpips else None
    capture = capture_of_size(options.source, media.info.width, media.info.height)
    with shown_progress(options.file.name, quiet=options.quiet) as progress:
        levels = list(compare_scene(media, capture, progress, lpips=lpips))
    columns: Columns = {
        "level": lambda level: str(level.level),
        "bytes": lambda level: thousands(level.bytes),
        "anchors": lambda level: thousands(level.anchors),
        "Gaussians": lambda level: thousands(level.gaussians),
        "views": lambda level: str(level.views),
        "PSNR dB": lambda level: decimals(level.psnr, 2),
        "SSIM": lambda level: decimals(level.ssim, 4),
    }
    if lpips is not None:
        columns["LPIPS"] = lambda level: decimals(level.lpips, 4)
    return levels, columns
