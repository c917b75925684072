# SPDX-License-Identifier: Apache-2.0
"""A timed stream enters; what a viewer receives of it leaves: to start, for each frame after that, to join later.

Said by the directory and the records alone: nothing is decoded, payloads are not read.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise

from lamina.bitstream import Stream
from lamina.bitstream.cutting import CutSizes
from lamina.units import STREAM_GROUP


@dataclass(frozen=True, slots=True)
class LevelDelivery:
    """One level: bytes of layers 0...level together."""

    level: int
    once_bytes: int
    """Payloads of what all groups share: the stream's header unit, and a model that is sent once."""
    first_frame_bytes: int
    """Payloads of the first frame, with the header unit of its group; what is sent once comes beside it."""
    start_bytes: int
    """Both: what a viewer waits for before anything is seen."""
    frame_bytes: float | None
    """Of a frame after the first, in the mean: all the rest of the file, container included; None: there is none."""
    frame_kilobits_per_second: float | None
    """The same as a rate."""
    join_price_bytes: float | None
    """What the first frame of a group at which a viewer can join takes, with its group's header unit, beyond a frame
    that goes on; the mean over such groups but the first. None: there are none."""


@dataclass(frozen=True, slots=True)
class Join:
    """A group that needs nothing but what is sent once: a viewer can begin with it."""

    group: int
    frame: int
    time_s: float
    """Of the frame, from the stream's first."""
    level_bytes: tuple[int, ...]
    """Payloads of its first frame, with its group's header unit, at each level."""


@dataclass(frozen=True, slots=True)
class Delivery:
    """What a viewer receives of timed media."""

    levels: tuple[LevelDelivery, ...]
    joins: tuple[Join, ...]
    longest_wait_s: float
    """From one place to join to the next, or to the end."""


def delivery_of(stream: Stream) -> Delivery | None:
    """None: it stands still, or has no frame.

    Raises:
        BitstreamError: the records of the stream group are damaged, or times contradict each other.
    """
    times = stream.times()
    if times is None or not stream.frame_count or not stream.level_count:
        return None
    first_frame, rate = stream.frames.start, times.frame_count / times.duration_s
    counted = _counted(stream)
    sizes = CutSizes(stream)
    levels = tuple(_level(stream, counted, level, sizes.size_bytes(level, 0), rate) for level in _levels(stream))
    joins = tuple(
        Join(
            group,
            frame,
            float(times.time_s(frame - first_frame)),
            tuple(_up_to(counted.openings[group], level) for level in _levels(stream)),
        )
        for group, frame in counted.joins.items()
    )
    ends = [times.time_s(frame - first_frame) for frame in (*(join.frame for join in joins), stream.frames.stop)]
    waits = [float(after - before) for before, after in pairwise(ends)]
    return Delivery(levels, joins, max(waits, default=0.0))


@dataclass(frozen=True, slots=True)
class _Counted:
    """Payload bytes by layer (-1: header units)."""

    once: Mapping[int, int]
    openings: Mapping[int, Mapping[int, int]]
    """Of each group: its header unit, and the units of its first frame."""
    following: Mapping[int, int]
    """Of all other units."""
    joins: Mapping[int, int]
    """Group that is not chained -> its first frame."""


def _counted(stream: Stream) -> _Counted:
    once, following = Counter[int](), Counter[int]()
    openings: defaultdict[int, Counter[int]] = defaultdict(Counter)
    firsts = {place.group: place.first_frame for place in stream.places}
    for entry in stream.entries:
        group, layer, frame = entry.key
        if group == STREAM_GROUP:
            once[layer] += entry.length
        elif frame == firsts[group]:
            openings[group][layer] += entry.length
        else:
            following[layer] += entry.length
    joins = {group: firsts[group] for group in openings if not stream.is_chained(group)}
    return _Counted(once, openings, following, joins)


def _level(stream: Stream, counted: _Counted, level: int, size_bytes: int, rate: Fraction) -> LevelDelivery:
    groups = list(counted.openings)
    once = _up_to(counted.once, level)
    first = _up_to(counted.openings[groups[0]], level) if groups else 0
    after = stream.frame_count - 1
    frame_bytes = (size_bytes - once - first) / after if after else None
    later = [group for group in counted.joins if group != groups[0]]
    price = None
    goes_on = stream.frame_count - len(counted.joins)
    if later and goes_on > 0:
        chained = sum(_up_to(counted.openings[group], level) for group in groups if group not in counted.joins)
        usual = (_up_to(counted.following, level) + chained) / goes_on
        price = sum(_up_to(counted.openings[group], level) for group in later) / len(later) - usual
    return LevelDelivery(
        level,
        once,
        first,
        once + first,
        frame_bytes,
        None if frame_bytes is None else 8e-3 * frame_bytes * float(rate),
        price,
    )


def _up_to(layers: Mapping[int, int], level: int) -> int:
    return sum(count for layer, count in layers.items() if layer <= level)


def _levels(stream: Stream) -> range:
    return range(stream.level_count)
