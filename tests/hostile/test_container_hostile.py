# SPDX-License-Identifier: Apache-2.0
"""Files cut at any byte, with any bit flipped, absurd claims, from the future: a BitstreamError or intact units."""

import tracemalloc
import zlib
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lamina.bitstream import BitWriter, pack_stream, read_stream
from lamina.bitstream.container import VERSION, FilePrefix
from lamina.bitstream.scan import pack_journal_front
from lamina.errors import BitstreamError
from lamina.units import STREAM_HEADER, StreamFacts, Unit, UnitKey

SAMPLES = Path(__file__).parents[1] / "conformance" / "container"
NAMES = ["still", "clip", "chained", "tiles", "spans", "clip_journal", "chained_journal"]
FINISHED = [name for name in NAMES if not name.endswith("journal")]
FACTS = StreamFacts(1)
MEMORY_BYTES = 4_000_000
"""More than reading any file of these sizes may take, far less than what the absurd ones claim."""


def sample(name: str) -> tuple[bytes, dict[UnitKey, Unit]]:
    data = (SAMPLES / f"{name}.lam").read_bytes()
    return data, {unit.key: unit for unit in read_stream(data).units()}


def read_all(data: bytes) -> tuple[list[Unit], list[BitstreamError]]:
    """Intact units and problems; all as problems when the stream cannot be opened or has lost its header unit."""
    problems: list[BitstreamError] = []
    try:
        stream = read_stream(data)
        units = list(stream.intact_units(problems))
        assert pack_stream(stream.facts, units)
    except BitstreamError as error:
        units, problems = [], [error]
    else:
        problems += stream.problems
    assert all(problem.unit and str(problem) for problem in problems)
    return units, problems


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
    # Of the longer files every fifth bit: each kind of record is in the shorter ones.
    for bit in range(0, 8 * len(data), 1 if len(data) < 700 else 5):
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


def with_crc(front: bytes) -> bytes:
    return front + zlib.crc32(front).to_bytes(4, "big")


def varints(*values: int) -> bytes:
    writer = BitWriter()
    for value in values:
        writer.write_varint(value)
    return writer.to_bytes()


def still_header(groups: int, frames: int, levels: int, front: int) -> bytes:
    """Prefix and header of a still of codec 1."""
    return FilePrefix(b"LAMINA", VERSION, 0).pack() + varints(1) + b"\0" + varints(groups, frames, levels, front)


@pytest.mark.parametrize(
    ("header", "problem"),
    [
        (still_header(2**20, 1, 1, 50), "cannot hold 1048576 records"),
        (still_header(2**63, 1, 1, 50), "group_count at byte 10: is 9223372036854775808, expected 1...1048576"),
        (still_header(2**20, 1, 1, 2**30), "truncated: its front takes 107374184. bytes, the file has"),
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


def test_keys_that_go_backwards_are_an_error_of_the_file() -> None:
    data = (SAMPLES / "still.lam").read_bytes()
    stream = read_stream(data)
    front = stream.front_size_bytes - 4
    place = stream.place(0)
    records = data[place.records_offset : place.records_offset + place.records_size_bytes]
    size = len(records) // 3
    swapped = records[size : 2 * size] + records[:size] + records[2 * size :]
    bad = data[: place.records_offset] + swapped + data[place.records_offset + len(records) : front]
    units, problems = read_all(with_crc(bad) + data[front + 4 :])
    assert problems
    assert {unit.key for unit in units} <= {STREAM_HEADER, UnitKey(0, 0, 0), UnitKey(0, 1, 0), UnitKey(0, 2, 0)}


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


def mutate_front(data: bytes, position: int, value: int) -> bytes:
    front_size = read_stream(data).front_size_bytes
    front = bytearray(data[: front_size - 4])
    front[position % len(front)] = value
    return with_crc(bytes(front)) + data[front_size:]


@settings(max_examples=500)
@given(st.sampled_from(FINISHED), st.integers(0, 10**4), st.integers(0, 255))
def test_any_byte_of_the_front_changed_behind_a_right_checksum(name: str, position: int, value: int) -> None:
    data, originals = sample(name)
    units, _ = read_all(mutate_front(data, position, value))
    payloads = b"".join(unit.payload for unit in originals.values())
    assert all(unit.payload in payloads + data for unit in units)


@settings(max_examples=300)
@given(st.integers(0, 3), st.integers(0, 10**4), st.integers(0, 255))
def test_any_byte_of_a_groups_records_changed_behind_a_right_checksum(group: int, position: int, value: int) -> None:
    data, originals = sample("chained")
    place = read_stream(data).place(group)
    start, stop = place.records_offset, place.records_offset + place.records_size_bytes
    records = bytearray(data[start:stop])
    records[position % len(records)] = value
    units, _ = read_all(data[:start] + with_crc(bytes(records)) + data[stop + 4 :])
    untouched = {key for key in originals if key.group < group}
    assert untouched <= {unit.key for unit in units}


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
        assert len(read_stream(data).entries) == count + 1
        assert tracemalloc.get_traced_memory()[1] < 1000 * count
    finally:
        tracemalloc.stop()
