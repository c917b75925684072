# SPDX-License-Identifier: Apache-2.0
"""Units to an indexed file, in progressive order and all at once or not at all.

Units may come in any order; they are sorted by group, layer, frame. All payloads are held in memory until they are
written: for long media use `journal.StreamJournal`, which holds none.
"""

from __future__ import annotations

import io
import zlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from operator import attrgetter
from pathlib import Path
from typing import BinaryIO

from lamina.atomic import replacing
from lamina.bitstream.container import CRC_BYTES
from lamina.bitstream.front import in_front, pack_front, with_offsets
from lamina.bitstream.layout import GroupLayout, GroupPlace, layouts_of, pack_records
from lamina.bitstream.runs import Run, entry_of
from lamina.units import GroupFacts, StreamFacts, Unit, UnitKey


def write_stream(path: str | Path, facts: StreamFacts, units: Iterable[Unit]) -> int:
    """Write an indexed file; the size of the file, bytes.

    Raises:
        ValueError: the header unit of the stream is missing, a key comes twice, or something is beyond the limits.
        WriteError: the disk is full or the place not writable; an old file of that name is untouched.
    """
    ordered = sorted(units, key=attrgetter("key"))
    payloads = {unit.key: unit.payload for unit in ordered}
    entries = [entry_of(unit) for unit in ordered]
    return write_indexed(path, facts, layouts_of(entries, group_facts_of(ordered)), payloads.__getitem__)


def pack_stream(facts: StreamFacts, units: Iterable[Unit]) -> bytes:
    """The bytes that `write_stream` writes.

    Raises:
        ValueError: as `write_stream`.
    """
    ordered = sorted(units, key=attrgetter("key"))
    payloads = {unit.key: unit.payload for unit in ordered}
    entries = [entry_of(unit) for unit in ordered]
    file = io.BytesIO()
    write_layouts(file, facts, layouts_of(entries, group_facts_of(ordered)), payloads.__getitem__)
    return file.getvalue()


def file_size_bytes(facts: StreamFacts, units: Iterable[Unit]) -> int:
    """The size of the file of these units, to the byte, without making it.

    Raises:
        ValueError: as `write_stream`.
    """
    ordered = sorted(units, key=attrgetter("key"))
    return size_of_layouts(facts, layouts_of((entry_of(unit) for unit in ordered), group_facts_of(ordered)))


def group_facts_of(units: Iterable[Unit]) -> dict[int, GroupFacts]:
    """What units say of their groups.

    Raises:
        ValueError: two units of a group do not agree.
    """
    facts: dict[int, GroupFacts] = {}
    for unit in units:
        if facts.setdefault(unit.key.group, unit.group) != unit.group:
            raise ValueError(f"{unit.key} says {unit.group} of its group, others {facts[unit.key.group]}")
    return facts


def size_of_layouts(facts: StreamFacts, layouts: Sequence[GroupLayout]) -> int:
    """The size of the file of these groups, bytes."""
    return len(pack_front(facts, layouts)) + _size_behind(facts, [layout.place for layout in layouts])


def _size_behind(facts: StreamFacts, places: Sequence[GroupPlace]) -> int:
    """Of what follows the front: payloads, and the records that stand before them."""
    records = (0 if in_front(facts, place) else place.records_size_bytes + CRC_BYTES for place in places)
    return sum(size + sum(place.sizes_bytes) for size, place in zip(records, places, strict=True))


def write_indexed(
    path: str | Path,
    facts: StreamFacts,
    layouts: Sequence[GroupLayout],
    payload_of: Callable[[UnitKey], bytes],
) -> int:
    """Write an indexed file whose payloads are fetched one at a time; the size of the file, bytes.

    Raises:
        ValueError: something is beyond the limits.
        WriteError: as `write_stream`.
    """
    with replacing(path) as file:
        return write_layouts(file, facts, layouts, payload_of)


def write_layouts(
    file: BinaryIO, facts: StreamFacts, layouts: Sequence[GroupLayout], payload_of: Callable[[UnitKey], bytes]
) -> int:
    """Payloads first, each to its place, then what is in front of them: check sums are known then."""
    front_size = len(pack_front(facts, layouts))
    records = sum(layout.place.records_size_bytes for layout in layouts if in_front(facts, layout.place))
    places = with_offsets(facts, [layout.place for layout in layouts], front_size - CRC_BYTES - records)
    checked: list[GroupLayout] = []
    for layout, place in zip(layouts, places, strict=True):
        ends = list(place.offsets)
        runs = [_written(file, run, ends, payload_of) for run in layout.runs]
        checked.append(GroupLayout(place, tuple(runs)))
        if not in_front(facts, place):
            packed = pack_records(runs, place.group, place.first_frame, place.header_size_bytes is not None)
            file.seek(place.records_offset)
            file.write(packed + zlib.crc32(packed).to_bytes(CRC_BYTES, "big"))
    file.seek(0)
    file.write(pack_front(facts, checked))
    return front_size + _size_behind(facts, places)


def _written(file: BinaryIO, run: Run, ends: list[int], payload_of: Callable[[UnitKey], bytes]) -> Run:
    """The run with its check sum, its payloads written; `ends` says where each layer goes on."""
    crc32 = 0
    file.seek(ends[run.key.layer + 1])
    for entry in run.entries():
        payload = payload_of(entry.key)
        crc32 = zlib.crc32(payload, crc32)
        file.write(payload)
    ends[run.key.layer + 1] += run.length
    return replace(run, crc32=crc32)
