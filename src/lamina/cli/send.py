# SPDX-License-Identifier: Apache-2.0
"""`lamina send`: a file with a model, and a camera or a clip, enter; datagrams leave for another machine."""

from __future__ import annotations

import argparse
import contextlib
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

from lamina.cli.console import has_style, print_warning
from lamina.cli.options import Parser, count, frame_span, positive
from lamina.codec import LiveChoices, StreamInfo
from lamina.errors import BitstreamError, SignalError
from lamina.live.addresses import Address, address_of

if TYPE_CHECKING:
    from lamina.data import Clip
    from lamina.live.calling import Call
    from lamina.live.outbox import Outbox, Sent
    from lamina.live.sources import Shot

EXAMPLES = (
    ("lamina head send anna.lam --source 0 --to udp://192.168.1.7:5004", "the first camera"),
    ("lamina head send anna.lam --source call.mp4 --to udp://127.0.0.1:5004", "a clip, as if it were happening"),
    ("lamina head send anna.lam --source 0 --to udp://host:5004 --kbps 3", "packets of 3 kbit/s, coarser steps"),
    ("lamina send anna.lam --source 0 --to udp://host:5004 --model-kbps 100", "a slow line: the model takes longer"),
)

NOTES = """what is sent:
  The model first, coarse layers before fine ones, and again and again until the receiver has it all; frames
  from the start. A packet needs the model alone, or a frame that the receiver has confirmed: what is lost
  costs its own frame. Pictures without a face send nothing. Nothing is encrypted: whoever gets the datagrams
  has the head (docs/privacy.md). Ctrl-C ends the call."""

REPORT_S = 1.0
LEAD_S = 3.0
"""For a clip: its beginning waits so long for the model to arrive. A camera waits for nobody."""


def parser() -> Parser:
    """What `lamina send` understands."""
    made = Parser("send", EXAMPLES, NOTES)
    made.add_argument("file", type=Path, help="a Lamina file with the model of what is seen")
    made.add_argument("--source", required=True, metavar="N|CLIP", help="number of a camera, or a clip")
    made.add_argument("--to", type=udp_address, required=True, metavar="udp://HOST:PORT", help="the receiver")
    made.add_argument("--kbps", type=positive, metavar="RATE", help="of packets, kbit/s; default: as the steps have it")
    made.add_argument(
        "--model-kbps", type=positive, default=400.0, metavar="RATE", help="of the model beside them; default: 400"
    )
    made.add_argument(
        "--effort",
        type=count(0, 50),
        metavar="N",
        help="steps a frame on all layers, after those on the base layer: more are slower and better; default: 1",
    )
    made.add_argument("--frames", type=frame_span, metavar="A:B", help="of a clip; or times: 1.5s:3s")
    made.add_argument("--every-frame", action="store_true", help="of a clip: however long that takes")
    made.add_argument("--codec", metavar="NAME", help=argparse.SUPPRESS)
    made.add_argument("--quiet", action="store_true", help="no progress")
    return made


def udp_address(text: str) -> Address:
    """For options."""
    try:
        return address_of(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def run(words: list[str]) -> int:
    """Run the command; the exit status."""
    from lamina.live.calling import Call, call

    options = parser().parse_args(words)
    clip = _clip_of(options)
    outbox, info = _outbox(options)
    lead_s = 0.0 if options.source.isdecimal() else LEAD_S
    said = _Saying(options.quiet)
    report: Call | None = None

    def told(done: Call) -> None:
        nonlocal report
        report = done
        said(outbox.sent, done)

    shots = _shots(options, info, clip)
    with contextlib.suppress(KeyboardInterrupt):
        report = call(outbox, shots, options.to, lead_s=lead_s, report=told)
    _summary(options.to, outbox.sent, report or Call())
    return 0


def _outbox(options: argparse.Namespace) -> tuple[Outbox, StreamInfo]:
    """The model in pieces, and a coder for it."""
    from lamina.bitstream import read_stream
    from lamina.codecs import codec_of_wire_id
    from lamina.live.outbox import Outbox, once_of
    from lamina.live.pieces import pieces_of

    with read_stream(options.file) as stream:
        codec = codec_of_wire_id(stream.codec_wire_id)
        units = once_of(list(stream.units()))
    if options.codec not in (None, codec.name):
        raise SignalError(f"{options.file}: is of codec {codec.name}; {options.codec} was named")
    if codec.live is None:
        raise SignalError(f"{options.file}: codec {codec.name} codes nothing live; expected a file with a talking head")
    bits = None if options.kbps is None else 1000 * options.kbps
    try:
        coder = codec.live.coder(units, LiveChoices(bits, options.effort))
    except BitstreamError as error:
        error.path = error.path or str(options.file)
        raise
    pieces = pieces_of(codec.wire_id, units)
    return Outbox(coder, pieces, 1000 * options.model_kbps), codec.inspect(units[0].payload)


def _clip_of(options: argparse.Namespace) -> Clip | None:
    """The source, if it is a clip; what is wrong with it is said before anything is made."""
    from lamina.data import open_clip

    if not options.source.isdecimal():
        return open_clip(options.source, frame_range=options.frames)
    if options.frames is not None or options.every_frame:
        raise SignalError(f"camera {options.source}: --frames and --every-frame are for clips")
    return None


def _shots(options: argparse.Namespace, info: StreamInfo, clip: Clip | None) -> Callable[[], Iterator[Shot]]:
    """Pictures, from when they are asked for."""
    from lamina.live.sources import camera_shots, clip_shots

    size, rate = (info.width, info.height), info.frames_per_second or Fraction(25)
    if clip is None:
        from lamina.data.camera_feed import camera_frames

        return lambda: camera_shots(camera_frames(int(options.source), *size, rate), size, rate)
    return lambda: clip_shots(clip, size, every=options.every_frame)


@dataclass
class _Saying:
    """A line that says how the call goes, on a terminal."""

    quiet: bool
    said_s: float = 0.0

    def __call__(self, sent: Sent, done: Call) -> None:
        now_s = time.monotonic()
        if self.quiet or not has_style(sys.stderr) or now_s - self.said_s < REPORT_S:
            return
        self.said_s = now_s
        latency = f", {1000 * done.latencies_s[-1]:.0f} ms" if done.latencies_s else ""
        problem = f"; {done.problem}" if done.problem else ""
        print(f"\r\033[K{sent.frames} frames{latency}{problem}", end="", file=sys.stderr, flush=True)


def _summary(to: Address, sent: Sent, done: Call) -> None:
    seconds = 0.0 if done.began_s is None else time.monotonic() - done.began_s
    kbps = 8e-3 * sent.frame_bytes / max(seconds, 1e-3)
    latency = 1000 * sorted(done.latencies_s)[len(done.latencies_s) // 2] if done.latencies_s else 0.0
    print(
        f"{to}: {sent.frames} frames in {seconds:.1f} s, {kbps:.1f} kbit/s of packets, {latency:.0f} ms from picture "
        f"to packet, {sent.pieces} pieces of the model"
    )
    if done.without_face:
        print_warning(f"{done.without_face} pictures sent nothing: {done.problem}")
    if done.unsent:
        print_warning(f"{done.unsent} datagrams were not taken by the network")
