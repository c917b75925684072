# SPDX-License-Identifier: Apache-2.0
"""Words of the command line to values: `24k` bytes, `768x512`, `10:20`; and the parser that verbs share."""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Callable, Sequence
from fractions import Fraction
from typing import NoReturn, TypeVar

from lamina.cli import VERBS
from lamina.cli.console import bold, dim, print_error
from lamina.times import FrameSpan, TimeSpan

SUFFIXES = {"k": 1_000, "m": 1_000_000, "g": 1_000_000_000}
"""kB = 1000 bytes, everywhere."""

ValueT = TypeVar("ValueT")


class Parser(argparse.ArgumentParser):
    """Says what is wrong in one line, and what to type to learn more."""

    def __init__(self, verb: str, examples: Sequence[tuple[str, str]], more: str = "") -> None:
        """`more` is said between options and examples."""
        summary = VERBS[verb]
        width = max(len(command) for command, _ in examples)
        lines = "\n".join(f"  {command:{width}}  {dim('# ' + remark)}" for command, remark in examples)
        notes = f"{more}\n\n" if more else ""
        super().__init__(
            prog=f"lamina {verb}",
            description=f"{summary[0].upper()}{summary[1:]}.",
            epilog=f"{notes}{bold('examples')}\n{lines}",
            formatter_class=_HelpFormatter,
            allow_abbrev=False,
        )

    def error(self, message: str) -> NoReturn:
        """Leave with status 2."""
        print_error(f"{message}; {self.prog} --help lists what there is")
        sys.exit(2)


class _HelpFormatter(argparse.RawDescriptionHelpFormatter):
    def __init__(self, prog: str) -> None:
        super().__init__(prog, max_help_position=30, width=100)


def byte_count(text: str) -> int:
    """`24k`, `1.5M`, `24000`, `24kB` -> bytes; k = 1000."""
    word = text.strip().lower().removesuffix("b").strip()
    scale = SUFFIXES.get(word[-1:], 1)
    number = _number(word[:-1] if scale > 1 else word, text, "a size such as 24k, 1.5M or 24000 (k = 1000 bytes)")
    count = round(number * scale)
    if count < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is less than a byte")
    return count


def positive(text: str) -> float:
    """A number above 0."""
    number = _number(text, text, "a number above 0")
    if not 0 < number < float("inf"):
        raise argparse.ArgumentTypeError(f"{text!r}: expected a number above 0")
    return number


def count(minimum: int, maximum: int) -> Callable[[str], int]:
    """A whole number in a range."""

    def parse(text: str) -> int:
        expected = f"a whole number {minimum}...{maximum}"
        number = _number(text, text, expected)
        if number != int(number) or not minimum <= number <= maximum:
            raise argparse.ArgumentTypeError(f"{text!r}: expected {expected}")
        return int(number)

    return parse


def test_interval(text: str) -> int:
    """Every so many views are held out; 0: none. At 1 none would be left to fit to."""
    number = count(0, 10_000)(text)
    if number == 1:
        raise argparse.ArgumentTypeError(f"{text!r}: expected 0 (none is held out) or 2...10000")
    return number


def pixel_size(text: str) -> tuple[int, int]:
    """`768x512` -> (width, height)."""
    width, cross, height = text.lower().partition("x")
    if not cross or not width.isdecimal() or not height.isdecimal() or not int(width) or not int(height):
        raise argparse.ArgumentTypeError(f"{text!r}: expected WIDTHxHEIGHT, such as 1536x1024")
    return int(width), int(height)


def ratio(text: str) -> Fraction:
    """`1/2`, `0.5` -> a scale above 0 and up to 1."""
    try:
        value = Fraction(text.strip())
    except (ValueError, ZeroDivisionError):
        value = Fraction(0)
    if not 0 < value <= 1:
        raise argparse.ArgumentTypeError(f"{text!r}: expected a scale above 0 and up to 1, such as 1/2")
    return value


def names(text: str) -> tuple[str, ...]:
    """`6,13` -> the names apart."""
    found = tuple(word.strip() for word in text.split(",") if word.strip())
    if not found:
        raise argparse.ArgumentTypeError(f"{text!r}: expected names with commas between, such as 6,13")
    return found


def frame_range(text: str) -> tuple[int, int | None]:
    """`10:20` (the stop is left out), `10:`, `:20`, `10` -> start and stop."""
    start, colon, stop = text.partition(":")
    if not all(word == "" or word.isdecimal() for word in (start, stop)) or text in ("", ":"):
        raise argparse.ArgumentTypeError(f"{text!r}: expected START:STOP, such as 10:20 (20 is left out)")
    first = int(start or 0)
    last = (int(stop) if stop else None) if colon else first + 1
    if last is not None and last <= first:
        raise argparse.ArgumentTypeError(f"{text!r}: holds no frame; the stop is left out, so 10:11 is one frame")
    return first, last


CLOCK = re.compile(r"(?:(\d+):)?(\d{1,2}):(\d{2}(?:\.\d+)?)")
"""`1:02:03.5`, `0:01.5`: hours, minutes, seconds."""
SECONDS = re.compile(r"(\d+(?:\.\d+)?)s")


def time_s(text: str) -> Fraction | None:
    """`1.5s`, `0:01.5`, `1:00:00` -> seconds; None: it is no time."""
    if (match := SECONDS.fullmatch(text)) is not None:
        return Fraction(match[1])
    if (match := CLOCK.fullmatch(text)) is not None:
        return 3600 * int(match[1] or 0) + 60 * int(match[2]) + Fraction(match[3])
    return None


def frame_span(text: str) -> FrameSpan:
    """Frames by number, as `frame_range`, or by time: `1.5s:3s`, `0:01.5:0:03`, `2s:`, `:0:30`; `1.5s` is one frame."""
    word = text.strip().lower()
    if word.count(":") < 2 and not re.search(r"[s.]", word):
        return frame_range(word)
    moment = time_s(word)
    if moment is not None:
        return TimeSpan(moment, None, is_moment=True)
    for place in (number for number, letter in enumerate(word) if letter == ":"):
        left, right = word[:place], word[place + 1 :]
        start, stop = Fraction(0) if not left else time_s(left), time_s(right)
        if start is None or (stop is None and right) or not (left or right):
            continue
        if stop is not None and stop <= start:
            raise argparse.ArgumentTypeError(f"{text!r}: lasts no time; the stop comes after the start")
        return TimeSpan(start, stop)
    raise argparse.ArgumentTypeError(
        f"{text!r}: expected frames, such as 10:20, or times, such as 1.5s:3s or 0:01:0:03"
    )


def _number(word: str, text: str, expected: str) -> float:
    try:
        number = float(word)
    except ValueError:
        number = float("nan")
    if number != number or abs(number) == float("inf"):
        raise argparse.ArgumentTypeError(f"{text!r}: expected {expected}")
    return number
