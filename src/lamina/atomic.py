# SPDX-License-Identifier: Apache-2.0
"""Files and folders that appear whole or not at all: written under a temporary name beside theirs, then renamed."""

from __future__ import annotations

import errno
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from lamina.errors import LaminaError, WriteError

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


@contextmanager
def replacing_path(path: Path) -> Iterator[Path]:
    """A temporary path for a file or folder that takes the place of `path` when the block ends well, else is removed.

    Errors of the block come out as they are: what is written in it belongs under `write_errors`.

    Raises:
        WriteError: the folder is missing, or the name is taken by something that cannot be replaced.
    """
    if not path.parent.is_dir():
        raise write_error(path, FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT)))
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}.partial")
    try:
        yield temporary
        with write_errors(path):
            temporary.replace(path)
    finally:
        remove(temporary)


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
