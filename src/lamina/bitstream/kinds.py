# SPDX-License-Identifier: Apache-2.0
# ruff: noqa: D102 - overrides mean what FieldKind says of them
"""Kinds of field for declared syntax: how one integer or flag is checked, written and read.

A kind enters a declaration as ``Annotated[int, UInt(16, minimum=1)]``; `syntax.Syntax` calls it. `check` guards both
directions: its `ValueError` says what is wrong with a value, and the caller adds whose value it is.

Every kind takes ``when="flag"``: the field is there only if the `Flag` field of that name, declared before it, is set;
otherwise its value is None.
"""

from __future__ import annotations

import operator
from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum
from typing import Any

from lamina.bitstream.bits import MAX_INTEGER, BitReader, BitWriter

Siblings = Mapping[str, Any]
"""Values of the fields of the same unit by name; when reading, of those before this one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FieldKind:
    """What all kinds share."""

    when: str = ""
    """Name of the flag field that says whether this field is there; empty: always there."""

    @property
    def python_type(self) -> type:
        """What the annotation must say beside the kind."""
        raise NotImplementedError

    @property
    def minimum_bits(self) -> int:
        """No value takes less than this; bounds the count of an array before anything is allocated."""
        raise NotImplementedError

    @property
    def references(self) -> tuple[str, ...]:
        """Integer fields that this one's size depends on."""
        return ()

    def verify(self) -> None:
        """Raise ValueError when the declaration itself is wrong."""

    def check(self, value: Any, siblings: Siblings) -> None:
        """Raise ValueError when `value` may not be coded."""

    def write(self, writer: BitWriter, value: Any, siblings: Siblings) -> None:
        """Write a checked value."""
        raise NotImplementedError

    def read(self, reader: BitReader, field: str, siblings: Siblings) -> Any:
        """Read a value; the caller checks it."""
        raise NotImplementedError

    @property
    def coding(self) -> str:
        """How it is coded, for the tables of the documentation."""
        raise NotImplementedError

    @property
    def legal(self) -> str:
        """Legal values, for tables and messages."""
        return ""


def check_range(value: int | float, minimum: int | float, maximum: int | float) -> None:
    """Raise ValueError unless `minimum` <= `value` <= `maximum`."""
    if not minimum <= value <= maximum:
        raise ValueError(f"is {value}, expected {minimum}...{maximum}")


def as_integer(value: Any) -> int:
    """`value` as int (NumPy's integers too); ValueError for anything that is not an integer."""
    try:
        return operator.index(value)
    except TypeError:
        raise ValueError(f"is {value!r}, expected an integer") from None


@dataclass(frozen=True, slots=True)
class UInt(FieldKind):
    """Unsigned integer of a fixed number of bits, 1...64, at any bit position."""

    bits: int
    minimum: int = 0
    maximum: int | None = None

    @property
    def python_type(self) -> type:
        return int

    @property
    def highest(self) -> int:
        """`maximum`, or all that the bits can say."""
        return (1 << self.bits) - 1 if self.maximum is None else self.maximum

    @property
    def minimum_bits(self) -> int:
        return self.bits

    def verify(self) -> None:
        check_range(self.bits, 1, 64)
        if not 0 <= self.minimum <= self.highest < 1 << self.bits:
            raise ValueError(f"{self.minimum}...{self.highest} does not fit {self.bits} unsigned bits")

    def check(self, value: Any, siblings: Siblings) -> None:
        check_range(as_integer(value), self.minimum, self.highest)

    def write(self, writer: BitWriter, value: Any, siblings: Siblings) -> None:
        writer.write_bits(as_integer(value), self.bits)

    def read(self, reader: BitReader, field: str, siblings: Siblings) -> int:
        return reader.read_bits(self.bits, field)

    @property
    def coding(self) -> str:
        return f"u({self.bits})"

    @property
    def legal(self) -> str:
        return f"{self.minimum}...{self.highest}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Version(UInt):
    """Which version of a syntax follows: refused before anything after it is misread."""

    ours: int

    def verify(self) -> None:
        UInt.verify(self)
        check_range(self.ours, self.minimum, self.highest)

    def check(self, value: Any, siblings: Siblings) -> None:
        if as_integer(value) != self.ours:
            raise ValueError(f"is {value}; this lamina reads {self.ours}: upgrade lamina, or encode anew")

    @property
    def legal(self) -> str:
        return str(self.ours)


@dataclass(frozen=True, slots=True)
class Int(FieldKind):
    """Signed integer: two's complement of `bits` bits at any bit position, or without `bits` a zigzag varint."""

    bits: int | None = None
    minimum: int | None = None
    maximum: int | None = None

    @property
    def python_type(self) -> type:
        return int

    @property
    def lowest(self) -> int:
        """`minimum`, or all that the bits can say."""
        return -(1 << (self.bits or 64) - 1) if self.minimum is None else self.minimum

    @property
    def highest(self) -> int:
        """`maximum`, or all that the bits can say."""
        return (1 << (self.bits or 64) - 1) - 1 if self.maximum is None else self.maximum

    @property
    def minimum_bits(self) -> int:
        return self.bits or 8

    def verify(self) -> None:
        bits = 64 if self.bits is None else self.bits
        check_range(bits, 1, 64)
        if not -(1 << bits - 1) <= self.lowest <= self.highest < 1 << bits - 1:
            raise ValueError(f"{self.lowest}...{self.highest} does not fit {bits} signed bits")

    def check(self, value: Any, siblings: Siblings) -> None:
        check_range(as_integer(value), self.lowest, self.highest)

    def write(self, writer: BitWriter, value: Any, siblings: Siblings) -> None:
        if self.bits is None:
            writer.write_zigzag(as_integer(value))
        else:
            writer.write_bits(as_integer(value) & (1 << self.bits) - 1, self.bits)

    def read(self, reader: BitReader, field: str, siblings: Siblings) -> int:
        if self.bits is None:
            return reader.read_zigzag(field)
        value = reader.read_bits(self.bits, field)
        return value - (1 << self.bits) if value >> self.bits - 1 else value

    @property
    def coding(self) -> str:
        return "zigzag" if self.bits is None else f"i({self.bits})"

    @property
    def legal(self) -> str:
        return f"{self.lowest}...{self.highest}"


@dataclass(frozen=True, slots=True)
class Varint(FieldKind):
    """Unsigned integer in as many bytes as it needs (LEB128), on a byte boundary."""

    maximum: int
    minimum: int = 0

    @property
    def python_type(self) -> type:
        return int

    @property
    def minimum_bits(self) -> int:
        return 8

    def verify(self) -> None:
        if not 0 <= self.minimum <= self.maximum <= MAX_INTEGER:
            raise ValueError(f"{self.minimum}...{self.maximum} is not a range of unsigned 64-bit integers")

    def check(self, value: Any, siblings: Siblings) -> None:
        check_range(as_integer(value), self.minimum, self.maximum)

    def write(self, writer: BitWriter, value: Any, siblings: Siblings) -> None:
        writer.write_varint(as_integer(value))

    def read(self, reader: BitReader, field: str, siblings: Siblings) -> int:
        return reader.read_varint(field)

    @property
    def coding(self) -> str:
        return "varint"

    @property
    def legal(self) -> str:
        return f"{self.minimum}...{self.maximum}"


@dataclass(frozen=True, slots=True)
class Flag(FieldKind):
    """One bit."""

    @property
    def python_type(self) -> type:
        return bool

    @property
    def minimum_bits(self) -> int:
        return 1

    def check(self, value: Any, siblings: Siblings) -> None:
        if value not in (True, False):
            raise ValueError(f"is {value!r}, expected True or False")

    def write(self, writer: BitWriter, value: Any, siblings: Siblings) -> None:
        writer.write_bits(int(value), 1)

    def read(self, reader: BitReader, field: str, siblings: Siblings) -> bool:
        return reader.read_bits(1, field) == 1

    @property
    def coding(self) -> str:
        return "u(1)"

    @property
    def legal(self) -> str:
        return "0, 1"


@dataclass(frozen=True, slots=True)
class Enumeration(FieldKind):
    """A member of an `IntEnum` in a fixed number of bits; other numbers are refused."""

    members: type[IntEnum]
    bits: int = 8

    @property
    def python_type(self) -> type:
        return IntEnum

    @property
    def minimum_bits(self) -> int:
        return self.bits

    def verify(self) -> None:
        check_range(self.bits, 1, 64)
        for member in self.members:
            if not 0 <= member < 1 << self.bits:
                raise ValueError(f"{member!r} does not fit {self.bits} unsigned bits")

    def check(self, value: Any, siblings: Siblings) -> None:
        if as_integer(value) not in {int(member) for member in self.members}:
            raise ValueError(f"is {value}, expected one of {self.legal}")

    def write(self, writer: BitWriter, value: Any, siblings: Siblings) -> None:
        writer.write_bits(int(value), self.bits)

    def read(self, reader: BitReader, field: str, siblings: Siblings) -> IntEnum:
        position = reader.position
        value = reader.read_bits(self.bits, field)
        try:
            return self.members(value)
        except ValueError:
            raise reader.error(f"is {value}, expected one of {self.legal}", field, position) from None

    @property
    def coding(self) -> str:
        return f"u({self.bits})"

    @property
    def legal(self) -> str:
        return ", ".join(f"{member.value} {member.name.lower()}" for member in self.members)
