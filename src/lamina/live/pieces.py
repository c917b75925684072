# SPDX-License-Identifier: Apache-2.0
"""Units that are sent once <-> pieces that fit into datagrams, which may come in any order, twice, or damaged."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from lamina.errors import BitstreamError
from lamina.live.syntax import (
    HASH_BYTES,
    MAX_UNIT_BYTES,
    NAME_BYTES,
    PIECE_BYTES,
    VERSION,
    Manifest,
    PieceHead,
)
from lamina.units import HEADER_LAYER, STREAM_GROUP, Unit, UnitKey

MANIFEST_PIECES = 6
"""A manifest with all that it may say is no longer."""


@dataclass(frozen=True)
class ModelPieces:
    """A model, ready to be sent."""

    name: bytes
    pieces: tuple[bytes, ...]
    """Bodies of datagrams, the first layers first."""


def pieces_of(codec: int, units: Sequence[Unit]) -> ModelPieces:
    """Cut the units of a stream group.

    Raises:
        ValueError: they are not a header and layers 0, 1, ..., or too large.
    """
    manifest = Manifest(
        version=VERSION,
        has_extensions=False,
        codec=codec,
        layers=tuple(unit.key.layer - HEADER_LAYER for unit in units),
        sizes_bytes=tuple(len(unit.payload) for unit in units),
        hashes=b"".join(_hash(unit.payload) for unit in units),
    ).pack()
    data = manifest + b"".join(unit.payload for unit in units)
    if len(data) > MAX_UNIT_BYTES:
        raise ValueError(f"a model of {len(data)} bytes, expected at most {MAX_UNIT_BYTES}")
    bodies = (
        PieceHead(len(data), start // PIECE_BYTES).pack() + data[start : start + PIECE_BYTES]
        for start in range(0, len(data), PIECE_BYTES)
    )
    return ModelPieces(_hash(manifest)[:NAME_BYTES], tuple(bodies))


def _hash(data: bytes) -> bytes:
    return hashlib.sha256(data).digest()[:HASH_BYTES]


@dataclass
class ModelAssembly:
    """A model on its way in: pieces are kept as they come, no more memory than their bytes is taken."""

    name: bytes
    total_bytes: int = 0
    """0: no piece has come."""
    codec: int | None = None
    """Known with the manifest."""
    pieces: dict[int, bytes] = field(default_factory=dict)
    _manifest: Manifest | None = None
    _starts: tuple[int, ...] = ()
    _given: int = 0
    """Units that were handed on."""

    @property
    def is_whole(self) -> bool:
        """All units were handed on."""
        return self._manifest is not None and self._given == len(self._manifest.layers)

    @property
    def units_given(self) -> int:
        """Header included."""
        return self._given

    @property
    def held(self) -> bytes:
        """A bit a piece."""
        bits = bytearray(-(-self._count // 8))
        for number in self.pieces:
            bits[number // 8] |= 1 << number % 8
        return bytes(bits)

    @property
    def _count(self) -> int:
        return -(-self.total_bytes // PIECE_BYTES)

    def take(self, body: bytes) -> list[Unit]:
        """A piece; units that are whole with it, in their order.

        Raises:
            BitstreamError: the piece contradicts itself or others, or units are not what the manifest says.
        """
        head, end = PieceHead.unpack(body)
        data = body[end:]
        if self.total_bytes and head.total_bytes != self.total_bytes:
            raise BitstreamError(f"of a model of {head.total_bytes} bytes, others say {self.total_bytes}", "piece")
        expected = min(PIECE_BYTES, head.total_bytes - head.number * PIECE_BYTES)
        if len(data) != expected:
            raise BitstreamError(f"piece {head.number} has {len(data)} bytes, expected {max(expected, 0)}", "piece")
        self.total_bytes = head.total_bytes
        if head.number in self.pieces or self.is_whole:
            return []
        self.pieces[head.number] = data
        return list(self._whole_units())

    def _whole_units(self) -> Iterator[Unit]:
        if self._manifest is None:
            self._find_manifest()
        while self._manifest is not None and not self.is_whole:
            number = self._given
            start, size = self._starts[number], self._manifest.sizes_bytes[number]
            payload = self._between(start, start + size)
            if payload is None:
                return
            if _hash(payload) != self._manifest.hashes[HASH_BYTES * number : HASH_BYTES * (number + 1)]:
                self._forget(start, start + size)
                raise BitstreamError("its bytes are not those that the manifest names", f"unit {number} of the model")
            self._given += 1
            yield Unit(UnitKey(STREAM_GROUP, number + HEADER_LAYER, 0), payload)

    def _find_manifest(self) -> None:
        """In the first pieces, nearly always in the first alone."""
        known = 0
        while known in self.pieces and known < MANIFEST_PIECES:
            known += 1
        begin = b"".join(self.pieces[number] for number in range(known))
        try:
            manifest, end = Manifest.unpack(begin)
        except BitstreamError:
            if known == min(MANIFEST_PIECES, self._count):
                self._forget_all()
                raise
            return
        if _hash(begin[:end])[:NAME_BYTES] != self.name or end + sum(manifest.sizes_bytes) != self.total_bytes:
            self._forget_all()
            raise BitstreamError("is not the one that the datagrams name", "manifest")
        self._manifest, self.codec = manifest, manifest.codec
        ends = [end]
        for size in manifest.sizes_bytes:
            ends.append(ends[-1] + size)
        self._starts = tuple(ends[:-1])

    def _between(self, start: int, end: int) -> bytes | None:
        """Bytes of the model; None: some have not come."""
        numbers = range(start // PIECE_BYTES, -(-end // PIECE_BYTES))
        if any(number not in self.pieces for number in numbers):
            return None
        joined = b"".join(self.pieces[number] for number in numbers)
        offset = numbers.start * PIECE_BYTES
        return joined[start - offset : end - offset]

    def _forget(self, start: int, end: int) -> None:
        """Pieces that were wrong come again."""
        for number in range(start // PIECE_BYTES, -(-end // PIECE_BYTES)):
            self.pieces.pop(number, None)

    def _forget_all(self) -> None:
        self.pieces.clear()
        self.total_bytes = 0
