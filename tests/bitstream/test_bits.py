# SPDX-License-Identifier: Apache-2.0
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lamina.bitstream import BitReader, BitWriter
from lamina.errors import BitstreamError

FIELDS = st.lists(
    st.one_of(
        st.integers(1, 64).flatmap(lambda bits: st.tuples(st.just(bits), st.integers(0, 2**bits - 1))),
        st.tuples(st.just("varint"), st.integers(0, 2**64 - 1)),
        st.tuples(st.just("zigzag"), st.integers(-(2**63), 2**63 - 1)),
        st.tuples(st.just("bytes"), st.binary(max_size=9)),
    )
)


@given(FIELDS)
def test_what_is_written_is_read(fields) -> None:
    writer = BitWriter()
    write = {"varint": writer.write_varint, "zigzag": writer.write_zigzag, "bytes": writer.write_bytes}
    for kind, value in fields:
        writer.write_bits(value, kind) if isinstance(kind, int) else write[kind](value)
    data = writer.to_bytes()
    assert writer.size_bits == 8 * len(data)
    reader = BitReader(data)
    read = {"varint": reader.read_varint, "zigzag": reader.read_zigzag}
    for kind, value in fields:
        if kind == "bytes":
            assert reader.read_bytes(len(value)) == value
        else:
            assert (reader.read_bits(kind) if isinstance(kind, int) else read[kind]()) == value
    reader.expect_end()


def test_layout_is_most_significant_bit_first_and_leb128() -> None:
    writer = BitWriter()
    writer.write_bits(0b101, 3)
    writer.write_bits(0x1FF, 9)
    writer.write_varint(300)
    writer.write_zigzag(-2)
    assert writer.to_bytes() == bytes([0b10111111, 0b11110000, 0xAC, 0x02, 0x03])


@pytest.mark.parametrize(("value", "bits"), [(8, 3), (-1, 3), (1 << 64, 64)])
def test_writer_rejects_what_does_not_fit(value: int, bits: int) -> None:
    with pytest.raises(ValueError, match="does not fit"):
        BitWriter().write_bits(value, bits)


@pytest.mark.parametrize("value", [-1, 1 << 64])
def test_writer_rejects_varints_beyond_64_bits(value: int) -> None:
    with pytest.raises(ValueError, match="64-bit"):
        BitWriter().write_varint(value)


def test_reader_rejects_truncation_with_unit_field_and_position() -> None:
    reader = BitReader(b"\x00\xff", unit="sample")
    reader.read_bits(12, "first")
    with pytest.raises(BitstreamError, match="truncated: 5 bits wanted, 4 left") as caught:
        reader.read_bits(5, "second")
    assert (caught.value.unit, caught.value.field, caught.value.position) == ("sample", "second", 1)
    with pytest.raises(BitstreamError, match="truncated: 1000000000000 bytes wanted"):
        BitReader(b"abc").read_bytes(10**12)


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        (b"\x80", "truncated"),
        (b"\x80\x00", "shortest"),
        (b"\xff" * 11, "longer than 10"),
        (b"\xff" * 9 + b"\x7f", "is"),
    ],
)
def test_reader_rejects_bad_varints(data: bytes, problem: str) -> None:
    with pytest.raises(BitstreamError, match=problem):
        BitReader(data).read_varint()


def test_reader_rejects_padding_that_is_not_zero() -> None:
    reader = BitReader(b"\x01\x00")
    reader.read_bits(4)
    with pytest.raises(BitstreamError, match="padding"):
        reader.read_varint()


def test_reader_rejects_bytes_after_the_end() -> None:
    with pytest.raises(BitstreamError, match="2 bytes after the end"):
        BitReader(b"ab").expect_end()
