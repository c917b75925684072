# SPDX-License-Identifier: Apache-2.0
"""Files cut at any byte, with any bit flipped, absurd claims, from the future: a BitstreamError or intact units."""

import sys
import tracemalloc
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lamina.bitstream import pack_stream, read_stream
from lamina.bitstream.container import VERSION, FilePrefix
from lamina.bitstream.runs import Run, RunWalk
from lamina.bitstream.scan import journal_start, pack_journal_front, pack_journal_record
from lamina.errors import BitstreamError
from lamina.units import STREAM_HEADER, GroupFacts, StreamFacts, Unit, UnitKey

sys.path.append(str(Path(__file__).parent))
from container_damage import MEMORY_BYTES, OPENINGS, RUNS, WALKS, read_all, varints, with_crc, with_region

SAMPLES = Path(__file__).parents[1] / "conformance" / "container"
NAMES = [
    *("still", "clip", "chained", "tiles", "spans", "odd"),
    *("clip_journal", "chained_journal", "spans_journal", "tiles_journal"),
    *("timed", "timed_spans", "timed_journal", "timed_spans_journal"),
]
FACTS = StreamFacts(1)


def sample(name: str) -> tuple[bytes, dict[UnitKey, Unit]]:
    data = (SAMPLES / f"{name}.lam").read_bytes()
    return data, {unit.key: unit for unit in read_stream(data).units()}


@pytest.mark.parametrize("name", NAMES)
def test_truncation_at_every_byte_leaves_what_is_whole(name: str) -> None:
    data, originals = sample(name)
    is_journal = name.endswith("journal")
    counts = []
    for length in range(len(data)):
        units, problems = read_all(data[:length])
        assert all(originals[unit.key] == unit for unit in units)
        counts.append(len(units))
        whole = [entry for entry in read_stream(data).entries if entry.run is not None and entry.run.stop <= length]
        assert problems or (is_journal and len(units) == len(whole))
    assert counts == sorted(counts)
    assert counts[0] == 0
    assert counts[-1] > 0


@pytest.mark.parametrize("name", NAMES)
def test_every_flipped_bit_is_found_and_costs_no_lower_layer(name: str) -> None:
    data, originals = sample(name)
    stream = read_stream(data)
    payload_bytes = {byte for entry in stream.entries for byte in range(entry.offset, entry.stop)}
    # Of payloads, which are all alike, every seventh bit; of the longer files every fifth of the others.
    bits = [bit for bit in range(8 * len(data)) if bit // 8 not in payload_bytes or bit % 7 == 0]
    for bit in bits[:: 1 if len(data) < 700 else 5]:
        flipped = bytearray(data)
        flipped[bit // 8] ^= 1 << bit % 8
        units, problems = read_all(bytes(flipped))
        assert problems, f"bit {bit} was flipped and nobody saw it"
        assert all(originals[unit.key] == unit for unit in units)
        hit = [entry.key for entry in stream.entries if entry.offset <= bit // 8 < entry.stop]
        if hit and hit[0].layer >= 0 and hit[0].group >= 0:
            kept = {unit.key for unit in units}
            later = {hit[0].group, *(group for group in stream.groups if stream.is_chained(group))}
            assert {key for key in originals if key.group not in later or key.layer < hit[0].layer} <= kept


def still_header(groups: int, frames: int, levels: int, front: int) -> bytes:
    """Prefix and header of a still of codec 1."""
    return FilePrefix(b"LAMINA", VERSION, 0).pack() + varints(1) + b"\0" + varints(groups, frames, levels, front)


@pytest.mark.parametrize(
    ("header", "problem"),
    [
        (still_header(2**17, 1, 1, 50), "cannot hold 131072 records"),
        (still_header(2**63, 1, 1, 50), "group_count at byte 10: is 9223372036854775808, expected 1...131072"),
        (still_header(2**17, 1, 1, 2**30), "truncated: its front takes 107374184. bytes, the file has"),
        (still_header(1, 1, 1, 2**50), "front_size_bytes at byte 13: is 1125899906842624"),
        (still_header(0, 0, 0, 0), "group_count at byte 10: is 0"),
    ],
)
def test_absurd_counts_are_refused_before_memory_is_taken(header: bytes, problem: str) -> None:
    data = with_crc(header + bytes(50))
    tracemalloc.start()
    try:
        with pytest.raises(BitstreamError, match=problem):
            read_stream(data)
        assert tracemalloc.get_traced_memory()[1] < MEMORY_BYTES
    finally:
        tracemalloc.stop()


def test_absurd_unit_lengths_are_refused_before_memory_is_taken() -> None:
    record = bytes([0b00100000]) + varints(2**30) + bytes(4)
    directory = bytes([0b00100000]) + varints(0, len(record), 2**30, 0)
    data = with_crc(still_header(1, 0, 0, len(directory) + len(record)) + directory + record)
    tracemalloc.start()
    try:
        stream = read_stream(data)
        with pytest.raises(BitstreamError, match="truncated: 0 of 1073741824 bytes are there"):
            stream.header_unit()
        assert tracemalloc.get_traced_memory()[1] < MEMORY_BYTES
    finally:
        tracemalloc.stop()


def directory_record(group: int | None, frame: int, count: int, layers: list[int], header: int | None = None) -> bytes:
    """Of a group with records of six bytes; its number is spelled out unless it is None."""
    flags = (group is not None) << 7 | (header is not None) << 5
    number = [2 * group if group >= 0 else 1, frame] if group is not None else []
    sizes = [header] if header is not None else []
    return bytes([flags]) + varints(*number, count, 6, *sizes, len(layers), *layers)


STREAM_RECORD = directory_record(None, 0, 0, [], 0)
HEADER_RUN = b"\x20" + bytes(5)
"""Of the next layer, 0 bytes."""


def timed_file(frames: int, levels: int, *records: bytes) -> bytes:
    """A clip of codec 1, 25 frames a second, of groups whose records are never there."""
    directory = STREAM_RECORD + b"".join(records)
    counts = varints(1 + len(records), frames, levels, len(directory) + len(HEADER_RUN))
    prefix = FilePrefix(b"LAMINA", VERSION, 0).pack()
    return with_crc(prefix + varints(1) + b"\x02" + varints(25, 1) + counts + directory + HEADER_RUN)


@pytest.mark.parametrize(
    ("records", "problem"),
    [
        ([directory_record(2, 0, 1, [9]), directory_record(1, 1, 1, [9])], "group 1 comes late, expected 3 or later"),
        ([directory_record(2, 0, 1, [9]), directory_record(2, 1, 1, [9])], "group 2 comes late, expected 3 or later"),
        ([directory_record(-1, 0, 1, [9])], "group -1 comes late, expected 0 or later"),
        ([directory_record(2**17 - 1, 0, 1, [9]), directory_record(None, 0, 1, [9])], "group 131072 of 1 frames is"),
        ([directory_record(2**17, 0, 1, [9])], "is 131072, expected -1...131071"),
        ([directory_record(0, 2**30 - 1, 2, [9])], "group 0 of 2 frames is beyond the limits"),
        ([directory_record(None, 0, 1, [2**50] * 9)], "a file of 10133099161583... bytes is beyond the limits"),
        ([directory_record(None, 0, 1, [2**51])], "is 2251799813685248, expected 0...1125899906842624"),
        ([directory_record(None, 0, 1, [0] * 128)], "has 128 elements, expected 0...127"),
        ([directory_record(None, 0, 3, [9])], "header says"),
    ],
)
def test_directories_that_cannot_be_are_refused(records: list[bytes], problem: str) -> None:
    with pytest.raises(BitstreamError, match=problem) as caught:
        read_stream(timed_file(1, 1, *records))
    assert caught.value.unit in ("directory record", "container")


def test_groups_that_cover_the_same_frames_are_parts_of_space() -> None:
    stream = read_stream(timed_file(4, 1, directory_record(0, 0, 4, [9]), directory_record(1, 0, 4, [9])))
    assert [place.frames for place in stream.places] == [range(0), range(4), range(4)]
    assert stream.frame_count == 4


def test_a_group_of_absurdly_many_frames_is_refused_in_no_time() -> None:
    stream = read_stream(timed_file(2**30 - 1, 1, directory_record(0, 0, 2**30 - 1, [9])))
    problems: list[BitstreamError] = []
    assert [unit.key for unit in stream.intact_units(problems, frames=range(10**9))] == [STREAM_HEADER]
    assert "truncated" in str(problems[0])


def test_rates_that_are_not_in_lowest_terms_are_refused() -> None:
    data = bytearray(timed_file(4, 1, directory_record(0, 0, 4, [9])))
    position = data.index(bytes([25, 1]))
    data[position : position + 2] = bytes([50, 2])
    with pytest.raises(BitstreamError, match="the rate 50/2 is not in lowest terms"):
        read_stream(with_crc(bytes(data[:-4])))


def test_keys_that_go_backwards_are_an_error_of_the_file() -> None:
    data = (SAMPLES / "still.lam").read_bytes()
    stream = read_stream(data)
    place = stream.place(0)
    at, size = place.records_offset, place.records_size_bytes // 3
    # Three layers: the second record says layer 1, so that the first in its place is layer 0 once more.
    backwards = bytes([data[at] | 0x80]) + b"\x02\x00" + data[at + 1 : at + size]
    changed = data[:at] + backwards + data[at + len(backwards) : stream.front_size_bytes - 4]
    problems: list[BitstreamError] = []
    bad = read_stream(with_crc(changed) + data[stream.front_size_bytes :])
    assert [unit.key for unit in bad.intact_units(problems)] == [STREAM_HEADER]
    assert problems[0].unit == "records of group 0"
    with pytest.raises(BitstreamError, match="records of group 0"):
        pack_stream(bad.facts, bad.units())


def test_a_future_version_is_refused_with_what_to_do() -> None:
    data = bytearray(sample("still")[0])
    data[6] = 3
    with pytest.raises(BitstreamError, match="is of version 3; this lamina reads version 2: upgrade lamina") as caught:
        read_stream(data)
    assert (caught.value.field, caught.value.position) == ("version", 6)


def test_a_past_version_is_refused_with_what_to_do() -> None:
    data = bytearray(sample("still")[0])
    data[6] = 1
    with pytest.raises(BitstreamError, match="is of version 1; this lamina reads version 2: encode anew"):
        read_stream(data)


def test_an_unknown_feature_is_refused_with_what_to_do() -> None:
    data = bytearray(sample("still")[0])
    for features, said in ((0x40, "of features 0x40"), (0b10, "segmented"), (0b100, "encrypted")):
        data[7] = features
        with pytest.raises(BitstreamError, match=f"is {said}, which this lamina does not read: upgrade lamina"):
            read_stream(data)


@pytest.mark.parametrize("data", [b"", b"L", b"\x89PNG\r\n\x1a\n" + bytes(60), bytes(100)])
def test_other_files_are_refused_by_name(tmp_path, data: bytes) -> None:
    path = tmp_path / "other.lam"
    path.write_bytes(data)
    with pytest.raises(BitstreamError) as caught:
        read_stream(path)
    assert str(caught.value).startswith(str(path))


@settings(max_examples=300)
@given(st.data())
def test_any_directory_behind_a_right_checksum_gives_units_or_an_error(draw: st.DataObject) -> None:
    groups = draw.draw(st.integers(1, 4))
    front = draw.draw(st.binary(min_size=4 * groups, max_size=40 * groups))
    counts = [draw.draw(st.integers(0, 3)) for _ in range(2)]
    units, problems = read_all(with_crc(still_header(groups, *counts, len(front)) + front) + bytes(30))
    assert units or problems


def checked_regions(data: bytes) -> list[tuple[int, int]]:
    """Bytes of a file that a CRC-32 right behind them covers: front, records."""
    stream = read_stream(data)
    regions = [(0, stream.front_size_bytes - 4)]
    if stream.is_journal:
        stops = [stream.front_size_bytes]
        for entry in sorted(stream.entries, key=lambda entry: entry.offset):
            if entry.run is not None and entry.run.stop != stops[-1]:
                regions.append((stops[-1], entry.run.offset - 4))
                stops.append(entry.run.stop)
        return regions
    behind = [place for place in stream.places if place.records_offset > stream.front_size_bytes]
    return regions + [(place.records_offset, place.records_offset + place.records_size_bytes) for place in behind]


@pytest.mark.parametrize(
    "name",
    [
        *("still", "tiles", "spans", "odd", "chained", "spans_journal", "odd_journal", "tiles_journal"),
        *("timed_spans", "timed_spans_journal"),
    ],
)
def test_every_flipped_bit_behind_a_right_checksum_gives_units_or_an_error(name: str) -> None:
    data, originals = sample(name)
    sizes = {key: len(unit.payload) for key, unit in originals.items()}
    for start, stop in checked_regions(data):
        for bit in range(8 * (stop - start)):
            changed = bytearray(data[start:stop])
            changed[bit // 8] ^= 1 << bit % 8
            units, problems = read_all(with_region(data, (start, stop), bytes(changed)))
            assert units or problems
            assert sum(len(unit.payload) for unit in units) <= sum(sizes.values())


@settings(max_examples=300)
@given(st.sampled_from(NAMES), st.integers(0, 10**4), st.integers(0, 10**4), st.binary(min_size=1, max_size=4))
def test_any_bytes_changed_behind_a_right_checksum_give_units_or_an_error(
    name: str, number: int, position: int, values: bytes
) -> None:
    data, originals = sample(name)
    regions = checked_regions(data)
    start, stop = regions[number % len(regions)]
    position %= stop - start
    changed = data[start : start + position] + values + data[start + position + len(values) : stop]
    units, problems = read_all(with_region(data, (start, stop), changed[: stop - start]))
    assert units or problems
    if start > 0 and not name.endswith("journal"):
        group = read_stream(data).groups[number % len(regions) - 1]
        assert {key for key in originals if key.group < group} <= {unit.key for unit in units}


@settings(max_examples=200)
@given(st.lists(st.tuples(RUNS, WALKS, OPENINGS), max_size=8))
def test_any_records_of_a_journal_give_units_or_an_error(records: list[tuple[Run, RunWalk, GroupFacts | None]]) -> None:
    header = Run(STREAM_HEADER, (0,))
    data = pack_journal_front(FACTS) + pack_journal_record(header, journal_start(), GroupFacts())
    for run, walk, opening in records:
        data += pack_journal_record(run, walk, opening) + bytes(run.length)
    units, _ = read_all(data)
    assert units[0].key == STREAM_HEADER
    assert len({unit.key for unit in units}) == len(units)


@settings(max_examples=200)
@given(st.binary(max_size=120))
def test_any_bytes_after_the_front_of_a_journal_give_units_or_an_error(data: bytes) -> None:
    units, problems = read_all(pack_journal_front(FACTS) + data)
    assert units or problems


def test_a_journal_of_repeated_records_is_read_once_each() -> None:
    data, originals = sample("clip_journal")
    front_size = read_stream(data).front_size_bytes
    units, problems = read_all(data + data[front_size:] * 20)
    assert {unit.key for unit in units} == set(originals)
    assert "twice" in str(problems[0])


def test_a_journal_front_with_another_checksum_is_refused() -> None:
    with pytest.raises(BitstreamError, match="it is damaged"):
        read_stream(pack_journal_front(FACTS)[:-4] + bytes(4))


def test_the_longest_records_of_shortest_units_take_bounded_memory_for_their_size() -> None:
    count = 65_536
    units = [Unit(STREAM_HEADER, b""), *(Unit(UnitKey(0, 0, frame), b"") for frame in range(count))]
    data = pack_stream(FACTS, units)
    tracemalloc.start()
    try:
        entries = read_stream(data).entries
        assert len(entries) == count + 1
        assert entries[count].key == UnitKey(0, 0, count - 1)
        assert tracemalloc.get_traced_memory()[1] < 100 * len(data)
    finally:
        tracemalloc.stop()


def test_a_directory_of_many_groups_takes_bounded_memory_for_their_number() -> None:
    count = 10_000
    data = timed_file(count, 0, *[directory_record(None, 0, 1, [])] * count)
    tracemalloc.start()
    try:
        stream = read_stream(data)
        problems: list[BitstreamError] = []
        assert [unit.key for unit in stream.intact_units(problems)] == [STREAM_HEADER]
        assert len(problems) == count
        assert len(stream.problems) == 1
        assert tracemalloc.get_traced_memory()[1] < 3000 * count
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("name", ["clip", "clip_journal"])
def test_more_units_than_a_stream_may_have_are_refused(monkeypatch, name: str) -> None:
    data, originals = sample(name)
    for module in ("groups", "layout", "scan"):
        monkeypatch.setattr(f"lamina.bitstream.{module}.MAX_UNITS", 12)
    units, problems = read_all(data)
    assert len(units) <= 12
    assert all(originals[unit.key] == unit for unit in units)
    assert "more units than the 12 of a" in str(problems[0])
