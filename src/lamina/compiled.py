# SPDX-License-Identifier: Apache-2.0
"""How every loop is compiled: a Python function over scalars and arrays enters, a Numba kernel leaves.

The first use on a machine compiles for some tens of seconds; `watched` lets a display say so.
"""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

FunctionT = TypeVar("FunctionT", bound=Callable[..., Any])


@dataclass(frozen=True, slots=True)
class Compiling:
    """A kernel of ours is about to be compiled, because this machine has never run it."""

    kernel: str
    number: int
    """How many this process has begun, with this one."""
    seconds: float
    """How long this process has compiled until now."""
    problem: str = ""
    """One line, said once: what was compiled cannot be kept."""


def compiled(**options: Any) -> Callable[[FunctionT], FunctionT]:
    """Compile on first call, keep on disk, release the interpreter lock; `options` are Numba's own.

    A kept kernel contains those that it calls and the constants that it reads: it is thrown away when its file changes
    or one that it imports. A function without a file (in a notebook) is compiled for this process alone.
    """

    def compile_later(function: FunctionT) -> FunctionT:
        from numba import njit

        _listen()
        made: Any = njit(nogil=True, error_model="numpy", **options)(function)
        if Path(function.__code__.co_filename).is_file():
            from lamina.kernel_compiler import KernelCache

            made._cache = KernelCache(function, _STATE.report_unkept)
        return made

    return compile_later


@contextmanager
def watched(observer: Callable[[Compiling], None]) -> Iterator[None]:
    """Within the block `observer` is called before each kernel that is compiled, in the thread that needs it."""
    _STATE.observers.append(observer)
    try:
        yield
    finally:
        _STATE.observers.remove(observer)


class _State:
    """What this process has compiled. Changed under Numba's compiler lock."""

    def __init__(self) -> None:
        self.observers: list[Callable[[Compiling], None]] = []
        self.number = 0
        self.seconds = 0.0
        self.has_problem = False
        self._kernels: list[str] = []
        self._began_s = 0.0

    def begin(self, kernel: str) -> None:
        """Compiling one begins, maybe in the middle of another that calls it."""
        if not self._kernels:
            self._began_s = time.monotonic()
        self._kernels.append(kernel)
        self.number += 1
        self._tell(kernel)

    def end(self) -> None:
        """The one that began last is compiled."""
        self._kernels.pop()
        if not self._kernels:
            self.seconds += time.monotonic() - self._began_s

    def report_unkept(self, problem: str) -> None:
        """Said once: by those who watch, else as a warning."""
        if self.has_problem:
            return
        self.has_problem = True
        if self.observers:
            self._tell("", problem)
        else:
            warnings.warn(problem, RuntimeWarning, stacklevel=3)

    def _tell(self, kernel: str, problem: str = "") -> None:
        now = time.monotonic() - self._began_s if self._kernels else 0.0
        told = Compiling(kernel, self.number, self.seconds + now, problem)
        for observer in tuple(self.observers):
            observer(told)


_STATE = _State()


@cache
def _listen() -> None:
    """Numba tells of every kernel that it compiles, once it is asked to."""
    from numba.core.event import register

    from lamina.kernel_compiler import CompileListener

    register("numba:compile", CompileListener(_STATE.begin, _STATE.end))
