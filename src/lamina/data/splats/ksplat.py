# SPDX-License-Identifier: Apache-2.0
"""A .ksplat enters (compression levels 0, 1, 2; harmonics of degree 0...3), a cloud leaves.

    header 4096 bytes | section headers 1024 bytes each | sections

    section: lengths of the buckets that are not full, uint32 each | centers of buckets, 3 float32 each | Gaussians

Level 0 keeps float32; from level 1 on positions are 16 bits around the center of their bucket, other values float16;
at level 2 harmonics are bytes between two bounds of the header. Axes are those of the .ply that it was made of.
Source: mkkellogg/GaussianSplats3D, src/loaders/SplatBuffer.js.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float, Float32

from lamina.data.splats.cloud import COEFFICIENT_COUNTS, MAX_DEGREE, SplatCloud, cloud_of_linear, concatenated
from lamina.data.splats.guarded import read_bytes, reading
from lamina.data.splats.ply import checked
from lamina.data.splats.splat import constant_of_bytes, positive_scales
from lamina.errors import SignalError

KIND = ".ksplat"
HEADER_BYTES, SECTION_HEADER_BYTES = 4096, 1024
HEADER = struct.Struct("<BB2xIIIIH14xff")
"""Version (two parts), most sections, sections, most Gaussians, Gaussians, level, least and largest harmonic."""
SECTION = struct.Struct("<IIIIfH2xI4xIIH")
"""Gaussians, room for so many, size of a full bucket, buckets, width of a bucket's block, bytes of a bucket, steps of
half a block, full buckets, others, degree."""
MAX_LEVEL = 2
DEFAULT_BOUND = 1.5
"""Of harmonics at level 2, either way, where the header has 0."""
DEFAULT_STEPS = (1, 32767, 32767)
"""Of half a block, by level, where the section has 0."""
CENTER_BYTES = 12


@dataclass(frozen=True)
class Section:
    """What a section's header says, and where its parts begin."""

    count: int
    bucket_size: int
    bucket_count: int
    block_width: float
    """World units."""
    bucket_bytes: int
    steps: int
    full_count: int
    partial_count: int
    degree: int
    start: int
    """Byte of the lengths of buckets that are not full."""
    record: np.dtype

    @property
    def centers_start(self) -> int:
        """Byte of the first bucket's center."""
        return self.start + 4 * self.partial_count

    @property
    def records_start(self) -> int:
        """Byte of the first Gaussian."""
        return self.centers_start + self.bucket_bytes * self.bucket_count


def read_ksplat(path: str | Path) -> SplatCloud:
    """Read a .ksplat of version 0.1 or later.

    Raises:
        SignalError: not such a file, of another version, cut off or damaged.
    """
    path = Path(path)
    data = read_bytes(path, KIND)
    with reading(path, KIND):
        if len(data) < HEADER_BYTES:
            raise SignalError(f"{path}: {len(data)} bytes; expected a .ksplat, whose header alone has {HEADER_BYTES}")
        major, minor, section_count, _, _, count, level, low, high = HEADER.unpack_from(data)
        if major or not minor or level > MAX_LEVEL:
            raise SignalError(
                f"{path}: version {major}.{minor}, compression level {level}; expected a .ksplat of version 0.1 and "
                f"level 0...{MAX_LEVEL}"
            )
        sections = _read_sections(data, section_count, level, path)
        total = sum(section.count for section in sections)
        if not total or total != count:
            raise SignalError(f"{path}: {total} Gaussians in sections, {count} in the header; it is empty or damaged")
        bounds = (low or -DEFAULT_BOUND, high or DEFAULT_BOUND)
        clouds = [_cloud_of_section(data, section, level, bounds, path) for section in sections if section.count]
        return checked(concatenated(clouds), path)


def _read_sections(data: bytes, section_count: int, level: int, path: Path) -> list[Section]:
    start = HEADER_BYTES + SECTION_HEADER_BYTES * section_count
    if start > len(data):
        raise SignalError(f"{path}: cut off: {section_count} sections announced, the file has {len(data)} bytes")
    sections = []
    for number in range(section_count):
        fields = SECTION.unpack_from(data, HEADER_BYTES + SECTION_HEADER_BYTES * number)
        count, room, bucket_size, bucket_count, width, bucket_bytes, steps, full_count, partial_count, degree = fields
        if degree > MAX_DEGREE or count > room or full_count + partial_count > bucket_count:
            raise SignalError(
                f"{path}: section {number}: degree {degree}, {count} of {room} Gaussians, {full_count} full and "
                f"{partial_count} other buckets of {bucket_count}; expected degree 0...{MAX_DEGREE}, no more than fit"
            )
        section = Section(
            *(count, bucket_size, bucket_count, width, bucket_bytes, steps or DEFAULT_STEPS[level]),
            *(full_count, partial_count, degree, start, _record(level, degree)),
        )
        start = section.records_start + section.record.itemsize * room
        if start > len(data):
            raise SignalError(f"{path}: cut off in section {number}: expected {start} bytes, the file has {len(data)}")
        sections.append(section)
    return sections


def _record(level: int, degree: int) -> np.dtype:
    real, position = ("<f2", "<u2") if level else ("<f4", "<f4")
    fields = [("mean", position, 3), ("scale", real, 3), ("rotation", real, 4), ("color", "u1", 4)]
    rest = 3 * (COEFFICIENT_COUNTS[degree] - 1)
    return np.dtype([*fields, ("sh", ("<f4", "<f2", "u1")[level], rest)])


def _cloud_of_section(data: bytes, section: Section, level: int, bounds: tuple[float, float], path: Path) -> SplatCloud:
    records = np.frombuffer(data, section.record, section.count, section.records_start)
    rest = records["sh"].astype(np.float32)
    if level == MAX_LEVEL:
        rest = bounds[0] + rest / np.float32(255) * np.float32(bounds[1] - bounds[0])
    sh = np.concatenate([constant_of_bytes(records["color"][:, :3])[:, None], _by_coefficient(rest)], axis=1)
    means = records["mean"] if level == 0 else _means(data, section, records["mean"], path)
    scales = positive_scales(records["scale"].astype(np.float32), path)
    return cloud_of_linear(means, records["rotation"].astype(np.float32), scales, records["color"][:, 3] / 255.0, sh)


def _by_coefficient(rest: Float32[np.ndarray, "n k"]) -> Float32[np.ndarray, "n c 3"]:
    """Each degree is stored channel by channel."""
    bands, start = [], 0
    for degree in range(1, MAX_DEGREE + 1):
        width = 3 * (2 * degree + 1)
        if start < rest.shape[1]:
            bands.append(rest[:, start : start + width].reshape(len(rest), 3, -1).transpose(0, 2, 1))
        start += width
    return np.concatenate([np.zeros((len(rest), 0, 3), np.float32), *bands], axis=1)


def _means(data: bytes, section: Section, steps: np.ndarray, path: Path) -> Float[np.ndarray, "n 3"]:
    """Steps from the centers of buckets: full ones first, then the others, whose lengths are listed."""
    if section.bucket_bytes < CENTER_BYTES or not np.isfinite(section.block_width):
        raise SignalError(
            f"{path}: buckets of {section.bucket_bytes} bytes, {section.block_width} units wide; expected "
            f"{CENTER_BYTES} or more, and a width"
        )
    # Searched, not repeated: lengths are the file's word, and the memory stays that of the Gaussians.
    partial = np.frombuffer(data, "<u4", section.partial_count, section.start).astype(np.int64)
    numbers = np.arange(section.count, dtype=np.int64)
    in_full = section.full_count * section.bucket_size
    bucket = np.where(
        numbers < in_full,
        numbers // max(section.bucket_size, 1),
        section.full_count + np.searchsorted(np.cumsum(partial), numbers - in_full, side="right"),
    )
    if (bucket >= section.full_count + section.partial_count).any():
        raise SignalError(f"{path}: buckets hold fewer than the {section.count} Gaussians of their section")
    table = np.frombuffer(data, np.uint8, section.bucket_bytes * section.bucket_count, section.centers_start)
    centers = np.ascontiguousarray(table.reshape(section.bucket_count, -1)[:, :CENTER_BYTES]).view("<f4")
    step = section.block_width / 2 / section.steps
    with np.errstate(over="ignore", invalid="ignore"):
        return (steps.astype(np.float64) - section.steps) * step + centers[bucket]
