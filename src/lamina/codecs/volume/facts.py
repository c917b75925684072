# SPDX-License-Identifier: Apache-2.0
"""What tools ask of volume units without decoding them: facts of the header, where bytes go. No torch."""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction

from lamina.codec import StreamInfo
from lamina.codecs.volume.syntax import CameraSection, GroupHead, LevelHead, VolumeFacts
from lamina.units import HEADER_LAYER, STREAM_HEADER, QualityMetric, SeenBy, Unit

SHARES = 127


def inspect(payload: bytes) -> StreamInfo:
    """Header unit -> facts.

    Raises:
        BitstreamError: the header is damaged.
    """
    facts, _ = VolumeFacts.unpack(payload)
    lattice = facts.lattice()
    cells = lattice.cells(facts.level_count - 1)
    details: dict[str, object] = {
        "box": "{:g} {:g} {:g} to {:g} {:g} {:g}".format(*lattice.origin, *lattice.far_corner),
        "finest lattice": f"{cells[0]}x{cells[1]}x{cells[2]} cells of {facts.step:g} world units",
        "channels": f"density, 3 of color{f', {facts.extra_count} more' if facts.extra_count else ''}",
        "shading": f"a network of {facts.hidden} hidden units a ray" if facts.hidden else "none",
        "background": "#{:02x}{:02x}{:02x}".format(*facts.background),
        "holds": "what masks and box say; for whole scenes, or few bytes, freeview is the better choice",
    }
    return StreamInfo(
        "volume",
        facts.width,
        facts.height,
        facts.level_count,
        SeenBy.CAMERA,
        Fraction(facts.rate_numerator, facts.rate_denominator),
        QualityMetric.VIEW_PSNR,
        is_foreground=True,
        details=details,
    )


def breakdown(header_payload: bytes, unit: Unit) -> Mapping[str, int]:
    """Bytes of the network, cells, vectors, ... of a unit; they sum to its payload's length.

    Raises:
        BitstreamError: the unit's head is damaged.
    """
    del header_payload
    if unit.key == STREAM_HEADER:
        _, end = VolumeFacts.unpack(unit.payload)
        cameras = len(CameraSection.unpack(unit.payload, end)[0].cameras)
        return {"headers": len(unit.payload) - cameras, "cameras": cameras}
    if unit.key.layer == HEADER_LAYER:
        network = len(GroupHead.unpack(unit.payload)[0].network)
        return {"headers": len(unit.payload) - network, "network": network}
    head, end = LevelHead.unpack(unit.payload)
    stream = len(unit.payload) - end
    cells, vectors = (stream * share // SHARES for share in head.shares)
    if cells + vectors > stream:
        cells, vectors = stream, 0
    kind = "key symbols" if head.is_key else "symbols"
    tables = {} if head.tables is None else {"tables": len(head.tables)}
    symbols = stream - cells - vectors
    return {"headers": end - sum(tables.values()), "cells": cells, "vectors": vectors, kind: symbols} | tables
