# SPDX-License-Identifier: Apache-2.0
"""A stream to a smaller valid stream without encoding again: units are left out, none is changed.

`write_stream` (or `pack_stream`) makes the file of what these functions return; sizes here are those of that file, to
the byte.
"""

from __future__ import annotations

from itertools import groupby

from lamina.bitstream.layout import GroupLayout, group_layout
from lamina.bitstream.reader import Stream
from lamina.bitstream.runs import as_written
from lamina.bitstream.writer import size_of_layouts
from lamina.errors import TargetError
from lamina.units import Unit


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
    sizes = CutSizes(stream)
    level = sizes.highest_that_fits(size_bytes)
    fitting, beyond = 0, len(stream.places)
    while fitting + 1 < beyond:
        middle = (fitting + beyond) // 2
        if sizes.size_bytes(level, middle) <= size_bytes:
            fitting = middle
        else:
            beyond = middle
    raised = {place.group for place in stream.places[:fitting]}
    return [stream.unit(entry) for entry in stream.select() if entry.key.layer <= level + (entry.key.group in raised)]


def size_after_cut(stream: Stream, level: int) -> int:
    """Size of the file when every group is cut to a level, everything counted, bytes. Payloads are not read.

    Groups whose records are damaged count as gone.
    """
    return CutSizes(stream).size_bytes(level, 0)


class CutSizes:
    """Sizes of the files that a stream can be cut to."""

    def __init__(self, stream: Stream) -> None:
        self._stream = stream
        self._layouts = [
            group_layout(group, stream.place(group).facts, as_written(list(runs)))
            for group, runs in groupby(stream.entries.runs, lambda run: run.key.group)
        ]
        self._cut: dict[tuple[int, int], GroupLayout] = {}

    def size_bytes(self, level: int, raised: int) -> int:
        """Size of the file when every group is cut to a level, and the first `raised` ones to the next."""
        cut = (self._at(number, level + (number < raised)) for number in range(len(self._layouts)))
        return size_of_layouts(self._stream.facts, [layout for layout in cut if layout.runs])

    def highest_that_fits(self, size_bytes: int) -> int:
        """The highest level that all groups can have.

        Raises:
            TargetError: not even level 0 fits; says the least size.
        """
        least_bytes = 0
        for level in range(max(self._stream.level_count, 1) - 1, -1, -1):
            least_bytes = self.size_bytes(level, 0)
            if least_bytes <= size_bytes:
                return level
        raise TargetError(
            f"{self._stream.name or 'the stream'} cannot be cut to {size_bytes} bytes: level 0 takes {least_bytes}"
        )

    def _at(self, number: int, level: int) -> GroupLayout:
        if level >= self._layouts[number].place.level:
            return self._layouts[number]
        if (number, level) not in self._cut:
            self._cut[number, level] = self._layouts[number].cut(level)
        return self._cut[number, level]
