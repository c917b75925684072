# SPDX-License-Identifier: Apache-2.0
"""Files and folders that appear whole or not at all: written under a temporary name beside theirs, then renamed.

What stands at a path is respected: of a symbolic link the file that it leads to is replaced, a file keeps its mode,
and what is no file (/dev/null, a pipe, standard output, whose name is ``-``) is written into when all is there, never
replaced.
"""

from __future__ import annotations

import errno
import glob
import os
import secrets
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from io import FileIO
from pathlib import Path
from typing import BinaryIO

from lamina.arriving import STANDARD, is_passing
from lamina.errors import LaminaError, WriteError

STANDARD_OUTPUT = 1
"""File descriptor."""

ADVICE = {
    errno.ENOSPC: "make room or write elsewhere",
    errno.EDQUOT: "make room or write elsewhere",
    errno.ENOENT: "create the folder first",
}


def write_error(path: Path, error: OSError) -> WriteError:
    """The error for a user whose file at `path` could not be written."""
    advice = ADVICE.get(error.errno or 0, "write elsewhere")
    reason = error.strerror or str(error)
    return WriteError(error.errno, f"{path}: cannot be written: {reason}: {advice}; what was there before is untouched")


@contextmanager
def write_errors(path: Path) -> Iterator[None]:
    """Turn what the operating system says while `path` is written (disk full, not allowed) into a `WriteError`."""
    try:
        yield
    except LaminaError:
        raise
    except OSError as error:
        raise write_error(path, error) from error


def partial_names(name: str) -> str:
    """Pattern of the names under which a file of this name is written before it appears."""
    return f".{glob.escape(name)}.*.partial"


@contextmanager
def replacing_path(path: Path) -> Iterator[Path]:
    """A temporary path for a file or folder that takes the place of `path` when the block ends well, else is removed.

    Errors of the block come out as they are: what is written in it belongs under `write_errors`.

    Raises:
        WriteError: the folder is missing, or the name is taken by something that cannot be replaced.
    """
    if is_passing(path):
        yield from _written_into(path)
        return
    with write_errors(path):
        target = path.resolve() if path.is_symlink() else path
        mode = target.stat().st_mode if target.exists() else None
    if not target.parent.is_dir():
        raise write_error(path, FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT)))
    temporary = target.with_name(f".{target.name}.{secrets.token_hex(4)}.partial")
    try:
        yield temporary
        with write_errors(path):
            if mode is not None and temporary.is_file():
                temporary.chmod(stat.S_IMODE(mode))
            temporary.replace(target)
    finally:
        remove(temporary)


def _written_into(path: Path) -> Iterator[Path]:
    """A temporary path elsewhere, whose bytes go to standard output, a device or a pipe when the block ends well."""
    if path == STANDARD:
        if os.isatty(STANDARD_OUTPUT):
            raise WriteError(
                errno.EEXIST, "-: standard output is a terminal: send it to a file or a program, ... > FILE"
            )
    else:
        mode = path.stat().st_mode
        if not (stat.S_ISCHR(mode) or stat.S_ISFIFO(mode)):
            raise WriteError(
                errno.EEXIST, f"{path}: is a disk or a socket, which is no place for a file: write elsewhere"
            )
    with tempfile.TemporaryDirectory(prefix="lamina-") as folder:
        temporary = Path(folder) / ("standard_output" if path == STANDARD else path.name)
        yield temporary
        if temporary.is_dir():
            raise WriteError(errno.EEXIST, f"{path}: is no folder, and files of a folder cannot go into it")
        with write_errors(path), temporary.open("rb") as source, _open_sink(path) as sink:
            while piece := source.read(1 << 20):
                unwritten = memoryview(piece)
                while unwritten:
                    unwritten = unwritten[sink.write(unwritten) :]


def _open_sink(path: Path) -> FileIO:
    """Unbuffered; standard output stays open when it is closed."""
    if path == STANDARD:
        return FileIO(STANDARD_OUTPUT, "wb", closefd=False)
    # As it was given: what a link such as /dev/stdout leads to has no name of its own.
    return FileIO(path, "wb")


def is_standard_output(path: Path) -> bool:
    """Whether what is written to `path` goes where `print` writes, by whatever name: ``-``, /dev/stdout."""
    if path == STANDARD:
        return True
    try:
        there = path.stat()
        return not stat.S_ISREG(there.st_mode) and os.path.samestat(there, os.fstat(STANDARD_OUTPUT))
    except OSError:
        return False


@contextmanager
def replacing(path: str | Path) -> Iterator[BinaryIO]:
    """A file to write that takes the place of `path`, also through a power failure, or is removed: as `replacing_path`.

    Raises:
        WriteError: the folder is missing or not writable, or the disk is full.
    """
    path = Path(path)
    with write_errors(path), replacing_path(path) as temporary, temporary.open("xb") as file:
        yield file
        file.flush()
        os.fsync(file.fileno())


def remove(path: Path) -> None:
    """Delete a file or a folder with its content, if it exists."""
    if path.is_dir() and not path.is_symlink():
        import shutil  # Files need it not, and `lamina cut` should start fast.

        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)
