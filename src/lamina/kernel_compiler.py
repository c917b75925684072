# SPDX-License-Identifier: Apache-2.0
"""Numba's side of `compiled`: where kernels are kept, and how one learns that a kernel is being compiled.

Kernels are kept for each user, not beside the sources: a package may lie where its users cannot write.
"""

from __future__ import annotations

import gc
import os
import re
import sys
import zlib
from collections.abc import Callable
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any

from numba.core import config
from numba.core.caching import CompileResultCacheImpl, FunctionCache, UserProvidedCacheLocator
from numba.core.event import Event, Listener

PACKAGE = Path(__file__).resolve().parent
IMPORT = re.compile(r"^(?:from ([\w.]+) )?import (\([^)]*\)|.*)", re.MULTILINE)
"""An absolute import at the left margin, which is where kernels get what they call."""


@cache
def kernel_folder() -> Path:
    """Where kernels are kept: $LAMINA_CACHE_DIR, else $NUMBA_CACHE_DIR, else the platform's folder for caches.

    It need not be writable, nor exist: what another user compiled there is used, what is missing is compiled each time.
    """
    chosen = os.environ.get("LAMINA_CACHE_DIR") or config.CACHE_DIR  # pyright: ignore[reportAttributeAccessIssue]
    if chosen:
        return Path(chosen).absolute()
    if sys.platform == "win32":
        caches = os.environ.get("LOCALAPPDATA") or Path("~/AppData/Local").expanduser()
    elif sys.platform == "darwin":
        caches = Path("~/Library/Caches").expanduser()
    else:
        caches = os.environ.get("XDG_CACHE_HOME") or Path("~/.cache").expanduser()
    return Path(caches).absolute() / "lamina" / "kernels"


class _Locator(UserProvidedCacheLocator):
    """A folder of `kernel_folder` for each folder of sources, by its path: checkouts do not overwrite each other's."""

    def __init__(self, py_func: Callable[..., Any], py_file: str) -> None:
        super().__init__(py_func, py_file)
        self._cache_path = str(kernel_folder() / self.get_suitable_cache_subpath(py_file))

    @classmethod
    def from_function(cls, py_func: Callable[..., Any], py_file: str) -> _Locator:
        """Numba would refuse a folder that cannot be written, also where all that is needed lies in it."""
        return cls(py_func, py_file)


class _Implementation(CompileResultCacheImpl):
    _locator_classes = (_Locator,)


class KernelCache(FunctionCache):
    """What is kept of one kernel: by signature, by processor, for the sources that it was made from.

    Numba compares a kernel's own file with what the kernel was made from; here the files that it imports count too.
    What cannot be read is compiled again, what cannot be written is told to `report_unkept`.
    """

    _impl_class = _Implementation

    def __init__(self, function: Callable[..., Any], report_unkept: Callable[[str], None]) -> None:
        super().__init__(function)
        self._report_unkept = report_unkept
        index = self._cache_file
        index._source_stamp = (index._source_stamp, sources_checksum(Path(function.__code__.co_filename).resolve()))

    def load_overload(self, sig: Any, target_context: Any) -> Any:
        """The kernel for a signature; None where there is none."""
        try:
            return super().load_overload(sig, target_context)
        except Exception:
            # A file that is cut short or not ours to read raises whatever unpickling does.
            with suppress(OSError):
                self.flush()
            return None

    def save_overload(self, sig: Any, data: Any) -> None:
        """Keep what was compiled."""
        try:
            super().save_overload(sig, data)
        except OSError as error:
            self._report_unkept(
                f"{kernel_folder()}: {error.strerror or error}: what is compiled for this machine is not kept, so every "
                "command compiles again; set LAMINA_CACHE_DIR to a folder that can be written"
            )


class CompileListener(Listener):
    """Tells of kernels that are being compiled: `begin(name)`, `end()`. Others that they call come in between.

    Compiling makes millions of objects that live on; looking for garbage among them is a tenth of its time, so that
    waits until the outermost kernel is done.
    """

    def __init__(self, begin: Callable[[str], None], end: Callable[[], None]) -> None:
        self._begin, self._end = begin, end
        self._depth = 0
        self._collects = False

    def on_start(self, event: Event) -> None:
        """Numba holds its compiler lock: one thread at a time comes here."""
        name = _name_of_ours(event)
        if name is None:
            return
        if self._depth == 0:
            self._collects = gc.isenabled()
            gc.disable()
        self._depth += 1
        self._begin(name)

    def on_end(self, event: Event) -> None:
        """Also where compiling failed."""
        if _name_of_ours(event) is None:
            return
        self._depth -= 1
        if self._depth == 0 and self._collects:
            gc.enable()
        self._end()


def _name_of_ours(event: Event) -> str | None:
    """Name of the kernel, if it is one of this package."""
    function = (event.data or {})["dispatcher"].py_func
    return function.__name__ if function.__module__.startswith("lamina.") else None


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
