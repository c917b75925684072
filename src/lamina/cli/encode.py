# SPDX-License-Identifier: Apache-2.0
"""`lamina encode`: a picture or a clip enters, a layered file leaves."""

from __future__ import annotations

import argparse
import io
import time
from collections.abc import Iterator
from contextlib import redirect_stderr
from dataclasses import fields, is_dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from lamina.cli.console import decimals, print_table, print_warning, size, thousands
from lamina.cli.options import Parser, byte_count, count, frame_range, pixel_size, positive
from lamina.codec import Choices
from lamina.codecs import planar

EXAMPLES = (
    ("lamina encode photo.png photo.lam", "sensible defaults"),
    ("lamina encode photo.png photo.lam --bytes 24k", "24,000 bytes, everything counted"),
    ("lamina encode clip.mp4 clip.lam --psnr 32 --preset fast", "to a quality, quickly"),
    ("lamina encode clip.mp4 clip.lam --scalability resolution", "lower levels are smaller pictures"),
    ("lamina encode pictures/ clip.lam --fps 24 --frames 0:48", "a folder of pictures"),
    ("lamina encode raw.yuv clip.lam --size 352x288 --pixel-format yuv420p --fps 30", "raw video"),
    ("lamina encode photo.png photo.lam --lattice.steps 3000", "any knob; --knobs lists them"),
)
BOX = {ord(character): " " for character in "╭╮╰╯─│"}
"""tyro frames its messages; ours are one line."""


def parser() -> Parser:
    """What `lamina encode` understands."""
    made = Parser("encode", EXAMPLES)
    made.add_argument(
        "source", type=Path, help="a picture, a clip (anything FFmpeg reads, .y4m, raw), a folder of pictures"
    )
    made.add_argument(
        "output", type=Path, nargs="?", help="the file to write; default: the source's name with .lam, here"
    )
    aim = made.add_argument_group("what the best level should cost or reach (one of)").add_mutually_exclusive_group()
    aim.add_argument("--bpp", type=positive, metavar="BITS", help="bits per pixel (and frame), everything counted")
    aim.add_argument("--bytes", type=byte_count, metavar="SIZE", help="size of the file: 24k, 1.5M (k = 1000)")
    aim.add_argument("--psnr", type=positive, metavar="DB", help="PSNR on 8-bit pixels, dB")
    aim.add_argument("--splats", type=count(1, 10_000_000), metavar="N", help="splats (of a frame), whatever they cost")
    how = made.add_argument_group("how")
    how.add_argument(
        "--preset",
        choices=sorted(planar.CODEC.presets),
        default="default",
        help="speed and method; paper: P-GSVC as published",
    )
    how.add_argument("--layers", type=count(1, 8), metavar="N", help="layers; each can be cut off later")
    how.add_argument("--scalability", choices=("quality", "resolution"), help="what lower levels have less of")
    how.add_argument("--group-frames", type=count(1, 1024), metavar="N", help="at most N frames between key frames")
    how.add_argument("--seed", type=count(0, 2**31 - 1), metavar="N", help="of everything random")
    how.add_argument("--knobs", action="store_true", help="list every knob of the configuration, and leave")
    reading = made.add_argument_group("how to read the source")
    reading.add_argument("--frames", type=frame_range, metavar="A:B", help="frames A...B-1 only")
    reading.add_argument("--fps", type=positive, metavar="RATE", help="frames per second, whatever the source says")
    reading.add_argument("--size", type=pixel_size, metavar="WxH", help="of raw video")
    reading.add_argument("--pixel-format", metavar="NAME", help="of raw video: yuv420p, yuv444p, rgb24, ...")
    made.add_argument("--quiet", action="store_true", help="no progress")
    return made


def run(words: list[str]) -> int:
    """Run the command; the exit status."""
    if "--knobs" in words:
        return _with_knobs(planar.CODEC.presets["default"], ["--help"]) is None
    options, knobs = parser().parse_known_args(words)
    try:
        config = _with_knobs(planar.CODEC.configure(_choices_of(options)), knobs)
    except ValueError as error:
        parser().error(str(error))
    output = options.output or Path(options.source.name).with_suffix(".lam")
    if output.is_dir():
        output = output / Path(options.source.name).with_suffix(".lam").name
    _encode(options, config, output)
    return 0


def _encode(options: argparse.Namespace, config: Any, output: Path) -> None:
    from lamina.cli.progress import shown_progress
    from lamina.data import Clip
    from lamina.errors import SignalError
    from lamina.media.encoding import encode_signal
    from lamina.media.sources import SourceOptions, signal_of
    from lamina.media.summary import summarize

    if output.exists() and options.source.exists() and output.samefile(options.source):
        raise SignalError(f"{output}: source and output are the same file; choose another name")
    source_options = SourceOptions(options.size, options.pixel_format, options.fps, options.frames)
    signal = signal_of(options.source, source_options)
    for note in signal.notes:
        print_warning(f"{options.source}: {note}")
    started_s = time.monotonic()
    with shown_progress(output.name, quiet=options.quiet) as progress:
        media = encode_signal(signal, output, config, progress)
    seconds = time.monotonic() - started_s
    with media:
        summary = summarize(media.stream)
    frames = f", {summary.frame_count} frames" if isinstance(signal, Clip) else ""
    print(f"{output}: {summary.info.width}x{summary.info.height}{frames}, {size(summary.size_bytes)}, {seconds:.1f} s")
    rows = [
        (str(level.level), thousands(level.size_bytes), f"{level.bits_per_pixel:.3f}", decimals(level.quality_db, 2))
        for level in summary.levels
    ]
    print_table(("level", "bytes", "bits/pixel", "PSNR dB"), rows)


def _choices_of(options: argparse.Namespace) -> Choices:
    return Choices(
        preset=options.preset,
        bits_per_pixel=options.bpp,
        size_bytes=options.bytes,
        psnr_db=options.psnr,
        splats=options.splats,
        layers=options.layers,
        scalability=options.scalability,
        group_frames=options.group_frames,
        seed=options.seed,
    )


def _with_knobs(config: Any, words: list[str]) -> Any:
    """Fields of the configuration by name: `--lattice.steps 3000`."""
    if not words:
        return config
    known = {"--help", *(f"--{name}" for name in knob_names(config))}
    for word in words:
        name = word.split("=")[0].replace("_", "-")
        if word.startswith("--") and name not in known:
            close = get_close_matches(name, known, 1)
            parser().error(f"there is no option {word!r}" + (f"; did you mean {close[0]}?" if close else ""))
    if not words[0].startswith("-"):
        parser().error(f"what is {words[0]!r}? Source and output are given already")
    import tyro

    said = io.StringIO()
    try:
        with redirect_stderr(said):
            return tyro.cli(
                type(config), default=config, args=words, prog="lamina encode SOURCE OUTPUT", description=""
            )
    except SystemExit as leaving:
        if leaving.code:
            reason = " ".join(said.getvalue().translate(BOX).split()).partition(" For full helptext")[0]
            reason = reason.partition(" Argument helptext")[0].removeprefix("Value error ")
            parser().error(f"{' '.join(words)}: {reason}; --knobs lists each name and what it takes")
        raise


def knob_names(config: Any, prefix: str = "") -> Iterator[str]:
    """Dotted names of all fields, as they are written on the command line."""
    for field in fields(config):
        name, value = prefix + field.name.replace("_", "-"), getattr(config, field.name)
        yield from knob_names(value, f"{name}.") if is_dataclass(value) else [name]
