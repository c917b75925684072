# SPDX-License-Identifier: Apache-2.0
# ruff: noqa: D102 - overrides mean what FieldKind says of them
"""A kind of field for many integers that are alike: sizes of the units of a run, say.

What is above the lowest of them is coded by exponential Golomb codes of an order that fits them: values near each other
take few bits, one far off takes twice the bits of its magnitude.

Source: Teuhola, "A compression method for clustered bit-vectors", Information Processing Letters 7(6), 1978.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from lamina.bitstream.bits import BitReader, BitWriter
from lamina.bitstream.composites import check_size
from lamina.bitstream.kinds import FieldKind, Siblings, as_integer, check_range

ORDER_BITS: Final = 5


def code_bits(value: int, order: int) -> int:
    """Bits of the code of `value`."""
    return 2 * ((value >> order) + 1).bit_length() - 1 + order


def write_code(writer: BitWriter, value: int, order: int) -> None:
    """Write `value`: quotient + 1 behind as many zeros as it has bits after its first, then `order` low bits."""
    quotient = (value >> order) + 1
    writer.write_bits(quotient, 2 * quotient.bit_length() - 1)
    writer.write_bits(value & (1 << order) - 1, order)


def read_code(reader: BitReader, order: int, maximum: int, field: str) -> int:
    """Read what `write_code` wrote.

    Raises:
        BitstreamError: the data ends before, or the value is above `maximum`.
    """
    most_zeros = (maximum >> order).bit_length()
    zeros = 0
    while not reader.read_bits(1, field):
        zeros += 1
        if zeros > most_zeros:
            raise reader.error(f"is more than {maximum} above the lowest", field)
    value = ((1 << zeros | reader.read_bits(zeros, field)) - 1) << order | reader.read_bits(order, field)
    if value > maximum:
        raise reader.error(f"is {value} above the lowest, expected at most {maximum}", field)
    return value


@dataclass(frozen=True, slots=True)
class AlikeUInts(FieldKind):
    """At most `count_maximum` unsigned integers that are alike; a tuple. Their count is a varint in front."""

    maximum: int
    """Of each."""
    count_maximum: int

    @property
    def python_type(self) -> type:
        return tuple

    @property
    def minimum_bits(self) -> int:
        return 8

    def verify(self) -> None:
        check_range(self.maximum, 0, (1 << 31) - 1)
        check_range(self.count_maximum, 1, 1 << 24)

    def check(self, value: Any, siblings: Siblings) -> None:
        if not isinstance(value, Sequence) or isinstance(value, str | bytes):
            raise ValueError(f"is {value!r}, expected a tuple")
        check_size(None, len(value), self.count_maximum, siblings)
        for element in value:
            check_range(as_integer(element), 0, self.maximum)

    def write(self, writer: BitWriter, value: Any, siblings: Siblings) -> None:
        elements = [as_integer(element) for element in value]
        writer.write_varint(len(elements))
        if not elements:
            return
        lowest = min(elements)
        above = [element - lowest for element in elements]
        orders = range(max(above).bit_length() + 1)
        order = min(orders, key=lambda order: sum(code_bits(element, order) for element in above))
        writer.write_varint(lowest)
        writer.write_bits(order, ORDER_BITS)
        for element in above:
            write_code(writer, element, order)

    def read(self, reader: BitReader, field: str, siblings: Siblings) -> tuple[int, ...]:
        count = reader.read_varint(f"{field} size", self.count_maximum)
        if not count:
            return ()
        lowest = reader.read_varint(f"{field} lowest", self.maximum)
        order = reader.read_bits(ORDER_BITS, f"{field} order")
        if count * (1 + order) > reader.bits_left:
            raise reader.error(f"truncated: {count} codes of at least {1 + order} bits do not fit", field)
        return tuple(lowest + read_code(reader, order, self.maximum - lowest, field) for _ in range(count))

    @property
    def coding(self) -> str:
        return f"varint size, varint lowest, u({ORDER_BITS}) order, then exp-Golomb above the lowest"

    @property
    def legal(self) -> str:
        return f"at most {self.count_maximum}, each 0...{self.maximum}"
