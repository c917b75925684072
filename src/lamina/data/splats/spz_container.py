# SPDX-License-Identifier: Apache-2.0
"""Bytes of a .spz enter, its header and the inflated body leave; and back.

    versions 2, 3   header 16 bytes | parts                                            all gzipped
    version 4       header 32 bytes | extensions | table of sizes | parts              each part a Zstandard frame

Source: nianticlabs/spz, README, extensions/README.md and src/cc/load-spz.cc.
"""

from __future__ import annotations

import gzip
import struct
import zlib
from dataclasses import dataclass
from pathlib import Path

import zstandard

from lamina.data.splats.axes import AXES, RIGHT_UP_BACK
from lamina.data.splats.cloud import MAX_DEGREE
from lamina.data.splats.spz_values import part_sizes
from lamina.errors import SignalError

HEADER = struct.Struct("<4sIIBBBB")
"""Magic, version, count, degree, fraction bits, flags, parts (0 before version 4)."""
TABLE_START = struct.Struct("<I12x")
"""Rest of the header of version 4: the byte where the table begins, and zeros."""
RECORD = struct.Struct("<II")
"""Of an extension: kind, and bytes that follow."""
SIZES = struct.Struct("<QQ")
"""Of a part: bytes in the file, and inflated."""
MAGIC = b"NGSP"
GZIP_MAGIC = b"\x1f\x8b"
ZSTANDARD_VERSION = 4
ROTATION_BYTES = {2: 3, 3: 4, 4: 4}
"""By version that is read."""
MAX_FRACTION_BITS = 23
FLAG_EXTENSIONS, FLAG_LEVELS = 2, 0x80
"""The second is Spark's: nodes of a tree of levels of detail are among the Gaussians."""
AXES_EXTENSION = 0xADBE0003
"""`SPZ_ADOBE_coordinate_system`: a number of `AXES`, from 1; 0 is as good as no extension."""
MAX_COUNT = 10_000_000
"""Gaussians in a file: the bound of the format's own library before version 4, and enough for ours."""
MAX_INFLATION = 1032
"""Deflate makes no more bytes than this from one. Source: RFC 1951, a length of 258 in two bits. Zstandard could, but
Gaussians whose positions differ never come near it."""
ALWAYS_INFLATED_BYTES = 1 << 24
"""As much may come from a file of version 4 of any size: some thousand equal Gaussians, as tests write them."""
GZIP_LEVEL = 9
ZSTANDARD_LEVEL = 19
"""500,000 Gaussians of degree 2: 8.7 MB after 11 s, where the format's own library makes 9.5 MB of the same values."""


@dataclass(frozen=True)
class SpzHeader:
    """What a file says before its values."""

    version: int
    count: int
    degree: int
    fraction_bits: int
    axes: str | None = None
    """Of `AXES`; None where the file does not say."""

    @property
    def rotation_bytes(self) -> int:
        """Of a Gaussian."""
        return ROTATION_BYTES[self.version]

    @property
    def sizes(self) -> tuple[int, ...]:
        """Bytes of the parts, inflated."""
        return part_sizes(self.count, self.degree, self.rotation_bytes)


def pack_gzip(header: SpzHeader, parts: tuple[bytes, ...]) -> bytes:
    """A file of version 3; the same parts always make the same bytes, since no time is kept."""
    fields = (MAGIC, header.version, header.count, header.degree, header.fraction_bits, 0, 0)
    return gzip.compress(HEADER.pack(*fields) + b"".join(parts), compresslevel=GZIP_LEVEL, mtime=0)


def pack_zstandard(header: SpzHeader, parts: tuple[bytes, ...]) -> bytes:
    """A file of version 4; empty parts are left out, as the library of the format does."""
    extensions = b""
    if header.axes is not None:
        extensions = RECORD.pack(AXES_EXTENSION, 4) + struct.pack("<I", AXES.index(header.axes) + 1)
    parts = tuple(part for part in parts if part)
    compressor = zstandard.ZstdCompressor(level=ZSTANDARD_LEVEL)
    frames = [compressor.compress(part) for part in parts]
    flags = FLAG_EXTENSIONS if extensions else 0
    fields = (MAGIC, header.version, header.count, header.degree, header.fraction_bits, flags, len(parts))
    table = b"".join(SIZES.pack(len(frame), len(part)) for frame, part in zip(frames, parts, strict=True))
    start = TABLE_START.pack(HEADER.size + TABLE_START.size + len(extensions))
    return HEADER.pack(*fields) + start + extensions + table + b"".join(frames)


def read_container(data: bytes, path: Path) -> tuple[SpzHeader, bytes]:
    """Header and body (all parts in order), nothing inflated that the header does not announce.

    Raises:
        SignalError: not such a file, damaged, or of another version.
    """
    start = _inflated(data, HEADER.size, path)
    if len(start) < HEADER.size or start[:4] != MAGIC:
        raise SignalError(f"{path}: not a .spz file: expected a header that begins with {MAGIC.decode()}, or gzip")
    _, version, count, degree, fraction_bits, flags, part_count = HEADER.unpack(start[: HEADER.size])
    header = SpzHeader(version, count, degree, fraction_bits)
    _check(header, flags, len(data), path)
    if version == ZSTANDARD_VERSION:
        return _read_zstandard(data, header, flags, part_count, path)
    if flags & FLAG_EXTENSIONS:
        raise SignalError(f"{path}: has extensions, whose place differs between writers; save it without them")
    needed = sum(header.sizes)
    body = _inflated(data, HEADER.size + needed, path)[HEADER.size :]
    if len(body) < needed:
        raise SignalError(
            f"{path}: cut off: {count} Gaussians of degree {degree} need {needed} bytes, {len(body)} are there"
        )
    return header, body


def _check(header: SpzHeader, flags: int, file_bytes: int, path: Path) -> None:
    if header.version not in ROTATION_BYTES:
        raise SignalError(
            f"{path}: .spz version {header.version}; expected {min(ROTATION_BYTES)}...{max(ROTATION_BYTES)}: convert "
            f"it, as with `npx @playcanvas/splat-transform in.spz out.ply`"
        )
    counts = (header.degree <= MAX_DEGREE, header.fraction_bits <= MAX_FRACTION_BITS, 1 <= header.count <= MAX_COUNT)
    if not all(counts):
        raise SignalError(
            f"{path}: header says {header.count} Gaussians, degree {header.degree}, {header.fraction_bits} fraction "
            f"bits; expected 1...{MAX_COUNT}, 0...{MAX_DEGREE}, 0...{MAX_FRACTION_BITS}"
        )
    if flags & FLAG_LEVELS:
        raise SignalError(f"{path}: holds a tree of levels of detail; expected Gaussians alone: save it without levels")
    least = ALWAYS_INFLATED_BYTES if header.version == ZSTANDARD_VERSION else 0
    if sum(header.sizes) > max(MAX_INFLATION * file_bytes, least):
        raise SignalError(
            f"{path}: header says {header.count} Gaussians, which {file_bytes} bytes cannot hold; it is damaged"
        )


def _read_zstandard(data: bytes, header: SpzHeader, flags: int, part_count: int, path: Path) -> tuple[SpzHeader, bytes]:
    extensions_start = HEADER.size + TABLE_START.size
    if len(data) < extensions_start:
        raise SignalError(f"{path}: cut off: {len(data)} bytes; the header alone has {extensions_start}")
    (table,) = TABLE_START.unpack_from(data, HEADER.size)
    start = table + SIZES.size * part_count
    if table < extensions_start or start > len(data):
        raise SignalError(
            f"{path}: table of {part_count} parts at byte {table}; expected it from byte {extensions_start} on and "
            f"within {len(data)}: it is cut off or damaged"
        )
    axes = _read_axes(data[extensions_start:table], path) if flags & FLAG_EXTENSIONS else None
    expected = [size for size in header.sizes if size]
    sizes = [SIZES.unpack_from(data, table + SIZES.size * part) for part in range(part_count)]
    # Some write an empty part of harmonics, others none.
    if [size for _, size in sizes if size] != expected:
        found = [size for _, size in sizes]
        raise SignalError(f"{path}: parts of {found[:6]} bytes; expected {expected} for {header.count} Gaussians")
    parts = []
    for packed, size in sizes:
        if packed > len(data) - start:
            raise SignalError(f"{path}: cut off: a part of {packed} bytes at byte {start}, the file has {len(data)}")
        if size:
            parts.append(_zstandard_frame(data[start : start + packed], size, path))
        start += packed
    return SpzHeader(header.version, header.count, header.degree, header.fraction_bits, axes), b"".join(parts)


def _zstandard_frame(frame: bytes, size: int, path: Path) -> bytes:
    try:
        # A frame may announce any size, and that much would be allocated for it.
        announced = zstandard.frame_content_size(frame)
        inflated = (
            zstandard.ZstdDecompressor().decompress(frame, max_output_size=size) if announced in (size, -1) else b""
        )
    except zstandard.ZstdError as error:
        raise SignalError(f"{path}: damaged Zstandard data ({error}); expected a .spz file") from error
    if len(inflated) != size:
        raise SignalError(f"{path}: a part inflates to another size than the {size} bytes of its table; it is damaged")
    return inflated


def _read_axes(records: bytes, path: Path) -> str | None:
    """What the extension of axes says; others are passed over."""
    axes: str | None = None
    start = 0
    while start < len(records):
        kind, size = RECORD.unpack_from(records, start) if start + RECORD.size <= len(records) else (0, len(records))
        start += RECORD.size
        if size > len(records) - start:
            raise SignalError(f"{path}: an extension is cut off; it is damaged, or save it without extensions")
        if kind == AXES_EXTENSION:
            number = int.from_bytes(records[start : start + min(size, 4)], "little")
            if size != 4 or number > len(AXES):
                raise SignalError(f"{path}: axes number {number} of {size} bytes; expected 0...{len(AXES)} of 4")
            axes = AXES[number - 1] if number else RIGHT_UP_BACK
        start += size
    return axes


def _inflated(data: bytes, size_bytes: int, path: Path) -> bytes:
    """The first bytes of what is stored, gzipped or not; fewer when the file is cut off."""
    if not data.startswith(GZIP_MAGIC):
        return data[:size_bytes]
    try:
        return zlib.decompressobj(wbits=16 + zlib.MAX_WBITS).decompress(data, size_bytes)
    except zlib.error as error:
        raise SignalError(f"{path}: damaged gzip data ({error}); expected a .spz file") from error
