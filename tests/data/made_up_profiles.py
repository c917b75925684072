# SPDX-License-Identifier: Apache-2.0
"""ICC profiles and PNG chunks made from formulas, and what lies beneath them."""

import struct
import zlib

import numpy as np

PROPHOTO = (0.7347, 0.2653, 0.1596, 0.8404, 0.0366, 0.0001, 0.3457, 0.3585)
DISPLAY_P3 = (0.680, 0.320, 0.265, 0.690, 0.150, 0.060, 0.3127, 0.3290)
BT2020 = (0.708, 0.292, 0.170, 0.797, 0.131, 0.046, 0.3127, 0.3290)
ADOBE_RGB = (0.64, 0.33, 0.21, 0.71, 0.15, 0.06, 0.3127, 0.3290)
BT709 = (0.64, 0.33, 0.30, 0.60, 0.15, 0.06, 0.3127, 0.3290)
D50_XYZ = np.array([0.9642, 1.0, 0.8249])
BRADFORD = np.array([[0.8951, 0.2664, -0.1614], [-0.7502, 1.7135, 0.0367], [0.0389, -0.0685, 1.0296]])


def xyz_of(chromaticities: tuple[float, ...]) -> np.ndarray:
    """Columns: red, green, blue; under the primaries' own white."""
    xy = np.reshape(chromaticities, (4, 2))
    xyz = np.stack([xy[:, 0] / xy[:, 1], np.ones(4), (1 - xy.sum(axis=1)) / xy[:, 1]])
    return xyz[:, :3] * np.linalg.solve(xyz[:, :3], xyz[:, 3])


def under_d50(matrix: np.ndarray) -> np.ndarray:
    ratio = (BRADFORD @ D50_XYZ) / (BRADFORD @ matrix.sum(axis=1))
    return np.linalg.inv(BRADFORD) @ np.diag(ratio) @ BRADFORD @ matrix


def expected_srgb(codes: np.ndarray, chromaticities: tuple[float, ...], power: float | None) -> np.ndarray:
    """Codes 0...1 to sRGB codes 0...255, in double precision, not rounded."""
    srgb = np.where(codes <= 0.04045, codes / 12.92, ((codes + 0.055) / 1.055) ** 2.4)
    light = srgb if power is None else codes**power
    to_srgb = np.linalg.inv(under_d50(xyz_of(BT709))) @ under_d50(xyz_of(chromaticities))
    light = np.clip(light @ to_srgb.T, 0, 1)
    return 255 * np.where(light <= 0.0031308, light * 12.92, 1.055 * light ** (1 / 2.4) - 0.055)


def fixed(value: float) -> bytes:
    return struct.pack(">i", round(value * 65536))


def rgb_profile(chromaticities: tuple[float, ...], power: float, name: str) -> bytes:
    """A matrix profile, version 2."""
    columns = under_d50(xyz_of(chromaticities)).T
    curve = b"curv" + bytes(4) + struct.pack(">IH", 1, round(power * 256)) + bytes(2)
    tags = {b"desc": description(name), b"wtpt": b"XYZ " + bytes(4) + b"".join(map(fixed, D50_XYZ))}
    for letter, column in zip((b"r", b"g", b"b"), columns, strict=True):
        tags[letter + b"XYZ"] = b"XYZ " + bytes(4) + b"".join(map(fixed, column))
        tags[letter + b"TRC"] = curve
    return packed(tags, b"RGB ")


def grey_profile(power: float, name: str) -> bytes:
    curve = b"curv" + bytes(4) + struct.pack(">IH", 1, round(power * 256)) + bytes(2)
    white = b"XYZ " + bytes(4) + b"".join(map(fixed, D50_XYZ))
    return packed({b"desc": description(name), b"wtpt": white, b"kTRC": curve}, b"GRAY")


def description(name: str) -> bytes:
    text = name.encode() + b"\0"
    body = b"desc" + bytes(4) + struct.pack(">I", len(text)) + text + bytes(78)
    return body + bytes(-len(body) % 4)


def packed(tags: dict[bytes, bytes], space: bytes) -> bytes:
    start = 128 + 4 + 12 * len(tags)
    table, data = struct.pack(">I", len(tags)), b""
    for name, body in tags.items():
        table += name + struct.pack(">II", start + len(data), len(body))
        data += body
    header = struct.pack(">I4sI", start + len(data), b"lcms", 0x02100000) + b"mntr" + space + b"XYZ "
    header += struct.pack(">6H", 2026, 1, 1, 0, 0, 0) + b"acsp" + bytes(28) + b"".join(map(fixed, D50_XYZ))
    return header.ljust(128, b"\0") + table + data


def with_chunk(png: bytes, name: bytes, data: bytes) -> bytes:
    """A PNG file with one more chunk behind its header."""
    chunk = struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
    return png[:33] + chunk + png[33:]
