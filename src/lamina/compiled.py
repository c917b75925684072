# SPDX-License-Identifier: Apache-2.0
"""How every loop is compiled: a Python function over scalars and arrays enters, a Numba kernel leaves."""

from __future__ import annotations

import re
import sys
import zlib
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

from numba import njit

FunctionT = TypeVar("FunctionT", bound=Callable[..., Any])

PACKAGE = Path(__file__).resolve().parent
IMPORT = re.compile(r"^(?:from ([\w.]+) )?import (\([^)]*\)|.*)", re.MULTILINE)
"""An absolute import at the left margin, which is where kernels get what they call."""


def compiled(**options: Any) -> Callable[[FunctionT], FunctionT]:
    """Compile on first call, keep on disk, release the interpreter lock; `options` are Numba's own.

    A kept kernel contains those that it calls and the constants that it reads, and Numba compares only the kernel's own
    file with what it was made from: here the files that it imports count too, or an edited kernel would go on running
    inside its old callers. A function without a file (in a notebook) is compiled for this process alone.
    """

    def compile_later(function: FunctionT) -> FunctionT:
        path = Path(function.__code__.co_filename).resolve()
        made: Any = njit(cache=path.is_file(), nogil=True, error_model="numpy", **options)(function)
        index = getattr(getattr(made, "_cache", None), "_cache_file", None)
        if index is not None:
            index._source_stamp = (*index._source_stamp, sources_checksum(path))
        return made

    return compile_later


@cache
def sources_checksum(path: Path) -> int:
    """CRC-32 of a file and of all of ours that it imports, directly or not."""
    checksum = 0
    found = {path: None}
    waiting = [path]
    for source in waiting:
        checksum = zlib.crc32(source.read_bytes(), checksum)
        new = [imported for imported in imports_of(source) if imported not in found]
        found |= dict.fromkeys(new)
        waiting.extend(new)
    return checksum


@cache
def imports_of(path: Path) -> tuple[Path, ...]:
    """Files of this package, or from the same folder, whose modules the file at `path` has imported."""
    names: dict[str, None] = {}
    for origin, imported in IMPORT.findall(path.read_text(encoding="utf-8")):
        words = re.findall(r"[\w.]+", imported)
        names |= dict.fromkeys([origin, *(f"{origin}.{word}" for word in words)] if origin else words)
    modules = [getattr(sys.modules.get(name), "__file__", None) for name in names]
    files = dict.fromkeys(Path(file).resolve() for file in modules if file)
    return tuple(file for file in files if file.is_relative_to(PACKAGE) or file.parent == path.parent)
