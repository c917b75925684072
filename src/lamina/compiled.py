# SPDX-License-Identifier: Apache-2.0
"""How loops over pixels and splats are compiled: a Python function over arrays enters, a Numba kernel leaves."""

from __future__ import annotations

import zlib
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

from numba import njit

FunctionT = TypeVar("FunctionT", bound=Callable[..., Any])

MARKS = (b"@compiled", b"@kernel")
"""A file that has one of these holds kernels."""


def compiled(**options: Any) -> Callable[[FunctionT], FunctionT]:
    """Compile on first call, keep on disk, release the interpreter lock; `options` are Numba's own.

    A kept kernel contains those that it calls, and Numba compares only the file of the outermost with what it was made
    from: here the sources of all kernels count too, or an edited kernel would go on running inside its old callers.
    """

    def compile_later(function: FunctionT) -> FunctionT:
        made: Any = njit(cache=True, nogil=True, error_model="numpy", **options)(function)
        index = getattr(getattr(made, "_cache", None), "_cache_file", None)
        if index is not None:
            index._source_stamp = (*index._source_stamp, kernels_checksum())
        return made

    return compile_later


@cache
def kernels_checksum() -> int:
    """CRC-32 of all files of the package that hold kernels or the constants that go into them."""
    checksum = 0
    for path in sorted(Path(__file__).parent.rglob("*.py")):
        source = path.read_bytes()
        if path.name == "constants.py" or any(mark in source for mark in MARKS):
            checksum = zlib.crc32(source, checksum)
    return checksum
