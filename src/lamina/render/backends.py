# SPDX-License-Identifier: Apache-2.0
"""Which kernel renders: what was asked for and where the tensors are enter, the name of one leaves."""

from __future__ import annotations

from collections.abc import Callable
from importlib.util import find_spec
from typing import Literal, cast, get_args

Backend = Literal["auto", "reference", "cpu", "cuda"]
"""`auto`: the fastest for where the tensors are. `cpu`, `cuda`: that kernel or an error. `reference`: plain PyTorch."""


def choose_backend(backend: Backend, device: str, cuda_package: str, require_cuda: Callable[[], None]) -> Backend:
    """What `auto` means here; a kernel that was asked for by name must suit the device of the tensors.

    Args:
        backend: what was asked for.
        device: type of the device of the tensors.
        cuda_package: without it there is no fast kernel on CUDA.
        require_cuda: raises when CUDA was asked for by name and cannot work.

    Raises:
        ValueError: the tensors are elsewhere, or there is no such backend.
        BackendUnavailable: as `require_cuda`.
    """
    if backend == "auto":
        fast = device == "cpu" or (device == "cuda" and find_spec(cuda_package) is not None)
        return cast(Backend, device) if fast else "reference"
    if backend not in get_args(Backend):
        raise ValueError(f"backend must be one of {', '.join(get_args(Backend))}, got {backend!r}")
    if backend == "cuda":
        require_cuda()
    if backend in ("cpu", "cuda") and device != backend:
        raise ValueError(f'backend="{backend}" needs tensors on {backend}, these are on {device}: use .to("{backend}")')
    return backend
