# SPDX-License-Identifier: Apache-2.0
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lamina.bitstream import GroupPlace, pack_stream, read_stream
from lamina.bitstream.container import MAX_FRAME
from lamina.bitstream.selection import chain_starts, index_of, wanted
from lamina.units import STREAM_GROUP, GroupFacts, Unit, UnitKey

sys.path.append(str(Path(__file__).parent))
from made_up_streams import CLIP_FACTS, HEADER

CHAINED = GroupFacts(is_chained=True)
GROUP_LENGTHS = st.lists(st.tuples(st.integers(1, 3), st.booleans(), st.integers(0, 4)), max_size=8)


def places_of(groups: list[tuple[int, bool, int]]) -> list[GroupPlace]:
    """The stream group, then groups: steps from number to number, whether chained, how many frames."""
    places = [GroupPlace(STREAM_GROUP, GroupFacts(), 0, 0, 6, 0, ())]
    number, frame = -1, 0
    for step, is_chained, frames in groups:
        number += step
        places.append(GroupPlace(number, GroupFacts(is_chained), frame, frames, 6, None, (9,)))
        frame += frames
    return places


def test_chains_go_over_gaps_in_the_numbers_of_groups() -> None:
    places = places_of([(1, False, 2), (3, True, 2), (5, True, 2), (1, False, 2), (1, True, 2)])
    assert [place.group for place in places] == [-1, 0, 3, 8, 9, 10]
    assert chain_starts(places) == [-1, 0, 0, 0, 9, 9]


def test_a_first_group_that_is_chained_has_nothing_to_build_on() -> None:
    assert chain_starts(places_of([(1, True, 2), (1, True, 2)])) == [-1, 0, 0]


@given(GROUP_LENGTHS, st.none() | st.sets(st.integers(0, 30)), st.none() | st.sets(st.integers(0, 12)))
def test_what_is_wanted_is_what_was_asked_for_and_what_it_builds_on(
    groups: list[tuple[int, bool, int]], asked_groups: set[int] | None, asked_frames: set[int] | None
) -> None:
    places = places_of(groups)
    starts = dict(zip((place.group for place in places), chain_starts(places), strict=True))
    expected: dict[int, int] = {STREAM_GROUP: 1}
    for place in places[1:]:
        frames = place.frames if asked_frames is None else [f for f in place.frames if f in asked_frames]
        if (asked_groups is None or place.group in asked_groups) and (frames or asked_frames is None):
            for earlier in places[1:]:
                if starts[place.group] <= earlier.group < place.group:
                    expected[earlier.group] = earlier.frames.stop
            expected[place.group] = place.frames.stop if asked_frames is None else max(frames) + 1
    # What is built on is taken whole, whatever was asked of it itself.
    for place in places[1:]:
        if any(starts[p.group] <= place.group < p.group and p.group in expected for p in places[1:]):
            expected[place.group] = place.frames.stop
    found = wanted(places, asked_groups, asked_frames)
    assert {place.group: stop for place, stop in found} == expected
    assert [place.group for place, _ in found] == sorted(expected)


@pytest.mark.parametrize("frames", [range(4, 5), [4], {4}, range(4, 0, -4), (4, 4)])
def test_frames_may_come_in_any_collection(frames: list[int]) -> None:
    found = wanted(places_of([(1, False, 3), (1, False, 3)]), None, frames)
    assert [(place.group, stop) for place, stop in found] == [(STREAM_GROUP, 1), (1, 5)]


def test_groups_of_absurdly_many_frames_take_no_time_to_select_from() -> None:
    places = places_of([(1, False, MAX_FRAME)])
    assert [place.group for place, _ in wanted(places, None, range(MAX_FRAME))] == [STREAM_GROUP, 0]
    assert wanted(places, None, range(10**6, 2 * 10**9, 7))[1][1] <= MAX_FRAME


def test_an_index_rejects_groups_that_are_not_there() -> None:
    places = places_of([(1, False, 1), (3, False, 1)])
    assert index_of(places, 3) == 2
    for group in (-2, 1, 4):
        with pytest.raises(ValueError, match=rf"no group {group}; groups are -1\.\.\.3"):
            index_of(places, group)


def test_a_stream_knows_its_chains() -> None:
    units = [HEADER, Unit(UnitKey(0, 0, 0), b"a"), Unit(UnitKey(5, 0, 1), b"b", group=CHAINED)]
    stream = read_stream(pack_stream(CLIP_FACTS, units))
    assert [stream.chain_of(group) for group in (-1, 0, 5)] == [-1, 0, 0]
    assert [unit.key.group for unit in stream.units(groups=[5])] == [-1, 0, 5]
    with pytest.raises(ValueError, match="no group 4"):
        stream.chain_of(4)
