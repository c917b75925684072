# SPDX-License-Identifier: Apache-2.0
"""Frames with times of their own: written, cut, joined late, past damage, and what contradicts itself."""

import sys
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lamina.bitstream import StreamJournal, cut_to_bytes, cut_to_level, pack_stream, read_stream
from lamina.bitstream.container import FEATURE_TIMES, MAX_TIMED_FRAMES, RunRecord, TimeUnit
from lamina.bitstream.runs import Run, RunWalk, record_of
from lamina.bitstream.scan import journal_start, pack_journal_front, pack_journal_record
from lamina.errors import BitstreamError
from lamina.times import MAX_FRAME_TICKS, MAX_TICKS, FrameTimes, UnitTimes
from lamina.units import STREAM_HEADER, GroupFacts, StreamFacts, Unit, UnitKey

sys.path.append(str(Path(__file__).parent))
from made_up_streams import CLIP, CLIP_FACTS, HEADER, TIMED_FACTS, TIMES, timed, timed_spans

MILLISECONDS = replace(TIMED_FACTS, ticks_per_second=Fraction(1000))


def one_group(*durations: int, start: int = 0, size_bytes: int = 5) -> list[Unit]:
    """A layer of frames that each last so long."""
    units = [HEADER]
    for frame, duration in enumerate(durations):
        units.append(Unit(UnitKey(0, 0, frame), bytes(size_bytes), times=UnitTimes(start, (duration,))))
        start += duration
    return units


def test_an_evenly_spaced_stream_says_nothing_of_times() -> None:
    data = pack_stream(CLIP_FACTS, CLIP)
    assert data[7] & FEATURE_TIMES == 0
    stream = read_stream(data)
    assert stream.facts.ticks_per_second is None
    assert stream.times() == FrameTimes(Fraction(25), range(13))
    assert stream.duration_s == 12 / 25


def test_times_come_back_exactly() -> None:
    stream = read_stream(pack_stream(TIMED_FACTS, timed()))
    assert stream.times() == TIMES
    assert stream.duration_s == 1129010 / 90000


def test_a_still_has_no_times() -> None:
    assert read_stream(pack_stream(StreamFacts(1), CLIP[:1])).times() is None


@given(st.lists(st.integers(1, MAX_FRAME_TICKS), min_size=1, max_size=40), st.integers(0, 1 << 40))
def test_any_durations_come_back(durations: list[int], start: int) -> None:
    stream = read_stream(pack_stream(MILLISECONDS, one_group(*durations, start=start)))
    times = stream.times()
    assert times is not None
    assert [after - before for before, after in zip(times.ticks, times.ticks[1:], strict=False)] == durations
    assert [unit.times for unit in stream.units() if unit.key != STREAM_HEADER] == [
        UnitTimes(start + sum(durations[:frame]), (duration,)) for frame, duration in enumerate(durations)
    ]


def test_every_cut_keeps_the_times() -> None:
    stream = read_stream(pack_stream(TIMED_FACTS, timed()))
    whole = stream.size_bytes
    cuts = [cut_to_level(stream, level) for level in range(2)]
    cuts += [cut_to_bytes(stream, size_bytes) for size_bytes in range(whole - 200, whole + 1, 20)]
    for cut in cuts:
        assert read_stream(pack_stream(TIMED_FACTS, cut)).times() == TIMES


def test_who_joins_late_has_the_times_of_what_was_read() -> None:
    stream = read_stream(pack_stream(TIMED_FACTS, timed()))
    entries = [entry for entry in stream.entries_of(1) if entry.key.layer == 0]
    assert [entry.times for entry in entries] == [TIMES.of_unit(frame, 1) for frame in (3, 4, 5)]


def test_a_group_alone_begins_at_zero() -> None:
    later = [unit for unit in timed() if unit.key.group in (-1, 1)]
    assert read_stream(pack_stream(TIMED_FACTS, later)).times() == TIMES.cut(3, 6)


def test_a_journal_has_the_times_of_what_is_there(tmp_path) -> None:
    path = tmp_path / "journal"
    with StreamJournal(path, TIMED_FACTS) as journal:
        for count, unit in enumerate(one_group(*[100, 7, 8000])):
            journal.append(unit)
            times = read_stream(path).times()
            assert times is not None
            assert list(times.ticks) == [0, 100, 107, 8107][: count + 1] if count else times.frame_count == 0
    with StreamJournal(path, TIMED_FACTS) as journal:
        assert [unit.times for unit in journal.units()][1:] == [unit.times for unit in one_group(100, 7, 8000)[1:]]
        journal.finish(tmp_path / "finished")
    assert (tmp_path / "finished").read_bytes() == pack_stream(TIMED_FACTS, one_group(100, 7, 8000))


def test_only_the_first_bytes_of_a_journal_with_times_are_a_beginning(tmp_path) -> None:
    front = pack_journal_front(TIMED_FACTS)
    for length in range(len(front)):
        path = tmp_path / f"journal{length}"
        path.write_bytes(front[:length])
        with StreamJournal(path, TIMED_FACTS) as journal:
            assert journal.keys == []
            journal.append(one_group(5))
        assert read_stream(path).times() == FrameTimes(Fraction(90000), (0, 5))


def test_another_time_unit_is_another_stream(tmp_path) -> None:
    path = tmp_path / "journal"
    with StreamJournal(path, TIMED_FACTS) as journal:
        journal.append(HEADER)
    with pytest.raises(BitstreamError, match="choose another name"):
        StreamJournal(path, MILLISECONDS)


def test_frames_whose_times_are_lost_are_spread_between_those_around() -> None:
    data = bytearray(pack_stream(TIMED_FACTS, timed()))
    place = read_stream(bytes(data)).place(0)
    data[place.records_offset + 3] ^= 255
    times = read_stream(bytes(data)).times()
    assert times is not None
    assert times.frame_count == 6
    known = [times.time_s(frame) - times.time_s(3) for frame in range(3, 7)]
    assert known == [TIMES.time_s(frame) - TIMES.time_s(3) for frame in range(3, 7)]
    assert times.time_s(1) == Fraction(1, 20)


def test_a_gap_in_the_middle_is_filled_evenly() -> None:
    units = [HEADER]
    for frame, start in ((0, 0), (3, 900)):
        units.append(Unit(UnitKey(0, 0, frame), b"x", times=UnitTimes(start, (10,))))
    times = read_stream(pack_stream(MILLISECONDS, units)).times()
    assert times is not None
    assert [times.time_s(frame) for frame in range(5)] == [
        0,
        Fraction(3, 10),
        Fraction(6, 10),
        Fraction(9, 10),
        Fraction(91, 100),
    ]


def test_long_runs_say_no_more_times_than_a_record_may() -> None:
    each = MAX_TIMED_FRAMES // 2
    units = [HEADER]
    for number in range(5):
        times = UnitTimes(each * number, (1,) * each)
        units.append(Unit(UnitKey(0, 0, each * number), b"", frame_count=each, times=times))
    stream = read_stream(pack_stream(MILLISECONDS, units))
    assert [len(run.lengths) for run in stream.entries_of(0).runs] == [2, 2, 1]
    times = stream.times()
    assert times is not None
    assert times.frame_count == 5 * each


@pytest.mark.parametrize(
    ("facts", "units", "problem"),
    [
        (TIMED_FACTS, CLIP, "does not say when its frames are shown"),
        (CLIP_FACTS, timed(), "says when its frames are shown, which only"),
        (TIMED_FACTS, [HEADER, Unit(UnitKey(0, 1, 0), b"", times=UnitTimes(0, (1,)))], "which only layer 0"),
        (TIMED_FACTS, [HEADER, Unit(UnitKey(0, 0, 0), b"", times=UnitTimes(0, (1, 1)))], "says 2 durations"),
        (TIMED_FACTS, one_group(0), "takes no time"),
        (TIMED_FACTS, one_group(MAX_FRAME_TICKS + 1), "expected 0"),
        (TIMED_FACTS, one_group(1, start=MAX_TICKS), "ends after tick"),
        (
            TIMED_FACTS,
            [*one_group(5), Unit(UnitKey(0, 0, 1), b"", times=UnitTimes(4, (1,)))],
            "begins at tick 4, before",
        ),
        (replace(TIMED_FACTS, ticks_per_second=Fraction(1, 2**32)), timed(), "ticks_denominator"),
    ],
)
def test_what_contradicts_itself_is_not_written(tmp_path, facts: StreamFacts, units: list[Unit], problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        pack_stream(facts, units)
    with pytest.raises(ValueError, match=problem), StreamJournal(tmp_path / "journal", facts) as journal:
        journal.append(units)


def test_groups_whose_times_do_not_rise_are_an_error_when_times_are_asked_for() -> None:
    units = [*one_group(50), Unit(UnitKey(1, 0, 1), b"", times=UnitTimes(49, (5,)))]
    stream = read_stream(pack_stream(TIMED_FACTS, units))
    assert len(list(stream.units())) == 3
    with pytest.raises(BitstreamError, match="frame 1 begins at tick 49"):
        stream.times()


def test_parts_of_space_share_the_times_of_their_frames() -> None:
    units = [HEADER]
    for group in range(2):
        facts = GroupFacts(box=(float(group), 0, 0, group + 1.0, 1, 1))
        for frame in range(2):
            times = UnitTimes(30 * frame, (30,))
            units.append(Unit(UnitKey(group, 0, frame), b"part", group=facts, times=times))
    assert read_stream(pack_stream(MILLISECONDS, units)).times() == FrameTimes(Fraction(1000), (0, 30, 60))


def record(**changes: object) -> RunRecord:
    plain = record_of(Run(UnitKey(0, 0, 0), (4, 4), times=UnitTimes(3, (1, 2))), RunWalk.of_group(0, 0, False))
    return replace(plain, **changes)


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"durations_ticks": (1,)}, "says 1 durations, expected one for each of 2 frames"),
        ({"durations_ticks": (1, 0)}, "takes no time"),
        ({"start_ticks": MAX_TICKS}, "ends after tick"),
        ({"start_ticks": None}, "is None, expected a value"),
        ({"has_times": False}, "expected None"),
    ],
)
def test_records_reject_times_that_cannot_be(changes: dict[str, object], problem: str) -> None:
    assert RunRecord.unpack_whole(record().pack()) == record()
    with pytest.raises(ValueError, match=problem):
        record(**changes).pack()


def test_a_time_unit_has_one_spelling() -> None:
    with pytest.raises(ValueError, match="not in lowest terms"):
        TimeUnit(2, 4).pack()


def test_a_journal_whose_times_go_back_ends_there() -> None:
    walk = journal_start()
    header = Run(STREAM_HEADER, (0,))
    data = pack_journal_front(TIMED_FACTS) + pack_journal_record(header, walk, GroupFacts())
    walk.advance(header)
    for frame, start in ((0, 10), (1, 5)):
        run = Run(UnitKey(0, 0, frame), (0,), times=UnitTimes(start, (5,)))
        data += pack_journal_record(run, walk, GroupFacts() if frame == 0 else None)
        walk.advance(run)
    stream = read_stream(data)
    assert [unit.key.frame for unit in stream.units()] == [0, 0]
    assert "begins before the frames before it end" in str(stream.problems[0])


def test_spans_say_the_times_of_all_their_frames() -> None:
    stream = read_stream(pack_stream(MILLISECONDS, timed_spans()))
    times = stream.times()
    assert times is not None
    assert list(times.ticks) == [0, 20, 80, 120, 160, 180, 240, 280, 820, 840, 900, 940, 980]
