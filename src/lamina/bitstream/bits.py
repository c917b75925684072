# SPDX-License-Identifier: Apache-2.0
"""Integers in, bytes out, and back: most significant bit first, byte order big-endian.

Fixed-width fields may start at any bit. Varints and byte strings start on a byte: the writer pads with zero bits, and
the reader refuses padding that is not zero, so that one value has one spelling only.
"""

from __future__ import annotations

from typing import Final

from lamina.errors import BitstreamError

MAX_VARINT_BYTES: Final = 10
"""Seven bits a byte: what an unsigned 64-bit integer takes."""
MAX_INTEGER: Final = 2**64 - 1
"""Largest integer of the format: the widest that every language reads without a big-number library."""


class BitWriter:
    """Collects bits; `to_bytes` gives what was written, padded to whole bytes."""

    __slots__ = ("_bytes", "_pending", "_pending_bits")

    def __init__(self) -> None:
        self._bytes = bytearray()
        self._pending = 0
        self._pending_bits = 0

    @property
    def size_bits(self) -> int:
        """Bits written so far, padding included."""
        return 8 * len(self._bytes) + self._pending_bits

    def write_bits(self, value: int, bits: int) -> None:
        """Write an unsigned integer of `bits` bits.

        Raises:
            ValueError: it does not fit.
        """
        if not 0 <= value < 1 << bits:
            raise ValueError(f"{value} does not fit {bits} unsigned bits")
        self._pending = self._pending << bits | value
        self._pending_bits += bits
        whole, self._pending_bits = divmod(self._pending_bits, 8)
        if whole:
            self._bytes += (self._pending >> self._pending_bits).to_bytes(whole, "big")
            self._pending &= (1 << self._pending_bits) - 1

    def write_varint(self, value: int) -> None:
        """Write an unsigned integer in as many bytes as it needs: seven bits a byte, least significant first (LEB128).

        Raises:
            ValueError: it is negative or needs more than 64 bits.
        """
        if not 0 <= value <= MAX_INTEGER:
            raise ValueError(f"{value} is not an unsigned 64-bit integer")
        self.align()
        while value > 0x7F:
            self._bytes.append(value & 0x7F | 0x80)
            value >>= 7
        self._bytes.append(value)

    def write_zigzag(self, value: int) -> None:
        """Write a signed integer as a varint in the order 0, -1, 1, -2, 2, ...

        Raises:
            ValueError: it needs more than 64 bits.
        """
        self.write_varint(2 * value if value >= 0 else -2 * value - 1)

    def write_bytes(self, data: bytes | bytearray | memoryview) -> None:
        """Write bytes as they are, from the next whole byte on."""
        self.align()
        self._bytes += data

    def align(self) -> None:
        """Fill up the current byte with zero bits."""
        if self._pending_bits:
            self._bytes.append(self._pending << (8 - self._pending_bits))
            self._pending = 0
            self._pending_bits = 0

    def to_bytes(self) -> bytes:
        """All that was written, the last byte filled up with zero bits."""
        self.align()
        return bytes(self._bytes)


class BitReader:
    """Reads what `BitWriter` wrote; all it raises is `BitstreamError` with unit, field and byte position in `data`."""

    __slots__ = ("_bit", "_data", "_stop_bit", "unit")

    def __init__(self, data: bytes | bytearray | memoryview, offset: int = 0, unit: str = "") -> None:
        self._data = data
        self._bit = 8 * offset
        self._stop_bit = 8 * len(data)
        self.unit = unit
        """Name for error messages."""

    @property
    def position(self) -> int:
        """Byte of `data` in which the next bit lies."""
        return self._bit // 8

    @property
    def bits_left(self) -> int:
        """Bits from here to the end of `data`."""
        return max(self._stop_bit - self._bit, 0)

    def error(self, problem: str, field: str = "", position: int | None = None) -> BitstreamError:
        """The error to raise for `problem`, here unless another byte `position` is given."""
        return BitstreamError(problem, self.unit, field, self.position if position is None else position)

    def read_bits(self, bits: int, field: str = "") -> int:
        """Read an unsigned integer of `bits` bits.

        Raises:
            BitstreamError: the data ends before.
        """
        start, stop = self._bit, self._bit + bits
        if stop > self._stop_bit:
            raise self.error(f"truncated: {bits} bits wanted, {self.bits_left} left", field)
        self._bit = stop
        stop_byte = (stop + 7) // 8
        window = int.from_bytes(self._data[start // 8 : stop_byte], "big")
        return window >> (8 * stop_byte - stop) & ((1 << bits) - 1)

    def read_varint(self, field: str = "", maximum: int = MAX_INTEGER) -> int:
        """Read an unsigned LEB128 integer.

        Raises:
            BitstreamError: the data ends before, the value is above `maximum`, or its spelling is longer than needed.
        """
        self.align(field)
        start = self.position
        value = 0
        for index in range(MAX_VARINT_BYTES):
            byte = self.read_bits(8, field)
            value |= (byte & 0x7F) << 7 * index
            if byte < 0x80:
                break
        else:
            raise self.error(f"varint is longer than {MAX_VARINT_BYTES} bytes", field, start)
        if byte == 0 and index:
            raise self.error("varint ends in a zero byte, expected the shortest spelling", field, start)
        if value > maximum:
            raise self.error(f"is {value}, expected at most {maximum}", field, start)
        return value

    def read_zigzag(self, field: str = "") -> int:
        """Read a signed integer that `BitWriter.write_zigzag` wrote.

        Raises:
            BitstreamError: as `read_varint`.
        """
        code = self.read_varint(field)
        return code // 2 if code % 2 == 0 else -(code // 2) - 1

    def read_bytes(self, size_bytes: int, field: str = "") -> bytes:
        """Read bytes from the next whole byte on; nothing is allocated before `size_bytes` is known to be there.

        Raises:
            BitstreamError: the data ends before.
        """
        self.align(field)
        if 8 * size_bytes > self.bits_left:
            raise self.error(f"truncated: {size_bytes} bytes wanted, {self.bits_left // 8} left", field)
        start = self.position
        self._bit += 8 * size_bytes
        return bytes(self._data[start : start + size_bytes])

    def align(self, field: str = "") -> None:
        """Go to the next whole byte.

        Raises:
            BitstreamError: the bits on the way are not zero.
        """
        padding_bits = -self._bit % 8
        if padding_bits:
            byte = self.position
            padding = self.read_bits(padding_bits, field)
            if padding:
                raise self.error(f"padding bits are {padding:#x}, expected zero", field, byte)

    def expect_end(self) -> None:
        """Check that all of `data` was read.

        Raises:
            BitstreamError: bytes are left, or padding is not zero.
        """
        self.align()
        if self.bits_left:
            raise self.error(f"{self.bits_left // 8} bytes after the end, expected none")
