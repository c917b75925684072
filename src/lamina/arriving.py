# SPDX-License-Identifier: Apache-2.0
"""A path as a user gives it enters; a file that can be read again and again leaves.

A path is not just a name: ``-`` is standard input, and a pipe (``<(...)``, /dev/stdin, a FIFO) can be read once. Both
are copied to a temporary file first, which goes when the process ends. Devices and sockets are no files.
"""

from __future__ import annotations

import atexit
import shutil
import stat
import sys
import tempfile
from pathlib import Path
from typing import BinaryIO

from lamina.errors import SignalError

STANDARD = Path("-")
"""Standard input where something is read, standard output where something is written. A file of this name has a folder
before it: /home/me/-."""


def is_passing(path: Path) -> bool:
    """Whether what is there can be read or written once only: ``-``, a pipe, a device."""
    if path == STANDARD:
        return True
    try:
        mode = path.stat().st_mode
    except OSError:
        return False
    return not (stat.S_ISREG(mode) or stat.S_ISDIR(mode))


def readable_file(path: str | Path) -> Path:
    """The path itself if a file, a folder or nothing is there, else a temporary file with what came.

    Raises:
        SignalError: it is a terminal, a device or a socket, or cannot be read.
    """
    path = Path(path)
    if not is_passing(path):
        return path
    name = "standard_input" if path == STANDARD else path.name
    folder = Path(tempfile.mkdtemp(prefix="lamina-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    with (folder / name).open("wb") as file:
        copy_passing(path, file)
    return folder / name


def copy_passing(path: Path, file: BinaryIO) -> None:
    """Write what comes out of standard input or a pipe, to its end.

    Raises:
        SignalError: as `readable_file`.
    """
    try:
        if path == STANDARD:
            if sys.stdin is None or sys.stdin.isatty():
                raise SignalError("-: standard input is a terminal; expected a file or a pipe: lamina ... - < FILE")
            shutil.copyfileobj(sys.stdin.buffer, file)
            return
        if not stat.S_ISFIFO(path.stat().st_mode):
            raise SignalError(f"{path}: is a device or a socket; expected a file, a folder or a pipe")
        with path.open("rb") as pipe:
            shutil.copyfileobj(pipe, file)
    except OSError as error:
        raise SignalError(f"{path}: cannot be read: {error.strerror or error}") from error
