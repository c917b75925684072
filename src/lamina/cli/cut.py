# SPDX-License-Identifier: Apache-2.0
"""`lamina cut`: a file enters, a smaller valid file leaves; nothing is encoded again."""

from __future__ import annotations

from pathlib import Path

from lamina.bitstream import cut_to_bytes, cut_to_level, read_stream, write_stream
from lamina.cli.console import aside, counted, size
from lamina.cli.options import Parser, byte_count, count
from lamina.errors import TargetError

EXAMPLES = (
    ("lamina cut clip.lam small.lam --level 0", "the base layer alone"),
    ("lamina cut - - --level 0 < clip.lam > small.lam", "- is standard input, or output"),
    ("lamina cut clip.lam small.lam --bytes 200k", "the best that fits into 200,000 bytes"),
)


def parser() -> Parser:
    """What `lamina cut` understands."""
    made = Parser("cut", EXAMPLES)
    made.add_argument("file", type=Path, help="a Lamina file")
    made.add_argument("output", type=Path, help="the file to write")
    where = made.add_mutually_exclusive_group(required=True)
    where.add_argument("--level", type=count(0, 1000), metavar="N", help="keep levels 0...N")
    where.add_argument(
        "--bytes", type=byte_count, metavar="SIZE", help="keep the best that fits: 200k, 1.5M (k = 1000)"
    )
    return made


def run(words: list[str]) -> int:
    """Run the command; the exit status."""
    options = parser().parse_args(words)
    with read_stream(options.file) as stream:
        if options.level is None:
            units = cut_to_bytes(stream, options.bytes)
        elif options.level < stream.level_count:
            units = cut_to_level(stream, options.level)
        else:
            have = f"the file has levels 0...{stream.level_count - 1}"
            raise TargetError(f"{options.file}: level {options.level} was asked for, {have}")
        before_bytes = stream.size_bytes
        after_bytes = write_stream(options.output, stream.facts, units)
    levels = 1 + max(unit.key.layer for unit in units)
    with aside(options.output):
        print(f"{options.output}: {size(after_bytes)} of {size(before_bytes)}, {counted(levels, 'level')}")
    return 0
