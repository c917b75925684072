# SPDX-License-Identifier: Apache-2.0
"""Elements of SuperSplat's compressed .ply enter, a cloud leaves.

256 Gaussians share the bounds of a chunk; position and scale are 11+10+11 bits between them, color and opacity 8 bits
each, rotation the three smaller parts in 10 bits. Source: the format that playcanvas/splat-transform (reader of
compressed .ply) reads.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from jaxtyping import Float, Float32, UInt32

from lamina.data.splats.cloud import COEFFICIENT_COUNTS, COLOR_OF_CONSTANT, SplatCloud, logits_of
from lamina.data.splats.smallest_three import restore_largest
from lamina.errors import SignalError

CHUNK = "chunk"
CHUNK_SIZE = 256
"""Gaussians that share bounds."""
SH_RANGE = 8.0
"""Coefficients above degree 0 are in -4...4."""


def unpack_compressed(elements: dict[str, np.ndarray], path: Path) -> SplatCloud:
    """Bring packed integers back to a cloud.

    Raises:
        SignalError: a property or a chunk is missing, or of another type.
    """
    vertices, chunks = elements["vertex"], elements[CHUNK]
    n = len(vertices)
    if len(chunks) * CHUNK_SIZE < n:
        raise SignalError(f"{path}: {len(chunks)} chunks for {n} Gaussians; expected one for each {CHUNK_SIZE}")
    packed = [_words(vertices, f"packed_{name}", path) for name in ("position", "rotation", "scale", "color")]
    chunk = np.arange(n) // CHUNK_SIZE
    colors = np.stack([(packed[3] >> shift & 255) / 255.0 for shift in (24, 16, 8, 0)], axis=1)
    rgb = colors[:, :3]
    if "min_r" in (chunks.dtype.names or ()):
        rgb = _between(chunks, ("r", "g", "b"), chunk, rgb, path)
    constant = (rgb - 0.5) / COLOR_OF_CONSTANT
    rest = _rest(elements.get("sh"), n, path)
    sh = np.concatenate([constant[:, None].astype(np.float32), rest], axis=1)
    return SplatCloud(
        _between(chunks, ("x", "y", "z"), chunk, _unpack_11_10_11(packed[0]), path),
        _between(chunks, ("scale_x", "scale_y", "scale_z"), chunk, _unpack_11_10_11(packed[2]), path),
        _rotations(packed[1]),
        logits_of(colors[:, 3]),
        sh,
    )


def _words(records: np.ndarray, name: str, path: Path) -> UInt32[np.ndarray, " n"]:
    if name not in (records.dtype.names or ()) or records.dtype[name].kind != "u" or records.dtype[name].itemsize != 4:
        raise SignalError(f"{path}: compressed .ply without 'property uint {name}'; save it again")
    return records[name].astype(np.uint32)


def _between(
    chunks: np.ndarray, names: tuple[str, ...], chunk: np.ndarray, parts: Float[np.ndarray, "n 3"], path: Path
) -> Float32[np.ndarray, "n 3"]:
    """From the chunk's minimum (part 0) to its maximum (part 1)."""
    bounds = []
    for end in ("min", "max"):
        wanted = [f"{end}_{name}" for name in names]
        if missing := [name for name in wanted if name not in (chunks.dtype.names or ())]:
            raise SignalError(f"{path}: element {CHUNK!r} lacks {', '.join(missing)}; expected bounds of each chunk")
        bounds.append(np.stack([chunks[name].astype(np.float64) for name in wanted], axis=1)[chunk])
    with np.errstate(invalid="ignore", over="ignore"):
        return (bounds[0] * (1 - parts) + bounds[1] * parts).astype(np.float32)


def _unpack_11_10_11(words: UInt32[np.ndarray, " n"]) -> Float[np.ndarray, "n 3"]:
    return np.stack([(words >> 21) / 2047.0, (words >> 11 & 1023) / 1023.0, (words & 2047) / 2047.0], axis=1)


def _rotations(words: UInt32[np.ndarray, " n"]) -> Float32[np.ndarray, "n 4"]:
    small = np.stack([(words >> shift & 1023) / 1023.0 for shift in (20, 10, 0)], axis=1)
    return restore_largest((small - 0.5) * np.sqrt(2.0), (words >> 30).astype(np.int64))


def _rest(records: np.ndarray | None, n: int, path: Path) -> Float32[np.ndarray, "n c 3"]:
    """Coefficients above degree 0: a byte each, channel-major."""
    if records is None:
        return np.zeros((n, 0, 3), np.float32)
    names = [f"f_rest_{i}" for i in range(len(records.dtype.names or ()))]
    per_channel = len(names) // 3
    is_known = per_channel + 1 in COEFFICIENT_COUNTS and set(names) == set(records.dtype.names or ())
    if len(records) != n or not is_known or len(names) % 3 or any(records.dtype[name] != np.uint8 for name in names):
        raise SignalError(
            f"{path}: element 'sh' has {len(records)} records of {len(names)} properties; expected {n} of "
            f"9, 24 or 45 uchar f_rest_*"
        )
    levels = np.stack([records[name] for name in names], axis=1)
    parts = np.where(levels == 0, 0.0, np.where(levels == 255, 1.0, (levels + 0.5) / 256))
    return ((parts - 0.5) * SH_RANGE).astype(np.float32).reshape(n, 3, per_channel).transpose(0, 2, 1)
