# SPDX-License-Identifier: Apache-2.0
"""`lamina encode`: a picture, a clip or a capture of a scene enters, a layered file leaves."""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lamina import codecs
from lamina.arriving import STANDARD
from lamina.cli.codec_options import TARGET_OPTIONS, add_codec_options, add_targets, chosen_fields, chosen_target
from lamina.cli.console import aside, counted, print_warning, size
from lamina.cli.knobs import with_knobs
from lamina.cli.levels import print_levels
from lamina.cli.options import Parser, count, frame_span, names, pixel_size, positive, ratio, test_interval
from lamina.codec import AnyCodec, Choices, Medium
from lamina.errors import SignalError

if TYPE_CHECKING:
    from lamina.codec import Signal

EXAMPLES = (
    ("lamina encode photo.png photo.lam", "sensible defaults"),
    ("lamina encode photo.png photo.lam --bytes 24k", "24,000 bytes, everything counted"),
    ("lamina encode clip.mp4 clip.lam --psnr 32 --preset fast", "to a quality, quickly"),
    ("lamina encode clip.mp4 clip.lam --kbps 300", "to a bit rate"),
    ("lamina encode clip.mp4 clip.lam --scalability resolution", "lower levels are smaller pictures"),
    ("lamina encode photo.jpg photo.lam --scale 1/2", "half as wide and high"),
    ("lamina encode pictures/ clip.lam --fps 24 --frames 0:48", "a folder of pictures"),
    ("lamina encode raw.yuv clip.lam --size 352x288 --pixel-format yuv420p --fps 30", "raw video"),
    ("ffmpeg -i in.mov -f yuv4mpegpipe - | lamina encode - out.lam", "- is standard input"),
    ("lamina encode garden/ garden.lam --scale 1/2 --preset fast", "a scene: photographs with poses"),
    ("lamina encode photos/ scene.lam --poses sfm", "photographs without poses"),
    ("lamina encode game/ game.lam --codec volume --scale 1/2", "what masks of cameras over time hold, as a grid"),
    ("lamina encode talk.mp4 talk.lam --codec head --kbps 3 --size 512x512", "a talking head, from less than the clip"),
    ("lamina encode photo.png photo.lam --lattice.steps 3000", "any knob; --knobs lists them"),
)


TYPED_FIELDS = {"level_count": "--levels", "group_frames": "--group-frames"}
"""Fields of configurations that have options of their own."""

IDLE: dict[Medium, tuple[str, ...]] = {
    "picture": ("test_every", "group_frames", "pixel_format"),
    "clip": ("test_every",),
    "capture": ("size", "pixel_format", "fps", "frames"),
    "timed capture": ("size", "pixel_format"),
}
"""Options that mean nothing, by kind of source."""


def parser() -> Parser:
    """What `lamina encode` understands."""
    codec_names = [codec.name for codec in codecs.CODECS]
    presets = sorted({preset for codec in codecs.CODECS for preset in codec.presets})
    made = Parser("encode", EXAMPLES)
    made.add_argument(
        "source",
        type=Path,
        help="a picture, a clip (anything FFmpeg reads, .y4m, raw), a folder of pictures, a scene (a folder with a "
        "COLMAP model, transforms.json or others: docs/captures.md), or cameras over time (a video or folder each, "
        "and poses)",
    )
    made.add_argument(
        "output", type=Path, nargs="?", help="the file to write; default: the source's name with .lam, here"
    )
    add_targets(made)
    how = made.add_argument_group("how")
    how.add_argument(
        "--codec", choices=codec_names, help="where several take the same source; default: the first that does"
    )
    how.add_argument("--preset", choices=presets, default="default", help="speed and method; paper: as published")
    how.add_argument(
        "--layers", "--levels", type=count(1, 8), metavar="N", help="layers, so levels; each can be cut off later"
    )
    add_codec_options(how)
    how.add_argument("--knobs", metavar="CODEC", help=f"list every knob ({' or '.join(codec_names)}), and leave")
    reading = made.add_argument_group("how to read the source")
    reading.add_argument("--frames", type=frame_span, metavar="A:B", help="frames A...B-1 only; or times: 1.5s:3s")
    reading.add_argument("--fps", type=positive, metavar="RATE", help="frames per second, whatever the source says")
    reading.add_argument("--size", type=pixel_size, metavar="WxH", help="scale down to it; of raw video: what it is")
    reading.add_argument("--pixel-format", metavar="NAME", help="of raw video: yuv420p, yuv444p, rgb24, ...")
    reading.add_argument(
        "--scale",
        type=ratio,
        metavar="R",
        help="1/2 halves width and height; default: as they are, captures up to 1600 pixels",
    )
    reading.add_argument("--test-every", type=test_interval, metavar="N", help="views of a scene held out; 0: none")
    reading.add_argument(
        "--hold-out", type=names, metavar="NAME,...", default=(), help="cameras over time that are measured on instead"
    )
    reading.add_argument("--follow", action="store_true", help="cameras still record into the folder: wait for frames")
    reading.add_argument("--poses", choices=("sfm",), help="photographs without poses: find them first")
    made.add_argument("--quiet", action="store_true", help="no progress")
    return made


def run(words: list[str]) -> int:
    """Run the command; the exit status."""
    if "--knobs" in words:
        return print_knobs(words[words.index("--knobs") + 1 :])
    options, knobs = parser().parse_known_args(words)
    try:
        codec = _codec_of(options)
        config = _config_of(codec, options, knobs)
    except SignalError:
        raise
    except ValueError as error:
        parser().error(_as_typed(str(error)))
    output = options.output or _output_of(options.source)
    if output.is_dir():
        output = output / Path(options.source.name).with_suffix(".lam").name
    with aside(output):
        _encode(options, codec, config, output)
    return 0


def _output_of(source: Path) -> Path:
    """Where a file goes that was given no name: here; what comes in through standard input, out through the other."""
    return source if source == STANDARD else Path(source.name).with_suffix(".lam")


def print_knobs(words: list[str]) -> int:
    """`--knobs`, `--knobs scene`: every field of a codec's configuration."""
    try:
        codec = codecs.codec_of_name(words[0]) if words else codecs.CODECS[0]
    except ValueError as error:
        parser().error(str(error))
    with_knobs(codec.presets["default"], ["--help"])
    return 0


def _encode(options: argparse.Namespace, codec: AnyCodec, config: Any, output: Path) -> None:
    from lamina.cli.progress import shown_progress
    from lamina.media.encoding import encode_signal
    from lamina.media.summary import summarize

    if output.exists() and options.source.exists() and output.samefile(options.source):
        raise SignalError(f"{output}: source and output are the same file; choose another name")
    signal = _signal_of(options, output)
    if signal.medium not in codec.signals:
        raise SignalError(f"{options.source}: a {signal.medium}, which {codec.name} does not code: leave --codec out")
    _refuse_idle(options, signal)
    for note in signal.notes:
        print_warning(f"{options.source}: {note}")
    started_s = time.monotonic()
    with shown_progress(output.name, quiet=options.quiet) as progress:
        media = encode_signal(signal, output, codec, config, progress)
    seconds = time.monotonic() - started_s
    with media:
        summary = summarize(media.stream)
    frames = f", {counted(summary.frame_count, 'frame')}" if summary.info.is_timed else ""
    print(f"{output}: {summary.info.width}x{summary.info.height}{frames}, {size(summary.size_bytes)}, {seconds:.1f} s")
    print_levels(summary)


def _refuse_idle(options: argparse.Namespace, signal: Signal) -> None:
    """Raise `SignalError` for an option that means nothing to this kind of source."""
    for name in IDLE[signal.medium]:
        if getattr(options, name, None) is not None:
            flag = "--" + name.replace("_", "-")
            raise SignalError(f"{options.source}: a {signal.medium}, to which {flag} means nothing: leave it out")


def _codec_of(options: argparse.Namespace) -> AnyCodec:
    """The codec for what lies at the source's path, told without reading it."""
    from lamina.media.sources import check_takes, medium_of_path

    if options.codec is not None and options.poses is None:
        codec = codecs.codec_of_name(options.codec)
        check_takes(codec, options.source, follow=options.follow)
        return codec
    medium = "capture" if options.poses is not None else medium_of_path(options.source, follow=options.follow)
    return codecs.codec_for(medium, options.codec)


def _config_of(codec: AnyCodec, options: argparse.Namespace, knobs: list[str]) -> Any:
    from lamina.media.configuring import configured

    choices = Choices(options.preset, chosen_target(options), options.layers)
    return with_knobs(configured(codec, choices, chosen_fields(codec, options)), knobs)


def _as_typed(message: str) -> str:
    """A message with the names of targets and of what is asked of any codec as they are typed here."""
    typed = {kind: option.flag for kind, option in TARGET_OPTIONS.items()} | TYPED_FIELDS
    for name, flag in typed.items():
        message = message.replace(name, flag)
    return message


def _signal_of(options: argparse.Namespace, output: Path) -> Signal:
    from lamina.media.sources import SourceOptions, signal_of

    source = options.source if options.poses is None else _with_poses(options, output)
    every = SourceOptions.test_every if options.test_every is None else options.test_every
    reading = SourceOptions(
        size=options.size,
        pixel_format=options.pixel_format,
        frames_per_second=options.fps,
        frames=options.frames,
        scale=options.scale,
        test_every=every,
        hold_out=options.hold_out,
        follow=options.follow,
    )
    return signal_of(source, reading)


def _with_poses(options: argparse.Namespace, output: Path) -> Path:
    """The folder of the photographs' reconstruction, made now or by an encode before."""
    from lamina.cli.progress import shown_progress
    from lamina.data.captures import is_capture
    from lamina.data.captures.structure_from_motion import reconstruct

    folder = output.with_name(output.name + ".poses")
    if is_capture(folder):
        print(f"{folder}: poses found before; remove the folder to look for them again")
        return folder
    with shown_progress(folder.name, quiet=options.quiet) as progress:
        found = reconstruct(options.source, folder, report=progress)
    print(f"{folder}: poses of {found.registered} of {found.photographs} photographs")
    return folder
