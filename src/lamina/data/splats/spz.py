# SPDX-License-Identifier: Apache-2.0
"""A cloud to a .spz of version 4 (or 3) and back (version 2 is read too).

Axes are the trouble of this format: it is right-up-back (RUB) by its own documents, but its own converter and
splat-transform 3 (so SuperSplat) store those of a .ply (RDF). Only version 4 has a place to say which. So version 4 is
written with RDF and says so, which both camps read rightly; one that says nothing is taken as RDF, and older versions
as RUB (docs/splat_files.md).
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from lamina.atomic import replacing_path, write_errors
from lamina.data.splats.axes import AUTO, CAPTURE, RIGHT_UP_BACK, axes_name, from_capture, to_capture
from lamina.data.splats.cloud import SplatCloud
from lamina.data.splats.guarded import read_bytes, reading
from lamina.data.splats.ply import checked
from lamina.data.splats.spz_container import (
    MAX_COUNT,
    MAX_FRACTION_BITS,
    ZSTANDARD_VERSION,
    SpzHeader,
    pack_gzip,
    pack_zstandard,
    read_container,
)
from lamina.data.splats.spz_values import POSITION_LIMIT, pack, unpack
from lamina.errors import SignalError

KIND = ".spz"
WRITTEN_VERSIONS = (3, 4)
VERSION = 4
"""Written unless asked otherwise. A viewer without Zstandard refuses it aloud, and is served by version 3; axes that a
file cannot name go wrong without a word."""
USUAL_AXES = {2: RIGHT_UP_BACK, 3: RIGHT_UP_BACK, 4: CAPTURE}
"""By version, where a file does not say: see docs/splat_files.md."""

FRACTION_BITS = 12
"""Of a position, 24 bits in all: steps of 1/4096 world unit, +-2048 units. Source: packGaussians."""


def write_spz(
    path: str | Path,
    cloud: SplatCloud,
    *,
    fraction_bits: int = FRACTION_BITS,
    version: int = VERSION,
    axes: str = AUTO,
) -> None:
    """Write version 4 (Zstandard, says its axes) or 3 (gzip, cannot).

    fraction_bits: 0...23 of a position's 24 bits; fewer are used where positions would not fit. The format's own
    library always takes 12; small captures (under 100 units) keep their positions better with more.
    axes: to store, such as ``RUB``; ``auto`` is RDF in version 4, which is named in the file, and RUB in version 3.

    Raises:
        SignalError: it is too much for the format.
        WriteError: the file cannot be written.
        ValueError: no such version or axes, or fraction bits out of range.
    """
    path = Path(path)
    if version not in WRITTEN_VERSIONS or not 0 <= fraction_bits <= MAX_FRACTION_BITS:
        raise ValueError(
            f"version {version}, {fraction_bits} fraction bits; expected {WRITTEN_VERSIONS}, 0...{MAX_FRACTION_BITS}"
        )
    stored = USUAL_AXES[version] if axes_name(axes) == AUTO else axes_name(axes)
    largest = float(np.abs(cloud.means).max(initial=0))
    bits = next((bits for bits in range(fraction_bits, -1, -1) if largest * 2**bits <= POSITION_LIMIT), None)
    if bits is None or not 1 <= len(cloud) <= MAX_COUNT:
        raise SignalError(
            f"{path}: {len(cloud)} Gaussians as far as {largest:g} units from the origin; expected 1...{MAX_COUNT} "
            f"within {POSITION_LIMIT}: write a .ply"
        )
    parts = pack(from_capture(cloud, stored), bits)
    is_named = version == ZSTANDARD_VERSION
    header = SpzHeader(version, len(cloud), cloud.degree, bits, stored if is_named else None)
    data = (pack_zstandard if is_named else pack_gzip)(header, parts)
    with replacing_path(path) as partial, write_errors(path):
        partial.write_bytes(data)


def read_spz(path: str | Path, *, axes: str = AUTO) -> SplatCloud:
    """Read version 2, 3 (gzipped or bare) or 4; the cloud has the axes of a capture (RDF).

    axes: that the file has, such as ``RUB``; ``auto`` is what the file says, else RUB in versions 2 and 3 and RDF in 4.

    Raises:
        SignalError: not such a file, damaged, or of another version.
        ValueError: no such axes.
    """
    path, asked = Path(path), axes_name(axes)
    data = read_bytes(path, KIND)
    with reading(path, KIND):
        header, body = read_container(data, path)
        stored = unpack(body, header.count, header.degree, header.rotation_bytes, header.fraction_bits)
        kept = asked if asked != AUTO else header.axes or USUAL_AXES[header.version]
        return checked(to_capture(stored, kept), path)


def read_spz_header(path: str | Path) -> SpzHeader:
    """Version, number of Gaussians, degree, and axes if the file says them.

    Raises:
        SignalError: not such a file, damaged, or of another version.
    """
    path = Path(path)
    data = read_bytes(path, KIND)
    with reading(path, KIND):
        return read_container(data, path)[0]
