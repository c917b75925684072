# SPDX-License-Identifier: Apache-2.0
"""A cloud's values to the bytes of a .spz and back, attribute by attribute; axes stay as they are.

Source: nianticlabs/spz, README and src/cc/load-spz.cc.
"""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from jaxtyping import Float, Float32, Int32, UInt8

from lamina.data.splats.cloud import COEFFICIENT_COUNTS, SplatCloud, logits_of
from lamina.data.splats.smallest_three import restore_largest, split_largest

POSITION_LIMIT = (1 << 23) - 1
SCALE_STEPS, SCALE_OFFSET = 16.0, 10.0
"""Byte = (natural logarithm of sigma + offset) * steps."""
COLOR_GAIN = 0.15
"""Byte = 255 (0.5 + gain * coefficient of degree 0)."""
DEGREE_1_BITS, HIGHER_BITS = 5, 4
"""Kept of a coefficient's 8 bits; the lower ones are zero, to compress well. Source: PackOptions."""
DEGREE_1_COUNT = 3
SMALL_STEPS = 511.0
"""Steps of 0...sqrt(1/2) in the three smaller parts of a rotation (9 bits and a sign)."""
THREE_BYTES = 3
"""Of a rotation in version 2; later ones have four."""


def part_sizes(count: int, degree: int, rotation_bytes: int) -> tuple[int, ...]:
    """Bytes of positions, opacities, colors, scales, rotations and harmonics."""
    rest = COEFFICIENT_COUNTS[degree] - 1
    return 9 * count, count, 3 * count, 3 * count, rotation_bytes * count, 3 * rest * count


def pack(cloud: SplatCloud, fraction_bits: int) -> tuple[bytes, ...]:
    """The six parts, rotations in four bytes."""
    return tuple(
        part.tobytes()
        for part in (
            _pack_positions(cloud.means, fraction_bits),
            _bytes_of(cloud.opacities * 255.0),
            _bytes_of((cloud.sh[:, 0] * COLOR_GAIN + 0.5) * 255.0),
            _bytes_of((cloud.log_scales + SCALE_OFFSET) * SCALE_STEPS),
            _pack_rotations(cloud.rotations),
            _pack_sh(cloud.sh[:, 1:]),
        )
    )


def unpack(body: bytes, count: int, degree: int, rotation_bytes: int, fraction_bits: int) -> SplatCloud:
    """Of the six parts, one after the other."""
    ends = np.cumsum((0, *part_sizes(count, degree, rotation_bytes)))
    values = np.frombuffer(body, np.uint8)
    positions, opacities, colors, scales, rotations, sh = (values[start:end] for start, end in pairwise(ends))
    coefficients = np.empty((count, COEFFICIENT_COUNTS[degree], 3), np.float32)
    coefficients[:, 0] = (colors.reshape(count, 3) / 255.0 - 0.5) / COLOR_GAIN
    coefficients[:, 1:] = sh.reshape(count, -1, 3) / 128.0 - 1.0
    unpack_rotations = _unpack_three_bytes if rotation_bytes == THREE_BYTES else _unpack_rotations
    return SplatCloud(
        _unpack_positions(positions.reshape(count, 3, 3), fraction_bits),
        scales.reshape(count, 3) / np.float32(SCALE_STEPS) - np.float32(SCALE_OFFSET),
        unpack_rotations(rotations.reshape(count, -1)),
        logits_of(opacities / 255.0),
        coefficients,
    )


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
