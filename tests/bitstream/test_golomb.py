# SPDX-License-Identifier: Apache-2.0
from contextlib import suppress
from dataclasses import dataclass
from typing import Annotated

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lamina.bitstream import BitReader, BitWriter, Syntax
from lamina.bitstream.golomb import AlikeUInts, code_bits, read_code, write_code
from lamina.errors import BitstreamError

LARGEST = 2**30


@dataclass(frozen=True, slots=True)
class Sizes(Syntax):
    """Sizes alone."""

    sizes: Annotated[tuple[int, ...], AlikeUInts(LARGEST, 50)]


@given(st.lists(st.integers(0, LARGEST) | st.integers(10, 40), max_size=50).map(tuple))
def test_sizes_come_back(sizes: tuple[int, ...]) -> None:
    assert Sizes.unpack_whole(Sizes(sizes).pack()).sizes == sizes


@given(st.integers(0, LARGEST), st.integers(0, 31))
def test_a_code_has_the_bits_that_were_said(value: int, order: int) -> None:
    writer = BitWriter()
    write_code(writer, value, order)
    assert writer.size_bits == code_bits(value, order)
    assert read_code(BitReader(writer.to_bytes()), order, LARGEST, "") == value


@pytest.mark.parametrize(
    ("value", "order", "bits"),
    [(0, 0, "1"), (1, 0, "010"), (2, 0, "011"), (3, 0, "00100"), (0, 2, "100"), (3, 2, "111"), (4, 2, "01000")],
)
def test_codes_are_those_of_the_documentation(value: int, order: int, bits: str) -> None:
    writer = BitWriter()
    write_code(writer, value, order)
    assert format(int.from_bytes(writer.to_bytes(), "big"), "08b").startswith(bits)
    assert writer.size_bits in (len(bits), 8)


def test_sizes_that_are_alike_take_less_than_their_bytes() -> None:
    assert len(Sizes((250,) * 40).pack()) == 1 + 2 + 6
    assert len(Sizes(tuple(range(300, 340))).pack()) <= 1 + 2 + 32
    assert len(Sizes((17,) * 39 + (9000,)).pack()) <= 1 + 1 + 10


@pytest.mark.parametrize("sizes", [(-1,), (LARGEST + 1,), (0,) * 51, (1.5,), b"ab", 3])
def test_writing_rejects_what_is_no_size(sizes: object) -> None:
    with pytest.raises(ValueError, match=r"Sizes\.sizes"):
        Sizes(sizes).pack()  # pyright: ignore[reportArgumentType]


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        (bytes([51]), "is 51, expected at most 50"),
        (bytes([3, 5]), "truncated"),
        (bytes([50, 5, 0]), "50 codes of at least 1 bits do not fit"),
        (bytes([1, 0xFF, 0xFF, 0xFF, 0xFF, 0x7F, 0]), "lowest"),
        (bytes([1, 0, 0, 0, 0, 0, 0, 0, 0, 0]), "more than 1073741824 above"),
        (bytes([1, 0x80, 0x80, 0x80, 0x80, 0x04, 0b00000_010, 0]), "is more than 0 above the lowest"),
        (bytes([1, 5, 0b00000_100, 1]), "1 bytes after the end"),
        (bytes([1, 5, 0b00000_101]), "padding bits are"),
    ],
)
def test_reading_rejects_what_no_writer_writes(data: bytes, problem: str) -> None:
    with pytest.raises(BitstreamError, match=problem):
        Sizes.unpack_whole(data)


@given(st.binary(max_size=30))
def test_any_bytes_give_sizes_within_the_limits_or_an_error(data: bytes) -> None:
    with suppress(BitstreamError):
        sizes, _ = Sizes.unpack(data)
        assert all(0 <= size <= LARGEST for size in sizes.sizes)
        assert len(sizes.sizes) <= 50


def test_declarations_reject_limits_that_cannot_be() -> None:
    with pytest.raises(TypeError, match="expected"):

        class Endless(Syntax):
            sizes: Annotated[tuple[int, ...], AlikeUInts(2**40, 5)]
