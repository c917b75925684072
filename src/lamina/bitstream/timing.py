# SPDX-License-Identifier: Apache-2.0
"""Runs of a stream enter; when each of its frames is shown leaves, past frames whose times are lost."""

from __future__ import annotations

from collections.abc import Iterable
from fractions import Fraction

from lamina.bitstream.container import MAX_UNITS
from lamina.bitstream.runs import Run
from lamina.errors import BitstreamError
from lamina.times import FrameTimes, UnitTimes
from lamina.units import StreamFacts


def frame_times(facts: StreamFacts, frames: range, runs: Iterable[Run]) -> FrameTimes:
    """When the frames of a timed stream are shown, counted from the first of them.

    Frames of which nobody says it (what held it is damaged, or cut off) are spread evenly between those around them.

    Raises:
        BitstreamError: times do not rise from group to group, or of so many frames few are known.
    """
    assert facts.frames_per_second is not None
    if facts.ticks_per_second is None or not frames:
        return FrameTimes.even(facts.frames_per_second, len(frames))
    said = _said(runs)
    known = sum(len(times.durations_ticks) for times in said.values())
    if known < len(frames) > MAX_UNITS:
        raise BitstreamError(f"{len(frames)} frames, and the times of {known} are known", "container", "start_ticks")
    frame = frames.start
    moments: list[Fraction | None] = []
    end = Fraction(0)
    for first in sorted(said):
        times = said[first]
        if first < frame or times.start_ticks < end:
            problem = f"frame {first} begins at tick {times.start_ticks}, before the frames before it end"
            raise BitstreamError(problem, "container", "start_ticks")
        moments += [None] * (first - frame)
        reached = times.start_ticks
        for duration in times.durations_ticks:
            moments.append(Fraction(reached))
            reached += duration
        frame, end = first + len(times.durations_ticks), Fraction(reached)
    missing = frames.stop - frame
    usual = facts.ticks_per_second / facts.frames_per_second
    moments += [None] * missing
    ends = [*moments, end + missing * usual]
    if None in ends:
        return FrameTimes.of_seconds([moment / facts.ticks_per_second for moment in _filled(ends, usual)])
    ticks = [int(moment) for moment in ends if moment is not None]
    return FrameTimes(facts.ticks_per_second, tuple(tick - ticks[0] for tick in ticks))


def _said(runs: Iterable[Run]) -> dict[int, UnitTimes]:
    """First frame of a run -> what it says; of parts of space, which share frames, what the first says."""
    said: dict[int, UnitTimes] = {}
    for run in runs:
        if run.times is not None:
            said.setdefault(run.key.frame, run.times)
    return said


def _filled(moments: list[Fraction | None], usual: Fraction) -> list[Fraction]:
    """The same, with even steps where nothing is known; `usual` is a step where only one side is. The last is known."""
    filled: list[Fraction] = []
    number = 0
    while number < len(moments):
        moment = moments[number]
        if moment is not None:
            filled.append(moment)
            number += 1
            continue
        stop = next(later for later in range(number, len(moments)) if moments[later] is not None)
        after = moments[stop]
        assert after is not None
        if filled:
            step = (after - filled[-1]) / (stop - number + 1)
            filled += [filled[-1] + (later + 1) * step for later in range(stop - number)]
        else:
            filled += [after - later * usual for later in range(stop - number, 0, -1)]
        number = stop
    return filled
