# SPDX-License-Identifier: Apache-2.0
"""Units to an indexed file, in progressive order and all at once or not at all.

Units may come in any order; they are sorted by group, layer, frame. All payloads are held in memory until they are
written: for long media use `journal.StreamJournal`, which holds none.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from operator import attrgetter
from pathlib import Path

from lamina.atomic import replacing
from lamina.bitstream.index import IndexEntry, entry_of, pack_front
from lamina.codec import Unit


def write_stream(path: str | Path, codec_wire_id: int, units: Iterable[Unit]) -> int:
    """Write an indexed file; the size of the file, bytes.

    Raises:
        ValueError: the header unit of the stream is missing, a key comes twice, or something is beyond the limits.
        WriteError: the disk is full or the place not writable; an old file of that name is untouched.
    """
    ordered = sorted(units, key=attrgetter("key"))
    payloads = {unit.key: unit.payload for unit in ordered}
    return write_indexed(path, codec_wire_id, [entry_of(unit) for unit in ordered], lambda entry: payloads[entry.key])


def pack_stream(codec_wire_id: int, units: Iterable[Unit]) -> bytes:
    """The bytes that `write_stream` writes.

    Raises:
        ValueError: as `write_stream`.
    """
    ordered = sorted(units, key=attrgetter("key"))
    return pack_front(codec_wire_id, [entry_of(unit) for unit in ordered]) + b"".join(unit.payload for unit in ordered)


def write_indexed(
    path: str | Path,
    codec_wire_id: int,
    entries: Sequence[IndexEntry],
    payload_of: Callable[[IndexEntry], bytes],
) -> int:
    """Write an indexed file whose payloads are fetched one at a time; the size of the file, bytes.

    Raises:
        ValueError: entries are not in order or beyond the limits.
        WriteError: as `write_stream`.
    """
    front = pack_front(codec_wire_id, entries)
    with replacing(path) as file:
        file.write(front)
        for entry in entries:
            file.write(payload_of(entry))
    return len(front) + sum(entry.length for entry in entries)
