# SPDX-License-Identifier: Apache-2.0
"""Figures that take hours to measure, kept in benchmarks/results as they come: runs stop, resume and share a file."""

from __future__ import annotations

import fcntl
import json
import os
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from benchmarks.run_log import RESULTS, write_result


def read_figures(name: str) -> dict[str, Any]:
    """The figures of a result; empty when there is none yet."""
    path = RESULTS / f"{name}.json"
    return json.loads(path.read_text())["figures"] if path.exists() else {}


def result_names(beginning: str) -> list[str]:
    """Names of results that begin so, sorted."""
    return sorted(path.stem for path in RESULTS.glob(f"{beginning}*.json"))


def read_machine(name: str) -> dict[str, Any]:
    """What the last of a result's figures were measured on; empty when there is none yet."""
    path = RESULTS / f"{name}.json"
    return json.loads(path.read_text())["machine"] if path.exists() else {}


def add_figures(name: str, settings: Mapping[str, Any], subject: str, figures: Mapping[str, Any]) -> None:
    """Add figures about a subject (a picture, a clip) to a result; those of the same names are replaced."""
    with _locked(name):
        known = read_figures(name)
        known.setdefault(subject, {}).update(figures)
        write_result(name, dict(settings), dict(sorted(known.items())))


@contextmanager
def _locked(name: str) -> Iterator[None]:
    """Two runs side by side must not lose each other's figures."""
    path = Path(tempfile.gettempdir()) / f"lamina_result_{name}_{os.getuid()}.lock"
    with path.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def data_folder() -> Path:
    """The development data: $LAMINA_DATA, or ``shared/data`` beside the checkout.

    Raises:
        FileNotFoundError: it is at neither place; says which was tried.
    """
    beside = Path(__file__).resolve().parents[2] / "shared" / "data"
    folder = Path(os.environ.get("LAMINA_DATA", beside))
    if not folder.is_dir():
        raise FileNotFoundError(f"{folder}: no such folder; point $LAMINA_DATA at the development data")
    return folder
