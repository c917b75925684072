# SPDX-License-Identifier: Apache-2.0
"""Arrays of integers by name enter, one canonical spelling of them leaves: what `lamina digest` hashes."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np


def canonical_integers(arrays: Mapping[str, np.ndarray]) -> bytes:
    """Name, type, shape and little-endian values of each array, by name: the same bytes on every machine."""
    pieces: list[bytes] = []
    for name in sorted(arrays):
        values = np.ascontiguousarray(arrays[name])
        values = values.astype(values.dtype.newbyteorder("<"))
        pieces.append(f"{name} {values.dtype.str} {values.shape}\n".encode())
        pieces.append(values.tobytes())
    return b"".join(pieces)
