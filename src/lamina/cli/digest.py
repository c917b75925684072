# SPDX-License-Identifier: Apache-2.0
"""`lamina digest`: a file enters; SHA-256 of what each unit decodes to leaves: the same on every machine."""

from __future__ import annotations

from pathlib import Path

from lamina.bitstream import read_stream
from lamina.cli.options import Parser
from lamina.media.digest import digest_of, digest_units

EXAMPLES = (
    ("lamina digest photo.lam", "one line a unit, and one for all"),
    ("lamina digest photo.lam --total", "one for all"),
)


def parser() -> Parser:
    """What `lamina digest` understands."""
    made = Parser("digest", EXAMPLES)
    made.add_argument("file", type=Path, help="a Lamina file")
    made.add_argument("--total", action="store_true", help="only the one for all units")
    return made


def run(words: list[str]) -> int:
    """Run the command; the exit status."""
    options = parser().parse_args(words)
    with read_stream(options.file) as stream:
        digests = sorted(digest_units(stream))
    if not options.total:
        for key, value in digests:
            print(f"{value}  {key}")
    print(f"{digest_of(digests)}  all")
    return 0
