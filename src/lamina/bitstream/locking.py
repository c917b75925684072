# SPDX-License-Identifier: Apache-2.0
"""A file that one process writes at a time: a path enters, an open file that nobody else has for writing leaves.

The lock ends with the process, however that ends. Where files cannot be locked (Windows, some network drives) there is
none.
"""

from __future__ import annotations

import contextlib
import errno
import os
from io import FileIO
from pathlib import Path

from lamina.errors import WriteError


def open_locked(path: Path) -> FileIO:
    """The file at `path`, made if it is missing, open for reading and writing.

    Raises:
        WriteError: another process, or this one elsewhere, has it open in this way.
        OSError: it cannot be opened.
    """
    while True:
        file = FileIO(os.open(path, os.O_RDWR | os.O_CREAT | getattr(os, "O_BINARY", 0), 0o666), "r+")
        if not _lock(file):
            holder = _holder_of(file)
            file.close()
            who = f" (process {holder})" if holder else ""
            problem = f"{path}: another encode of this output is running{who}: wait for it, or choose another output"
            raise WriteError(errno.EBUSY, problem)
        # Whoever held it may have removed it while we opened it: then what we locked is no longer at the path.
        with contextlib.suppress(FileNotFoundError):
            if os.path.samestat(os.fstat(file.fileno()), path.stat()):
                return file
        file.close()


def _lock(file: FileIO) -> bool:
    """Whether nobody else holds it."""
    try:
        import fcntl
    except ImportError:
        return True
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        return True  # A drive without locks.
    return True


def _holder_of(file: FileIO) -> int | None:
    """Process that holds the lock, where the system says so."""
    inode = os.fstat(file.fileno()).st_ino
    with contextlib.suppress(OSError, ValueError, IndexError):
        for line in Path("/proc/locks").read_text(encoding="ascii").splitlines():
            fields = line.split()
            if fields[1] == "FLOCK" and fields[5].endswith(f":{inode}"):
                return max(int(fields[4]), 0) or None
    return None
