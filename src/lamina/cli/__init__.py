# SPDX-License-Identifier: Apache-2.0
"""The command line: arguments enter, an exit status leaves. One file a verb, imported when its verb is called.

0 done    1 an error, said in one line    2 the command was not understood    130 stopped by the user
"""

from __future__ import annotations

import os
import sys
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from difflib import get_close_matches
from importlib import import_module
from pathlib import Path

from lamina.cli.console import bold, dim, print_error, print_warning
from lamina.errors import Interrupted, LaminaError

VERBS = {
    "encode": "code a picture, a clip or a scene into a layered file",
    "decode": "a file's picture, clip or Gaussians: any level, any size, any frames",
    "render": "look at a scene: its capture's views, a path around it, any camera",
    "info": "what a file is: levels, bytes, quality, where the bytes go",
    "cut": "a smaller file without encoding again",
    "compare": "quality of each level, measured against the source",
    "digest": "hashes of what a file decodes to: the same on every machine",
    "send": "a call: what a camera or a clip shows now, to another machine",
    "receive": "a call: what another machine sends now, into a clip, a pipe or a window",
    "warm": "compile everything for this machine, once, so that first uses start at once",
}
"""Verb (a module of this folder) -> summary."""

CALLS = ("send", "receive")
"""Verbs before which a codec may be named: ``lamina head send``."""

EXAMPLES = (
    ("lamina encode photo.png photo.lam", "sensible defaults"),
    ("lamina encode photo.png photo.lam --bpp 0.5", "or --bytes 24k, --psnr 32, --splats 9000"),
    ("lamina encode clip.mp4 clip.lam --preset fast", "a clip; stopped, the same command goes on"),
    ("lamina encode garden/ garden.lam --scale 1/2", "a scene: photographs with poses"),
    ("lamina render garden.lam --camera orbit --out orbit.mp4", "around it"),
    ("lamina decode photo.lam out.png --level 1", "a lower level"),
    ("lamina decode photo.lam out.png --size 3072x2048", "splats have no resolution"),
    ("lamina cut photo.lam small.lam --bytes 10k", "without encoding again"),
    ("lamina compare photo.lam photo.png", "bytes and quality of each level"),
    ("lamina head send anna.lam --source 0 --to udp://127.0.0.1:5004", "a call from a camera"),
    ("lamina head receive --from udp://:5004 --out view.mp4", "its other end"),
    ("lamina warm", "after installing: what else the first uses would wait for"),
)

EXIT_ERROR, EXIT_USAGE, EXIT_STOPPED = 1, 2, 130


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; the exit status."""
    arguments = list(sys.argv[1:] if arguments is None else arguments)
    if not arguments or arguments[0] in ("-h", "--help", "help"):
        if len(arguments) < 2:
            print(overview())
            return 0
        arguments = [arguments[1], "--help"]
    if arguments[0] in ("-V", "--version", "version"):
        from lamina import __version__

        print(f"lamina {__version__}")
        return 0
    if len(arguments) > 1 and arguments[1] in CALLS and arguments[0] not in VERBS:
        # `lamina CODEC send ...`: the codec is checked by the verb.
        arguments = [arguments[1], *arguments[2:], "--codec", arguments[0]]
    verb = arguments[0]
    if verb not in VERBS:
        close = get_close_matches(verb, VERBS, 1)
        hint = f"did you mean {close[0]!r}?" if close else f"expected one of {', '.join(VERBS)}"
        print_error(f"there is no command {verb!r}; {hint}")
        return EXIT_USAGE
    return run_verb(verb, arguments[1:])


def run_verb(verb: str, arguments: Sequence[str]) -> int:
    """Parse and run; whatever goes wrong becomes one line and an exit status."""
    try:
        with _warnings_as_lines():
            return import_module(f"lamina.cli.{verb}").run(list(arguments))
    except SystemExit as leaving:
        return leaving.code if isinstance(leaving.code, int) else EXIT_USAGE
    except Interrupted as stopped:
        print_error(str(stopped))
        return EXIT_STOPPED
    except KeyboardInterrupt:
        print_error("stopped")
        return EXIT_STOPPED
    except LaminaError as error:
        print_error(str(error))
    except BrokenPipeError:
        # The reader of our output has gone; Python must not complain about it at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except FileNotFoundError as error:
        print_error(f"{error.filename}: {_why_missing(error.filename)}")
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        print_error(f"{where}{error.strerror or error}")
    except MemoryError:
        print_error("out of memory: use a smaller picture, or --frames for a part of a clip")
    except Exception as error:
        if os.environ.get("LAMINA_DEBUG"):
            raise
        print_error(f"a mistake of ours, not yours: {type(error).__name__}: {error}; LAMINA_DEBUG=1 shows where")
    return EXIT_ERROR


@contextmanager
def _warnings_as_lines() -> Iterator[None]:
    """What readers warn of, once each, as other warnings look."""
    said: set[str] = set()

    def show(message: Warning | str, *_: object) -> None:
        if str(message) not in said:
            said.add(str(message))
            print_warning(str(message))

    with warnings.catch_warnings():
        warnings.simplefilter("always", RuntimeWarning)
        warnings.showwarning = show
        yield


def overview() -> str:
    """What `lamina` alone prints."""
    verbs = "\n".join(f"  {bold(f'{verb:8}')} {summary}" for verb, summary in VERBS.items())
    width = max(len(command) for command, _ in EXAMPLES)
    examples = "\n".join(f"  {command:{width}}  {dim('# ' + remark)}" for command, remark in EXAMPLES)
    return f"""{bold("lamina")}: layered coding of pictures, clips and scenes as Gaussian splats

{bold("usage")}: lamina COMMAND ... [--help]

{verbs}

{bold("examples")}
{examples}

lamina COMMAND --help says more; in Python: import lamina; help(lamina)"""


def _why_missing(name: object) -> str:
    """A file that is not there may be on its way."""
    from lamina.media.job import journal_of

    written = journal_of(Path(str(name)))
    return f"not finished; what is written so far is {written}" if written.is_file() else "no such file"
