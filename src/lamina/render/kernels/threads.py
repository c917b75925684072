# SPDX-License-Identifier: Apache-2.0
"""One number of threads for torch and Numba. In: what torch was told; out: Numba's setting, torch's unchanged."""

from __future__ import annotations

import os
import sys

import numba
from numba.core import config

# OpenMP starts a parallel loop in microseconds; workqueue, Numba's last resort, takes 1.7 times as long a frame.
config.THREADING_LAYER_PRIORITY = ["omp", "tbb", "workqueue"]  # pyright: ignore[reportAttributeAccessIssue]

_told: list[int] = []
"""Threads of the parallel kernels that ran before torch was imported, if any did: torch was not asked then."""


def share_threads() -> int:
    """Makes Numba's parallel loops use as many threads as torch does, or would, and returns how many that is.

    Call it before parallel kernels. Numba's first launch raises OpenMP's thread count, which is torch's too: a process
    told to use one thread would then run all of torch on every core. It is put back here. Torch is not imported: as
    long as nobody does, it is `OMP_NUM_THREADS` that counts, as it would there.
    """
    torch = sys.modules.get("torch")
    if torch is None:
        if not _told:
            _told.append(_wanted())
        numba.set_num_threads(_told[0])
        return _told[0]
    if _told:
        # Imported since, it was told what Numba had raised OpenMP's count to.
        wanted = _told.pop()
        if torch.get_num_threads() == _most():
            torch.set_num_threads(wanted)
    threads = torch.get_num_threads()
    available = min(threads, _most())
    numba.set_num_threads(available)
    if torch.get_num_threads() != threads:
        torch.set_num_threads(threads)
    return available


def _wanted() -> int:
    """What the environment says; all that there are where it says nothing."""
    said = os.environ.get("OMP_NUM_THREADS", "")
    return min(int(said), _most()) if said.isdecimal() and int(said) > 0 else _most()


def _most() -> int:
    return config.NUMBA_NUM_THREADS  # pyright: ignore[reportAttributeAccessIssue]
