# SPDX-License-Identifier: Apache-2.0
"""Times of frames between signals, units and files: what a clip says goes into its units, and sources are paired."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from lamina.codec import Look, Medium, Signal
from lamina.times import FrameTimes
from lamina.units import STREAM_GROUP, Unit


def times_of_signal(signal: Signal) -> FrameTimes | None:
    """When each frame of a signal is shown, where they have times of their own; None: they are evenly spaced."""
    return getattr(signal, "frame_times", None)


def with_times(unit: Unit, times: FrameTimes) -> Unit:
    """The unit with the times of its frames, if it is one that says them."""
    if unit.key.layer != 0 or unit.key.group == STREAM_GROUP:
        return unit
    return replace(unit, times=times.of_unit(unit.key.frame, unit.frame_count))


def all_times_of(signal: Signal) -> FrameTimes | None:
    """The same of evenly spaced frames too; None: a still, or of unknown length."""
    rate, count = getattr(signal, "frames_per_second", None), signal.frame_count
    times = times_of_signal(signal)
    if times is not None or rate is None or not count:
        return times
    return FrameTimes.even(rate, count)


@dataclass(frozen=True)
class Resampled:
    """A source at the times of a file: of each of the file's frames, what the source shows then."""

    source: Signal
    source_times: FrameTimes
    times: FrameTimes
    """Of the file."""

    @property
    def medium(self) -> Medium:
        """Of the source."""
        return self.source.medium

    @property
    def notes(self) -> tuple[str, ...]:
        """Of the source."""
        return self.source.notes

    @property
    def frame_count(self) -> int:
        """Of the file."""
        return self.times.frame_count

    @property
    def path(self) -> object:
        """Of the source, for messages."""
        return getattr(self.source, "path", None)

    def fingerprint(self) -> str:
        """Of the source."""
        return self.source.fingerprint()

    def looks(self) -> Iterator[Look]:
        """Frame by frame; of frames that the source shows together, each."""
        shown = [self.source_times.frame_at(self.times.time_s(frame)) for frame in range(self.frame_count)]
        frame = 0
        for look in self.source.looks():
            while frame < len(shown) and shown[frame] == look.frame:
                yield look._replace(frame=frame)
                frame += 1
            if frame == len(shown):
                return


def at_times_of(source: Signal, times: FrameTimes | None) -> Signal:
    """The source frame by frame if it has as many frames, else at the times of a file, if it lasts as long.

    A source that has another length comes back as it is.
    """
    own = all_times_of(source)
    if times is None or own is None or own.frame_count == times.frame_count:
        return source
    return Resampled(source, own, times) if _last_alike(own, times) else source


def pairing_note(source: Signal, times: FrameTimes | None) -> str | None:
    """How frames of a source are paired with a file's, where that is not plain; of what `at_times_of` gave."""
    if times is None:
        return None
    if isinstance(source, Resampled):
        own = source.source_times.frame_count
        return f"{own} frames are paired by time with the file's {times.frame_count}: with each, what is shown then"
    own = all_times_of(source)
    if own is None or own.frame_count != times.frame_count or _last_alike(own, times):
        return None
    lasting = f"lasts {float(own.duration_s):.2f} s, the file {float(times.duration_s):.2f} s"
    return f"{lasting}: frames are paired by their numbers"


def _last_alike(first: FrameTimes, second: FrameTimes) -> bool:
    """Whether two last as long, to the longest mean distance of their frames."""
    longest_s = max(first.duration_s / first.frame_count, second.duration_s / second.frame_count)
    return abs(first.duration_s - second.duration_s) <= longest_s
