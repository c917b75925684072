# SPDX-License-Identifier: Apache-2.0
"""Fast twins of the readable renderers: Numba for CPU, Triton for CUDA."""
