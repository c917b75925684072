# SPDX-License-Identifier: Apache-2.0
"""What tools ask of planar units without decoding them: facts of the header, where the bytes of a unit go. No torch."""

from __future__ import annotations

from collections.abc import Mapping

from lamina.codec import StreamInfo
from lamina.codecs.planar.syntax import MethodId, PlanarHeader, ScalabilityId
from lamina.units import HEADER_LAYER, Unit


def inspect(payload: bytes) -> StreamInfo:
    """Header unit -> facts.

    Raises:
        BitstreamError: the header is damaged.
    """
    header, _ = PlanarHeader.unpack(payload)
    details: dict[str, object] = {
        "method": header.method.name.lower(),
        "scalability": header.scalability.name.lower(),
        "background": "#{:02x}{:02x}{:02x}".format(*header.background),
    }
    if header.scalability == ScalabilityId.RESOLUTION:
        sizes = [header.level_size(level) for level in range(header.levels)]
        details["level sizes"] = ", ".join(f"{width}x{height}" for width, height in sizes)
    rate = header.frames_per_second
    kind = "video" if header.is_video else "image"
    return StreamInfo(kind, header.width, header.height, header.levels, frames_per_second=rate, details=details)


def breakdown(header_payload: bytes, unit: Unit) -> Mapping[str, int]:
    """Bytes of positions, shapes, colors, ... of a unit; they sum to its payload's length.

    Raises:
        BitstreamError: the unit's head is damaged.
    """
    if unit.key.layer == HEADER_LAYER:
        return {"headers": len(unit.payload)}
    header, _ = PlanarHeader.unpack(header_payload)
    if header.method == MethodId.LATTICE:
        from lamina.codecs.planar.lattice.syntax import breakdown as lattice

        return lattice(unit.payload)
    from lamina.codecs.planar.pgsvc.syntax import breakdown as pgsvc

    return pgsvc(header, unit.payload)
