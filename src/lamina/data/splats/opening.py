# SPDX-License-Identifier: Apache-2.0
"""A path enters, a cloud leaves, by its suffix; and back."""

from __future__ import annotations

from pathlib import Path

from lamina.data.splats.cloud import SplatCloud
from lamina.data.splats.ply import read_ply, write_ply
from lamina.data.splats.sog import LEVELS_META, META, read_sog
from lamina.data.splats.spz import read_spz, write_spz
from lamina.errors import SignalError

READABLE = ".ply (3DGS, or SuperSplat's compressed), .spz (2 and 3), .sog, or a folder with meta.json or lod-meta.json"
WRITABLE = (".ply", ".spz")
"""Suffixes that `write_splats` knows."""


def read_splats(path: str | Path) -> SplatCloud:
    """Read Gaussians of any format we know.

    Raises:
        SignalError: no such file, an unknown suffix, or a damaged file.
    """
    path = Path(path)
    suffix = path.suffix.lower()
    if suffix == ".ply":
        return read_ply(path)
    if suffix == ".spz":
        return read_spz(path)
    if suffix == ".sog" or path.is_dir() or path.name in (META, LEVELS_META):
        return read_sog(path)
    raise SignalError(f"{path}: no Gaussians are known by the suffix {suffix or '(none)'!r}; expected {READABLE}")


def write_splats(path: str | Path, cloud: SplatCloud) -> None:
    """Write a .ply (exact) or a .spz (small), by the suffix.

    Raises:
        SignalError: another suffix.
        WriteError: the file cannot be written.
    """
    path = Path(path)
    suffix = path.suffix.lower()
    if suffix not in WRITABLE:
        raise SignalError(f"{path}: Gaussians are written as {' or '.join(WRITABLE)}, not {suffix or '(no suffix)'!r}")
    (write_ply if suffix == ".ply" else write_spz)(path, cloud)
