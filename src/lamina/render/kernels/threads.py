# SPDX-License-Identifier: Apache-2.0
"""One number of threads for torch and Numba. In: what torch was told; out: Numba's setting, torch's unchanged."""

from __future__ import annotations

import numba
import torch
from numba.core import config

# OpenMP starts a parallel loop in microseconds; workqueue, Numba's last resort, takes 1.7 times as long a frame.
config.THREADING_LAYER_PRIORITY = ["omp", "tbb", "workqueue"]  # pyright: ignore[reportAttributeAccessIssue]


def share_torch_threads() -> int:
    """Makes Numba's parallel loops use as many threads as `torch.get_num_threads()`, and returns how many that is.

    Call it before parallel kernels. Numba's first launch raises OpenMP's thread count, which is torch's too: a process
    told to use one thread would then run all of torch on every core. It is put back here.
    """
    threads = torch.get_num_threads()
    available = min(threads, config.NUMBA_NUM_THREADS)  # pyright: ignore[reportAttributeAccessIssue]
    numba.set_num_threads(available)
    if torch.get_num_threads() != threads:
        torch.set_num_threads(threads)
    return available
