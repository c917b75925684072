# SPDX-License-Identifier: Apache-2.0
"""The front of an indexed file: groups enter, prefix, header, directory and the first records leave; and back.

prefix  header  directory  records of groups in the front  CRC-32        stills: all groups; timed: the stream group
payloads: stills layer by layer over all groups; timed media group by group, in a group layer by layer
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import accumulate
from typing import Final

from lamina.bitstream.bits import BitReader
from lamina.bitstream.container import (
    CRC_BYTES,
    FEATURE_TIMES,
    KNOWN_FEATURES,
    MAGIC,
    MAX_FILE_BYTES,
    MAX_FRAME,
    MAX_GROUPS,
    PREFIX_BYTES,
    RESERVED_FEATURES,
    VERSION,
    ContainerHeader,
    DirectoryRecord,
    FilePrefix,
    TimeUnit,
)
from lamina.bitstream.layout import GroupLayout, GroupPlace, pack_records
from lamina.bitstream.runs import check_times, group_facts
from lamina.errors import BitstreamError
from lamina.units import STREAM_GROUP, StreamFacts

HEADER_WINDOW_BYTES: Final = 64
"""Prefix and header without extensions take less than this: so much of a file tells how large its front is."""


def directory_of(facts: StreamFacts, places: Iterable[GroupPlace]) -> Iterator[DirectoryRecord]:
    """The records of a directory."""
    group, frame = STREAM_GROUP, 0
    for place in places:
        explicit = (place.group, place.first_frame) != (group, frame)
        yield DirectoryRecord(
            is_explicit=explicit,
            is_chained=place.facts.is_chained,
            has_header=place.header_size_bytes is not None,
            has_box=place.facts.box is not None,
            has_extensions=False,
            reserved=0,
            group=place.group if explicit else None,
            first_frame=place.first_frame if explicit else None,
            frame_count=place.frame_count,
            records_size_bytes=place.records_size_bytes,
            header_size_bytes=place.header_size_bytes,
            layer_sizes_bytes=place.layer_sizes_bytes,
            box=place.facts.box,
            extensions=None,
        )
        group = place.group + 1
        frame = place.first_frame + place.frame_count if facts.frames_per_second is not None else 0


def places_from(reader: BitReader, header: ContainerHeader) -> list[GroupPlace]:
    """The groups that a directory lists; offsets are not known yet.

    Raises:
        BitstreamError: damaged, out of range or out of order.
    """
    places: list[GroupPlace] = []
    group, frame = STREAM_GROUP, 0
    first, size_bytes = reader.position, header.front_size_bytes
    for _ in range(header.group_count):
        start = reader.position
        record = DirectoryRecord.read_from(reader)
        reader.align()
        if record.group is not None and record.first_frame is not None:
            if record.group < group:
                raise reader.error(f"group {record.group} comes late, expected {group} or later", "group", start)
            group, frame = record.group, record.first_frame
        if group >= MAX_GROUPS or frame + record.frame_count - 1 > MAX_FRAME:
            raise reader.error(f"group {group} of {record.frame_count} frames is beyond the limits", "group", start)
        place = GroupPlace(
            group,
            group_facts(record.is_chained, record.box),
            frame,
            record.frame_count,
            record.records_size_bytes,
            record.header_size_bytes,
            record.layer_sizes_bytes,
        )
        size_bytes += place.records_size_bytes + CRC_BYTES + sum(place.sizes_bytes)
        if size_bytes > MAX_FILE_BYTES:
            raise reader.error(f"a file of {size_bytes} bytes is beyond the limits", "layer_sizes_bytes", start)
        places.append(place)
        group += 1
        frame = frame + record.frame_count if header.is_timed else 0
    if (places[0].group, places[0].first_frame) != (STREAM_GROUP, 0) or places[0].header_size_bytes is None:
        raise reader.error("the stream group with its header unit does not come first", "group", first)
    return places


def in_front(facts: StreamFacts, place: GroupPlace) -> bool:
    """Whether a group's records stand in the front of the file, and not before its payloads."""
    return facts.frames_per_second is None or place.group == STREAM_GROUP


def with_offsets(facts: StreamFacts, places: Sequence[GroupPlace], records_at: int) -> list[GroupPlace]:
    """Groups with the places of their records and payloads; records in the front begin at byte `records_at`."""
    at = records_at
    starts: dict[int, int] = {}
    for place in places:
        if in_front(facts, place):
            starts[place.group] = at
            at += place.records_size_bytes
    at += CRC_BYTES
    if facts.frames_per_second is None:
        return _layer_by_layer(places, starts, at)
    laid: list[GroupPlace] = []
    for place in places:
        if place.group not in starts:
            starts[place.group] = at
            at += place.records_size_bytes + CRC_BYTES
        offsets: list[int] = []
        for size_bytes in place.sizes_bytes:
            offsets.append(at)
            at += size_bytes
        laid.append(replace(place, records_offset=starts[place.group], offsets=tuple(offsets)))
    return laid


def _layer_by_layer(places: Sequence[GroupPlace], starts: dict[int, int], at: int) -> list[GroupPlace]:
    totals: list[int] = []
    for place in places:
        totals += [0] * (len(place.sizes_bytes) - len(totals))
        for number, size_bytes in enumerate(place.sizes_bytes):
            totals[number] += size_bytes
    ends = list(accumulate(totals, initial=at))
    laid: list[GroupPlace] = []
    for place in places:
        offsets = tuple(ends[: len(place.sizes_bytes)])
        for number, size_bytes in enumerate(place.sizes_bytes):
            ends[number] += size_bytes
        laid.append(replace(place, records_offset=starts[place.group], offsets=offsets))
    return laid


def header_of(facts: StreamFacts, places: Sequence[GroupPlace], front_size_bytes: int) -> ContainerHeader:
    """The header that goes with a directory."""
    rate, extensions = facts.frames_per_second, pack_time_unit(facts)
    spans = [place.frames for place in places if place.frame_count]
    return ContainerHeader(
        codec_wire_id=facts.codec_wire_id,
        seen_by=facts.seen_by,
        quality_metric=facts.quality_metric,
        is_timed=rate is not None,
        has_extensions=extensions is not None,
        rate_numerator=rate.numerator if rate is not None else None,
        rate_denominator=rate.denominator if rate is not None else None,
        extensions=extensions,
        group_count=len(places),
        frame_count=max(span.stop for span in spans) - min(span.start for span in spans) if spans else 0,
        level_count=max(place.level for place in places) + 1,
        front_size_bytes=front_size_bytes,
    )


def features_of(facts: StreamFacts) -> int:
    """Bits of the prefix."""
    return 0 if facts.ticks_per_second is None else FEATURE_TIMES


def pack_time_unit(facts: StreamFacts) -> bytes | None:
    """Extensions of a header; None: it has none.

    Raises:
        ValueError: beyond the limits.
    """
    ticks = facts.ticks_per_second
    return None if ticks is None else TimeUnit(ticks.numerator, ticks.denominator).pack()


def pack_front(facts: StreamFacts, layouts: Sequence[GroupLayout]) -> bytes:
    """Prefix, header, directory, records and CRC-32 of an indexed file.

    Raises:
        ValueError: something is beyond the limits.
    """
    places = [layout.place for layout in layouts]
    for layout in layouts:
        for run in layout.runs:
            check_times(facts, run)
    body = bytearray()
    for record in directory_of(facts, places):
        body += record.pack()
    for layout in layouts:
        if in_front(facts, layout.place):
            place = layout.place
            body += pack_records(layout.runs, place.group, place.first_frame, place.header_size_bytes is not None)
    front = FilePrefix(MAGIC, VERSION, features_of(facts)).pack() + header_of(facts, places, len(body)).pack() + body
    return front + zlib.crc32(front).to_bytes(CRC_BYTES, "big")


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
        remedy = "upgrade lamina" if prefix.version > VERSION else "encode anew"
        raise BitstreamError(
            f"this file is of version {prefix.version}; this lamina reads version {VERSION}: {remedy}",
            "container",
            "version",
            len(MAGIC),
        )
    unknown = prefix.features & ~KNOWN_FEATURES
    if unknown:
        words = [word for bit, word in RESERVED_FEATURES.items() if unknown & bit] or [f"of features {unknown:#04x}"]
        raise BitstreamError(
            f"this file is {' and '.join(words)}, which this lamina does not read: upgrade lamina",
            "container",
            "features",
            len(MAGIC) + 1,
        )
    return prefix


def front_size_of(window: bytes) -> int:
    """Size of the front of an indexed file, from its first bytes (`HEADER_WINDOW_BYTES`, or as many as it takes).

    Raises:
        BitstreamError: as `unpack_prefix`, and for a header that is truncated or out of range.
    """
    header, directory_start = ContainerHeader.unpack(window, PREFIX_BYTES)
    return directory_start + header.front_size_bytes + CRC_BYTES


def unpack_front(data: bytes) -> tuple[StreamFacts, list[GroupPlace]]:
    """Facts and groups of an indexed file from its front: exactly `front_size_of` bytes.

    Raises:
        BitstreamError: truncated, damaged, out of range or out of order.
    """
    prefix = unpack_prefix(data)
    stored_crc = int.from_bytes(data[-CRC_BYTES:], "big")
    actual_crc = zlib.crc32(memoryview(data)[:-CRC_BYTES])
    if actual_crc != stored_crc:
        problem = f"CRC-32 of its front is {actual_crc:08x}, stored is {stored_crc:08x}: the file is damaged"
        raise BitstreamError(problem, "container", "directory", PREFIX_BYTES)
    header, directory_start = ContainerHeader.unpack(data, PREFIX_BYTES)
    facts = header.facts(prefix.features)
    reader = BitReader(memoryview(data)[:-CRC_BYTES], directory_start, DirectoryRecord.unit_name)
    places = places_from(reader, header)
    laid = with_offsets(facts, places, reader.position)
    records = sum(place.records_size_bytes for place in places if in_front(facts, place))
    if reader.position + records != len(data) - CRC_BYTES:
        raise BitstreamError("directory and records do not fill the front", "container", "directory", PREFIX_BYTES)
    expected = without_extensions(header_of(facts, places, header.front_size_bytes))
    if without_extensions(header) != expected:
        raise BitstreamError(f"header says {header}, its directory {expected}", "container", "header", PREFIX_BYTES)
    return facts, laid


def without_extensions(header: ContainerHeader) -> ContainerHeader:
    """What a directory says too."""
    return replace(header, has_extensions=False, extensions=None)
