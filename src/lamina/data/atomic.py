# SPDX-License-Identifier: Apache-2.0
"""A path enters, a temporary path beside it leaves; it takes the real name only when all was written."""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

from lamina.errors import SignalError


def partial_path(path: Path) -> Path:
    """Hidden temporary name in the same folder, so that the rename stays within one file system."""
    return path.with_name(f".{path.name}.{os.getpid()}.part")


@contextlib.contextmanager
def clear_errors(path: Path) -> Iterator[None]:
    """Turn what the operating system says while `path` is written (disk full, not allowed) into a `SignalError`."""
    try:
        yield
    except OSError as error:
        reason = error.strerror or str(error)
        raise SignalError(f"{path}: cannot be written: {reason}; free space or choose another place") from error


@contextlib.contextmanager
def atomic_path(path: Path) -> Iterator[Path]:
    """Give a temporary path to write to; rename it to `path` at the end, remove it when anything was raised.

    Raises:
        SignalError: the folder is missing, or the name is taken by something that cannot be replaced.
    """
    if not path.parent.is_dir():
        raise SignalError(f"{path}: cannot be written: the folder {path.parent} does not exist; create it first")
    partial = partial_path(path)
    try:
        yield partial
        with clear_errors(path):
            partial.replace(path)
    finally:
        remove(partial)


def remove(path: Path) -> None:
    """Delete a file or a folder with its content, if it exists."""
    if path.is_dir():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)
