# SPDX-License-Identifier: Apache-2.0
"""A fit under way <-> a file, so that an interrupted encode goes on. Named arrays and JSON, nothing pickled."""

from __future__ import annotations

import json
import time
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from lamina.atomic import replacing

FACTS = "facts"
"""Name of the array that holds the JSON."""

SAVE_SECONDS = 20.0
"""Between two checkpoints: what a killed process costs at most."""

Arrays = Mapping[str, np.ndarray]

UNREADABLE = (OSError, EOFError, ValueError, KeyError, TypeError, RuntimeError, zipfile.BadZipFile)
"""What reading a damaged checkpoint, or one of other code, may raise."""


def save(path: Path, key: str, facts: Mapping[str, Any], arrays: Arrays) -> None:
    """Write a checkpoint in the place of the one before, whole or not at all; `key` names the job.

    Raises:
        WriteError: the disk is full or the place not writable.
    """
    text = json.dumps({"key": key, "facts": dict(facts)}).encode()
    with replacing(path) as file:
        np.savez(file, allow_pickle=False, **{FACTS: np.frombuffer(text, np.uint8)}, **dict(arrays))


def load(path: Path | None, key: str) -> tuple[dict[str, Any], dict[str, np.ndarray]] | None:
    """Facts and arrays of the checkpoint of this job; None when there is none, or another's, or it is damaged."""
    if path is None or not path.is_file():
        return None
    try:
        with np.load(path, allow_pickle=False) as stored:
            arrays = {name: stored[name] for name in stored.files}
        found = json.loads(bytes(arrays.pop(FACTS)).decode())
        return (found["facts"], arrays) if found["key"] == key else None
    except UNREADABLE:
        return None


def remove(path: Path | None) -> None:
    """Delete a checkpoint that is no longer needed."""
    if path is not None:
        path.unlink(missing_ok=True)


class Keeper:
    """Saves a fit from time to time."""

    def __init__(self, path: Path | None, every_s: float = SAVE_SECONDS) -> None:
        self._path, self._every_s = path, every_s
        self._saved_s = time.monotonic()

    def __call__(self, write: Callable[[Path], None], *, now: bool = False) -> None:
        """Call `write` with the place, if there is one and it is time (or `now`)."""
        if self._path is None or not (now or time.monotonic() - self._saved_s >= self._every_s):
            return
        write(self._path)
        self._saved_s = time.monotonic()
