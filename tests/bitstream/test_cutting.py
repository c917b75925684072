# SPDX-License-Identifier: Apache-2.0
import pytest

from lamina.bitstream import Stream, cut_to_bytes, cut_to_level, pack_stream, read_stream, write_stream
from lamina.units import Unit, UnitKey
from lamina.errors import TargetError

HEADER = Unit(UnitKey(0, -1, 0), b"header")
STILL = [HEADER, *(Unit(UnitKey(0, layer, 0), bytes(100 + layer), 30.0 + layer) for layer in range(3))]
CLIP = [
    HEADER,
    *(
        Unit(UnitKey(group, layer, 3 * group + t), bytes(20 + 10 * layer + group), 30.0)
        for group in range(4)
        for layer in range(3)
        for t in range(3)
    ),
]


def levels(stream: Stream) -> list[int]:
    return [stream.level_of(group) for group in stream.groups]


@pytest.mark.parametrize("level", [0, 1, 2])
def test_cutting_to_a_level_leaves_that_many_levels(tmp_path, level: int) -> None:
    path = tmp_path / "cut.lam"
    write_stream(path, 1, cut_to_level(read_stream(pack_stream(1, CLIP)), level))
    with read_stream(path) as cut:
        assert cut.level_count == level + 1
        assert cut.header.frame_count == 12
        assert list(cut.units()) == sorted((u for u in CLIP if u.key.layer <= level), key=lambda unit: unit.key)
        write_stream(path, 1, cut_to_level(cut, 0))
    with read_stream(path) as again:
        assert again.level_count == 1


@pytest.mark.parametrize("level", [-1, 3])
def test_cutting_rejects_levels_that_are_not_there(level: int) -> None:
    with pytest.raises(ValueError, match=r"expected 0\.\.\.2"):
        cut_to_level(read_stream(pack_stream(1, CLIP)), level)


@pytest.mark.parametrize("units", [STILL, CLIP])
def test_cutting_to_bytes_is_exact_and_as_large_as_can_be(units: list[Unit]) -> None:
    whole = pack_stream(1, units)
    stream = read_stream(whole)
    group_count = stream.group_count
    least_bytes = len(pack_stream(1, cut_to_level(stream, 0)))
    for size_bytes in range(least_bytes, len(whole) + 5):
        data = pack_stream(1, cut_to_bytes(stream, size_bytes))
        assert len(data) <= size_bytes
        reached = levels(read_stream(data))
        assert reached == sorted(reached, reverse=True)
        assert max(reached) - min(reached) <= 1
        if sum(reached) < 2 * group_count:
            raised = reached.index(min(reached))
            wanted = {group: level + (group == raised) for group, level in enumerate(reached)}
            larger = pack_stream(1, [u for u in units if u.key.layer <= wanted[u.key.group]])
            assert len(larger) > size_bytes
    assert pack_stream(1, cut_to_bytes(stream, len(whole))) == whole


def test_cutting_to_bytes_of_a_cut_file_works() -> None:
    stream = read_stream(pack_stream(1, CLIP))
    target = len(pack_stream(1, cut_to_level(stream, 1))) + 150
    once = read_stream(pack_stream(1, cut_to_bytes(stream, target)))
    assert levels(once) == [2, 1, 1, 1]
    twice = read_stream(pack_stream(1, cut_to_bytes(once, once.size_bytes - 1)))
    assert levels(twice) == [1, 1, 1, 1]


def test_cutting_rejects_a_target_too_small_and_says_the_least() -> None:
    stream = read_stream(pack_stream(1, STILL))
    least_bytes = len(pack_stream(1, cut_to_level(stream, 0)))
    with pytest.raises(TargetError, match=f"cut to {least_bytes - 1} bytes: level 0 takes {least_bytes}"):
        cut_to_bytes(stream, least_bytes - 1)
