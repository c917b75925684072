# SPDX-License-Identifier: Apache-2.0
"""The state of an interrupted fit: named arrays enter a .npz file, whole or not at all, and come back.

Nothing is pickled. A checkpoint of another picture or configuration, or a damaged one, is ignored: the fit begins anew.
"""

from __future__ import annotations

import hashlib
import zipfile
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from jaxtyping import UInt8

from lamina.atomic import replacing

FINGERPRINT = "fingerprint"
"""Name of the array that says what a checkpoint belongs to."""


def fingerprint_of(picture: UInt8[np.ndarray, "h w 3"], config: object) -> UInt8[np.ndarray, " 32"]:
    """SHA-256 of the first picture of a group and the configuration."""
    state = hashlib.sha256(repr((config, picture.shape)).encode())
    state.update(np.ascontiguousarray(picture).tobytes())
    return np.frombuffer(state.digest(), np.uint8)


def save(path: Path, fingerprint: UInt8[np.ndarray, " 32"], arrays: Mapping[str, np.ndarray]) -> None:
    """Write a checkpoint in the place of the one before.

    Raises:
        WriteError: the disk is full or the place not writable.
    """
    with replacing(path) as file:
        np.savez(file, allow_pickle=False, **{FINGERPRINT: fingerprint}, **dict(arrays))


def load(path: Path | None, fingerprint: UInt8[np.ndarray, " 32"]) -> dict[str, np.ndarray] | None:
    """The arrays of a checkpoint that belongs to `fingerprint`; None when there is none that can be used."""
    if path is None or not path.is_file():
        return None
    try:
        with np.load(path, allow_pickle=False) as file:
            arrays = {name: file[name] for name in file.files}
    except (OSError, ValueError, EOFError, zipfile.BadZipFile):
        return None
    found = arrays.pop(FINGERPRINT, None)
    return arrays if found is not None and np.array_equal(found, fingerprint) else None
