# SPDX-License-Identifier: Apache-2.0
"""A path enters, a cloud leaves, by its suffix; and back."""

from __future__ import annotations

from pathlib import Path

from lamina.data.splats.axes import AUTO, axes_name, from_capture, to_capture
from lamina.data.splats.cloud import SplatCloud
from lamina.data.splats.ksplat import read_ksplat
from lamina.data.splats.ply import read_ply, write_ply
from lamina.data.splats.sog import LEVELS_META, META, read_sog
from lamina.data.splats.splat import read_splat
from lamina.data.splats.spz import VERSION, read_spz, write_spz
from lamina.errors import SignalError

READABLE = (
    ".ply (3DGS, or SuperSplat's compressed), .spz (2, 3 and 4), .sog, .splat, .ksplat, or a folder with meta.json or "
    "lod-meta.json"
)
WRITABLE = (".ply", ".spz")
"""Suffixes that `write_splats` knows."""
READERS = {".ply": read_ply, ".sog": read_sog, ".splat": read_splat, ".ksplat": read_ksplat}
"""By suffix; what says its axes itself, and what is a folder, apart."""


def read_splats(path: str | Path, *, axes: str = AUTO) -> SplatCloud:
    """Read Gaussians of any format we know; the cloud has the axes of a capture (RDF: right, down, forward).

    axes: that the file has, such as ``RUB`` (right, up, back); ``auto`` is what it says, or what its kind has.

    Raises:
        SignalError: no such file, an unknown suffix, or a damaged file.
        ValueError: no such axes.
    """
    path, asked = Path(path), axes_name(axes)
    suffix = path.suffix.lower()
    if suffix == ".spz":
        return read_spz(path, axes=asked)
    read = read_sog if path.is_dir() or path.name in (META, LEVELS_META) else READERS.get(suffix)
    if read is None:
        raise SignalError(f"{path}: no Gaussians are known by the suffix {suffix or '(none)'!r}; expected {READABLE}")
    cloud = read(path)
    return cloud if asked == AUTO else to_capture(cloud, asked)


def write_splats(path: str | Path, cloud: SplatCloud, *, axes: str = AUTO, spz_version: int = VERSION) -> None:
    """Write a .ply (exact) or a .spz (small), by the suffix.

    axes: to store, such as ``RUB``; ``auto`` is what most readers of the format take it to have.
    spz_version: 4, or 3 for viewers that do not know 4.

    Raises:
        SignalError: another suffix.
        WriteError: the file cannot be written.
        ValueError: no such axes or version.
    """
    path, asked = Path(path), axes_name(axes)
    suffix = path.suffix.lower()
    if suffix == ".spz":
        write_spz(path, cloud, version=spz_version, axes=asked)
    elif suffix == ".ply":
        write_ply(path, cloud if asked == AUTO else from_capture(cloud, asked))
    else:
        raise SignalError(f"{path}: Gaussians are written as {' or '.join(WRITABLE)}, not {suffix or '(no suffix)'!r}")
