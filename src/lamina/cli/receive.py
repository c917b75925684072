# SPDX-License-Identifier: Apache-2.0
"""`lamina receive`: datagrams from another machine enter; a clip, a pipe or a window shows what they say."""

from __future__ import annotations

import argparse
import contextlib
import socket
import sys
import time
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

from lamina.arriving import STANDARD
from lamina.cli.console import aside, counted, has_style, print_warning
from lamina.cli.options import Parser, count, positive
from lamina.cli.send import REPORT_S, udp_address
from lamina.errors import LaminaError, SignalError

if TYPE_CHECKING:
    from lamina.live.inbox import Inbox
    from lamina.live.screens import ClipScreen, PipeScreen, WindowScreen
    from lamina.live.watching import Watched

EXAMPLES = (
    ("lamina head receive --from udp://:5004 --out window", "look at it"),
    ("lamina head receive --from udp://:5004 --out view.mp4", "Ctrl-C, or the sender's end, finishes the clip"),
    ("lamina head receive --from udp://:5004 --out - | ffplay -", "YUV4MPEG2, frame by frame"),
    (
        "lamina head receive --from udp://:5004 --out view.mp4 --model anna.lam",
        "only this model, from the first packet",
    ),
)

NOTES = """what is lost:
  A frame that does not come is replaced by the one before it. Packets that come in another order are put
  right where that takes no longer than --patience-ms. Whatever else comes in is dropped and counted."""

WINDOW = "window"


def parser() -> Parser:
    """What `lamina receive` understands."""
    made = Parser("receive", EXAMPLES, NOTES)
    made.add_argument("--from", dest="place", type=udp_address, required=True, metavar="udp://:PORT")
    made.add_argument("--out", required=True, metavar="FILE|window|-", help="a clip, a window, or standard output")
    made.add_argument("--model", type=Path, metavar="FILE", help="what the sender has: nothing else is taken")
    made.add_argument(
        "--idle",
        type=positive,
        default=10.0,
        metavar="S",
        help="seconds of silence that end it, once something came; default: 10",
    )
    made.add_argument(
        "--patience-ms",
        type=count(0, 2000),
        default=60,
        metavar="MS",
        help="how long frames wait for one that is missing; default: 60",
    )
    made.add_argument("--codec", metavar="NAME", help=argparse.SUPPRESS)
    made.add_argument("--quiet", action="store_true", help="no progress")
    return made


def run(words: list[str]) -> int:
    """Run the command; the exit status."""
    from lamina.live.addresses import receiving_socket
    from lamina.live.inbox import Inbox
    from lamina.live.watching import Watched, watch

    options = parser().parse_args(words)
    _check_codec(options.codec)
    inbox, watched = Inbox(_codec_of(options.codec), options.patience_ms / 1000), Watched()
    if options.model is not None:
        _take_model(inbox, options.model)
    said_s = time.monotonic()

    def told(now: Watched) -> None:
        nonlocal watched, said_s
        watched = now
        if not options.quiet and has_style(sys.stderr) and time.monotonic() - said_s > REPORT_S:
            said_s = time.monotonic()
            print(f"\r\033[K{now.shown} frames, {now.lost} lost", end="", file=sys.stderr, flush=True)

    with aside(Path(options.out)), receiving_socket(options.place) as opened:
        with _screen(options, inbox) as screen:
            # Ctrl-C is how a call ends: what came is finished.
            with contextlib.suppress(KeyboardInterrupt):
                watch(inbox, opened, screen, idle_s=options.idle, report=told)
            if not watched.shown:
                raise _nothing(options, inbox, opened)
        _summary(options.out, inbox, watched)
    return 0


def _check_codec(name: str | None) -> None:
    from lamina.codecs import codec_of_name

    if name is None:
        return
    try:
        codec = codec_of_name(name)
    except ValueError as error:
        raise SignalError(str(error)) from None
    if codec.live is None:
        raise SignalError(f"codec {name} codes nothing live")


def _codec_of(name: str | None):
    from lamina.codecs import codec_of_wire_id
    from lamina.errors import BitstreamError

    def found(number: int):
        codec = codec_of_wire_id(number)
        if name not in (None, codec.name):
            raise BitstreamError(f"a model of codec {codec.name}; {name} was named", "manifest")
        return codec

    return found


def _take_model(inbox: Inbox, path: Path) -> None:
    """As if it had come already."""
    from lamina.bitstream import read_stream
    from lamina.live.outbox import once_of
    from lamina.live.pieces import pieces_of

    with read_stream(path) as stream:
        model = pieces_of(stream.codec_wire_id, once_of(list(stream.units())))
    inbox.expect(model)


def _screen(options: argparse.Namespace, inbox: Inbox) -> ClipScreen | PipeScreen | WindowScreen:
    from lamina.live.screens import ClipScreen, PipeScreen, WindowScreen

    def rate() -> Fraction:
        return (inbox.info.frames_per_second if inbox.info is not None else None) or Fraction(25)

    if options.out == WINDOW:
        return WindowScreen(f"lamina {options.place}")
    if options.out == str(STANDARD):
        return PipeScreen(rate)
    return ClipScreen(Path(options.out), rate)


def _nothing(options: argparse.Namespace, inbox: Inbox, opened: socket.socket) -> LaminaError:
    del opened
    came = inbox.received
    if not came.datagrams:
        return LaminaError(f"{options.place}: nothing came; does the sender name this machine?")
    if came.frames == 0 and inbox.units_given < 2:
        return LaminaError(
            f"{options.place}: {counted(came.datagrams, 'datagram')} came, but no model: start the receiver first, or "
            f"let the sender go on longer ({came.damaged} were damaged, {came.other_model} of other models)"
        )
    return LaminaError(f"{options.place}: the model came, but no frame that could be shown")


def _summary(out: str, inbox: Inbox, watched: Watched) -> None:
    came = inbox.received
    drawing = 1000 * watched.drawing_s / max(watched.shown, 1)
    start = f", the first after {watched.first_s:.1f} s" if watched.first_s is not None else ""
    print(
        f"{out}: {counted(watched.shown, 'frame')} shown{start}, {watched.lost} lost, {watched.skipped} skipped, "
        f"{drawing:.0f} ms to draw one"
    )
    if not inbox.has_model:
        print_warning("the model did not come whole: frames are coarser than they could be")
    dropped = came.damaged + came.other_model
    if dropped:
        print_warning(f"{dropped} datagrams were dropped: damaged, or not of this call")
