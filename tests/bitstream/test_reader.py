# SPDX-License-Identifier: Apache-2.0
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lamina.bitstream import codecs_string, cut_to_level, file_size_bytes, pack_stream, read_stream, write_stream
from lamina.errors import BitstreamError
from lamina.times import UnitTimes
from lamina.units import STREAM_GROUP, GroupFacts, StreamFacts, Unit, UnitKey

sys.path.append(str(Path(__file__).parent))
from made_up_streams import CAMERA_FACTS, CLIP, CLIP_FACTS, HEADER, STREAMS, Counting, chained, in_order, spans, tiles

KEYS = st.builds(UnitKey, st.integers(-1, 2**17 - 1), st.integers(-1, 126), st.integers(0, 2**29))
QUALITY = st.none() | st.integers(1, 65535).map(lambda centidb: centidb / 100)
SMALL_KEYS = st.builds(UnitKey, st.integers(-1, 3), st.integers(-1, 2), st.integers(0, 5))


def without_overlap(units: list[Unit]) -> list[Unit]:
    """A header unit a group at most, at its first frame; one header unit of the stream."""
    kept: list[Unit] = [HEADER]
    groups: dict[int, int] = {}
    for unit in units:
        group, layer, frame = unit.key
        if group == STREAM_GROUP and (layer < 0 or frame > 0):
            continue
        if layer < 0 and groups.setdefault(group, frame) != frame:
            continue
        kept.append(unit)
    return kept


UNITS = st.lists(
    st.builds(Unit, KEYS | SMALL_KEYS, st.binary(max_size=20), QUALITY), unique_by=lambda unit: unit.key, max_size=14
).map(without_overlap)


def with_times(unit: Unit) -> Unit:
    """The same, in a stream whose frames have times of their own."""
    if unit.key.layer != 0 or unit.key.group == STREAM_GROUP:
        return unit
    return replace(unit, times=UnitTimes(21 * unit.key.frame, (1 + len(unit.payload),)))


@given(UNITS, st.sampled_from([facts for facts, _ in STREAMS.values()]))
def test_a_stream_gives_back_its_units(units: list[Unit], facts: StreamFacts) -> None:
    if facts.ticks_per_second is not None:
        units = [with_times(unit) for unit in units]
    data = pack_stream(facts, units)
    stream = read_stream(data)
    found = [(unit.key, unit.payload, unit.times) for unit in stream.units()]
    assert found == [(unit.key, unit.payload, unit.times) for unit in in_order(units)]
    assert stream.facts == facts
    assert stream.group_count == len({unit.key.group for unit in units if unit.key.group >= 0})
    assert stream.level_count == 1 + max(unit.key.layer for unit in units)
    assert stream.problems == ()
    assert len(data) == file_size_bytes(facts, units)


@pytest.mark.parametrize("name", STREAMS)
def test_every_kind_of_stream_comes_back(name: str) -> None:
    facts, units = STREAMS[name]
    data = pack_stream(facts, units)
    stream = read_stream(data)
    assert list(stream.units()) == in_order(units)
    assert stream.facts == facts
    assert len(data) == file_size_bytes(facts, units) == stream.size_bytes


def test_a_file_gives_the_same_as_its_bytes(tmp_path) -> None:
    path = tmp_path / "clip.lam"
    size_bytes = write_stream(path, CLIP_FACTS, reversed(CLIP))
    data = path.read_bytes()
    assert data == pack_stream(CLIP_FACTS, CLIP)
    with read_stream(path) as stream:
        assert list(stream.units()) == in_order(CLIP)
        assert stream.size_bytes == size_bytes == len(data)
        assert stream.header_unit() == HEADER
        assert (stream.frame_count, stream.duration_s, stream.is_timed) == (12, 12 / 25, True)


def test_the_container_of_a_still_is_small() -> None:
    units = [Unit(HEADER.key, bytes(60)), *(Unit(UnitKey(0, layer, 0), bytes(3000), 30.0) for layer in range(3))]
    assert len(pack_stream(StreamFacts(1), units)) - sum(len(unit.payload) for unit in units) <= 72


def test_small_units_share_a_record() -> None:
    units = [HEADER, *(Unit(UnitKey(0, 0, frame), bytes(17), 30.0) for frame in range(200))]
    assert len(pack_stream(CLIP_FACTS, units)) - sum(len(unit.payload) for unit in units) < 1.5 * 200


def test_a_byte_range_holds_the_levels_of_a_group() -> None:
    data = pack_stream(CLIP_FACTS, CLIP)
    stream = read_stream(data)
    ((start, stop),) = stream.byte_ranges(1, 1)
    assert data[start:stop] == b"".join(unit.payload for unit in CLIP if unit.key.group == 1 and unit.key.layer <= 1)
    assert stream.byte_ranges(3, 99)[0][1] == stream.size_bytes
    assert stream.level_of(1) == 2


@pytest.mark.parametrize("name", ["clip", "chained", "tiles"])
def test_front_and_a_range_with_records_are_all_that_a_client_needs(name: str) -> None:
    facts, units = STREAMS[name]
    data = pack_stream(facts, units)
    stream = read_stream(data)
    fetched = bytearray(len(data))
    spans = [(0, stream.front_size_bytes), *stream.byte_ranges(-1, 0)]
    for group in (1, 2):
        ranges = stream.byte_ranges(group, 0, with_records=True)
        assert len(ranges) == 1
        spans += ranges
    for start, stop in spans:
        fetched[start:stop] = data[start:stop]
    wanted = [unit for unit in in_order(units) if unit.key.group in (-1, 1, 2) and unit.key.layer <= 0]
    client = read_stream(fetched)
    asked = (entry for group in (-1, 1, 2) for entry in client.entries_of(group) if entry.key.layer <= 0)
    assert [client.unit(entry) for entry in asked] == wanted


def test_stills_of_several_groups_are_sent_layer_by_layer() -> None:
    units = tiles()
    data = pack_stream(StreamFacts(1), units)
    stream = read_stream(data)
    base = b"".join(unit.payload for unit in units if unit.key.layer == 0)
    assert data.index(base) + len(base) == data.index(units[2].payload)
    pieces = [data[start:stop] for start, stop in stream.byte_ranges(1, 1)]
    assert pieces == [unit.payload for unit in units if unit.key.group == 1]
    assert stream.place(2).facts == GroupFacts(box=(2.0, 0.0, 0.0, 3.0, 1.0, 0.5))


def test_byte_ranges_reject_groups_that_are_not_there() -> None:
    with pytest.raises(ValueError, match=r"no group 4; groups are -1\.\.\.3"):
        read_stream(pack_stream(CLIP_FACTS, CLIP)).byte_ranges(4, 0)


def test_entry_rejects_keys_that_are_not_there() -> None:
    stream = read_stream(pack_stream(CLIP_FACTS, CLIP))
    for key in (UnitKey(0, 0, 4), UnitKey(9, 0, 0)):
        with pytest.raises(KeyError, match="has no unit group"):
            stream.entry(key)


def test_units_of_frames_bring_what_those_build_on() -> None:
    stream = read_stream(pack_stream(CLIP_FACTS, CLIP))
    keys = [unit.key for unit in stream.units(max_level=1, frames=range(4, 5))]
    assert keys == [HEADER.key, *(UnitKey(1, layer, frame) for layer in (0, 1) for frame in (3, 4))]
    assert [unit.key for unit in stream.units(max_level=0, groups=[2], frames=[6])] == [HEADER.key, UnitKey(2, 0, 6)]
    assert [unit.key for unit in stream.units(frames=range(99, 100))] == [HEADER.key]


def test_units_of_a_chained_group_bring_the_groups_before_it() -> None:
    stream = read_stream(pack_stream(CAMERA_FACTS, chained()))
    groups = {unit.key.group for unit in stream.units(frames=range(7, 8))}
    assert groups == {STREAM_GROUP, 2, 3}
    assert {unit.key.group for unit in stream.units(frames=range(4, 5))} == {STREAM_GROUP, 2}
    assert max(unit.key.frame for unit in stream.units(groups=[1], frames=[2]) if unit.key.group == 0) == 1


def test_units_of_several_frames_count_as_those() -> None:
    stream = read_stream(pack_stream(CLIP_FACTS, spans()))
    assert stream.frame_count == 19
    assert [unit.key.frame for unit in stream.units(max_level=0, frames=range(9, 10))] == [0, 0, 0, 8]


@pytest.mark.parametrize("centidb", [(float("inf"), 655.35), (-3.0, 0.01), (30.006, 30.01)])
def test_quality_is_kept_in_hundredths_of_a_decibel(centidb: tuple[float, float]) -> None:
    measured, stored = centidb
    stream = read_stream(pack_stream(StreamFacts(1), [HEADER, Unit(UnitKey(0, 0, 0), b"", measured)]))
    assert stream.entries[1].quality_db == stored


def test_a_codecs_string_names_family_codec_and_version() -> None:
    assert codecs_string("planar", 1) == "lam1.planar.1"


@pytest.mark.parametrize(
    ("units", "problem"),
    [
        ([], "first unit is nothing"),
        ([CLIP[1]], "first unit is group 0, frame 0, layer 0, expected the header unit"),
        ([HEADER, CLIP[1], CLIP[1]], "each key once"),
        ([HEADER, Unit(UnitKey(0, 127, 0), b"")], "beyond the limits"),
        ([HEADER, Unit(UnitKey(0, 0, 0), b"", float("nan"))], "quality_db is NaN"),
        ([HEADER, Unit(UnitKey(0, 0, 0), b"", None, 4), Unit(UnitKey(0, 0, 3), b"")], "lies within the 4 frames"),
        ([HEADER, CLIP[1], Unit(UnitKey(0, 0, 1), b"", group=GroupFacts(True))], "says GroupFacts"),
        ([HEADER, Unit(UnitKey(0, -1, 0), b"a"), Unit(UnitKey(0, -1, 5), b"b")], "is a second header unit"),
        ([HEADER, Unit(UnitKey(2**17, 0, 0), b"")], "beyond the limits"),
        ([HEADER, Unit(UnitKey(0, 0, 2**30), b"")], "beyond the limits"),
        ([HEADER, Unit(UnitKey(0, 0, 2**30 - 4), b"", None, 5)], "and 5 frames is beyond the limits"),
        ([HEADER, Unit(UnitKey(0, 0, 0), b"", None, 0)], "and 0 frames is beyond the limits"),
        ([HEADER, Unit(UnitKey(0, -1, 0), b"", None, 2)], "beyond the limits"),
        ([HEADER, Unit(UnitKey(-1, 0, 3), b"")], "beyond the limits"),
        ([HEADER, Unit(UnitKey(0, 0, 0), b"", group=GroupFacts(box=(0.0,) * 5 + (float("inf"),)))], "finite"),
    ],
)
def test_writing_rejects_streams_that_cannot_be(units: list[Unit], problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        pack_stream(CLIP_FACTS, units)


def test_reading_strictly_rejects_a_damaged_unit_by_file_unit_and_position(tmp_path) -> None:
    path = tmp_path / "clip.lam"
    write_stream(path, CLIP_FACTS, CLIP)
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)
    with read_stream(path) as stream, pytest.raises(BitstreamError, match="CRC-32 is") as caught:
        list(stream.units())
    assert caught.value.path == str(path)
    assert caught.value.unit == "group 3, frame 9, layer 2"
    assert caught.value.position == len(data) - 3 * 43


def test_bytes_after_the_last_unit_are_noted() -> None:
    stream = read_stream(pack_stream(CLIP_FACTS, CLIP) + b"more")
    assert "longer than its directory says" in str(stream.problems[0])
    assert len(list(stream.units())) == len(CLIP)


def test_an_hour_is_opened_by_its_first_kilobytes() -> None:
    units = [HEADER]
    for group in range(3600):
        units += [Unit(UnitKey(group, layer, 25 * group), b"u", 30.0, 25) for layer in range(3)]
    source = Counting(pack_stream(CLIP_FACTS, units))
    stream = read_stream(source)
    assert (stream.frame_count, stream.level_count, stream.group_count) == (90_000, 3, 3600)
    assert source.read_bytes < 64_000
    assert [unit.key.group for unit in stream.units(frames=range(50_000, 50_001))] == [-1, 2000, 2000, 2000]
    assert source.read_bytes < 65_000


@pytest.mark.parametrize("name", STREAMS)
def test_every_byte_of_a_file_has_one_place(name: str) -> None:
    facts, units = STREAMS[name]
    stream = read_stream(pack_stream(facts, units))
    spans = [(0, stream.front_size_bytes)]
    for place in stream.places:
        if place.records_offset >= stream.front_size_bytes:
            spans.append((place.records_offset, place.records_offset + place.records_size_bytes + 4))
        spans += [(start, start + size) for start, size in zip(place.offsets, place.sizes_bytes, strict=True) if size]
    spans.sort()
    assert [start for start, _ in spans] == [0, *(stop for _, stop in spans[:-1])]
    assert spans[-1][1] == stream.size_bytes
    payloads = [(entry.offset, entry.stop) for entry in stream.entries]
    assert sum(stop - start for start, stop in payloads) == sum(len(unit.payload) for unit in units)
    for place in stream.places:
        ranges = stream.byte_ranges(place.group, 126)
        inside = [entry for entry in stream.entries_of(place.group) if entry.length]
        assert all(any(start <= entry.offset and entry.stop <= stop for start, stop in ranges) for entry in inside)
        assert sum(stop - start for start, stop in ranges) == sum(entry.length for entry in inside)


def test_reading_and_cutting_reject_a_file_with_damaged_records(tmp_path) -> None:
    path = tmp_path / "clip.lam"
    data = bytearray(pack_stream(CLIP_FACTS, CLIP))
    data[read_stream(bytes(data)).place(2).records_offset] ^= 1
    path.write_bytes(data)
    with read_stream(path) as stream:
        for attempt in (lambda: list(stream.units()), lambda: cut_to_level(stream, 0), lambda: stream.entries_of(2)):
            with pytest.raises(BitstreamError, match="records of group 2") as caught:
                attempt()
            assert caught.value.path == str(path)
        assert [unit.key.group for unit in stream.units(max_level=0, groups=[1])] == [-1, 1, 1, 1]
        assert len(stream.problems) == 1


def test_large_units_are_not_kept_and_small_ones_are_read_once() -> None:
    units = [HEADER, Unit(UnitKey(0, 0, 0), b"small"), Unit(UnitKey(0, 0, 1), bytes(1 << 19))]
    source = Counting(pack_stream(CLIP_FACTS, units))
    stream = read_stream(source)
    for _ in range(2):
        before = source.read_bytes
        assert stream.unit(stream.entry(UnitKey(0, 0, 1))).payload == bytes(1 << 19)
        assert source.read_bytes - before >= 1 << 19
    source = Counting(pack_stream(CLIP_FACTS, CLIP))
    stream = read_stream(source)
    list(stream.units())
    before = source.read_bytes
    list(stream.units(groups=[3]))
    assert source.read_bytes - before <= len(HEADER.payload)
