# SPDX-License-Identifier: Apache-2.0
"""Times of frames that contradict themselves, or claim more than is there: times, or an error, in bounded memory."""

import sys
import tracemalloc
from dataclasses import replace
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lamina.bitstream import Stream, pack_stream, read_stream
from lamina.bitstream.container import FEATURE_TIMES, RunRecord
from lamina.bitstream.front import front_size_of
from lamina.bitstream.runs import Run, RunWalk
from lamina.bitstream.scan import journal_start, pack_journal_front, pack_journal_record
from lamina.errors import BitstreamError
from lamina.times import MAX_TICKS, FrameTimes, UnitTimes
from lamina.units import STREAM_HEADER, GroupFacts, StreamFacts, Unit, UnitKey

sys.path.append(str(Path(__file__).parent))
from container_damage import MEMORY_BYTES, OPENINGS, RUNS, WALKS, read_all, varints, with_crc, with_region

TIMED_FACTS = StreamFacts(1, frames_per_second=Fraction(25), ticks_per_second=Fraction(90000))
STARTS = st.none() | st.integers(0, 40) | st.integers(0, MAX_TICKS)


def with_times(run: Run, start: int | None) -> Run:
    """The run with times, right or wrong for where it stands."""
    if start is None:
        return run
    count = len(run.lengths) * run.frames_per_unit
    return replace(run, times=UnitTimes(min(start, MAX_TICKS - count), (1,) * count))


def times_or_problem(stream: Stream) -> tuple[FrameTimes | None, BitstreamError | None]:
    try:
        return stream.times(), None
    except BitstreamError as error:
        return None, error


@settings(max_examples=200)
@given(st.lists(st.tuples(RUNS, WALKS, OPENINGS, STARTS), max_size=8))
def test_any_times_in_a_journal_give_times_or_an_error(
    records: list[tuple[Run, RunWalk, GroupFacts | None, int | None]],
) -> None:
    header = Run(STREAM_HEADER, (0,))
    data = pack_journal_front(TIMED_FACTS) + pack_journal_record(header, journal_start(), GroupFacts())
    for run, walk, opening, start in records:
        data += pack_journal_record(with_times(run, start), walk, opening) + bytes(run.length)
    units, _ = read_all(data)
    assert units[0].key == STREAM_HEADER
    stream = read_stream(data)
    times, problem = times_or_problem(stream)
    assert times is not None or "begins at tick" in str(problem)
    if times is None:
        return
    assert times.frame_count == stream.frame_count
    assert all(before < after for before, after in pairwise(times.ticks))


def test_durations_that_cannot_be_there_take_no_memory() -> None:
    data = pack_stream(TIMED_FACTS, [Unit(STREAM_HEADER, b""), timed_unit(0, 1)])
    packed = RunRecord.unpack(data, read_stream(data).place(0).records_offset)[0].pack()
    head = packed[: -len(varints(1, 1)) - 1]
    tracemalloc.start()
    try:
        with pytest.raises(BitstreamError, match="codes of at least 1 bits do not fit"):
            RunRecord.unpack(head + varints(16_384, 1) + bytes(9))
        with pytest.raises(BitstreamError, match="is 16385, expected"):
            RunRecord.unpack(head + varints(16_385, 1) + bytes(9))
        assert tracemalloc.get_traced_memory()[1] < MEMORY_BYTES / 10
    finally:
        tracemalloc.stop()


def timed_unit(frame: int, count: int) -> Unit:
    return Unit(UnitKey(0, 0, frame), b"", None, count, times=UnitTimes(frame, (1,) * count))


def test_frames_of_absurdly_many_times_are_refused(monkeypatch) -> None:
    data = pack_stream(TIMED_FACTS, [Unit(STREAM_HEADER, b""), timed_unit(0, 9), timed_unit(9, 9)])
    monkeypatch.setattr("lamina.bitstream.layout.MAX_UNITS", 17)
    units, problems = read_all(data)
    assert len(units) == 1
    assert "more units than the 17 of a file" in str(problems[0])


def test_a_span_of_frames_without_times_is_refused_before_memory_is_taken() -> None:
    far = Unit(UnitKey(1, 0, 1 << 29), b"", times=UnitTimes(5, (1,)))
    stream = read_stream(pack_stream(TIMED_FACTS, [Unit(STREAM_HEADER, b""), timed_unit(0, 1), far]))
    tracemalloc.start()
    try:
        with pytest.raises(BitstreamError, match="frames, and the times of 2 are known"):
            stream.times()
        assert tracemalloc.get_traced_memory()[1] < MEMORY_BYTES
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize(
    ("unit", "problem"), [(b"", "truncated|ends"), (varints(2, 4), "lowest terms"), (varints(0, 1), "expected 1")]
)
def test_time_units_that_cannot_be_are_refused(unit: bytes, problem: str) -> None:
    front = bytearray(pack_journal_front(TIMED_FACTS)[:-4])
    plain = pack_journal_front(StreamFacts(1, frames_per_second=Fraction(25)))[:-4]
    assert front[8 : len(plain)] != plain[8:]
    size_bytes = len(front) - len(plain)
    data = bytes(front[:-size_bytes]) + varints(len(unit)) + unit
    with pytest.raises(BitstreamError, match=problem):
        read_stream(with_crc(data))


def test_times_of_a_still_are_refused() -> None:
    data = bytearray(pack_stream(StreamFacts(1), [Unit(STREAM_HEADER, b""), Unit(UnitKey(0, 0, 0), b"")]))
    data[7] |= FEATURE_TIMES
    with pytest.raises(BitstreamError, match="frames of a still have no times"):
        read_stream(with_region(bytes(data), (0, read_stream_front(data)), bytes(data[: read_stream_front(data)])))


def read_stream_front(data: bytearray) -> int:
    """Bytes of the front before its CRC-32."""
    return front_size_of(bytes(data)) - 4


@settings(max_examples=200)
@given(st.binary(max_size=120))
def test_any_bytes_after_the_front_of_a_journal_with_times_give_units_or_an_error(data: bytes) -> None:
    units, problems = read_all(pack_journal_front(TIMED_FACTS) + data)
    assert units or problems
