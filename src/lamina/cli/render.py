# SPDX-License-Identifier: Apache-2.0
"""`lamina render`: a file that cameras look at and cameras enter; pictures or a film leave."""

from __future__ import annotations

import argparse
from pathlib import Path

from lamina.cli.console import counted, print_warning, size
from lamina.cli.options import Parser, count, frame_range, pixel_size, positive
from lamina.media.reading import open_media

EXAMPLES = (
    ("lamina render garden.lam --camera test --out views/", "the views that the encoder held out"),
    ("lamina render garden.lam --camera orbit --out orbit.mp4 --level 2", "around the scene, a lower level"),
    ("lamina render garden.lam --camera spiral --out spiral.mp4", "for captures that face one way"),
    ("lamina render garden.lam --camera camera.json --out view.png", "one camera, or a list of them"),
    ("lamina render garden.lam --camera train --capture garden/ --out views/", "other views of the capture"),
)
FRAMES_PER_SECOND = 30
"""Of films of what stands still."""


def parser() -> Parser:
    """What `lamina render` understands."""
    made = Parser("render", EXAMPLES)
    made.add_argument("file", type=Path, help="a Lamina file that cameras look at")
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
        "--frames",
        type=_frames,
        metavar="N|A:B",
        help="views of an orbit or spiral (default 120); of what is timed, frames A...B-1, or frame N",
    )
    made.add_argument("--fps", type=positive, metavar="RATE", help="of a film; default: the file's own, or 30")
    made.add_argument("--capture", type=Path, metavar="FOLDER", help="where cameras come from that the file has not")
    made.add_argument("--quiet", action="store_true", help="no progress")
    return made


def run(words: list[str]) -> int:
    """Run the command; the exit status."""
    from lamina.cli.progress import shown_progress
    from lamina.media.filming import shots_of, write_shots

    options = parser().parse_args(words)
    with open_media(options.file) as media:
        frames = options.frames
        if isinstance(frames, int):
            frames = (frames, frames + 1) if media.info.is_timed else (0, frames)
        shots = shots_of(media, options.camera, capture=options.capture, frames=frames, size=options.size)
        rate = options.fps or media.info.frames_per_second or FRAMES_PER_SECOND
        with shown_progress(options.out.name, quiet=options.quiet) as progress:
            level = write_shots(
                media, options.out, shots, level=options.level, frames_per_second=rate, progress=progress
            )
        written = f", {size(options.out.stat().st_size)}" if options.out.is_file() else ""
        shape = f"{shots[0].camera.width}x{shots[0].camera.height}"
        views = counted(len(shots), "view")
        print(f"{options.out}: level {level} of 0...{media.level_count - 1}, {views}, {shape}{written}")
        for problem in media.problems:
            print_warning(f"{problem}: what is intact was shown")
    return 0


def _frames(text: str) -> int | tuple[int, int | None]:
    """`120` -> 120; `10:20` -> (10, 20)."""
    if ":" in text:
        return frame_range(text)
    try:
        return count(0, 100_000)(text)
    except argparse.ArgumentTypeError:
        raise argparse.ArgumentTypeError(f"{text!r}: expected a number, or START:STOP, such as 10:20") from None
