# SPDX-License-Identifier: Apache-2.0
"""What is needed to decode what is asked for: groups and frames enter, groups and how far into them leave."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Collection, Container, Sequence

from lamina.bitstream.layout import GroupPlace
from lamina.units import STREAM_GROUP


def index_of(places: Sequence[GroupPlace], group: int) -> int:
    """Where a group is among those of a stream.

    Raises:
        ValueError: it is not there.
    """
    index = bisect_left(places, group, key=lambda place: place.group)
    if index == len(places) or places[index].group != group:
        raise ValueError(f"there is no group {group}; groups are {places[0].group}...{places[-1].group}")
    return index


def chain_starts(places: Sequence[GroupPlace]) -> list[int]:
    """Of each group the first that must be decoded for it: where its chain begins, or itself."""
    starts: list[int] = []
    for place in places:
        builds_on = place.facts.is_chained and starts and starts[-1] != STREAM_GROUP
        starts.append(starts[-1] if builds_on else place.group)
    return starts


def wanted(
    places: Sequence[GroupPlace], groups: Container[int] | None, frames: Collection[int] | None
) -> list[tuple[GroupPlace, int]]:
    """Groups that are needed for `groups` and `frames` (None: all), and the frame before which what is needed ends.

    The stream group always; of a group with some of the frames those up to the last one; of what a chained group builds
    on, all.
    """
    # Bisected, as what a directory says of frames has no bound but their numbers'. Ranges are not spelled out.
    ordered = frames if isinstance(frames, range) and frames.step > 0 else sorted(frames or ())
    found: list[tuple[GroupPlace, int]] = []
    is_built_on = False
    for place in reversed(places):
        if place.group == STREAM_GROUP:
            found.append((place, 1))
            continue
        stop = place.frames.stop
        asked = groups is None or place.group in groups
        if frames is not None:
            index = bisect_left(ordered, stop)
            last = ordered[index - 1] if index else -1
            asked = asked and last >= place.first_frame
            stop = stop if is_built_on else last + 1
        if asked or is_built_on:
            found.append((place, stop))
            is_built_on = place.facts.is_chained
    return found[::-1]
