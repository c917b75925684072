# SPDX-License-Identifier: Apache-2.0
"""Declared syntax: a dataclass whose fields say their coding becomes bytes, and bytes become the dataclass again.

    @dataclass(frozen=True, slots=True)
    class PictureHeader(Syntax):
        width: Annotated[int, UInt(16, minimum=1)]
        \"\"\"Pixels.\"\"\"
        has_rate: Annotated[bool, Flag()]
        rate_millihertz: Annotated[int | None, Varint(10**9, when="has_rate")] = None

From this one declaration come `pack`, `unpack`, the checks on both sides, the size and the table of docs/bitstream.md
(`tables.markdown_table`). Fields follow each other without gaps, but for kinds that start on a byte; the end is padded
to a whole byte.
"""

from __future__ import annotations

import types
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Self, Union, get_args, get_origin, get_type_hints

from lamina.bitstream.bits import BitReader, BitWriter
from lamina.bitstream.kinds import FieldKind, Flag, Int, UInt, Varint


@dataclass(frozen=True, slots=True)
class FieldSpec:
    """One field of a declaration."""

    name: str
    kind: FieldKind


def words_of(camel_case: str) -> str:
    """``PictureHeader`` -> ``picture header``."""
    return "".join(f" {letter.lower()}" if letter.isupper() else letter for letter in camel_case).strip()


class Syntax:
    """Base of all declared units and headers; subclasses are frozen dataclasses with slots."""

    __slots__ = ()
    declaration: ClassVar[tuple[FieldSpec, ...]] = ()
    """The fields in coding order."""
    unit_name: ClassVar[str] = ""
    """How a unit is called in messages: ``PictureHeader`` -> ``picture header``."""

    def __init_subclass__(cls) -> None:
        cls.declaration = declare(cls)
        cls.unit_name = words_of(cls.__name__)

    def check(self) -> None:
        """Raise ValueError when fields contradict each other; for subclasses to override.

        Runs after each field was found legal, before writing and after reading.
        """

    def verify(self) -> None:
        """Check every field and what they say together.

        Raises:
            ValueError: names the class, the field, what it is and what was expected.
        """
        siblings = {spec.name: getattr(self, spec.name) for spec in self.declaration}
        for spec in self.declaration:
            try:
                check_field(spec, siblings[spec.name], siblings)
            except ValueError as error:
                raise ValueError(f"{type(self).__name__}.{spec.name}: {error}") from None
        try:
            self.check()
        except ValueError as error:
            raise ValueError(f"{type(self).__name__}: {error}") from None

    def pack(self) -> bytes:
        """The bytes of this value.

        Raises:
            ValueError: a field is not legal; names it.
        """
        self.verify()
        writer = BitWriter()
        self.write_to(writer)
        return writer.to_bytes()

    def write_to(self, writer: BitWriter) -> None:
        """Write all fields, checked before by `verify`."""
        siblings = {spec.name: getattr(self, spec.name) for spec in self.declaration}
        for spec in self.declaration:
            if siblings[spec.name] is not None:
                spec.kind.write(writer, siblings[spec.name], siblings)

    @classmethod
    def unpack(cls, data: bytes | bytearray | memoryview, offset: int = 0) -> tuple[Self, int]:
        """Read one value from `data` at byte `offset`: the value, and the byte after it.

        Raises:
            BitstreamError: with unit, field and byte position in `data`.
        """
        reader = BitReader(data, offset, cls.unit_name)
        value = cls.read_from(reader)
        reader.align()
        return value, reader.position

    @classmethod
    def unpack_whole(cls, data: bytes | bytearray | memoryview) -> Self:
        """Read one value that takes all of `data`.

        Raises:
            BitstreamError: as `unpack`, and when bytes are left.
        """
        value, end = cls.unpack(data)
        BitReader(data, end, cls.unit_name).expect_end()
        return value

    @classmethod
    def read_from(cls, reader: BitReader, prefix: str = "") -> Self:
        """Read all fields where `reader` stands; `prefix` goes before field names in messages.

        Raises:
            BitstreamError: with unit, field and byte position.
        """
        start = reader.position
        values: dict[str, Any] = {}
        for spec in cls.declaration:
            values[spec.name] = None
            if spec.kind.when and not values[spec.kind.when]:
                continue
            field, position = prefix + spec.name, reader.position
            value = spec.kind.read(reader, field, values)
            try:
                spec.kind.check(value, values)
            except ValueError as error:
                raise reader.error(str(error), field, position) from None
            values[spec.name] = value
        result = cls(**values)
        try:
            result.check()
        except ValueError as error:
            raise reader.error(str(error), prefix.rstrip("."), start) from None
        return result

    @property
    def size_bytes(self) -> int:
        """Length of `pack`, bytes."""
        return len(self.pack())


def check_field(spec: FieldSpec, value: Any, siblings: dict[str, Any]) -> None:
    """Raise ValueError unless `value` is there exactly when its flag says so, and is legal."""
    present = not spec.kind.when or bool(siblings[spec.kind.when])
    if value is None and present:
        raise ValueError("is None, expected a value" + (f" as {spec.kind.when} is set" if spec.kind.when else ""))
    if value is not None:
        if not present:
            raise ValueError(f"is {value!r}, expected None as {spec.kind.when} is not set")
        spec.kind.check(value, siblings)


def declare(cls: type) -> tuple[FieldSpec, ...]:
    """The declaration in the annotations of `cls`, bases first.

    Raises:
        TypeError: a field has no kind, or one that contradicts its type, itself, or the other fields.
    """
    earlier: dict[str, FieldKind] = {}
    try:
        hints = get_type_hints(cls, include_extras=True)
    except NameError as error:
        raise TypeError(f"{cls.__name__}: {error}; kinds and enumerations must be known to its module") from None
    for name, hint in hints.items():
        if get_origin(hint) is ClassVar or hint is ClassVar:
            continue
        try:
            earlier[name] = declared_kind(hint, earlier)
        except ValueError as error:
            raise TypeError(f"{cls.__name__}.{name}: {error}") from None
    return tuple(FieldSpec(name, kind) for name, kind in earlier.items())


def declared_kind(hint: Any, earlier: dict[str, FieldKind]) -> FieldKind:
    """The kind in one annotation; ValueError when it cannot be, given the fields declared `earlier`."""
    if get_origin(hint) is not Annotated:
        raise ValueError(f"is annotated {hint}, expected Annotated[type, kind]")
    python_type, *extras = get_args(hint)
    kinds = [extra for extra in extras if isinstance(extra, FieldKind)]
    if len(kinds) != 1:
        raise ValueError(f"has {len(kinds)} kinds, expected one (an instance: `Flag()`, not `Flag`)")
    kind = kinds[0]
    kind.verify()
    if kind.when and not isinstance(earlier.get(kind.when), Flag):
        raise ValueError(f"`when` names {kind.when!r}, expected a Flag field declared before")
    for name in kind.references:
        if not isinstance(earlier.get(name), UInt | Int | Varint):
            raise ValueError(f"its size names {name!r}, expected an integer field declared before")
    options = get_args(python_type) if get_origin(python_type) in (Union, types.UnionType) else (python_type,)
    if (types.NoneType in options) != bool(kind.when):
        raise ValueError("is optional in its type or in its kind only; `| None` and `when` go together")
    for option in options:
        plain = get_origin(option) or option
        if option is not types.NoneType and not issubclass(plain, kind.python_type):
            raise ValueError(f"is typed {plain.__name__}, but {type(kind).__name__} codes {kind.python_type.__name__}")
    return kind
