# SPDX-License-Identifier: Apache-2.0
"""Where bytes come from: a file, bytes in memory, or anything with the same members (a server, say)."""

from __future__ import annotations

import os
import tempfile
import threading
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, Protocol, cast

from lamina.arriving import copy_passing, is_passing
from lamina.errors import BitstreamError


class ByteSource(Protocol):
    """Random access to the bytes of a stream."""

    name: str
    """For messages; empty for bytes in memory."""
    size_bytes: int
    """Bytes that are there, as far as is known."""

    def read(self, offset: int, size_bytes: int) -> bytes:
        """The bytes from `offset` on; fewer where the source ends."""
        ...

    def refresh(self) -> None:
        """Look again how many bytes are there."""
        ...

    def close(self) -> None:
        """Give back what the source holds."""
        ...


class BytesSource:
    """Bytes in memory."""

    def __init__(self, data: bytes | bytearray | memoryview) -> None:
        self._data = memoryview(data)
        self.name = ""
        self.size_bytes = len(data)

    def read(self, offset: int, size_bytes: int) -> bytes:
        """The bytes from `offset` on; fewer where the data ends."""
        return bytes(self._data[offset : offset + size_bytes])

    def refresh(self) -> None:
        """Nothing changes."""

    def close(self) -> None:
        """Nothing to give back."""


class FileSource:
    """A file that stays open, so that replacing it by name does not change what is read; safe to share by threads.

    Of standard input (``-``) or a pipe all is taken at once, into a temporary file without a name. Reads are made by
    seeking, not by mapping: a file that shrinks under a mapping ends the process.

    Raises:
        OSError: the file cannot be opened.
        SignalError: it is a terminal, a device or a socket.
    """

    def __init__(self, path: Path) -> None:
        self._file = _arrived(path) if is_passing(path) else path.open("rb")
        self._lock = threading.Lock()
        self.close = weakref.finalize(self, self._file.close)
        self.name = str(path)
        self.size_bytes = self._file.seek(0, 2)

    def read(self, offset: int, size_bytes: int) -> bytes:
        """The bytes from `offset` on; fewer where the file ends."""
        with self._lock:
            self._file.seek(offset)
            return self._file.read(min(size_bytes, max(self.size_bytes - offset, 0)))

    def refresh(self) -> None:
        """See what was appended since."""
        self.size_bytes = os.fstat(self._file.fileno()).st_size


def _arrived(path: Path) -> BinaryIO:
    file = tempfile.TemporaryFile()  # noqa: SIM115 - the source closes it
    copy_passing(path, cast(BinaryIO, file))
    return cast(BinaryIO, file)


@contextmanager
def named(source: ByteSource) -> Iterator[None]:
    """Give errors about the bytes of `source` its name."""
    try:
        yield
    except BitstreamError as error:
        error.path = error.path or source.name
        raise
