# SPDX-License-Identifier: Apache-2.0
import math
import struct
from dataclasses import dataclass, replace
from enum import IntEnum
from typing import Annotated, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lamina.bitstream import Array, Bytes, Enumeration, Flag, Float32, Half, Int, Struct, Syntax, UInt, Varint
from lamina.bitstream.tables import markdown_table
from lamina.errors import BitstreamError


class Shade(IntEnum):
    DARK = 0
    LIGHT = 2


@dataclass(frozen=True, slots=True)
class Pair(Syntax):
    left: Annotated[int, Int(5)]
    right: Annotated[int, UInt(2)]


@dataclass(frozen=True, slots=True)
class SampleUnit(Syntax):
    """One field of each kind."""

    width: Annotated[int, UInt(16, minimum=1)]
    """Pixels | at full size."""
    has_rate: Annotated[bool, Flag()]
    shade: Annotated[Shade, Enumeration(Shade, bits=2)]
    pair_count: Annotated[int, Varint(100)]
    pairs: Annotated[tuple[Pair, ...], Array(Struct(Pair), 5, count="pair_count")]
    offset: Annotated[int, Int()]
    scale: Annotated[float, Half(minimum=0)]
    gain: Annotated[float, Float32()]
    name: Annotated[bytes, Bytes(20)]
    corners: Annotated[tuple[int, ...], Array(UInt(4), count=2)]
    rate: Annotated[int | None, Varint(10**9, when="has_rate")] = None

    def check(self) -> None:
        if self.name == b"forbidden":
            raise ValueError("name is forbidden")


SAMPLE = SampleUnit(300, True, Shade.LIGHT, 2, (Pair(-3, 1), Pair(15, 3)), -7, 1.5, 0.25, b"abc", (1, 2), 25_000)

PAIRS = st.lists(st.builds(Pair, st.integers(-16, 15), st.integers(0, 3)), max_size=5).map(tuple)
SAMPLES = st.builds(
    lambda pairs, rate, **fields: SampleUnit(
        pairs=pairs, pair_count=len(pairs), rate=rate, has_rate=rate is not None, **fields
    ),
    pairs=PAIRS,
    rate=st.none() | st.integers(0, 10**9),
    width=st.integers(1, 65535),
    shade=st.sampled_from(Shade),
    offset=st.integers(-(2**63), 2**63 - 1),
    scale=st.floats(0, 65504, width=16),
    gain=st.floats(allow_nan=False, allow_infinity=False, width=32),
    name=st.binary(max_size=20).filter(lambda name: name != b"forbidden"),
    corners=st.tuples(st.integers(0, 15), st.integers(0, 15)),
)


@given(SAMPLES)
def test_unpack_gives_back_what_was_packed(sample: SampleUnit) -> None:
    data = sample.pack()
    assert SampleUnit.unpack_whole(data) == sample
    assert SampleUnit.unpack(b"xx" + data + b"yy", 2) == (sample, 2 + len(data))
    assert sample.size_bytes == len(data)


def test_layout_is_pinned() -> None:
    assert SAMPLE.pack().hex() == "012cc002eafc0d3e003e8000000361626312a8c301"


@given(st.binary(max_size=60))
def test_unpack_of_any_bytes_gives_a_value_or_a_bitstream_error(data: bytes) -> None:
    try:
        value, end = SampleUnit.unpack(data)
    except BitstreamError as error:
        named = error.unit
    else:
        named = "sample unit" if value.pack() == data[:end] else "a second spelling of the same value"
    assert named == "sample unit"


def test_unpack_rejects_every_truncation() -> None:
    data = SAMPLE.pack()
    for length in range(len(data)):
        with pytest.raises(BitstreamError) as caught:
            SampleUnit.unpack(data[:length])
        assert caught.value.field
        assert 0 <= caught.value.position <= length


def test_unpack_whole_rejects_bytes_after_the_end() -> None:
    with pytest.raises(BitstreamError, match="1 bytes after the end"):
        SampleUnit.unpack_whole(SAMPLE.pack() + b"\0")


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"width": 0}, "width: is 0, expected 1...65535"),
        ({"width": 70000}, "width: is 70000"),
        ({"width": 1.5}, "width: is 1.5, expected an integer"),
        ({"shade": 1}, "shade: is 1, expected one of 0 dark, 2 light"),
        ({"has_rate": 2}, "has_rate: is 2"),
        ({"has_rate": False}, "rate: is 25000, expected None as has_rate is not set"),
        ({"rate": None}, "rate: is None, expected a value as has_rate is set"),
        ({"pair_count": 1}, "pairs: has 2 elements, but field pair_count says 1"),
        ({"pairs": (Pair(16, 0), Pair(0, 0))}, "pairs: .0. Pair.left: is 16"),
        ({"scale": -1.0}, "scale: is -1.0, expected 0...inf"),
        ({"scale": 1e6}, "scale: is 1000000.0, too large"),
        ({"gain": math.nan}, "gain: is nan, expected a finite"),
        ({"name": b"x" * 21}, "name: has 21 elements, expected at most 20"),
        ({"name": "text"}, "name: is a str, expected bytes"),
        ({"name": b"forbidden"}, "SampleUnit: name is forbidden"),
        ({"corners": (1, 2, 3)}, "corners: has 3 elements"),
    ],
)
def test_pack_rejects_illegal_values(change: dict[str, Any], problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        replace(SAMPLE, **change).pack()


def test_unpack_rejects_illegal_values_with_field_and_position() -> None:
    data = bytearray(replace(SAMPLE, name=b"forbiddeX").pack())
    with pytest.raises(BitstreamError, match=r"sample unit.width at byte 0: is 0, expected 1...65535"):
        SampleUnit.unpack(b"\0\0" + data[2:])
    data[data.index(b"X")] = ord("n")
    with pytest.raises(BitstreamError, match="name is forbidden"):
        SampleUnit.unpack(data)
    with pytest.raises(BitstreamError, match="expected a finite number"):
        SampleUnit.unpack(SAMPLE.pack().replace(struct.pack(">f", 0.25), struct.pack(">f", math.inf)))


def test_unpack_rejects_absurd_counts_before_reading_elements() -> None:
    @dataclass(frozen=True, slots=True)
    class Greedy(Syntax):
        values: Annotated[tuple[int, ...], Array(UInt(32), 1 << 40)]

    with pytest.raises(BitstreamError, match="1099511627775 elements announced"):
        Greedy.unpack(b"\xff\xff\xff\xff\xff\x1f" + bytes(100))


@pytest.mark.parametrize(
    ("hint", "problem"),
    [
        (int, "expected Annotated"),
        (Annotated[int, "no kind"], "has 0 kinds"),
        (Annotated[bool, Flag], "has 0 kinds"),
        (Annotated[str, UInt(8)], "is typed str, but UInt codes int"),
        (Annotated[int, UInt(65)], "is 65, expected 1...64"),
        (Annotated[int, UInt(3, maximum=9)], "does not fit 3 unsigned bits"),
        (Annotated[int, Int(3, minimum=-5)], "does not fit 3 signed bits"),
        (Annotated[Shade, Enumeration(Shade, bits=1)], "does not fit 1"),
        (Annotated[int | None, UInt(8)], "go together"),
        (Annotated[int, UInt(8, when="flag")], "go together"),
        (Annotated[int | None, UInt(8, when="number")], "expected a Flag field declared before"),
        (Annotated[bytes, Bytes(9, length="later")], "expected an integer field declared before"),
        (Annotated[bytes, Bytes(3, length=4)], "cannot be"),
        (Annotated[bytes, Bytes()], "maximum is None, expected a number"),
        (Annotated[tuple[int, ...], Array(UInt(8), count="number")], "maximum is None, expected a number"),
        (Annotated[tuple[int, ...], Array(UInt(8, when="flag"), 3)], "give `when` to the array"),
    ],
)
def test_declaration_rejects_what_cannot_be(hint: Any, problem: str) -> None:
    annotations = {"flag": Annotated[bool, Flag()], "number": Annotated[int, UInt(8)], "field": hint}
    with pytest.raises(TypeError, match=problem):
        type("Malformed", (Syntax,), {"__annotations__": annotations})


def test_declaration_rejects_names_its_module_does_not_know() -> None:
    with pytest.raises(TypeError, match="Malformed: name 'Missing'"):
        type("Malformed", (Syntax,), {"__annotations__": {"field": "Annotated[int, Missing()]"}})


def test_markdown_table_has_a_row_a_field_with_its_meaning() -> None:
    lines = markdown_table(SampleUnit).splitlines()
    assert len(lines) == 2 + len(SampleUnit.declaration)
    assert lines[2] == "| `width` | u(16) | 1...65535 | Pixels \\| at full size. |"
    assert lines[6] == "| `pairs` | pair_count x Pair | at most 5 |  |"
    assert lines[-1] == "| `rate` | varint if has_rate | 0...1000000000 |  |"
