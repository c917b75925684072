# SPDX-License-Identifier: Apache-2.0
# ruff: noqa: D102 - overrides mean what FieldKind says of them
"""Kinds of field made of other things: byte strings, arrays, nested syntax.

Their size comes from a number in the declaration, from an integer field declared before, or from a varint in front; it
is checked against a maximum and against the bytes that are left before anything is allocated.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from lamina.bitstream.bits import BitReader, BitWriter
from lamina.bitstream.kinds import FieldKind, Siblings, as_integer

if TYPE_CHECKING:
    from lamina.bitstream.syntax import Syntax

SizeSource = int | str | None
"""A fixed number, the name of an integer field, or None: a varint in front."""


def check_size(source: SizeSource, size: int, maximum: int | None, siblings: Siblings) -> None:
    """Raise ValueError unless `size` elements are what `source` says and at most `maximum`."""
    if maximum is not None and size > maximum:
        raise ValueError(f"has {size} elements, expected at most {maximum}")
    expected = siblings.get(source) if isinstance(source, str) else source
    if expected is not None and size != as_integer(expected):
        said_by = f"field {source}" if isinstance(source, str) else "the syntax"
        raise ValueError(f"has {size} elements, but {said_by} says {expected}")


def read_size(source: SizeSource, maximum: int | None, reader: BitReader, field: str, siblings: Siblings) -> int:
    """Number of elements that follow.

    Raises:
        BitstreamError: it is above `maximum`.
    """
    if isinstance(source, int):
        return source
    size = reader.read_varint(f"{field} size") if source is None else int(siblings[source] or 0)
    if maximum is None or not 0 <= size <= maximum:
        raise reader.error(f"has {size} elements, expected 0...{maximum}", field)
    return size


def describe_size(source: SizeSource) -> str:
    """`source` for the tables of the documentation."""
    return "varint size, then " if source is None else f"{source} x "


def verify_size(source: SizeSource, maximum: int | None) -> None:
    """Raise ValueError for a declaration whose sizes cannot be, or have no limit."""
    if isinstance(source, int):
        if source < 0 or maximum not in (None, source):
            raise ValueError(f"size {source} with maximum {maximum} cannot be")
    elif maximum is None or maximum < 0:
        raise ValueError(f"maximum is {maximum}, expected a number of elements, as the bytes say how many there are")


@dataclass(frozen=True, slots=True)
class Bytes(FieldKind):
    """A byte string, on a byte boundary; `maximum` is needed unless its length is a fixed number."""

    maximum: int | None = None
    length: SizeSource = None

    @property
    def python_type(self) -> type:
        return bytes

    @property
    def minimum_bits(self) -> int:
        return 8 if self.length is None else 8 * self.length if isinstance(self.length, int) else 0

    @property
    def references(self) -> tuple[str, ...]:
        return (self.length,) if isinstance(self.length, str) else ()

    def verify(self) -> None:
        verify_size(self.length, self.maximum)

    def check(self, value: Any, siblings: Siblings) -> None:
        if not isinstance(value, bytes | bytearray | memoryview):
            raise ValueError(f"is a {type(value).__name__}, expected bytes")
        check_size(self.length, len(value), self.maximum, siblings)

    def write(self, writer: BitWriter, value: Any, siblings: Siblings) -> None:
        if self.length is None:
            writer.write_varint(len(value))
        writer.write_bytes(value)

    def read(self, reader: BitReader, field: str, siblings: Siblings) -> bytes:
        return reader.read_bytes(read_size(self.length, self.maximum, reader, field, siblings), field)

    @property
    def coding(self) -> str:
        return f"{describe_size(self.length)}byte"

    @property
    def legal(self) -> str:
        return f"at most {self.maximum} bytes" if not isinstance(self.length, int) else ""


@dataclass(frozen=True, slots=True)
class Array(FieldKind):
    """Values of one kind, one after another; a tuple. `maximum` is needed unless their count is a fixed number."""

    kind: FieldKind
    maximum: int | None = None
    count: SizeSource = None

    @property
    def python_type(self) -> type:
        return tuple

    @property
    def minimum_bits(self) -> int:
        return 8 if self.count is None else self.count * self.kind.minimum_bits if isinstance(self.count, int) else 0

    @property
    def references(self) -> tuple[str, ...]:
        own = (self.count,) if isinstance(self.count, str) else ()
        return own + self.kind.references

    def verify(self) -> None:
        verify_size(self.count, self.maximum)
        if self.kind.when:
            raise ValueError("an array's elements are always there: give `when` to the array")
        if self.kind.minimum_bits < 1:
            raise ValueError("an array's elements must take at least a bit each")
        self.kind.verify()

    def check(self, value: Any, siblings: Siblings) -> None:
        check_size(self.count, len(value), self.maximum, siblings)
        for index, element in enumerate(value):
            try:
                self.kind.check(element, siblings)
            except ValueError as error:
                raise ValueError(f"[{index}] {error}") from None

    def write(self, writer: BitWriter, value: Any, siblings: Siblings) -> None:
        if self.count is None:
            writer.write_varint(len(value))
        for element in value:
            self.kind.write(writer, element, siblings)

    def read(self, reader: BitReader, field: str, siblings: Siblings) -> tuple[Any, ...]:
        count = read_size(self.count, self.maximum, reader, field, siblings)
        if count * self.kind.minimum_bits > reader.bits_left:
            raise reader.error(f"truncated: {count} elements announced, {reader.bits_left} bits left", field)
        return tuple(self.kind.read(reader, f"{field}[{index}]", siblings) for index in range(count))

    @property
    def coding(self) -> str:
        return f"{describe_size(self.count)}{self.kind.coding}"

    @property
    def legal(self) -> str:
        sizes = f"at most {self.maximum}" if not isinstance(self.count, int) else ""
        return ", each ".join(part for part in (sizes, self.kind.legal) if part)


@dataclass(frozen=True, slots=True)
class Struct(FieldKind):
    """Another declared syntax, its fields in place; it need not begin or end on a byte."""

    syntax: type[Syntax]

    @property
    def python_type(self) -> type:
        return self.syntax

    @property
    def minimum_bits(self) -> int:
        return sum(spec.kind.minimum_bits for spec in self.syntax.declaration if not spec.kind.when)

    def check(self, value: Any, siblings: Siblings) -> None:
        if not isinstance(value, self.syntax):
            raise ValueError(f"is a {type(value).__name__}, expected {self.syntax.__name__}")
        value.verify()

    def write(self, writer: BitWriter, value: Any, siblings: Siblings) -> None:
        value.write_to(writer)

    def read(self, reader: BitReader, field: str, siblings: Siblings) -> Any:
        return self.syntax.read_from(reader, f"{field}.")

    @property
    def coding(self) -> str:
        return self.syntax.__name__
