# SPDX-License-Identifier: Apache-2.0
"""`lamina decode`: a file enters; a picture, a clip, a folder of pictures, or models of other tools leave."""

from __future__ import annotations

from pathlib import Path

from lamina.cli.console import aside, print_warning, size
from lamina.cli.options import Parser, count, frame_span, pixel_size
from lamina.media.reading import open_media

EXAMPLES = (
    ("lamina decode photo.lam out.png", "the best level"),
    ("lamina decode photo.lam out.png --level 0", "the coarsest"),
    ("lamina decode photo.lam large.png --size 3072x2048", "any size: splats have no resolution"),
    ("lamina decode clip.lam out.mp4", "or out.y4m, out.mkv, out.gif, a folder/ of pictures"),
    ("lamina decode clip.lam part.y4m --frames 10:20", "only the groups needed are read"),
    ("lamina decode clip.lam still.png --frames 10", "one frame"),
    ("lamina decode clip.lam - | ffplay -", "- is standard output (YUV4MPEG2, a PNG, or --format)"),
    ("lamina decode talk.lam out.mp4 --background green", "a person before a color, or before a picture"),
    ("lamina decode garden.lam garden.ply", "a scene for other tools: .ply or .spz"),
    ("lamina decode garden.lam garden.spz --fit-steps 0", "at once, up to 2 dB worse"),
    ("lamina decode game.lam frames/ --frames 10:20", "frame0010.ply, ...: what is timed, a file a frame"),
    ("lamina decode game.lam frames/ --format spz", "stopped, the same command goes on"),
)


def parser() -> Parser:
    """What `lamina decode` understands."""
    made = Parser("decode", EXAMPLES)
    made.add_argument("file", type=Path, help="a Lamina file; an unfinished one (file.lam.part/stream.lam) too")
    made.add_argument(
        "output",
        type=Path,
        help="picture, clip or folder, .ply or .spz of a scene, a folder of these of what is timed; the suffix chooses",
    )
    made.add_argument("--level", type=count(0, 1000), metavar="N", help="0 is the coarsest; default: the best")
    made.add_argument("--size", type=pixel_size, metavar="WxH", help="pixels; default: the level's own size")
    made.add_argument(
        "--frames", type=frame_span, metavar="A:B", help="frames A...B-1 of what is timed; or times: 1.5s:3s"
    )
    made.add_argument(
        "--format",
        metavar="NAME",
        help="of standard output (-): png, jpg, y4m, mkv, ...; of a folder of models: ply or spz",
    )
    made.add_argument(
        "--fit-steps",
        type=count(0, 1_000_000),
        metavar="N",
        help="scenes: steps that fit the Gaussians, which must hold for all views here, to what the scene shows; "
        "0: none; default: 1600, of a folder of frames none",
    )
    made.add_argument(
        "--background",
        metavar="black|white|green|FILE",
        help="behind what does not fill its pictures, such as a person; default: the file's own",
    )
    made.add_argument("--quiet", action="store_true", help="no progress")
    return made


def run(words: list[str]) -> int:
    """Run the command; the exit status."""
    from lamina.cli.progress import shown_progress
    from lamina.media.backdrops import background_of
    from lamina.media.export import export

    options = parser().parse_args(words)
    with aside(options.output), open_media(options.file) as media:
        with shown_progress(options.output.name, quiet=options.quiet) as progress:
            exported = export(
                media,
                options.output,
                level=options.level,
                frames=options.frames,
                size=options.size,
                suffix=options.format,
                fit_steps=options.fit_steps,
                background=background_of(options.background),
                progress=progress,
            )
        written = f", {size(options.output.stat().st_size)}" if options.output.is_file() else ""
        intact = "what is intact of " if media.problems else ""
        levels = f"{intact}level {exported.level} of 0...{media.level_count - 1}"
        print(f"{options.output}: {levels}, {exported.what}{written}")
        for problem in media.problems:
            print_warning(f"{problem}: what is intact was shown")
    return 0
