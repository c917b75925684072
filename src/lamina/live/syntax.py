# SPDX-License-Identifier: Apache-2.0
"""Datagrams on the wire: what is declared of each.

every datagram   DatagramHead · its body
piece            PieceHead · bytes of the model: Manifest · payloads of units, one after another
frame            FrameHead · a packet of the codec
feedback         Feedback
end              nothing
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import Annotated

from lamina.bitstream import Array, Bytes, Enumeration, Flag, Syntax, UInt, Varint, Version

VERSION = 1
MAX_DATAGRAM_BYTES = 1_200
"""What passes every path of the internet in one piece, tunnels included (QUIC, RFC 9000, 14.1)."""
PIECE_BYTES = 1_100
"""Of the model, in a datagram; the last has fewer."""
MAX_PIECES = 8_000
"""Models of up to 8.8 MB: which came is told in a bit each, in one datagram."""
MAX_UNITS = 64
MAX_UNIT_BYTES = MAX_PIECES * PIECE_BYTES
HASH_BYTES = 8
NAME_BYTES = 4
"""Of the manifest's hash, in every datagram: which model it is of."""


class Kind(IntEnum):
    """What a datagram is."""

    PIECE = 0
    """Of the model."""
    FRAME = 1
    FEEDBACK = 2
    """From the receiver: what came."""
    END = 3
    """No more frames."""


@dataclass(frozen=True, slots=True)
class DatagramHead(Syntax):
    """In front of every datagram."""

    version: Annotated[int, Version(4, ours=VERSION)]
    """Of this syntax."""
    kind: Annotated[Kind, Enumeration(Kind, 4)]
    """What follows."""
    model: Annotated[bytes, Bytes(length=NAME_BYTES)]
    """First bytes of the SHA-256 of the model's manifest."""
    checksum: Annotated[int, UInt(16)]
    """Lower bits of the CRC-32 of kind, model and body."""


@dataclass(frozen=True, slots=True)
class PieceHead(Syntax):
    """In front of a piece of the model."""

    total_bytes: Annotated[int, Varint(MAX_UNIT_BYTES, minimum=1)]
    """Of manifest and units together."""
    number: Annotated[int, Varint(MAX_PIECES - 1)]
    """Which piece: it begins at so many times 1100 bytes."""


@dataclass(frozen=True, slots=True)
class FrameHead(Syntax):
    """In front of a codec's packet."""

    number: Annotated[int, UInt(16)]
    """Lower bits of the frame's number; a sender that is late leaves numbers out."""


@dataclass(frozen=True, slots=True)
class Feedback(Syntax):
    """What a receiver says, a few times a second and after frames."""

    has_extensions: Annotated[bool, Flag()]
    """A later version says more."""
    has_model: Annotated[bool, Flag()]
    """All of it."""
    has_frame: Annotated[bool, Flag()]
    """A frame was decoded."""
    frame: Annotated[int | None, UInt(16, when="has_frame")] = None
    """Lower bits of the newest one's number."""
    frame_check: Annotated[int | None, UInt(16, when="has_frame")] = None
    """16 bits of what it was decoded to."""
    held: Annotated[bytes, Bytes(MAX_PIECES // 8)] = b""
    """Which pieces came, a bit each, the first in the lowest bit; nothing where all have."""
    extensions: Annotated[bytes | None, Bytes(MAX_PIECES // 8, when="has_extensions")] = None
    """Not read by this version."""


@dataclass(frozen=True, slots=True)
class Manifest(Syntax):
    """What the model is made of; its hash is the model's name."""

    version: Annotated[int, Version(7, ours=VERSION)]
    """Of this syntax."""
    has_extensions: Annotated[bool, Flag()]
    """A later version says more."""
    codec: Annotated[int, UInt(8)]
    """Number of the codec."""
    layers: Annotated[tuple[int, ...], Array(Varint(MAX_UNITS), MAX_UNITS)]
    """Of each unit one more than its layer: 0 is the header unit."""
    sizes_bytes: Annotated[tuple[int, ...], Array(Varint(MAX_UNIT_BYTES), MAX_UNITS)]
    """Of each unit's payload."""
    hashes: Annotated[bytes, Bytes(MAX_UNITS * HASH_BYTES)]
    """Of each payload, the first 8 bytes of its SHA-256."""
    extensions: Annotated[bytes | None, Bytes(1 << 12, when="has_extensions")] = None
    """Not read by this version."""

    def check(self) -> None:
        """As many layers as sizes and hashes, the header first."""
        count = len(self.layers)
        if not count or len(self.sizes_bytes) != count or len(self.hashes) != HASH_BYTES * count:
            raise ValueError(f"{count} units, {len(self.sizes_bytes)} sizes, {len(self.hashes)} bytes of hashes")
        if self.layers != tuple(range(count)):
            raise ValueError(f"layers {self.layers}, expected 0 (the header), 1, 2, ...")
