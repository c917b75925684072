# SPDX-License-Identifier: Apache-2.0
import sys
from pathlib import Path

import pytest

from lamina.bitstream import Stream, StreamJournal, cut_to_bytes, cut_to_level, pack_stream, read_stream, write_stream
from lamina.bitstream.cutting import size_after_cut
from lamina.errors import TargetError
from lamina.units import StreamFacts, Unit, UnitKey

sys.path.append(str(Path(__file__).parent))

from made_up_streams import CLIP, CLIP_FACTS, HEADER, STILL, STILL_FACTS, STREAMS, Counting, in_order


def levels(stream: Stream) -> list[int]:
    return [stream.level_of(group) for group in stream.groups]


@pytest.mark.parametrize("level", [0, 1, 2])
def test_cutting_to_a_level_leaves_that_many_levels(tmp_path, level: int) -> None:
    path = tmp_path / "cut.lam"
    write_stream(path, CLIP_FACTS, cut_to_level(read_stream(pack_stream(CLIP_FACTS, CLIP)), level))
    with read_stream(path) as cut:
        assert cut.level_count == level + 1
        assert cut.frame_count == 12
        assert list(cut.units()) == in_order([u for u in CLIP if u.key.layer <= level])
        write_stream(path, CLIP_FACTS, cut_to_level(cut, 0))
    with read_stream(path) as again:
        assert again.level_count == 1


@pytest.mark.parametrize("level", [-1, 3])
def test_cutting_rejects_levels_that_are_not_there(level: int) -> None:
    with pytest.raises(ValueError, match=r"expected 0\.\.\.2"):
        cut_to_level(read_stream(pack_stream(CLIP_FACTS, CLIP)), level)


@pytest.mark.parametrize("name", STREAMS)
def test_sizes_after_cuts_are_those_of_the_files(name: str) -> None:
    facts, units = STREAMS[name]
    stream = read_stream(pack_stream(facts, units))
    for level in range(stream.level_count):
        assert size_after_cut(stream, level) == len(pack_stream(facts, cut_to_level(stream, level)))


@pytest.mark.parametrize(("facts", "units"), [(STILL_FACTS, STILL), (CLIP_FACTS, CLIP)])
def test_cutting_to_bytes_is_exact_and_as_large_as_can_be(facts: StreamFacts, units: list[Unit]) -> None:
    whole = pack_stream(facts, units)
    stream = read_stream(whole)
    least_bytes = len(pack_stream(facts, cut_to_level(stream, 0)))
    for size_bytes in range(least_bytes, len(whole) + 5, 3):
        data = pack_stream(facts, cut_to_bytes(stream, size_bytes))
        assert len(data) <= size_bytes
        reached = levels(read_stream(data))
        assert reached == sorted(reached, reverse=True)
        assert max(reached) - min(reached) <= 1
        if sum(reached) < 2 * stream.group_count:
            raised = reached.index(min(reached))
            wanted = {group: level + (group == raised) for group, level in enumerate(reached)}
            larger = pack_stream(facts, [u for u in units if u.key.layer <= wanted.get(u.key.group, 2)])
            assert len(larger) > size_bytes
    assert pack_stream(facts, cut_to_bytes(stream, len(whole))) == whole


def test_cutting_to_bytes_of_a_cut_file_works() -> None:
    stream = read_stream(pack_stream(CLIP_FACTS, CLIP))
    target = len(pack_stream(CLIP_FACTS, cut_to_level(stream, 1))) + 150
    once = read_stream(pack_stream(CLIP_FACTS, cut_to_bytes(stream, target)))
    assert levels(once) == [2, 1, 1, 1]
    twice = read_stream(pack_stream(CLIP_FACTS, cut_to_bytes(once, once.size_bytes - 1)))
    assert levels(twice) == [1, 1, 1, 1]


def test_cutting_rejects_a_target_too_small_and_says_the_least() -> None:
    stream = read_stream(pack_stream(STILL_FACTS, STILL))
    least_bytes = len(pack_stream(STILL_FACTS, cut_to_level(stream, 0)))
    with pytest.raises(TargetError, match=f"cut to {least_bytes - 1} bytes: level 0 takes {least_bytes}"):
        cut_to_bytes(stream, least_bytes - 1)


def test_a_group_without_a_base_layer_goes_when_it_has_nothing_left() -> None:
    units = [
        HEADER,
        Unit(UnitKey(0, 0, 0), b"base"),
        Unit(UnitKey(1, 1, 1), b"no base"),
        Unit(UnitKey(2, 0, 2), b"end"),
    ]
    stream = read_stream(pack_stream(CLIP_FACTS, units))
    kept = cut_to_level(stream, 0)
    assert [unit.key.group for unit in kept] == [-1, 0, 2]
    assert size_after_cut(stream, 0) == len(pack_stream(CLIP_FACTS, kept))


def test_cutting_a_journal_gives_the_sizes_of_its_file(tmp_path) -> None:
    with StreamJournal(tmp_path / "clip.part", CLIP_FACTS) as journal:
        for unit in sorted(CLIP, key=lambda unit: (unit.key.group, unit.key.frame, unit.key.layer)):
            journal.append(unit)
    with read_stream(tmp_path / "clip.part") as stream:
        for level in range(3):
            assert size_after_cut(stream, level) == len(pack_stream(CLIP_FACTS, cut_to_level(stream, level)))
        size_bytes = size_after_cut(stream, 1) + 100
        assert len(pack_stream(CLIP_FACTS, cut_to_bytes(stream, size_bytes))) <= size_bytes


def test_cutting_raises_the_stream_group_first_and_chains_from_their_start() -> None:
    facts, units = STREAMS["chained"]
    stream = read_stream(pack_stream(facts, units))
    for size_bytes in range(size_after_cut(stream, 0), stream.size_bytes + 1, 7):
        cut = read_stream(pack_stream(facts, cut_to_bytes(stream, size_bytes)))
        reached = [place.level for place in cut.places]
        assert reached == sorted(reached, reverse=True)
        assert cut.size_bytes <= size_bytes
        assert [place.facts for place in cut.places] == [place.facts for place in stream.places]


def test_sizes_after_cuts_are_known_without_payloads() -> None:
    source = Counting(pack_stream(*STREAMS["large units"]))
    stream = read_stream(source)
    assert size_after_cut(stream, 0) < size_after_cut(stream, 1) == source.size_bytes
    assert source.read_bytes < 1000
