# SPDX-License-Identifier: Apache-2.0
"""Facts of a signal and a sample of its pixels enter, a hash that tells it from others leaves."""

from __future__ import annotations

import hashlib

import numpy as np
from jaxtyping import UInt8


def fingerprint_of(facts: object, *samples: UInt8[np.ndarray, "..."] | None) -> str:
    """SHA-256 (hexadecimal) of the facts, which must have a `repr` that is theirs alone, and of the samples."""
    state = hashlib.sha256(repr((facts, [None if sample is None else sample.shape for sample in samples])).encode())
    for sample in samples:
        if sample is not None:
            state.update(np.ascontiguousarray(sample).tobytes())
    return state.hexdigest()
