# SPDX-License-Identifier: Apache-2.0
"""`lamina compare`: a file and its source enter; bytes and quality of each level leave."""

from __future__ import annotations

import json
from pathlib import Path

from lamina.cli.console import decimals, print_table, print_warning, thousands
from lamina.cli.options import Parser, frame_range, pixel_size, positive

EXAMPLES = (
    ("lamina compare photo.lam photo.png", "per level, measured on what is decoded from the file"),
    ("lamina compare clip.lam clip.mp4 --json", "for programs"),
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
    made.add_argument("--quiet", action="store_true", help="no progress")
    return made


def run(words: list[str]) -> int:
    """Run the command; the exit status."""
    options = parser().parse_args(words)
    from lamina.cli.progress import shown_progress
    from lamina.data import Clip
    from lamina.media.comparison import compare, vmaf_is_available
    from lamina.media.reading import open_media
    from lamina.media.sources import SourceOptions, signal_of

    with open_media(options.file) as media:
        still = media.info.kind == "image"
        frames = options.frames if options.frames or still else (0, None)
        source_options = SourceOptions(options.size, options.pixel_format, options.fps, frames)
        source = signal_of(options.source, source_options)
        with shown_progress(options.file.name, quiet=options.quiet) as progress:
            levels = list(compare(media, source, progress))
    if options.json:
        print(json.dumps({"levels": [level.as_json() for level in levels]}, indent=2))
        return 0
    timed = isinstance(source, Clip)
    if timed and not vmaf_is_available():
        print_warning("VMAF is left out: it needs an ffmpeg that has it: pip install imageio-ffmpeg")
    print_table(
        ("level", "bytes", "bits/pixel", "size", "PSNR dB", "SSIM", "MS-SSIM", *(("VMAF",) if timed else ())),
        [
            (
                str(level.level),
                thousands(level.bytes),
                f"{level.bpp:.3f}",
                f"{level.width}x{level.height}",
                decimals(level.psnr, 2),
                decimals(level.ssim, 4),
                decimals(level.ms_ssim, 4),
                *((decimals(level.vmaf, 1),) if timed else ()),
            )
            for level in levels
        ],
    )
    return 0
