# SPDX-License-Identifier: Apache-2.0
import sys
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from lamina.bitstream import Damage, pack_stream, read_stream, usable
from lamina.errors import BitstreamError
from lamina.units import HEADER_LAYER, STREAM_GROUP, GroupFacts, Unit, UnitKey

sys.path.append(str(Path(__file__).parent))
from made_up_streams import CAMERA_FACTS, CLIP, CLIP_FACTS, HEADER, STREAMS, chained

CHAINS = {1: 0, 3: 2}
"""Of the groups of `chained`."""


def builds_on(key: UnitKey, lost: UnitKey) -> bool:
    """The rule, word by word: whether a unit of `chained` is lost with another."""
    if lost.layer > key.layer:
        return False
    if lost.group == STREAM_GROUP:
        return True
    same_chain = CHAINS.get(key.group, key.group) == CHAINS.get(lost.group, lost.group)
    if key.group == STREAM_GROUP or not same_chain or lost.group > key.group:
        return False
    return lost.group < key.group or lost.layer == HEADER_LAYER or lost.frame <= key.frame


@settings(max_examples=200)
@given(st.lists(st.sampled_from([unit.key for unit in chained()]), max_size=4))
def test_usable_units_are_those_with_all_they_build_on(lost: list[UnitKey]) -> None:
    keys = [unit.key for unit in chained()]
    kept = set(usable(keys, lost, lambda group: CHAINS.get(group, group)))
    assert kept == {key for key in keys if not any(builds_on(key, gone) for gone in lost)}


def test_damage_runs_along_a_chain_and_no_further() -> None:
    keys = [unit.key for unit in chained()]
    kept = set(usable(keys, [UnitKey(0, 1, 1)], lambda group: CHAINS.get(group, group)))
    assert set(keys) - kept == {UnitKey(0, 1, 1), UnitKey(1, 1, 2), UnitKey(1, 1, 3)}
    everywhere = set(keys) - set(usable(keys, [UnitKey(STREAM_GROUP, 1, 0)]))
    assert everywhere == {key for key in keys if key.layer == 1}


def test_a_lost_header_costs_its_group_or_the_stream() -> None:
    keys = [HEADER.key, UnitKey(0, 0, 0), UnitKey(1, -1, 3), UnitKey(1, 0, 3), UnitKey(2, 0, 4)]
    assert list(usable(keys, [UnitKey(1, -1, 3)])) == [HEADER.key, UnitKey(0, 0, 0), UnitKey(2, 0, 4)]
    assert list(usable(keys, [HEADER.key])) == []


def test_a_unit_of_several_frames_is_lost_with_any_of_them() -> None:
    damage = Damage(lost=[UnitKey(0, 0, 8)])
    assert damage.costs(UnitKey(0, 1, 0), 16)
    assert not damage.costs(UnitKey(0, 1, 0), 8)
    assert damage.costs(UnitKey(0, 0, 8), 8)


def test_a_damaged_layer_costs_itself_and_what_builds_on_it() -> None:
    facts, units = STREAMS["large units"]
    data = bytearray(pack_stream(facts, units))
    lost = UnitKey(0, 0, 1)
    offset = read_stream(bytes(data)).entry(lost).offset
    data[offset] ^= 1
    problems: list[BitstreamError] = []
    kept = [unit.key for unit in read_stream(data).intact_units(problems)]
    assert {unit.key for unit in units} - set(kept) == {UnitKey(0, layer, 1) for layer in (0, 1)}
    assert [problem.unit for problem in problems] == [str(lost)]
    assert problems[0].position == offset


def test_damage_in_a_run_costs_the_run() -> None:
    data = bytearray(pack_stream(CLIP_FACTS, CLIP))
    data[read_stream(bytes(data)).entry(UnitKey(1, 1, 4)).offset] ^= 1
    problems: list[BitstreamError] = []
    kept = {unit.key for unit in read_stream(data).intact_units(problems)}
    assert {unit.key for unit in CLIP} - kept == {UnitKey(1, layer, frame) for layer in (1, 2) for frame in (3, 4, 5)}


def test_damaged_records_cost_their_group_and_what_is_chained_to_it() -> None:
    data = bytearray(pack_stream(CAMERA_FACTS, chained()))
    data[read_stream(bytes(data)).place(0).records_offset] ^= 1
    stream = read_stream(data)
    problems: list[BitstreamError] = []
    assert {unit.key.group for unit in stream.intact_units(problems)} == {STREAM_GROUP, 2, 3}
    assert [problem.unit for problem in problems] == ["records of group 0"]
    assert [str(problem) for problem in stream.problems] == [str(problem) for problem in problems]
    assert {entry.key.group for entry in stream.entries} == {STREAM_GROUP, 1, 2, 3}


def test_damage_goes_over_gaps_in_the_numbers_of_chained_groups() -> None:
    facts = GroupFacts(is_chained=True)
    units = [HEADER, Unit(UnitKey(0, 0, 0), b"base"), Unit(UnitKey(5, 0, 1), b"next", group=facts)]
    data = bytearray(pack_stream(CLIP_FACTS, units))
    data[read_stream(bytes(data)).entry(UnitKey(0, 0, 0)).offset] ^= 1
    assert list(read_stream(data).intact_units([])) == [HEADER]


def test_a_long_chain_with_many_losses_takes_no_longer() -> None:
    groups = 20_000
    damage = Damage(lambda group: 0, (UnitKey(group, 2, group) for group in range(0, groups, 2)))
    assert not any(damage.costs(UnitKey(group, 1, group)) for group in range(groups))
    assert all(damage.costs(UnitKey(group, 2, group)) for group in range(groups))
