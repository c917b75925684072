# SPDX-License-Identifier: Apache-2.0
"""How every loop of the coder is compiled: a Python function over scalars and arrays enters, a Numba kernel leaves."""

from __future__ import annotations

import zlib
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import Any, TypeVar

from numba import njit

FunctionT = TypeVar("FunctionT", bound=Callable[..., Any])


def kernel(function: FunctionT) -> FunctionT:
    """Compile on first call, keep on disk, release the interpreter lock while it runs.

    Without reference counts (`_nrt`): counting the arrays of a coder at each call takes ten times as long as coding a
    symbol (measured: 13 instead of 140 million a second). Such a kernel cannot allocate arrays.

    A kept kernel contains those that it calls, and Numba compares only the file of the outermost with what it was made
    from: here the sources of its folder and of this one count too, or an update could go on coding by an old format.
    """
    compiled: Any = njit(cache=True, nogil=True, error_model="numpy", _nrt=False)(function)  # pyright: ignore[reportCallIssue]
    index = getattr(getattr(compiled, "_cache", None), "_cache_file", None)
    if index is not None:
        folders = (Path(__file__).parent, Path(function.__code__.co_filename).parent)
        index._source_stamp = (index._source_stamp, *map(sources_checksum, folders))
    return compiled


@lru_cache(maxsize=64)
def sources_checksum(folder: Path) -> int:
    """CRC-32 of all Python files of a folder, in order of their names."""
    checksum = 0
    for path in sorted(folder.glob("*.py")):
        checksum = zlib.crc32(path.read_bytes(), checksum)
    return checksum
