# SPDX-License-Identifier: Apache-2.0
# ruff: noqa: D102 - overrides mean what FieldKind says of them
"""Kinds of field for finite floating-point numbers. Infinities and NaN are refused in both directions."""

from __future__ import annotations

import math
import struct
from dataclasses import dataclass
from typing import Any

from lamina.bitstream.bits import BitReader, BitWriter
from lamina.bitstream.kinds import FieldKind, Siblings, check_range


@dataclass(frozen=True, slots=True)
class Float32(FieldKind):
    """IEEE 754 single, big-endian, on a byte boundary; finite. A value in between is rounded when it is written."""

    minimum: float = -math.inf
    maximum: float = math.inf

    @property
    def python_type(self) -> type:
        return float

    @property
    def minimum_bits(self) -> int:
        return 32

    @property
    def layout(self) -> str:
        """Format for `struct`."""
        return ">f"

    def verify(self) -> None:
        if not self.minimum <= self.maximum:
            raise ValueError(f"{self.minimum}...{self.maximum} is empty")

    def check(self, value: Any, siblings: Siblings) -> None:
        value = float(value)
        if not math.isfinite(value):
            raise ValueError(f"is {value}, expected a finite number")
        check_range(value, self.minimum, self.maximum)
        try:
            struct.pack(self.layout, value)
        except OverflowError:
            raise ValueError(f"is {value}, too large for {self.coding}") from None

    def write(self, writer: BitWriter, value: Any, siblings: Siblings) -> None:
        writer.write_bytes(struct.pack(self.layout, float(value)))

    def read(self, reader: BitReader, field: str, siblings: Siblings) -> float:
        return struct.unpack(self.layout, reader.read_bytes(struct.calcsize(self.layout), field))[0]

    @property
    def coding(self) -> str:
        return "f(32)"

    @property
    def legal(self) -> str:
        if math.isinf(self.minimum) and math.isinf(self.maximum):
            return "finite"
        return f"{self.minimum:g}...{self.maximum:g}"


@dataclass(frozen=True, slots=True)
class Half(Float32):
    """IEEE 754 half, big-endian, on a byte boundary; finite. A value in between is rounded when it is written."""

    @property
    def minimum_bits(self) -> int:
        return 16

    @property
    def layout(self) -> str:
        return ">e"

    @property
    def coding(self) -> str:
        return "f(16)"
