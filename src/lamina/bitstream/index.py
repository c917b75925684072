# SPDX-License-Identifier: Apache-2.0
"""The index: entries to the front of a file (prefix, header, index, CRC-32), and back.

Enters: units or entries; leaves: bytes. Or enters: the first bytes of a file; leaves: header and entries. The walk over
keys is the same lines for both directions.
"""

from __future__ import annotations

import math
import zlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Final

from lamina.bitstream.container import (
    CRC_BYTES,
    KNOWN_FEATURES,
    MAGIC,
    MAX_FRAME,
    MAX_LAYERS,
    MAX_UNITS,
    STREAM_HEADER,
    VERSION,
    ContainerHeader,
    FilePrefix,
    IndexRecord,
    Step,
)
from lamina.codec import HEADER_LAYER, Unit, UnitKey
from lamina.errors import BitstreamError

PREFIX_BYTES: Final = len(MAGIC) + 2
BEFORE_FIRST: Final = UnitKey(0, HEADER_LAYER - 1, 0)
"""Where the walk over the index begins: `Step.NEXT_LAYER` leads to the header unit of the stream."""
HEADER_WINDOW_BYTES: Final = 64
"""Prefix and header take less than this; so much of a file is enough to know how large its front is."""
MAX_QUALITY_CENTIDB: Final = 0xFFFF
"""Stands for anything from 655.35 dB on, a lossless level included."""


@dataclass(frozen=True, slots=True)
class IndexEntry:
    """Where a unit is and what it should be."""

    key: UnitKey
    offset: int
    """Of the payload in the file, bytes."""
    length: int
    """Of the payload, bytes."""
    crc32: int
    """Of the payload."""
    quality_db: float | None
    """PSNR of the level of this frame, in steps of 0.01 dB; None: unknown."""

    @property
    def stop(self) -> int:
        """Byte after the payload in the file."""
        return self.offset + self.length


@dataclass(slots=True)
class KeyWalk:
    """Where the walk over the index stands; predicts the next key for each `Step`."""

    key: UnitKey = BEFORE_FIRST
    layer_start: int = 0
    """First frame of the current layer."""
    last_frame: int = -1
    """Highest frame so far."""

    def predict(self, step: Step) -> UnitKey:
        """The key that `step` leads to."""
        group, layer, frame = self.key
        if step is Step.NEXT_FRAME:
            return UnitKey(group, layer, frame + 1)
        if step is Step.NEXT_LAYER:
            return UnitKey(group, layer + 1, self.layer_start)
        return UnitKey(group + 1, 0, self.last_frame + 1)

    def advance(self, key: UnitKey) -> None:
        """Go to `key`."""
        if key[:2] != self.key[:2]:
            self.layer_start = key.frame
        if key.layer != HEADER_LAYER:
            self.last_frame = max(self.last_frame, key.frame)
        self.key = key


def centidb_of(quality_db: float | None) -> int | None:
    """PSNR in 1/100 dB as the index says it; None: unknown.

    Raises:
        ValueError: it is not a number.
    """
    if quality_db is None:
        return None
    if math.isnan(quality_db):
        raise ValueError("quality_db is NaN, expected a number or None")
    return round(min(max(100 * quality_db, 1), MAX_QUALITY_CENTIDB))


def entry_of(unit: Unit) -> IndexEntry:
    """The entry of a unit that is yet to be given a place (offset 0)."""
    centidb = centidb_of(unit.quality_db)
    quality_db = None if centidb is None else centidb / 100
    return IndexEntry(unit.key, 0, len(unit.payload), zlib.crc32(unit.payload), quality_db)


def record_of(entry: IndexEntry, walk: KeyWalk | None) -> IndexRecord:
    """Wire form of an entry: after where `walk` stands, or explicit without one."""
    centidb = centidb_of(entry.quality_db)
    shared = (entry.length, entry.crc32, centidb)
    for step in Step if walk else ():
        if walk and walk.predict(step) == entry.key:
            return IndexRecord(False, step, centidb is not None, None, None, None, *shared)
    group, layer, frame = entry.key
    return IndexRecord(True, Step.NEXT_FRAME, centidb is not None, group, layer, frame, *shared)


def entry_from(record: IndexRecord, offset: int, walk: KeyWalk | None) -> IndexEntry:
    """Entry of a record whose payload begins at `offset`.

    Raises:
        ValueError: the record needs one before it, or its key is out of range.
    """
    if record.group is not None and record.layer is not None and record.frame is not None:
        key = UnitKey(record.group, record.layer, record.frame)
    elif walk is None:
        raise ValueError("does not spell its key out, expected so outside an index")
    else:
        key = walk.predict(record.step)
        if key.group >= MAX_UNITS or key.layer >= MAX_LAYERS or key.frame > MAX_FRAME or key.layer < HEADER_LAYER:
            raise ValueError(f"leads to {key}, beyond the limits of the format")
    quality_db = None if record.quality_centidb is None else record.quality_centidb / 100
    return IndexEntry(key, offset, record.length, record.crc32, quality_db)


def header_of(codec_wire_id: int, entries: Sequence[IndexEntry], index_size_bytes: int) -> ContainerHeader:
    """The header that goes with an index."""
    layers = [entry.key for entry in entries if entry.key.layer != HEADER_LAYER]
    return ContainerHeader(
        codec_wire_id=codec_wire_id,
        unit_count=len(entries),
        group_count=len({entry.key.group for entry in entries}),
        frame_count=len({key.frame for key in layers}),
        level_count=max((key.layer for key in layers), default=HEADER_LAYER) + 1,
        index_size_bytes=index_size_bytes,
    )


def check_order(entries: Sequence[IndexEntry]) -> None:
    """Raise ValueError unless the stream's header unit comes first and keys rise."""
    if not entries or entries[0].key != STREAM_HEADER:
        first = entries[0].key if entries else "nothing"
        raise ValueError(f"the first unit is {first}, expected the header unit of the stream: {STREAM_HEADER}")
    for before, after in pairwise(entries):
        if not before.key < after.key:
            raise ValueError(f"{after.key} comes after {before.key}, expected each key once, in rising order")


def pack_front(codec_wire_id: int, entries: Sequence[IndexEntry]) -> bytes:
    """Prefix, header, index and CRC-32 of an indexed file; offsets are not looked at.

    Raises:
        ValueError: keys are not in order, or something is beyond the limits.
    """
    check_order(entries)
    walk = KeyWalk()
    index = bytearray()
    for entry in entries:
        index += record_of(entry, walk).pack()
        walk.advance(entry.key)
    header = header_of(codec_wire_id, entries, len(index))
    front = FilePrefix(MAGIC, VERSION, 0).pack() + header.pack() + index
    return front + zlib.crc32(front).to_bytes(CRC_BYTES, "big")


def place(entries: Iterable[IndexEntry], start: int) -> Iterator[IndexEntry]:
    """The entries with offsets: one after another from byte `start` on."""
    for entry in entries:
        yield replace(entry, offset=start)
        start += entry.length


def unpack_prefix(data: bytes) -> FilePrefix:
    """The first eight bytes of a file.

    Raises:
        BitstreamError: this is no Lamina file, or one of a version or with features that this reader does not know.
    """
    if data[: len(MAGIC)] != MAGIC[: len(data)] or not data:
        raise BitstreamError(
            f"begins with {data[:6]!r}, expected {MAGIC!r}: not a Lamina file", "container", "magic", 0
        )
    prefix, _ = FilePrefix.unpack(data)
    if prefix.version != VERSION:
        raise BitstreamError(
            f"this file is of version {prefix.version}; this lamina reads version {VERSION}: upgrade lamina",
            "container",
            "version",
            len(MAGIC),
        )
    unknown = prefix.features & ~KNOWN_FEATURES
    if unknown:
        raise BitstreamError(
            f"this file needs features {unknown:#04x} that this lamina does not know: upgrade lamina",
            "container",
            "features",
            len(MAGIC) + 1,
        )
    return prefix


def front_size_bytes(data: bytes) -> int:
    """Size of prefix, header, index and CRC-32 of an indexed file, from its first `HEADER_WINDOW_BYTES`.

    Raises:
        BitstreamError: as `unpack_prefix`, and for a header that is truncated or out of range.
    """
    header, index_start = ContainerHeader.unpack(data, PREFIX_BYTES)
    return index_start + header.index_size_bytes + CRC_BYTES


def unpack_front(data: bytes) -> tuple[ContainerHeader, list[IndexEntry]]:
    """Header and entries of an indexed file from its front: exactly `front_size_bytes`.

    Raises:
        BitstreamError: truncated, damaged, out of range or out of order.
    """
    unpack_prefix(data)
    stored_crc = int.from_bytes(data[-CRC_BYTES:], "big")
    actual_crc = zlib.crc32(memoryview(data)[:-CRC_BYTES])
    if actual_crc != stored_crc:
        problem = f"CRC-32 of header and index is {actual_crc:08x}, stored is {stored_crc:08x}: the file is damaged"
        raise BitstreamError(problem, "container", "index", PREFIX_BYTES)
    header, position = ContainerHeader.unpack(data, PREFIX_BYTES)
    walk = KeyWalk()
    entries: list[IndexEntry] = []
    offset = len(data)
    index = memoryview(data)[:-CRC_BYTES]
    for _ in range(header.unit_count):
        start = position
        record, position = IndexRecord.unpack(index, start)
        try:
            entry = entry_from(record, offset, walk)
        except ValueError as error:
            raise BitstreamError(str(error), "index record", "step", start) from None
        walk.advance(entry.key)
        entries.append(entry)
        offset = entry.stop
    try:
        check_order(entries)
    except ValueError as error:
        raise BitstreamError(str(error), "container", "index", PREFIX_BYTES) from None
    expected = header_of(header.codec_wire_id, entries, position - len(index) + header.index_size_bytes)
    if header != expected:
        raise BitstreamError(f"header says {header}, its index {expected}", "container", "header", PREFIX_BYTES)
    return header, entries
