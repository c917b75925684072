# SPDX-License-Identifier: Apache-2.0
"""The paper's method on the wire: the header of one layer of one frame. No torch: tools that count bytes read it too.

A layer's payload is this header, then its sections one after the other, each packed at fixed length or entropy coded,
whichever is smaller (coding.py).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated

from lamina.bitstream import Bytes, Flag, Syntax, UInt, Varint
from lamina.codecs.planar.syntax import MAX_EXTENSION_BYTES, MAX_SPLATS, PlanarHeader

MAX_SECTION_BYTES = 1 << 26
"""More than any section of `MAX_SPLATS` splats at fixed length takes."""


@dataclass(frozen=True, slots=True)
class PgsvcLayerHeader(Syntax):
    """Begins every layer of every frame of the paper's method."""

    is_key: Annotated[bool, Flag()]
    """A layer of an I-frame; otherwise of a P-frame."""
    cholesky_bits: Annotated[int, UInt(3)]
    """Of a Cholesky integer, - 1."""
    codebook_bits: Annotated[int, UInt(3)]
    """log2 of the entries of a codebook, - 1."""
    codebook_stages: Annotated[int, UInt(2)]
    """Of the residual vector quantiser, - 1."""
    exponent_bits: Annotated[int, UInt(3, minimum=2, maximum=7)]
    """Of the 12-bit floats of P-frames."""
    are_coded: Annotated[int, UInt(4)]
    """One bit a section, positions highest, then shapes, colors, slots: entropy coded; otherwise fixed length."""
    has_extensions: Annotated[bool, Flag()]
    """A later version says more."""
    reserved: Annotated[int, UInt(7, maximum=0)]
    """0."""
    splat_count: Annotated[int, Varint(MAX_SPLATS)]
    """Of this layer."""
    new_count: Annotated[int, Varint(MAX_SPLATS)]
    """Splats that are coded by themselves: all of an I-frame, those in replaced slots of a P-frame."""
    position_bytes: Annotated[int, Varint(MAX_SECTION_BYTES)]
    """Length of the section of positions."""
    shape_bytes: Annotated[int, Varint(MAX_SECTION_BYTES)]
    """Length of the section of Cholesky parameters."""
    color_bytes: Annotated[int, Varint(MAX_SECTION_BYTES)]
    """Length of the section of color indices."""
    slot_bytes: Annotated[int, Varint(MAX_SECTION_BYTES)]
    """Length of the section of replaced slots; the rest of the payload is tables: grids, then codebooks."""
    extensions: Annotated[bytes | None, Bytes(MAX_EXTENSION_BYTES, when="has_extensions")] = None
    """Not read by this version."""

    def check(self) -> None:
        """Counts agree."""
        if self.new_count > self.splat_count or (self.is_key and self.new_count != self.splat_count):
            raise ValueError(f"{self.new_count} new splats among {self.splat_count}")
        if self.is_key and self.slot_bytes:
            raise ValueError(f"{self.slot_bytes} bytes of replaced slots on a key frame, expected none")

    @property
    def table_bytes(self) -> int:
        """Length of grids and codebooks: two float32 for each of three parameters, fp16 codebooks."""
        return 24 + 6 * self.codebook_entries

    @property
    def codebook_entries(self) -> int:
        """Over all stages."""
        return (self.codebook_stages + 1) << (self.codebook_bits + 1)

    @property
    def fixed_length_bits(self) -> int:
        """What the paper counts for this layer: fixed-length integers, tables of 32-bit floats."""
        position_bits = 32 if self.is_key else 24
        color_bits = (self.codebook_stages + 1) * (self.codebook_bits + 1)
        splat_bits = position_bits + 3 * (self.cholesky_bits + 1) + color_bits
        return self.splat_count * splat_bits + 32 * (6 + 3 * self.codebook_entries)


def breakdown(header: PlanarHeader, payload: bytes) -> Mapping[str, int]:
    """Bytes of each part of a layer's payload.

    Raises:
        BitstreamError: the head is damaged.
    """
    layer, end = PgsvcLayerHeader.unpack(payload)
    return {
        "headers": end,
        "positions": layer.position_bytes,
        "shapes": layer.shape_bytes,
        "colors": layer.color_bytes,
        "slots": layer.slot_bytes,
        "tables": len(payload) - end - layer.position_bytes - layer.shape_bytes - layer.color_bytes - layer.slot_bytes,
    }


def fixed_length_size_bytes(payload: bytes) -> int:
    """What the paper would count for a layer: its integers at fixed length, tables of 32-bit floats, no header.

    Raises:
        BitstreamError: the head is damaged.

    Source: fact sheet: 62 bits a splat of an I-frame, 51 of a P-frame, 12,480 bits of tables a unit.
    """
    layer, _ = PgsvcLayerHeader.unpack(payload)
    return (layer.fixed_length_bits + 7) // 8
