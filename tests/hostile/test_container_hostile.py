# SPDX-License-Identifier: Apache-2.0
"""Files cut at any byte, with any bit flipped, absurd claims, from the future: a BitstreamError or intact units."""

import tracemalloc
import zlib
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lamina.bitstream import BitWriter, Stream, read_stream
from lamina.bitstream.container import MAX_UNITS, ContainerHeader, FilePrefix, JournalHeader
from lamina.bitstream.scan import pack_journal_front
from lamina.units import Unit, UnitKey
from lamina.errors import BitstreamError

SAMPLES = Path(__file__).parents[1] / "conformance" / "container"
NAMES = ["still", "clip", "clip_journal"]
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
    except BitstreamError as error:
        units, problems = [], [error]
    else:
        problems += stream.problems
    assert all(problem.unit and str(problem) for problem in problems)
    return units, problems


@pytest.mark.parametrize("name", NAMES)
def test_truncation_at_every_byte_leaves_what_is_whole(name: str) -> None:
    data, originals = sample(name)
    counts = []
    for length in range(len(data)):
        units, problems = read_all(data[:length])
        assert all(originals[unit.key] == unit for unit in units)
        counts.append(len(units))
        whole = [entry for entry in read_stream(data).entries if entry.stop <= length]
        assert problems or (name == "clip_journal" and len(units) == len(whole))
    assert counts == sorted(counts)
    assert counts[0] == 0
    assert counts[-1] > 0


@pytest.mark.parametrize("name", NAMES)
def test_every_flipped_bit_is_found_and_costs_no_lower_layer(name: str) -> None:
    data, originals = sample(name)
    entries = read_stream(data).entries
    for bit in range(8 * len(data)):
        flipped = bytearray(data)
        flipped[bit // 8] ^= 1 << bit % 8
        units, problems = read_all(bytes(flipped))
        assert problems, f"bit {bit} was flipped and nobody saw it"
        assert all(originals[unit.key] == unit for unit in units)
        hit = [entry.key for entry in entries if entry.offset <= bit // 8 < entry.stop]
        if hit and hit[0].layer >= 0:
            below = {key for key in originals if key.group != hit[0].group or key.layer < hit[0].layer}
            assert below <= {unit.key for unit in units}


def with_crc(front: bytes) -> bytes:
    return front + zlib.crc32(front).to_bytes(4, "big")


def varints(*values: int) -> bytes:
    writer = BitWriter()
    for value in values:
        writer.write_varint(value)
    return writer.to_bytes()


@pytest.mark.parametrize(
    ("header", "problem"),
    [
        (varints(1, 2**20, 1, 1, 1, 50), "cannot hold 1048576 records"),
        (varints(1, 2**63, 1, 1, 1, 50), "unit_count at byte 9: is 9223372036854775808, expected 1...1048576"),
        (varints(1, 2**20, 1, 1, 1, 24 * 2**20), "truncated: header and index take 25165847 bytes, the file has"),
        (varints(1, 1, 1, 1, 1, 2**40), "index_size_bytes at byte 13: is 1099511627776"),
        (varints(1, 0, 0, 0, 0, 0), "unit_count at byte 9: is 0"),
    ],
)
def test_absurd_counts_are_refused_before_memory_is_taken(header: bytes, problem: str) -> None:
    data = with_crc(FilePrefix(b"LAMINA", 1, 0).pack() + header + bytes(50))
    tracemalloc.start()
    try:
        with pytest.raises(BitstreamError, match=problem):
            read_stream(data)
        assert tracemalloc.get_traced_memory()[1] < MEMORY_BYTES
    finally:
        tracemalloc.stop()


def test_absurd_unit_lengths_are_refused_before_memory_is_taken() -> None:
    record = bytes([0b00100000]) + varints(2**30) + bytes(4)
    header = ContainerHeader(1, 1, 1, 0, 0, len(record)).pack()
    data = with_crc(FilePrefix(b"LAMINA", 1, 0).pack() + header + record)
    tracemalloc.start()
    try:
        stream = read_stream(data)
        with pytest.raises(BitstreamError, match="truncated: 0 of 1073741824 bytes are there"):
            stream.unit(stream.entries[0])
        assert tracemalloc.get_traced_memory()[1] < MEMORY_BYTES
    finally:
        tracemalloc.stop()


def test_a_future_version_is_refused_with_what_to_do() -> None:
    data = bytearray(sample("still")[0])
    data[6] = 2
    with pytest.raises(BitstreamError, match="is of version 2; this lamina reads version 1: upgrade lamina") as caught:
        read_stream(data)
    assert (caught.value.field, caught.value.position) == ("version", 6)


def test_an_unknown_feature_is_refused_with_what_to_do() -> None:
    data = bytearray(sample("still")[0])
    data[7] = 0x40
    with pytest.raises(BitstreamError, match="needs features 0x40 that this lamina does not know: upgrade lamina"):
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
def test_any_index_behind_a_right_checksum_gives_entries_or_an_error(draw: st.DataObject) -> None:
    unit_count = draw.draw(st.integers(1, 8))
    records = draw.draw(st.binary(min_size=6 * unit_count, max_size=12 * unit_count))
    counts = [draw.draw(st.integers(0, 3)) for _ in range(3)]
    header = varints(1, unit_count, *counts, len(records))
    read_all(with_crc(FilePrefix(b"LAMINA", 1, 0).pack() + header + records))


def mutate_front(data: bytes, position: int, value: int) -> bytes:
    front_size = read_stream(data).front_size_bytes
    front = bytearray(data[: front_size - 4])
    front[position % len(front)] = value
    return with_crc(bytes(front)) + data[front_size:]


@settings(max_examples=300)
@given(st.sampled_from(["still", "clip"]), st.integers(0, 10**4), st.integers(0, 255))
def test_any_byte_of_the_front_changed_behind_a_right_checksum(name: str, position: int, value: int) -> None:
    data, originals = sample(name)
    units, _ = read_all(mutate_front(data, position, value))
    payloads = {unit.payload for unit in originals.values()} | {b""}
    assert all(unit.payload in payloads for unit in units)


@settings(max_examples=200)
@given(st.binary(max_size=120))
def test_any_bytes_after_the_front_of_a_journal_give_units_or_an_error(data: bytes) -> None:
    units, problems = read_all(pack_journal_front(1) + data)
    assert units or problems


def test_a_journal_of_repeated_records_is_read_once_each() -> None:
    data, originals = sample("clip_journal")
    front_size = len(pack_journal_front(1))
    units, problems = read_all(data + data[front_size:] * 20)
    assert {unit.key for unit in units} == set(originals)
    assert "comes twice" in str(problems[0])


def test_a_journal_front_with_another_checksum_is_refused() -> None:
    front = FilePrefix(b"LAMINA", 1, 1).pack() + JournalHeader(1).pack()
    with pytest.raises(BitstreamError, match="it is damaged"):
        read_stream(front + bytes(4))


def test_opening_the_largest_index_of_shortest_records_takes_bounded_memory_for_its_size() -> None:
    count = MAX_UNITS // 256
    record = bytes([0]) + varints(0) + zlib.crc32(b"").to_bytes(4, "big")
    first = bytes([0b00100000]) + record[1:]
    records = first + bytes([0b00100000]) + record[1:] + record * (count - 2)
    header = ContainerHeader(1, count, 1, count - 1, 1, len(records)).pack()
    data = with_crc(FilePrefix(b"LAMINA", 1, 0).pack() + header + records)
    tracemalloc.start()
    try:
        stream: Stream = read_stream(data)
        assert len(stream.entries) == count
        assert tracemalloc.get_traced_memory()[1] < 1000 * count
    finally:
        tracemalloc.stop()
