# SPDX-License-Identifier: Apache-2.0
"""A stream to a smaller valid stream without encoding again: units are left out, none is changed.

`write_stream` (or `pack_stream`) makes the file of what these functions return; sizes here are those of that file, to
the byte.
"""

from __future__ import annotations

from collections.abc import Mapping

from lamina.bitstream.index import IndexEntry, pack_front
from lamina.bitstream.reader import Stream
from lamina.codec import HEADER_LAYER, Unit
from lamina.errors import TargetError


def cut_to_level(stream: Stream, level: int) -> list[Unit]:
    """The units of levels 0...`level`.

    Raises:
        ValueError: the stream does not have the level.
        BitstreamError: a unit is truncated or damaged.
    """
    if not 0 <= level < stream.level_count:
        raise ValueError(f"level is {level}, expected 0...{stream.level_count - 1}")
    return list(stream.units(max_level=level))


def cut_to_bytes(stream: Stream, size_bytes: int) -> list[Unit]:
    """The units of the best file of at most `size_bytes`.

    All groups get the highest level that fits for all; what is left raises whole groups by one level, the first first.

    Raises:
        TargetError: not even level 0 fits; says the least size.
        BitstreamError: a unit is truncated or damaged.
    """
    level = _highest_that_fits(stream, size_bytes)
    groups = stream.groups
    fitting, beyond = 0, len(groups)
    while fitting + 1 < beyond:
        middle = (fitting + beyond) // 2
        if size_after_cut(stream, _raised(groups, level, middle)) <= size_bytes:
            fitting = middle
        else:
            beyond = middle
    return [stream.unit(entry) for entry in entries_after_cut(stream, _raised(groups, level, fitting))]


def entries_after_cut(stream: Stream, level_of_group: Mapping[int, int]) -> list[IndexEntry]:
    """Entries that remain when each group is cut to its level."""
    return [entry for entry in stream.entries if entry.key.layer <= level_of_group.get(entry.key.group, HEADER_LAYER)]


def size_after_cut(stream: Stream, level_of_group: Mapping[int, int]) -> int:
    """Size of the file when each group is cut to its level, index and all, bytes."""
    entries = entries_after_cut(stream, level_of_group)
    return len(pack_front(stream.codec_wire_id, entries)) + sum(entry.length for entry in entries)


def _raised(groups: tuple[int, ...], level: int, count: int) -> dict[int, int]:
    return {group: level + (index < count) for index, group in enumerate(groups)}


def _highest_that_fits(stream: Stream, size_bytes: int) -> int:
    least_bytes = 0
    for level in range(max(stream.level_count, 1) - 1, -1, -1):
        least_bytes = size_after_cut(stream, dict.fromkeys(stream.groups, level))
        if least_bytes <= size_bytes:
            return level
    raise TargetError(f"{stream.name or 'the stream'} cannot be cut to {size_bytes} bytes: level 0 takes {least_bytes}")
