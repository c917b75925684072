# SPDX-License-Identifier: Apache-2.0
"""`lamina render`: a file that cameras look at and cameras enter; pictures or a film leave."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from lamina.cli.console import counted, print_warning, size
from lamina.cli.options import Parser, count, frame_span, pixel_size, positive, time_s
from lamina.media.reading import open_media

if TYPE_CHECKING:
    from lamina.media.shots import Shot
    from lamina.times import FrameSpan

EXAMPLES = (
    ("lamina render garden.lam --camera test --out views/", "the views that the encoder held out"),
    ("lamina render garden.lam --camera orbit --out orbit.mp4 --level 2", "around the scene, a lower level"),
    ("lamina render garden.lam --camera spiral --out spiral.mp4", "for captures that face one way"),
    ("lamina render garden.lam --camera camera.json --out view.png", "one camera, or a list of them"),
    ("lamina render garden.lam --camera train --capture garden/ --out views/", "other views of the capture"),
    ("lamina render game.lam --camera orbit --frames 0:60 --out orbit.mp4", "what is timed goes on meanwhile"),
    ("lamina render game.lam --camera orbit --frames 30 --views 120 --out still.mp4", "around one moment"),
    ("lamina render game.lam --camera test:0 --out front.mp4", "as the first of its cameras saw it"),
    ("lamina render game.lam --camera orbit --background white --out orbit.mp4", "of what masks held"),
    ("lamina render game.lam --camera path.json --fps 50 --out film.mp4", "cameras with time_s or frame"),
)

TIME = """what is timed:
  Time goes on at its own pace while the camera moves, whatever --fps says: at twice the file's rate each
  frame is seen twice. One round of an orbit or spiral lasts as long as the frames; with --views N it has N
  pictures. A film that is longer than the frames goes on showing the last one. Cameras of test, train and
  all are filmed one after another, each over all frames; test:2 is one of them, test:0,3 are two.
  Cameras of a JSON file that have a "time_s" (of the film) or a "frame" (seen then), or both, are a path:
  the camera moves smoothly between them. Without either they are one camera a picture, or one for all."""


def parser() -> Parser:
    """What `lamina render` understands."""
    made = Parser("render", EXAMPLES, TIME)
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
        help="of what is timed, frames A...B-1, or frame N, or times, such as 1.5s:3s; of what stands still, views "
        "of an orbit or spiral",
    )
    made.add_argument(
        "--views",
        type=count(1, 100_000),
        metavar="N",
        help="pictures of an orbit or spiral; default: as many as the frames take, or 120",
    )
    made.add_argument(
        "--fps", type=positive, metavar="RATE", help="pictures a second of a film; default: the file's own, or 30"
    )
    made.add_argument(
        "--background",
        metavar="black|white|green|FILE",
        help="behind what masks held, or behind a person; default: the file's own",
    )
    made.add_argument("--capture", type=Path, metavar="FOLDER", help="where cameras come from that the file has not")
    made.add_argument("--quiet", action="store_true", help="no progress")
    return made


def run(words: list[str]) -> int:
    """Run the command; the exit status."""
    from lamina.cli.progress import shown_progress
    from lamina.media.backdrops import background_of
    from lamina.media.filming import write_shots
    from lamina.media.shots import shots_of

    options = parser().parse_args(words)
    with open_media(options.file) as media:
        frames = options.frames
        if isinstance(frames, int):
            frames = (frames, frames + 1) if media.info.is_timed else (0, frames)
        shots = shots_of(
            media,
            options.camera,
            capture=options.capture,
            frames=frames,
            size=options.size,
            frames_per_second=options.fps,
            views=options.views,
        )
        with shown_progress(options.out.name, quiet=options.quiet) as progress:
            level = write_shots(
                media,
                options.out,
                shots,
                level=options.level,
                frames_per_second=options.fps,
                background=background_of(options.background),
                progress=progress,
            )
        shown = [f"level {level} of 0...{media.level_count - 1}", counted(len(shots), "view")]
        if media.info.is_timed:
            shown.append(_frames_shown(shots))
        shown.append(f"{shots[0].camera.width}x{shots[0].camera.height}")
        written = f", {size(options.out.stat().st_size)}" if options.out.is_file() else ""
        print(f"{options.out}: {', '.join(shown)}{written}")
        for problem in media.problems:
            print_warning(f"{problem}: what is intact was shown")
    return 0


def _frames_shown(shots: Sequence[Shot]) -> str:
    first, last = min(shot.frame for shot in shots), max(shot.frame for shot in shots)
    return f"frame {first}" if first == last else f"frames {first}...{last}"


def _frames(text: str) -> int | FrameSpan:
    """`120` -> 120; `10:20` -> (10, 20); `1.5s:3s` -> times."""
    if ":" in text or time_s(text) is not None:
        return frame_span(text)
    try:
        return count(0, 100_000)(text)
    except argparse.ArgumentTypeError:
        raise argparse.ArgumentTypeError(
            f"{text!r}: expected a number, or START:STOP, such as 10:20 or 1s:3s"
        ) from None
