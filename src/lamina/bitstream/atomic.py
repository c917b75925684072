# SPDX-License-Identifier: Apache-2.0
"""Files that appear whole or not at all: written under a temporary name in the same folder, then renamed."""

from __future__ import annotations

import errno
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from lamina.errors import LaminaError


class StreamWriteError(LaminaError, OSError):
    """A file cannot be written (full disk, no permission, ...); what was at its place before is untouched."""

    def __str__(self) -> str:
        return self.strerror or super().__str__()


def write_error(path: Path, error: OSError) -> StreamWriteError:
    """The error for a user whose file at `path` could not be written."""
    reason = error.strerror or str(error)
    advice = ": make room or write elsewhere" if error.errno in (errno.ENOSPC, errno.EDQUOT) else ""
    message = f"{path}: cannot be written: {reason}{advice}; what was there before is untouched"
    return StreamWriteError(error.errno, message)


@contextmanager
def replacing(path: str | Path) -> Iterator[BinaryIO]:
    """A file to write that takes the place of `path` when the block ends well, and is removed when it does not.

    Raises:
        StreamWriteError: the folder is missing or not writable, or the disk is full.
    """
    path = Path(path)
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}.partial")
    try:
        file = temporary.open("xb")
    except OSError as error:
        raise write_error(path, error) from error
    try:
        with file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except BaseException as error:
        temporary.unlink(missing_ok=True)
        if isinstance(error, OSError) and not isinstance(error, LaminaError):
            raise write_error(path, error) from error
        raise
