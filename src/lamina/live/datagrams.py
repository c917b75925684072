# SPDX-License-Identifier: Apache-2.0
"""A kind, a model's name and a body <-> a datagram; what is damaged or foreign is refused before it is looked into."""

from __future__ import annotations

import zlib
from dataclasses import dataclass

from lamina.errors import BitstreamError
from lamina.live.syntax import MAX_DATAGRAM_BYTES, DatagramHead, Kind

NUMBERS = 1 << 16
"""Frames' numbers come as their lower 16 bits."""


@dataclass(frozen=True)
class Datagram:
    """One that was found whole."""

    kind: Kind
    model: bytes
    body: bytes


def pack_datagram(kind: Kind, model: bytes, body: bytes = b"") -> bytes:
    """At most 1200 bytes.

    Raises:
        ValueError: the body is too long.
    """
    data = DatagramHead(1, kind, model, _check(kind, model, body)).pack() + body
    if len(data) > MAX_DATAGRAM_BYTES:
        raise ValueError(f"a datagram of {len(data)} bytes, expected at most {MAX_DATAGRAM_BYTES}")
    return data


def unpack_datagram(data: bytes) -> Datagram:
    """What came from outside.

    Raises:
        BitstreamError: it is damaged, too long, or of another protocol or version.
    """
    if len(data) > MAX_DATAGRAM_BYTES:
        raise BitstreamError(f"{len(data)} bytes, expected at most {MAX_DATAGRAM_BYTES}", "datagram")
    head, end = DatagramHead.unpack(data)
    body = data[end:]
    if head.checksum != _check(head.kind, head.model, body):
        raise BitstreamError("its checksum does not fit: damaged on the way", "datagram", "checksum")
    return Datagram(head.kind, head.model, body)


def _check(kind: Kind, model: bytes, body: bytes) -> int:
    return zlib.crc32(body, zlib.crc32(bytes([kind]) + model)) & 0xFFFF


def whole_number(lower: int, near: int) -> int:
    """The frame number with these lower 16 bits that is nearest to one that is known; never below 0."""
    number = near + (lower - near + NUMBERS // 2) % NUMBERS - NUMBERS // 2
    return number if number >= 0 else number + NUMBERS
