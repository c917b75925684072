# SPDX-License-Identifier: Apache-2.0
"""The head of a lattice layer's unit on the wire.

One entropy-coded stream (walk.py, update.py) follows it to the unit's end.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated

from lamina.bitstream import Bytes, Flag, Syntax, UInt, Varint
from lamina.codecs.planar.syntax import MAX_EXTENSION_BYTES, MAX_SPLATS
from lamina.errors import BitstreamError


@dataclass(frozen=True, slots=True)
class LatticeLayer(Syntax):
    """In front of the stream of a layer of a key frame."""

    is_predicted: Annotated[bool, Flag()]
    """0."""
    positions_share: Annotated[int, UInt(7)]
    """Share of the stream that positions take, in 1/127, measured by the encoder; for people, not needed to decode."""
    has_extensions: Annotated[bool, Flag()]
    """A later version says more."""
    shapes_share: Annotated[int, UInt(7)]
    """The same for classes, sizes and angles; the rest is colors."""
    step: Annotated[int, UInt(16, minimum=1)]
    """Quantiser step of amplitudes until the group's end, in 1/65536 of full scale."""
    count: Annotated[int, Varint(MAX_SPLATS)]
    """Splats of the layer."""
    extensions: Annotated[bytes | None, Bytes(MAX_EXTENSION_BYTES, when="has_extensions")] = None
    """Not read by this version."""

    def check(self) -> None:
        """It is a key frame's, and shares are shares."""
        if self.is_predicted:
            raise ValueError("a predicted layer where a key frame's was expected")
        if self.positions_share + self.shapes_share > 127:
            raise ValueError(f"shares {self.positions_share} and {self.shapes_share} sum to over 127")


@dataclass(frozen=True, slots=True)
class LatticeUpdate(Syntax):
    """In front of the stream of a layer of a predicted frame."""

    is_predicted: Annotated[bool, Flag()]
    """1."""
    has_motion: Annotated[bool, Flag()]
    """A motion field comes first (base layer only); all layers move along it."""
    has_updates: Annotated[bool, Flag()]
    """Each splat of the frame before has a flag; otherwise all stay."""
    has_added: Annotated[bool, Flag()]
    """New splats follow."""
    has_extensions: Annotated[bool, Flag()]
    """A later version says more."""
    added_share: Annotated[int, UInt(3)]
    """Share of the stream that new splats take, in 1/7, measured by the encoder."""
    added: Annotated[int | None, Varint(MAX_SPLATS, when="has_added")] = None
    """New splats, coded as in a key frame."""
    extensions: Annotated[bytes | None, Bytes(MAX_EXTENSION_BYTES, when="has_extensions")] = None
    """Not read by this version."""

    def check(self) -> None:
        """It is a predicted frame's."""
        if not self.is_predicted:
            raise ValueError("a key frame's layer where a predicted one was expected")


def is_predicted(payload: bytes) -> bool:
    """Whether a unit's payload updates the frame before."""
    if not payload:
        raise BitstreamError("an empty payload; expected a lattice layer", "lattice layer", position=0)
    return payload[0] >= 128


def breakdown(payload: bytes) -> Mapping[str, int]:
    """Bytes of each part of a payload; the split inside the stream is the encoder's measurement.

    Raises:
        BitstreamError: the head is damaged.
    """
    if is_predicted(payload):
        update, end = LatticeUpdate.unpack(payload)
        stream = len(payload) - end
        added = stream * update.added_share // 7
        return {"headers": end, "updates": stream - added, "new splats": added}
    head, end = LatticeLayer.unpack(payload)
    stream = len(payload) - end
    positions, shapes = stream * head.positions_share // 127, stream * head.shapes_share // 127
    return {"headers": end, "positions": positions, "shapes": shapes, "colors": stream - positions - shapes}
