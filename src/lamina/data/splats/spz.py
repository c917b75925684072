# SPDX-License-Identifier: Apache-2.0
"""A cloud to a .spz of version 3 and back (version 2 is read too).

    header 16 bytes | positions 9 n | opacities n | colors 3 n | scales 3 n | rotations 4 n | harmonics 3 (c-1) n

all gzipped; rotations of version 2 have 3 bytes. Files are right-up-back (y and z point the other way than in a
capture), so positions, rotations and harmonics change sign where an axis flips. Source: nianticlabs/spz, README and
src/cc/load-spz.cc.
"""

from __future__ import annotations

import gzip
import struct
import zlib
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
from jaxtyping import Float, Float32, Int32, UInt8

from lamina.atomic import replacing_path, write_errors
from lamina.data.splats.cloud import COEFFICIENT_COUNTS, MAX_DEGREE, SplatCloud, logits_of
from lamina.data.splats.ply import checked
from lamina.data.splats.smallest_three import restore_largest, split_largest
from lamina.errors import SignalError

HEADER = struct.Struct("<4sIIBBBB")
"""Magic, version, count, degree, fraction bits, flags, reserved."""
MAGIC = b"NGSP"
GZIP_MAGIC = b"\x1f\x8b"
WRITTEN_VERSION = 3
ROTATION_BYTES = {2: 3, 3: 4}
"""By version that is read."""
FLAG_EXTENSIONS = 2
MAX_COUNT = 10_000_000
"""Gaussians in a file: the bound of the format's own library."""
MAX_INFLATION = 1032
"""Deflate makes no more bytes than this from one. Source: RFC 1951, a length of 258 in two bits."""

FRACTION_BITS = 12
"""Of a position, 24 bits in all: steps of 1/4096 world unit, +-2048 units. Source: packGaussians."""
POSITION_LIMIT = (1 << 23) - 1
SCALE_STEPS, SCALE_OFFSET = 16.0, 10.0
"""Byte = (natural logarithm of sigma + offset) * steps."""
COLOR_GAIN = 0.15
"""Byte = 255 (0.5 + gain * coefficient of degree 0)."""
DEGREE_1_BITS, HIGHER_BITS = 5, 4
"""Kept of a coefficient's 8 bits; the lower ones are zero, for gzip. Source: PackOptions."""
DEGREE_1_COUNT = 3
SMALL_STEPS = 511.0
"""Steps of 0...sqrt(1/2) in the three smaller parts of a rotation (9 bits and a sign)."""

FLIPPED_POSITION = np.array([1, -1, -1], np.float32)
FLIPPED_ROTATION = np.array([1, 1, -1, -1], np.float32)
"""w, x, y, z."""
FLIPPED_SH = np.array([-1, -1, 1, -1, 1, 1, -1, 1, -1, 1, -1, -1, 1, -1, 1], np.float32)
"""Coefficients above degree 0: odd ones in y or z, but not in both, change sign. Source: splat-types.h."""


def write_spz(path: str | Path, cloud: SplatCloud, *, fraction_bits: int = FRACTION_BITS) -> None:
    """Write version 3.

    fraction_bits: 0...23 of a position's 24 bits; fewer are used where positions would not fit. The format's own
    library always takes 12; small captures (under 100 units) keep their positions better with more.

    Raises:
        SignalError: it is too much for the format.
        WriteError: the file cannot be written.
    """
    path = Path(path)
    largest = float(np.abs(cloud.means).max(initial=0))
    bits = next((bits for bits in range(fraction_bits, -1, -1) if largest * 2**bits <= POSITION_LIMIT), None)
    if bits is None or len(cloud) > MAX_COUNT:
        raise SignalError(
            f"{path}: {len(cloud)} Gaussians as far as {largest:g} units from the origin; expected at most "
            f"{MAX_COUNT} within {POSITION_LIMIT}: write a .ply"
        )
    header = HEADER.pack(MAGIC, WRITTEN_VERSION, len(cloud), cloud.degree, bits, 0, 0)
    parts = (
        _pack_positions(cloud.means * FLIPPED_POSITION, bits),
        _bytes_of(cloud.opacities * 255.0),
        _bytes_of((cloud.sh[:, 0] * COLOR_GAIN + 0.5) * 255.0),
        _bytes_of((cloud.log_scales + SCALE_OFFSET) * SCALE_STEPS),
        _pack_rotations(cloud.rotations * FLIPPED_ROTATION),
        _pack_sh(cloud.sh[:, 1:] * FLIPPED_SH[: cloud.sh.shape[1] - 1, None]),
    )
    # No time in the header: the same cloud always makes the same file.
    data = gzip.compress(header + b"".join(part.tobytes() for part in parts), compresslevel=9, mtime=0)
    with replacing_path(path) as partial, write_errors(path):
        partial.write_bytes(data)


def read_spz(path: str | Path) -> SplatCloud:
    """Read version 2 or 3, gzipped or bare.

    Raises:
        SignalError: not such a file, damaged, or of another version (4 is compressed with zstd).
    """
    path = Path(path)
    try:
        data = path.read_bytes()
    except OSError as error:
        raise SignalError(f"{path}: cannot be read: {error.strerror or error}; expected a .spz file") from error
    header = _read_header(_inflated(data, HEADER.size, path), len(data), path)
    body = np.frombuffer(_inflated(data, header.size_bytes, path), np.uint8)
    if len(body) < header.size_bytes:
        raise SignalError(
            f"{path}: cut off: {header.count} Gaussians of degree {header.degree} need {header.size_bytes} bytes, "
            f"{len(body)} are there"
        )
    n, rest = header.count, COEFFICIENT_COUNTS[header.degree] - 1
    sizes = (9 * n, n, 3 * n, 3 * n, ROTATION_BYTES[header.version] * n, 3 * rest * n)
    ends = np.cumsum((HEADER.size, *sizes))
    positions, opacities, colors, scales, rotations, sh = (body[start:end] for start, end in pairwise(ends))
    unpack = _unpack_three_bytes if header.version == 2 else _unpack_rotations
    coefficients = np.empty((n, 1 + rest, 3), np.float32)
    coefficients[:, 0] = (colors.reshape(n, 3) / 255.0 - 0.5) / COLOR_GAIN
    coefficients[:, 1:] = (sh.reshape(n, rest, 3) / 128.0 - 1.0) * FLIPPED_SH[:rest, None]
    cloud = SplatCloud(
        _unpack_positions(positions.reshape(n, 3, 3), header.fraction_bits) * FLIPPED_POSITION,
        scales.reshape(n, 3) / np.float32(SCALE_STEPS) - np.float32(SCALE_OFFSET),
        unpack(rotations.reshape(n, -1)) * FLIPPED_ROTATION,
        logits_of(opacities / 255.0),
        coefficients,
    )
    return checked(cloud, path)


@dataclass(frozen=True)
class SpzHeader:
    """What the first 16 bytes say."""

    version: int
    count: int
    degree: int
    fraction_bits: int

    @property
    def size_bytes(self) -> int:
        """Of everything, inflated."""
        each = 9 + 1 + 3 + 3 + ROTATION_BYTES[self.version] + 3 * (COEFFICIENT_COUNTS[self.degree] - 1)
        return HEADER.size + self.count * each


def _read_header(data: bytes, file_bytes: int, path: Path) -> SpzHeader:
    if len(data) < HEADER.size or data[:4] != MAGIC:
        raise SignalError(f"{path}: not a .spz file: expected a gzipped header that begins with {MAGIC.decode()}")
    _, version, count, degree, fraction_bits, flags, _ = HEADER.unpack(data[: HEADER.size])
    if version not in ROTATION_BYTES:
        raise SignalError(
            f"{path}: .spz version {version}; expected 2 or 3: convert it, as with "
            f"`npx @playcanvas/splat-transform in.spz --spz-version 3 out.spz`"
        )
    if degree > MAX_DEGREE or fraction_bits > 23 or not 1 <= count <= MAX_COUNT:
        raise SignalError(
            f"{path}: header says {count} Gaussians, degree {degree}, {fraction_bits} fraction bits; "
            f"expected 1...{MAX_COUNT}, 0...{MAX_DEGREE}, 0...23"
        )
    if flags & FLAG_EXTENSIONS:
        raise SignalError(f"{path}: has extensions, whose place differs between writers; save it without them")
    header = SpzHeader(version, count, degree, fraction_bits)
    if header.size_bytes > MAX_INFLATION * file_bytes:
        raise SignalError(f"{path}: header says {count} Gaussians, which {file_bytes} bytes cannot hold; it is damaged")
    return header


def _inflated(data: bytes, size_bytes: int, path: Path) -> bytes:
    """The first bytes of what is stored, gzipped or not; fewer when the file is cut off."""
    if not data.startswith(GZIP_MAGIC):
        return data[:size_bytes]
    try:
        return zlib.decompressobj(wbits=16 + zlib.MAX_WBITS).decompress(data, size_bytes)
    except zlib.error as error:
        raise SignalError(f"{path}: damaged gzip data ({error}); expected a .spz file") from error


def _bytes_of(values: Float[np.ndarray, "*shape"]) -> UInt8[np.ndarray, "*shape"]:
    return np.clip(np.floor(np.asarray(values, np.float64) + 0.5), 0, 255).astype(np.uint8)


def _pack_positions(positions: Float32[np.ndarray, "n 3"], bits: int) -> UInt8[np.ndarray, "n 3 3"]:
    steps = positions.astype(np.float64) * 2**bits
    fixed = np.copysign(np.floor(np.abs(steps) + 0.5), steps).astype("<i4")
    return fixed.view(np.uint8).reshape(-1, 3, 4)[:, :, :3]


def _unpack_positions(parts: UInt8[np.ndarray, "n 3 3"], bits: int) -> Float32[np.ndarray, "n 3"]:
    fixed = parts.astype(np.int32) @ np.array([1, 1 << 8, 1 << 16], np.int32)
    signed: Int32[np.ndarray, "n 3"] = np.where(fixed >= 1 << 23, fixed - (1 << 24), fixed)
    return (signed / 2.0**bits).astype(np.float32)


def _pack_rotations(rotations: Float32[np.ndarray, "n 4"]) -> np.ndarray:
    """Little-endian words: index of the largest of x, y, z, w (2 bits), then the others, sign and 9 bits each."""
    small, largest = split_largest(np.roll(rotations, -1, axis=1))
    magnitudes = np.floor(np.abs(small) * np.sqrt(2.0) * SMALL_STEPS + 0.5).astype(np.uint32)
    fields = (small < 0).astype(np.uint32) << 9 | magnitudes
    return (largest.astype(np.uint32) << 30 | fields[:, 0] << 20 | fields[:, 1] << 10 | fields[:, 2]).astype("<u4")


def _unpack_rotations(data: UInt8[np.ndarray, "n 4"]) -> Float32[np.ndarray, "n 4"]:
    words = np.ascontiguousarray(data).view("<u4")[:, 0].astype(np.uint32)
    fields = np.stack([words >> shift & 1023 for shift in (20, 10, 0)], axis=1)
    magnitudes = (fields & 511) / (SMALL_STEPS * np.sqrt(2.0))
    small = np.where(fields & 512, -magnitudes, magnitudes)
    return np.roll(restore_largest(small, (words >> 30).astype(np.int64)), 1, axis=1)


def _unpack_three_bytes(data: UInt8[np.ndarray, "n 3"]) -> Float32[np.ndarray, "n 4"]:
    """Version 2: x, y, z of the quaternion whose w is not negative."""
    vector = data / 127.5 - 1.0
    scalar = np.sqrt(np.maximum(0.0, 1.0 - (vector**2).sum(axis=1, keepdims=True)))
    return np.concatenate([scalar, vector], axis=1).astype(np.float32)


def _pack_sh(sh: Float32[np.ndarray, "n c 3"]) -> UInt8[np.ndarray, "n c 3"]:
    """-1...1 to bytes around 128, rounded to the bits that are kept."""
    levels = np.floor(sh.astype(np.float64) * 128.0 + 0.5) + 128.0
    bits = np.where(np.arange(sh.shape[1]) < DEGREE_1_COUNT, DEGREE_1_BITS, HIGHER_BITS)[:, None]
    step = 2.0 ** (8 - bits)
    return np.clip(np.floor((levels + step / 2) / step) * step, 0, 255).astype(np.uint8)
