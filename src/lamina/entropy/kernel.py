# SPDX-License-Identifier: Apache-2.0
"""How every loop of the coder is compiled: a Python function over scalars and arrays enters, a Numba kernel leaves."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from numba import njit

FunctionT = TypeVar("FunctionT", bound=Callable[..., Any])


def kernel(function: FunctionT) -> FunctionT:
    """Compile on first call, keep on disk, release the interpreter lock while it runs.

    Without reference counts (`_nrt`): counting the arrays of a coder at each call takes ten times as long as coding a
    bit (measured: 13 instead of 140 million symbols a second). Such a kernel cannot allocate arrays.
    Numba keeps compiled kernels by the file that they are in: after a change here or in a kernel that others call,
    delete the `*.nbi` files of the callers.
    """
    compiled: Any = njit(cache=True, nogil=True, error_model="numpy", _nrt=False)  # pyright: ignore[reportCallIssue]
    return compiled(function)
