# SPDX-License-Identifier: Apache-2.0
"""When frames of a source begin enters; its rate, and their times where no rate explains them, leave.

Containers round times to their ticks. A rate explains them if every frame begins within a tick, and a quarter of a
frame, of where it should.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise

from lamina.data.clip import as_rate
from lamina.times import MAX_RATE_DENOMINATOR, FrameTimes

SLACK_FRAMES = Fraction(1, 4)
"""Times that are further off are meant, however coarse the ticks are."""
END_SLACK_FRAMES = Fraction(1, 2)
"""By so much more or less the last frame may last: many files guess it."""


@dataclass(frozen=True, slots=True)
class Pace:
    """How frames follow each other."""

    rate: Fraction
    """Frames per second; the mean where they have times."""
    times: FrameTimes | None
    """None: the rate says it all."""


def pace_of(
    starts_ticks: Sequence[int], end_ticks: int, tick_s: Fraction, rates: Iterable[Fraction], slack_ticks: int = 1
) -> Pace:
    """Of two frames or more, in rising order; `rates` are guesses, the best first.

    `slack_ticks` is by how much starts may be rounded.
    """
    steps = len(starts_ticks) - 1
    span_s = (starts_ticks[-1] - starts_ticks[0]) * tick_s
    guesses = list(rates)
    if span_s > 0:
        fitted = steps / span_s
        guesses += [as_rate(float(fitted)), fitted.limit_denominator(MAX_RATE_DENOMINATOR), fitted]
    for rate in guesses:
        if rate > 0 and _explains(rate, starts_ticks, end_ticks, tick_s, slack_ticks):
            return Pace(rate, None)
    times = FrameTimes.of_seconds([tick * tick_s for tick in (*starts_ticks, end_ticks)])
    return Pace(times.mean_rate, times)


def usual_step(starts_ticks: Sequence[int]) -> int:
    """The middle one of the distances of frames, ticks; at least 1."""
    distances = sorted(after - before for before, after in pairwise(starts_ticks))
    return max(distances[len(distances) // 2], 1) if distances else 1


def _explains(rate: Fraction, starts_ticks: Sequence[int], end_ticks: int, tick_s: Fraction, slack_ticks: int) -> bool:
    """Whether frames begin where a rate has them."""
    # All in units of 1 / (rate x tick) denominators: whole numbers.
    tick_frames = tick_s * rate
    step, unit = tick_frames.numerator, tick_frames.denominator
    slack = min(slack_ticks * step, int(SLACK_FRAMES * unit))
    first = starts_ticks[0]
    if any(abs((tick - first) * step - number * unit) > slack for number, tick in enumerate(starts_ticks)):
        return False
    return abs((end_ticks - first) * step - len(starts_ticks) * unit) <= max(slack, int(END_SLACK_FRAMES * unit))
