# SPDX-License-Identifier: Apache-2.0
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lamina.bitstream.index import front_size_bytes

from lamina.bitstream import pack_stream, read_stream, usable, write_stream
from lamina.units import HEADER_LAYER, Unit, UnitKey
from lamina.errors import BitstreamError

HEADER = Unit(UnitKey(0, HEADER_LAYER, 0), b"header")


def make_unit(group: int, layer: int, frame: int, size_bytes: int = 5) -> Unit:
    return Unit(UnitKey(group, layer, frame), bytes([group, layer + 1, frame, 7, 9] * size_bytes)[:size_bytes], 30.0)


CLIP = [HEADER, *(make_unit(g, layer, 4 * g + t) for g in range(3) for layer in range(3) for t in range(4))]

KEYS = st.builds(UnitKey, st.integers(0, 2**20 - 1), st.integers(-1, 126), st.integers(0, 2**30 - 1))
QUALITY = st.none() | st.integers(1, 65535).map(lambda centidb: centidb / 100)
UNITS = st.lists(
    st.builds(Unit, KEYS, st.binary(max_size=20), QUALITY),
    unique_by=lambda unit: unit.key,
    max_size=12,
).map(lambda units: [HEADER, *(unit for unit in units if unit.key != HEADER.key)])


@given(UNITS, st.integers(0, 2**14 - 1))
def test_a_stream_gives_back_its_units(units: list[Unit], codec_wire_id: int) -> None:
    stream = read_stream(pack_stream(codec_wire_id, units))
    assert list(stream.units()) == sorted(units, key=lambda unit: unit.key)
    assert stream.codec_wire_id == codec_wire_id
    assert stream.group_count == len(stream.groups) == len({unit.key.group for unit in units})
    assert stream.level_count == 1 + max(unit.key.layer for unit in units)
    assert stream.header.unit_count == len(units)
    assert stream.problems == ()


def test_a_file_gives_the_same_as_its_bytes(tmp_path) -> None:
    path = tmp_path / "clip.lam"
    size_bytes = write_stream(path, 7, reversed(CLIP))
    data = path.read_bytes()
    assert data == pack_stream(7, CLIP)
    with read_stream(path) as stream:
        assert list(stream.units()) == sorted(CLIP, key=lambda unit: unit.key)
        assert stream.size_bytes == size_bytes == len(data)
        assert stream.header_unit() == HEADER
        assert stream.entry(CLIP[5].key).length == 5
        assert front_size_bytes(data[:64]) == stream.front_size_bytes


def test_the_container_of_a_still_is_small() -> None:
    units = [Unit(HEADER.key, bytes(60)), *(Unit(UnitKey(0, layer, 0), bytes(3000), 30.0) for layer in range(3))]
    assert len(pack_stream(1, units)) - sum(len(unit.payload) for unit in units) <= 52


def test_byte_range_holds_the_levels_of_a_group() -> None:
    data = pack_stream(1, CLIP)
    stream = read_stream(data)
    start, stop = stream.byte_range(1, 1)
    assert data[start:stop] == b"".join(unit.payload for unit in CLIP if unit.key.group == 1 and unit.key.layer <= 1)
    assert stream.byte_range(0, 0)[0] == stream.front_size_bytes
    assert stream.byte_range(2, 99)[1] == stream.size_bytes
    assert stream.level_of(1) == 2


def test_byte_range_rejects_groups_that_are_not_there() -> None:
    with pytest.raises(ValueError, match=r"no group 3; groups are 0\.\.\.2"):
        read_stream(pack_stream(1, CLIP)).byte_range(3, 0)


def test_entry_rejects_keys_that_are_not_there() -> None:
    stream = read_stream(pack_stream(1, CLIP))
    for key in (UnitKey(0, 0, 4), UnitKey(9, 0, 0)):
        with pytest.raises(KeyError, match="has no unit group"):
            stream.entry(key)


def test_units_of_frames_bring_what_those_build_on() -> None:
    stream = read_stream(pack_stream(1, CLIP))
    keys = [unit.key for unit in stream.units(max_level=1, frames=range(5, 7))]
    assert keys == [HEADER.key, *(UnitKey(1, layer, frame) for layer in (0, 1) for frame in (4, 5, 6))]
    assert [unit.key for unit in stream.units(max_level=0, groups=[2], frames=[8])] == [HEADER.key, UnitKey(2, 0, 8)]
    assert [unit.key for unit in stream.units(frames=range(99, 100))] == [HEADER.key]


@pytest.mark.parametrize("centidb", [(float("inf"), 655.35), (-3.0, 0.01), (30.006, 30.01)])
def test_quality_is_kept_in_hundredths_of_a_decibel(centidb: tuple[float, float]) -> None:
    measured, stored = centidb
    stream = read_stream(pack_stream(1, [HEADER, Unit(UnitKey(0, 0, 0), b"", measured)]))
    assert stream.entries[1].quality_db == stored


@pytest.mark.parametrize(
    ("units", "problem"),
    [
        ([], "first unit is nothing"),
        ([CLIP[1]], "first unit is group 0, frame 0, layer 0, expected the header unit"),
        ([HEADER, CLIP[1], CLIP[1]], "each key once"),
        ([HEADER, Unit(UnitKey(0, 127, 0), b"")], "layer: is 127"),
        ([HEADER, Unit(UnitKey(0, 0, 0), b"", float("nan"))], "quality_db is NaN"),
    ],
)
def test_writing_rejects_streams_that_cannot_be(units: list[Unit], problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        pack_stream(1, units)


def test_a_damaged_layer_costs_itself_and_what_builds_on_it() -> None:
    data = bytearray(pack_stream(1, CLIP))
    stream = read_stream(bytes(data))
    lost = UnitKey(1, 1, 5)
    data[stream.entry(lost).offset] ^= 1
    problems: list[BitstreamError] = []
    kept = [unit.key for unit in read_stream(data).intact_units(problems)]
    gone = {unit.key for unit in CLIP} - set(kept)
    assert gone == {UnitKey(1, layer, frame) for layer in (1, 2) for frame in (5, 6, 7)}
    assert [problem.unit for problem in problems] == [str(lost)]
    assert problems[0].position == stream.entry(lost).offset


def test_reading_strictly_rejects_a_damaged_unit_by_file_unit_and_position(tmp_path) -> None:
    path = tmp_path / "clip.lam"
    write_stream(path, 1, CLIP)
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)
    with read_stream(path) as stream, pytest.raises(BitstreamError, match="CRC-32 is") as caught:
        list(stream.units())
    assert caught.value.path == str(path)
    assert caught.value.unit == "group 2, frame 11, layer 2"
    assert caught.value.position == len(data) - 5


@settings(max_examples=50)
@given(st.lists(st.sampled_from([unit.key for unit in CLIP[1:]]), max_size=4))
def test_usable_units_are_those_with_all_they_build_on(lost: list[UnitKey]) -> None:
    kept = set(usable((unit.key for unit in CLIP), lost))
    for key in (unit.key for unit in CLIP):
        built_on = [k for k in lost if k.group == key.group and k.layer <= key.layer and k.frame <= key.frame]
        assert (key in kept) == (not built_on)


def test_a_lost_header_costs_its_group_or_the_stream() -> None:
    keys = [HEADER.key, UnitKey(0, 0, 0), UnitKey(1, -1, 3), UnitKey(1, 0, 1), UnitKey(2, 0, 4)]
    assert list(usable(keys, [UnitKey(1, -1, 3)])) == [HEADER.key, UnitKey(0, 0, 0), UnitKey(2, 0, 4)]
    assert list(usable(keys, [HEADER.key])) == []


def test_bytes_after_the_last_unit_are_noted() -> None:
    stream = read_stream(pack_stream(1, CLIP) + b"more")
    assert "longer than its index says" in str(stream.problems[0])
    assert len(list(stream.units())) == len(CLIP)
