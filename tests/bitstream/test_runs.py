# SPDX-License-Identifier: Apache-2.0
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lamina.bitstream.container import MAX_RUN_UNITS, RUN_BYTES, RunRecord, Step
from lamina.bitstream.layout import check_order, group_layout, pack_records, unpack_records
from lamina.bitstream.runs import Run, RunEntries, RunWalk, as_written, entry_of, record_of, run_from, runs_of
from lamina.errors import BitstreamError
from lamina.times import UnitTimes
from lamina.units import GroupFacts, Unit, UnitKey

sys.path.append(str(Path(__file__).parent))
from made_up_streams import CLIP, STREAMS, in_order


def runs_of_units(units: list[Unit]) -> list[Run]:
    return list(runs_of(entry_of(unit) for unit in units))


def small(count: int, size_bytes: int, layer: int = 0) -> list[Unit]:
    return [Unit(UnitKey(0, layer, frame), bytes(size_bytes), 30.0) for frame in range(count)]


def test_a_run_ends_with_the_unit_that_fills_it() -> None:
    units = [*small(2, 100), Unit(UnitKey(0, 0, 2), bytes(RUN_BYTES), 30.0), Unit(UnitKey(0, 0, 3), b"", 30.0)]
    assert [run.lengths for run in runs_of_units(units)] == [(100, 100, RUN_BYTES), (0,)]
    assert [len(run.lengths) for run in runs_of_units(small(MAX_RUN_UNITS + 3, 0))] == [MAX_RUN_UNITS, 3]


def test_a_run_ends_where_units_are_not_alike() -> None:
    one, two, three = small(3, 5)
    assert len(runs_of_units([one, two, three])) == 1
    assert len(runs_of_units([one, three])) == 2
    assert len(runs_of_units([one, replace(two, quality_db=None), three])) == 3
    assert len(runs_of_units([one, replace(two, frame_count=4)])) == 2
    assert len(runs_of_units([one, replace(two, key=UnitKey(0, 1, 1))])) == 2


def test_a_run_has_the_mean_quality_of_its_units() -> None:
    units = [replace(unit, quality_db=30.0 + number) for number, unit in enumerate(small(4, 5))]
    assert [run.quality_db for run in runs_of_units(units)] == [31.5]


@given(st.lists(st.lists(st.integers(0, 90), min_size=1, max_size=6), max_size=8), st.data())
def test_entries_are_those_of_their_runs(lengths: list[list[int]], data: st.DataObject) -> None:
    runs = [Run(UnitKey(0, 0, 10 * number), tuple(sizes), offset=100 * number) for number, sizes in enumerate(lengths)]
    entries, expected = RunEntries(runs), [entry for run in runs for entry in run.entries()]
    assert list(entries) == expected
    assert len(entries) == len(expected)
    assert [entries[number] for number in range(len(expected))] == expected
    assert entries.runs == tuple(runs)
    if expected:
        index = data.draw(st.integers(-len(expected), len(expected) - 1))
        assert entries[index] == expected[index]
        assert entries[index:] == expected[index:]


def test_entries_reject_numbers_beyond_the_last() -> None:
    for entries, number in ((RunEntries(), 0), (RunEntries([Run(UnitKey(0, 0, 0), (1, 2))]), 2)):
        with pytest.raises(IndexError):
            entries[number]


@pytest.mark.parametrize("name", STREAMS)
def test_runs_that_a_writer_made_stay_as_they_are(name: str) -> None:
    _, units = STREAMS[name]
    for group in {unit.key.group for unit in units}:
        made = runs_of_units(in_order([unit for unit in units if unit.key.group == group]))
        assert as_written(made) is made
        apart = [run for unit in in_order(units) if unit.key.group == group for run in runs_of_units([unit])]
        assert list(as_written(apart)) == made


def test_keys_follow_by_steps() -> None:
    steps = []
    keys = [UnitKey(4, -1, 12), *(UnitKey(4, layer, frame) for layer in range(3) for frame in (12, 13))]
    walk = RunWalk.of_group(4, 12, True)
    for key in keys:
        record = record_of(Run(key, (1,)), walk)
        steps.append(None if record.is_explicit else record.step)
        assert run_from(record, walk).key == key
        walk.advance(Run(key, (1,)))
    assert steps == [
        Step.NEXT_LAYER,
        Step.NEXT_LAYER,
        Step.GO_ON,
        Step.NEXT_LAYER,
        Step.GO_ON,
        Step.NEXT_LAYER,
        Step.GO_ON,
    ]


def test_keys_of_frames_follow_by_steps_too() -> None:
    walk = RunWalk.of_group(0, 0, False)
    keys = [UnitKey(0, layer, frame) for frame in range(4) for layer in range(3)]
    records = []
    for key in keys:
        records.append(record_of(Run(key, (1,)), walk))
        walk.advance(Run(key, (1,)))
    assert not any(record.is_explicit for record in records)
    assert {record.step for record in records} == {Step.NEXT_LAYER, Step.NEXT_FRAME}


KEYS = st.builds(UnitKey, st.just(3), st.integers(-1, 126), st.integers(0, 2**30 - 200))
RUNS = st.builds(
    Run,
    KEYS,
    st.lists(st.integers(0, 2**30), min_size=1, max_size=9).map(tuple),
    st.integers(1, 20),
    st.none() | st.integers(1, 65535).map(lambda centidb: centidb / 100),
    st.integers(0, 2**32 - 1),
)


@given(
    st.lists(RUNS, max_size=6),
    st.none() | st.builds(GroupFacts, st.booleans(), st.none() | st.just((0.5,) * 6)),
    st.none() | st.integers(0, 1 << 50),
)
def test_any_run_comes_back_from_its_record(runs: list[Run], opening: GroupFacts | None, starts: int | None) -> None:
    writing, reading = RunWalk.of_group(3, 0, False), RunWalk.of_group(3, 0, False)
    for run in runs:
        if run.key.layer < 0:
            run = replace(run, lengths=run.lengths[:1], frames_per_unit=1)
        if starts is not None:
            count = len(run.lengths) * run.frames_per_unit
            run = replace(run, times=UnitTimes(starts, tuple(1 + starts * number % 70_001 for number in range(count))))
        record = record_of(run, writing, opening)
        found = run_from(RunRecord.unpack_whole(record.pack()), reading)
        assert found == run
        writing.advance(run)
        reading.advance(found)


@pytest.mark.parametrize(
    ("record", "problem"),
    [
        ({"is_explicit": True, "step": Step.NEXT_LAYER, "layer": 0, "frame": 0}, "step is 1 in an explicit record"),
        ({"names_group": True, "is_chained": False, "has_box": False, "group": 0}, "without being explicit"),
        ({"is_plural": True, "more_lengths": ()}, "is plural with one unit"),
        ({"spans_frames": True, "frames_per_unit": 1}, "is 1, expected 2"),
        ({"has_quality": True, "quality_centidb": 0}, "is 0, expected 1"),
        ({"names_group": True, "is_explicit": True, "group": 0, "layer": 0, "frame": 0}, "is None, expected a value"),
    ],
)
def test_records_reject_what_says_nothing(record: dict[str, object], problem: str) -> None:
    plain = record_of(Run(UnitKey(0, 0, 0), (4,)), RunWalk.of_group(0, 0, False))
    with pytest.raises(ValueError, match=problem):
        replace(plain, **record).pack()


def swapped(units: list[Unit]) -> list[Run]:
    first, second, *others = runs_of_units(units)
    return [second, first, *others]


@pytest.mark.parametrize(
    ("runs", "problem"),
    [
        (swapped(small(2, RUN_BYTES)), "expected rising order"),
        (swapped([*small(2, 9), *small(2, 9, layer=1)]), "expected rising order"),
        (runs_of_units(small(2, RUN_BYTES))[:1] * 2, "expected rising order"),
        ([Run(UnitKey(0, 0, 0), (1, 1, 1)), Run(UnitKey(0, 0, 2), (1,))], "lies within the frames of"),
        ([Run(UnitKey(0, 0, 0), (1,), 8), Run(UnitKey(0, 0, 7), (1,))], "lies within the frames of"),
        ([Run(UnitKey(0, -1, 0), (1,)), Run(UnitKey(0, -1, 1), (1,))], "is a second header unit"),
    ],
)
def test_reading_rejects_records_whose_keys_do_not_rise(runs: list[Run], problem: str) -> None:
    place = group_layout(0, GroupFacts(), runs).place
    data = pack_records(runs, 0, place.first_frame, place.header_size_bytes is not None)
    with pytest.raises(BitstreamError, match=problem) as caught:
        unpack_records(data, replace(place, records_offset=700, offsets=(0, 0, 0)))
    assert caught.value.unit == "records of group 0"
    assert 700 < caught.value.position < 700 + len(data)


@pytest.mark.parametrize(
    "wrong",
    [
        {"frame_count": 2},
        {"layer_sizes_bytes": (15, 0)},
        {"header_size_bytes": 0},
        {"layer_sizes_bytes": (14,)},
    ],
)
def test_reading_rejects_records_that_do_not_add_up(wrong: dict[str, object]) -> None:
    runs = runs_of_units(small(3, 5))
    place = replace(group_layout(0, GroupFacts(), runs).place, offsets=(0, 0, 0))
    assert unpack_records(pack_records(runs, 0, 0, False), place)
    with pytest.raises(BitstreamError, match=r"do not add up to what the directory says|a header unit is one"):
        unpack_records(pack_records(runs, 0, 0, False), replace(place, **wrong))


def test_writing_rejects_units_out_of_order() -> None:
    entries = [entry_of(unit) for unit in in_order(CLIP)]
    check_order(entries)
    with pytest.raises(ValueError, match="in rising order"):
        check_order([entries[0], entries[2], entries[1]])
