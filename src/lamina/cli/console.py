# SPDX-License-Identifier: Apache-2.0
"""How the command line looks: errors and warnings of one line, emphasis, tables; numbers as people read them."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, redirect_stdout
from pathlib import Path
from typing import TextIO

from lamina.atomic import is_standard_output

UNKNOWN = "-"
"""Stands for a figure that is not known."""


def has_style(stream: TextIO) -> bool:
    """Whether to write terminal escapes to `stream` (https://no-color.org)."""
    return stream.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def bold(text: str) -> str:
    """Emphasis, where the terminal has it."""
    return f"\033[1m{text}\033[0m" if has_style(sys.stdout) else text


def dim(text: str) -> str:
    """Less than normal, where the terminal has it."""
    return f"\033[2m{text}\033[0m" if has_style(sys.stdout) else text


def print_error(message: str) -> None:
    """One line on standard error."""
    _print_line("error", "31", message)


def print_warning(message: str) -> None:
    """One line on standard error."""
    _print_line("warning", "33", message)


def _print_line(kind: str, color: str, message: str) -> None:
    label = f"\033[{color}m{kind}\033[0m" if has_style(sys.stderr) else kind
    print(f"lamina: {label}: {' '.join(message.split())}", file=sys.stderr)


def print_table(header: Sequence[str], rows: Sequence[Sequence[str]], indent: str = "  ") -> None:
    """Columns, aligned: the first to the left, others to the right."""
    widths = [max(len(row[column]) for row in (header, *rows)) for column in range(len(header))]

    def line(cells: Sequence[str]) -> str:
        first = cells[0].ljust(widths[0])
        return indent + "   ".join(
            [first, *(cell.rjust(width) for cell, width in zip(cells[1:], widths[1:], strict=True))]
        )

    print(dim(line(header)))
    for row in rows:
        print(line(row))


def decimals(value: float | None, digits: int) -> str:
    """A figure, or a dash where it is not known."""
    return UNKNOWN if value is None else f"{value:.{digits}f}"


@contextmanager
def aside(output: Path) -> Iterator[None]:
    """What is printed in the block goes to standard error where `output` itself is standard output."""
    if is_standard_output(output):
        with redirect_stdout(sys.stderr):
            yield
    else:
        yield


def counted(number: int, noun: str) -> str:
    """`1 level`, `3 levels`."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def thousands(size_bytes: int) -> str:
    """Bytes with thin groups of thousands: ``31 204``."""
    return f"{size_bytes:,}".replace(",", " ")


def size(size_bytes: float) -> str:
    """Bytes in round figures; kB = 1000 bytes."""
    for unit, scale in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if size_bytes >= scale:
            digits = 0 if size_bytes >= 100 * scale else 1 if size_bytes >= 10 * scale else 2
            return f"{size_bytes / scale:.{digits}f} {unit}"
    return f"{size_bytes:.0f} bytes"
