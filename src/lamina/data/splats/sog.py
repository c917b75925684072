# SPDX-License-Identifier: Apache-2.0
"""A SOG enters (folder, .sog bundle, or a streamed one with levels of detail), a cloud leaves.

A pixel is a Gaussian: bytes of images are indices into tables of meta.json, positions are 16 bits of a logarithm.
Source: the SOG format of PlayCanvas, version 2 (developer.playcanvas.com, formats/sog), and
guides/STREAMED_SOG_FORMAT.md of playcanvas/splat-transform.
"""

from __future__ import annotations

import json
import os
import tempfile
import zipfile
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
from jaxtyping import Float32, Float64, UInt8

from lamina.data.image import opened
from lamina.data.splats.cloud import COEFFICIENT_COUNTS, MAX_DEGREE, SplatCloud, concatenated, logits_of
from lamina.data.splats.guarded import reading
from lamina.data.splats.ply import checked
from lamina.data.splats.smallest_three import restore_largest
from lamina.errors import SignalError

VERSION = 2
META, LEVELS_META = "meta.json", "lod-meta.json"
MAX_META_BYTES = 1 << 26
MAX_BUNDLE_BYTES = 1 << 31
"""Of a .sog, unpacked: five times what the largest scenes on the web have."""
TABLE_LENGTH = 256
CENTROIDS_PER_ROW = 64
LARGEST_W = 252
"""Alpha of the rotations' image: 252...255 name w, x, y, z as the largest part; anything else is the identity."""


def read_sog(path: str | Path, *, level: int = 0) -> SplatCloud:
    """Read a ``.sog`` bundle, a ``meta.json`` or its folder, or a streamed one (``lod-meta.json`` or its folder).

    level: of detail, of a streamed one; 0 is the finest.

    Raises:
        SignalError: a file is missing or damaged, of another version, or has no such level.
    """
    path = Path(path)
    with reading(path, ".sog"):
        return _read(path, level)


def _read(path: Path, level: int) -> SplatCloud:
    if path.is_dir():
        path = path / (LEVELS_META if (path / LEVELS_META).is_file() else META)
    if path.name == LEVELS_META:
        return concatenated([_read_folder(name) for name in _level_files(path, level)])
    if path.suffix.lower() != ".sog":
        return _read_folder(path)
    with tempfile.TemporaryDirectory() as folder:
        _extract(path, Path(folder))
        try:
            return _read_folder(Path(folder) / META, shown=path)
        except SignalError as error:
            # The user knows the bundle, not the folder, which is gone.
            problem = str(error).replace(f"{Path(folder)}{os.sep}", "").removeprefix(f"{path}: ")
            raise SignalError(f"{path}: {problem}") from error


def _extract(path: Path, folder: Path) -> None:
    """The files of a bundle's root, bounded in size."""
    with zipfile.ZipFile(path) as bundle:
        members = [member for member in bundle.infolist() if PurePosixPath(member.filename).name == member.filename]
        total = sum(member.file_size for member in members)
        if total > MAX_BUNDLE_BYTES:
            raise SignalError(f"{path}: would unpack to {total} bytes; at most {MAX_BUNDLE_BYTES} are read")
        for member in members:
            with bundle.open(member) as source:
                (folder / member.filename).write_bytes(source.read(member.file_size))


def _level_files(path: Path, level: int) -> list[Path]:
    """The meta.json files that hold a level, in order of first use."""
    meta = _read_json(path)
    names = meta.get("filenames")
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise SignalError(f"{path}: no list 'filenames'; expected the files of each level")
    numbers: list[int] = []
    known: set[str] = set()
    nodes = [meta.get("tree")]
    while nodes:
        match nodes.pop():
            case {"lods": dict(levels)}:
                known |= {str(name) for name in levels}
                match levels.get(str(level)):
                    case {"file": int(number)} if 0 <= number < len(names):
                        numbers.append(number)
                    case None:
                        continue
                    case other:
                        raise SignalError(
                            f"{path}: level {level} is {str(other)[:80]!r}; expected a file of 'filenames'"
                        )
            case {"children": list(children)}:
                nodes.extend(reversed(children))
            case other:
                raise SignalError(f"{path}: node {str(other)[:80]!r} of 'tree'; expected 'children' or 'lods'")
    if not numbers:
        raise SignalError(f"{path}: no level {level}; there are {', '.join(sorted(known)[:20]) or 'none'}")
    return [_beside(path, names[number]) for number in dict.fromkeys(numbers)]


def _read_folder(path: Path, shown: Path | None = None) -> SplatCloud:
    """One SOG: its meta.json and the images beside it; `shown` is the name in errors about values."""
    meta = _read_json(path)
    if meta.get("version") != VERSION:
        raise SignalError(
            f"{shown or path}: SOG version {str(meta.get('version', 1))[:20]}; expected {VERSION}: convert it with "
            f"splat-transform"
        )
    n = meta.get("count")
    if not isinstance(n, int) or n < 1:
        raise SignalError(f"{path}: 'count' is {str(n)[:40]}; expected the number of Gaussians")
    low, high = _images(path, meta, "means", 2, n)
    (scales,), (rotations,), (colors,) = (_images(path, meta, name, 1, n) for name in ("scales", "quats", "sh0"))
    constant = _numbers(path, meta, "sh0", "codebook", TABLE_LENGTH)[colors[:, :3]]
    rest = _rest(path, meta, n) if meta.get("shN") is not None else np.zeros((n, 0, 3), np.float32)
    cloud = SplatCloud(
        _means(path, meta, low, high),
        _numbers(path, meta, "scales", "codebook", TABLE_LENGTH)[scales[:, :3]].astype(np.float32),
        _rotations(rotations),
        logits_of(colors[:, 3] / 255.0),
        np.concatenate([constant[:, None].astype(np.float32), rest], axis=1),
    )
    return checked(cloud, shown or path)


def _means(
    path: Path, meta: dict[str, Any], low: UInt8[np.ndarray, "n 4"], high: UInt8[np.ndarray, "n 4"]
) -> Float32[np.ndarray, "n 3"]:
    least, most = (_numbers(path, meta, "means", name, 3) for name in ("mins", "maxs"))
    parts = (low[:, :3] + 256.0 * high[:, :3]) / 65535.0
    logarithms = least + (most - least) * parts
    with np.errstate(over="ignore"):
        return (np.sign(logarithms) * np.expm1(np.abs(logarithms))).astype(np.float32)


def _rotations(pixels: UInt8[np.ndarray, "n 4"]) -> Float32[np.ndarray, "n 4"]:
    small = (pixels[:, :3] / 255.0 - 0.5) * np.sqrt(2.0)
    largest = pixels[:, 3].astype(np.int64) - LARGEST_W
    whole = restore_largest(small, np.maximum(largest, 0))
    whole[largest < 0] = (1, 0, 0, 0)
    return whole


def _rest(path: Path, meta: dict[str, Any], n: int) -> Float32[np.ndarray, "n c 3"]:
    """Coefficients above degree 0: a label of a palette each, of which an image has 64 entries a row."""
    section = meta["shN"]
    degree = section.get("bands") if isinstance(section, dict) else None
    if not isinstance(degree, int) or not 1 <= degree <= MAX_DEGREE:
        raise SignalError(f"{path}: shN.bands is {str(degree)[:40]}; expected 1...{MAX_DEGREE}")
    count = COEFFICIENT_COUNTS[degree] - 1
    names = _files(path, meta, "shN", 2)
    palette = _pixels(names[0])
    if palette.shape[1] != CENTROIDS_PER_ROW * count:
        raise SignalError(
            f"{names[0]}: {palette.shape[1]} pixels wide; expected {CENTROIDS_PER_ROW * count} for degree {degree}"
        )
    labels = _rows(names[1], n)
    table = _numbers(path, meta, "shN", "codebook", TABLE_LENGTH).astype(np.float32)
    centroids = table[palette[:, :, :3]].reshape(-1, count, 3)
    chosen = labels[:, 0] + 256 * labels[:, 1].astype(np.int64)
    if chosen.max() >= len(centroids):
        raise SignalError(f"{names[1]}: label {chosen.max()} of a palette of {len(centroids)}; it is damaged")
    return centroids[chosen]


def _images(path: Path, meta: dict[str, Any], section: str, count: int, n: int) -> list[UInt8[np.ndarray, "n 4"]]:
    return [_rows(name, n) for name in _files(path, meta, section, count)]


def _rows(path: Path, n: int) -> UInt8[np.ndarray, "n 4"]:
    pixels = _pixels(path).reshape(-1, 4)
    if len(pixels) < n:
        raise SignalError(f"{path}: {len(pixels)} pixels; expected one for each of {n} Gaussians")
    return pixels[:n]


def _pixels(path: Path) -> UInt8[np.ndarray, "h w 4"]:
    """Bytes as they are stored; no color management, since they are no colors."""
    with opened(path) as image:
        return np.asarray(image.convert("RGBA"))


def _files(path: Path, meta: dict[str, Any], section: str, count: int) -> list[Path]:
    match meta.get(section):
        case {"files": list(names)} if len(names) >= count and all(isinstance(name, str) for name in names):
            return [_beside(path, name) for name in names[:count]]
        case _:
            raise SignalError(f"{path}: {section}.files is missing; expected {count} names of images")


def _numbers(path: Path, meta: dict[str, Any], section: str, name: str, length: int) -> Float64[np.ndarray, " length"]:
    values = meta[section].get(name)
    try:
        numbers = np.array(values, np.float64)
    except (TypeError, ValueError, OverflowError):
        numbers = np.zeros(0)
    if numbers.shape != (length,) or not np.isfinite(numbers).all():
        raise SignalError(f"{path}: {section}.{name} is {str(values)[:40]}...; expected {length} finite numbers")
    return numbers


def _beside(path: Path, name: str) -> Path:
    """A file named by a meta file: in its folder or below."""
    parts = PurePosixPath(name)
    if parts.is_absolute() or ".." in parts.parts or "\\" in name or "\0" in name or not name:
        raise SignalError(f"{path}: names the file {name[:80]!r}; expected one in its own folder")
    return path.parent / parts


def _read_json(path: Path) -> dict[str, Any]:
    try:
        with path.open("rb") as file:
            text = file.read(MAX_META_BYTES + 1)
    except OSError as error:
        raise SignalError(f"{path}: cannot be read: {error.strerror or error}; expected a SOG's {path.name}") from error
    if len(text) > MAX_META_BYTES:
        raise SignalError(f"{path}: larger than {MAX_META_BYTES} bytes; expected a SOG's {path.name}")
    try:
        meta = json.loads(text)
    # Deep nesting is a RecursionError; numbers of thousands of digits and wrong UTF-8 are ValueErrors.
    except (ValueError, RecursionError) as error:
        raise SignalError(f"{path}: not valid JSON: {error}") from error
    if not isinstance(meta, dict):
        raise SignalError(f"{path}: holds no JSON object; expected a SOG's {path.name}")
    return meta
