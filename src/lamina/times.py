# SPDX-License-Identifier: Apache-2.0
"""When frames are shown: whole numbers of ticks, for what does not come at an even rate.

A frame is shown until the next one begins; the last one as long as it says.
"""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import accumulate, pairwise
from typing import Final, TypeAlias

MAX_TICKS: Final = 1 << 52
"""From the first frame to the end: exact in a double."""
MAX_FRAME_TICKS: Final = (1 << 31) - 1
"""Of one frame: 6 hours of 1/90000 s."""
MAX_TICK_TERM: Final = 1 << 31
"""Numerator and denominator of ticks per second."""
COARSE_TICKS_PER_SECOND: Final = Fraction(90_000)
"""Where times have no common tick that the format holds: what broadcasting counts in. Source: ISO/IEC 13818-1."""
MAX_RATE_DENOMINATOR: Final = 1001
"""Of mean rates: that of NTSC's."""


@dataclass(frozen=True, slots=True)
class UnitTimes:
    """When the frames of one unit, or of units that follow each other, are shown."""

    start_ticks: int
    """Of the first one, from the start of the stream."""
    durations_ticks: tuple[int, ...]
    """Of each frame, at least 1."""

    @property
    def stop_ticks(self) -> int:
        """When the last one ends."""
        return self.start_ticks + sum(self.durations_ticks)

    def part(self, first: int, count: int) -> UnitTimes:
        """Of `count` frames from the `first` one on."""
        start_ticks = self.start_ticks + sum(self.durations_ticks[:first])
        return UnitTimes(start_ticks, self.durations_ticks[first : first + count])


@dataclass(frozen=True, slots=True)
class FrameTimes:
    """When each frame of a clip or stream is shown."""

    ticks_per_second: Fraction
    ticks: Sequence[int]
    """When each frame begins, the first at 0, rising; then when the last one ends. A range where they are even."""

    @classmethod
    def of_seconds(cls, moments_s: Sequence[Fraction]) -> FrameTimes:
        """From when each frame begins and the last one ends: exact wherever the format holds a common tick.

        Frames that are said to begin together are spread evenly up to the next.
        """
        offsets = _apart([moment - moments_s[0] for moment in moments_s])
        scale = math.lcm(*(offset.denominator for offset in offsets))
        numbers = [int(offset * scale) for offset in offsets]
        divisor = math.gcd(*numbers) or 1
        ticks_per_second = Fraction(scale, divisor)
        longest = max((after - before for before, after in pairwise(numbers)), default=0) // divisor
        terms = max(ticks_per_second.numerator, ticks_per_second.denominator)
        if terms > MAX_TICK_TERM or longest > MAX_FRAME_TICKS:
            ticks_per_second = COARSE_TICKS_PER_SECOND
            numbers, divisor = [round(offset * ticks_per_second) for offset in offsets], 1
        return cls(ticks_per_second, tuple(_rising(number // divisor for number in numbers)))

    @classmethod
    def even(cls, frames_per_second: Fraction, count: int) -> FrameTimes:
        """Frames at a constant rate, a tick each."""
        return cls(frames_per_second, range(count + 1))

    @property
    def frame_count(self) -> int:
        """Frames whose times are known."""
        return len(self.ticks) - 1

    @property
    def duration_s(self) -> Fraction:
        """From the first frame to the end of the last."""
        return (self.ticks[-1] - self.ticks[0]) / self.ticks_per_second

    @property
    def mean_rate(self) -> Fraction:
        """Frames per second over all, in small terms."""
        if not self.duration_s:
            return Fraction(1)
        rate = self.frame_count / self.duration_s
        if rate >= 1:
            return rate.limit_denominator(MAX_RATE_DENOMINATOR)
        return 1 / (1 / rate).limit_denominator(MAX_RATE_DENOMINATOR)

    def time_s(self, frame: int) -> Fraction:
        """When a frame begins; for `frame_count` when the last one ends."""
        return self.ticks[frame] / self.ticks_per_second

    def cut(self, start: int, stop: int | None) -> FrameTimes:
        """Of frames start...stop-1 alone, the first at 0."""
        kept = self.ticks[start : None if stop is None else stop + 1]
        if isinstance(kept, range):
            return FrameTimes(self.ticks_per_second, range(len(kept)))
        return FrameTimes(self.ticks_per_second, tuple(tick - kept[0] for tick in kept))

    def reduced(self) -> FrameTimes:
        """The same in the longest ticks that say it."""
        divisor = math.gcd(*self.ticks) or 1
        if divisor == 1:
            return self
        return FrameTimes(self.ticks_per_second / divisor, tuple(tick // divisor for tick in self.ticks))

    @property
    def shortest_s(self) -> Fraction:
        """What the frame takes that is shown least."""
        return min(after - before for before, after in pairwise(self.ticks)) / self.ticks_per_second

    def slots(self, slots_per_second: Fraction) -> list[int]:
        """When frames begin, and the last one ends, in steps of another clock: to the nearest; the end after all."""
        found = [round(tick * slots_per_second / self.ticks_per_second) for tick in self.ticks]
        found[-1] = max(found[-1], found[-2] + 1)
        return found

    def of_unit(self, frame: int, count: int) -> UnitTimes:
        """Of the frames of one unit; those beyond the last that is known last as long as that."""
        known = list(self.ticks[frame : frame + count + 1])
        last = self.ticks[-1] - self.ticks[-2]
        if not known:
            known = [self.ticks[-1] + (frame - self.frame_count) * last]
        while len(known) <= count:
            known.append(known[-1] + last)
        return UnitTimes(known[0], tuple(after - before for before, after in pairwise(known)))

    def frame_at(self, time_s: Fraction) -> int:
        """The frame that is shown at a time, 0...frame_count-1."""
        return min(max(bisect_right(self.ticks, time_s * self.ticks_per_second) - 1, 0), self.frame_count - 1)

    def first_from(self, time_s: Fraction) -> int:
        """The first frame that begins at a time or later; `frame_count` where none does."""
        return min(bisect_left(self.ticks, time_s * self.ticks_per_second), self.frame_count)


@dataclass(frozen=True, slots=True)
class TimeSpan:
    """A part of what is timed, in seconds from its first frame; of one moment alone, the frame that is shown then."""

    start_s: Fraction
    stop_s: Fraction | None
    """None: to the end."""
    is_moment: bool = False

    def frames(
        self, times: FrameTimes | None, frames_per_second: Fraction, frame_count: int | None
    ) -> tuple[int, int | None]:
        """First frame and frame after the last: those that begin from `start_s` on, and before `stop_s`.

        Without `times` frames are evenly spaced; `frame_count` None is unknown. A stop of None is the end.
        """
        if times is None:
            first = math.floor if self.is_moment else math.ceil
            start = first(self.start_s * frames_per_second)
            stop = None if self.stop_s is None else math.ceil(self.stop_s * frames_per_second)
            if stop is not None and frame_count is not None:
                stop = min(stop, frame_count)
            return (start, start + 1) if self.is_moment else (start, stop)
        if self.is_moment:
            is_over = self.start_s >= times.duration_s
            start = times.frame_count if is_over else times.frame_at(self.start_s)
            return start, start + 1
        return times.first_from(self.start_s), None if self.stop_s is None else times.first_from(self.stop_s)

    def __str__(self) -> str:
        """As it may be typed."""
        start = f"{float(self.start_s):g}s"
        if self.is_moment:
            return start
        return f"{start}:" + ("" if self.stop_s is None else f"{float(self.stop_s):g}s")


FrameSpan: TypeAlias = tuple[int, int | None] | TimeSpan
"""A part of what is timed: first frame and frame after the last (None: to the end), or times."""


def seconds_of(durations_s: Iterable[Fraction]) -> list[Fraction]:
    """When each frame begins and the last one ends, from how long each is shown."""
    return list(accumulate(durations_s, initial=Fraction(0)))


def _apart(moments_s: list[Fraction]) -> list[Fraction]:
    """Moments in order, none twice but the last."""
    number = 0
    while number < len(moments_s):
        alike = 1
        while number + alike < len(moments_s) and moments_s[number + alike] <= moments_s[number]:
            alike += 1
        if alike > 1 and number + alike < len(moments_s):
            step = (moments_s[number + alike] - moments_s[number]) / alike
            moments_s[number : number + alike] = [moments_s[number] + part * step for part in range(alike)]
        number += alike
    return moments_s


def _rising(numbers: Iterable[int]) -> Iterable[int]:
    reached = -1
    for number in numbers:
        reached = max(number, reached + 1)
        yield reached
